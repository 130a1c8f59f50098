// SPDX-License-Identifier: Apache-2.0
// chats.js - the conversations, kept in this browser's localStorage.
//
// Each lies under a key of its own, so that saving one does not write all.

import { keep, storage } from './storage.js';

const PREFIX = 'bise.chat.';

/** A conversation without messages; settings, system prompt and model come from another. */
export function newChat(like) {
    const now = Date.now();
    return {
        id: newId(),
        title: '',
        created: now,
        updated: now,
        model: like?.model ?? '',
        system: like?.system ?? '',
        settings: { ...like?.settings },
        extra: {},
        messages: [],
    };
}

function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}

/** The title, or what stands for it: the beginning of the first question. */
export function titleOf(chat) {
    if (chat.title) return chat.title;
    const first = chat.messages.find((m) => m.role === 'user');
    const text = typeof first?.content === 'string' ? first.content : '';
    const line = text.trim().split('\n')[0];
    if (!line) return 'New conversation';
    return line.length > 60 ? `${line.slice(0, 60).trimEnd()}…` : line;
}

function parseChat(text) {
    try {
        const chat = JSON.parse(text);
        const whole = typeof chat.id === 'string' && Array.isArray(chat.messages);
        return whole ? { ...newChat(), ...chat } : null;
    } catch {
        return null;
    }
}

/** All that are kept, the last changed first. */
export function loadChats() {
    const chats = [];
    for (let i = 0; i < storage.length; i++) {
        const key = storage.key(i);
        const chat = key?.startsWith(PREFIX) ? parseChat(storage.getItem(key)) : null;
        if (chat) chats.push(chat);
    }
    return chats.sort((a, b) => b.updated - a.updated);
}

/** One of them as it is kept now, or null. */
export function loadChat(id) {
    return parseChat(storage.getItem(PREFIX + id));
}

/** Keeps a conversation.  Returns false when the browser has no room. */
export function saveChat(chat) {
    return keep(storage, PREFIX + chat.id, JSON.stringify(chat));
}

export function removeChat(id) {
    storage.removeItem(PREFIX + id);
}

/** The id of a changed conversation for a key of a 'storage' event, or null. */
export function chatOfKey(key) {
    return key?.startsWith(PREFIX) ? key.slice(PREFIX.length) : null;
}
