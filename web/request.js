// SPDX-License-Identifier: Apache-2.0
// request.js - a conversation as the JSON of a request, and back.
//
// What is exported is what is sent, with the thoughts of every answer; fields of an imported
// request that this page has no field for (tools, response_format, ...) are kept and sent along.

import { keepSettings, SETTINGS } from './settings.js';

const MESSAGES_MAX = 4096;
const TEXT_TOKENS = 400; // a text has no end of its own, and 16, the API's default, are few
const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'];
const OWN = ['model', 'messages', 'stream', 'stream_options', 'n', 'logprobs', 'title'];
const SETTING_NAMES = [...SETTINGS.map((s) => s.name), 'reasoning_effort'];

/** The text of a message, whatever form its content has. */
export function textOf(content) {
    if (typeof content === 'string') return content;
    if (!Array.isArray(content)) return '';
    return content
        .filter((c) => c?.type !== 'thinking')
        .map((c) => (typeof c?.text === 'string' ? c.text : `[${c?.type ?? 'part'}]`))
        .join('\n\n');
}

function isSent(message) {
    return message.role !== 'assistant' || message.content || message.tool_calls?.length;
}

function wireCall(call) {
    return {
        id: call.id,
        type: 'function',
        function: { name: call.name, arguments: call.arguments },
    };
}

function wireMessage(message, withThinking) {
    if (message.role === 'tool') {
        const { content, tool_call_id, name } = message;
        return { role: 'tool', content, tool_call_id, ...(name && { name }) };
    }
    if (message.role !== 'assistant') return { role: message.role, content: message.content };
    return {
        role: 'assistant',
        content: message.content,
        ...(withThinking && message.thinking && { reasoning_content: message.thinking }),
        ...(message.tool_calls?.length && { tool_calls: message.tool_calls.map(wireCall) }),
    };
}

/* Thoughts belong to the turn that they led to: those before the last question are not sent. */
function wireMessages(conversation, allThinking) {
    const { messages, system } = conversation;
    const turn = messages.findLastIndex((m) => m.role === 'user');
    const wired = messages
        .map((m, i) => ({ m, thinking: allThinking || i > turn }))
        .filter(({ m }) => isSent(m))
        .map(({ m, thinking }) => wireMessage(m, thinking));
    return system ? [{ role: 'system', content: system }, ...wired] : wired;
}

function commonFields(conversation) {
    return { model: conversation.model, ...conversation.extra, ...conversation.settings };
}

/** The request for the next answer. */
export function chatRequest(conversation) {
    return {
        ...commonFields(conversation),
        messages: wireMessages(conversation, false),
        stream: true,
        stream_options: { include_usage: true },
    };
}

/** The request for a model that does not chat: it goes on with the text so far. */
export function textRequest(conversation) {
    const { messages, system } = conversation;
    const texts = messages.filter(isSent).map((m) => textOf(m.content));
    const prompt = [...(system ? [`${system}\n\n`] : []), ...texts].join('');
    return {
        model: conversation.model,
        max_tokens: TEXT_TOKENS,
        ...conversation.settings,
        prompt,
        stream: true,
        stream_options: { include_usage: true },
    };
}

/** The conversation for a file. */
export function exportRequest(conversation) {
    return {
        title: conversation.title,
        ...commonFields(conversation),
        messages: wireMessages(conversation, true),
    };
}

function readCall(call, index) {
    const args = call?.function?.arguments ?? '';
    return {
        index,
        id: String(call?.id ?? ''),
        name: String(call?.function?.name ?? ''),
        arguments: typeof args === 'string' ? args : JSON.stringify(args),
    };
}

/* Thinking chunks leave the content, and texts alone become one. */
function readAnswer(m) {
    const chunks = Array.isArray(m.content) ? m.content : [];
    const thoughts = chunks
        .filter((c) => c?.type === 'thinking')
        .map((c) => textOf(c.thinking))
        .join('');
    const thinking = m.reasoning_content ?? m.reasoning ?? thoughts;
    return {
        role: 'assistant',
        content: textOf(m.content),
        ...(typeof thinking === 'string' && thinking && { thinking }),
        ...(Array.isArray(m.tool_calls) &&
            m.tool_calls.length && { tool_calls: m.tool_calls.map(readCall) }),
    };
}

function readMessage(m, i) {
    if (!ROLES.includes(m?.role)) throw new Error(`Message ${i + 1} has no role that is known.`);
    const known = m.content == null || typeof m.content === 'string' || Array.isArray(m.content);
    if (!known) throw new Error(`Message ${i + 1}: its content is neither a text nor a list.`);
    if (m.role === 'assistant') return readAnswer(m);
    const content = onlyText(m.content) ? textOf(m.content) : m.content;
    if (m.role !== 'tool') return { role: m.role, content };
    return {
        role: 'tool',
        content,
        tool_call_id: String(m.tool_call_id ?? ''),
        ...(typeof m.name === 'string' && { name: m.name }),
    };
}

function onlyText(content) {
    return !Array.isArray(content) || content.every((c) => c?.type === 'text');
}

function readRequest(request) {
    if (!Array.isArray(request?.messages)) throw new Error('It has no list of messages.');
    if (request.messages.length > MESSAGES_MAX)
        throw new Error(`It has more than ${MESSAGES_MAX} messages.`);
    const messages = request.messages.map(readMessage);
    const first = messages[0];
    const system =
        first && ['system', 'developer'].includes(first.role) ? textOf(first.content) : '';
    const extra = Object.fromEntries(
        Object.entries(request).filter(([k]) => !OWN.includes(k) && !SETTING_NAMES.includes(k)),
    );
    return {
        title: typeof request.title === 'string' ? request.title.slice(0, 200) : '',
        model: typeof request.model === 'string' ? request.model : '',
        system,
        settings: keepSettings(request),
        extra,
        messages: system ? messages.slice(1) : messages,
    };
}

/** The conversations of a file: one request or a list of them.  Throws what a person can read. */
export function importRequests(text) {
    let value;
    try {
        value = JSON.parse(text);
    } catch {
        throw new Error('It is not JSON.');
    }
    return (Array.isArray(value) ? value : [value]).map(readRequest);
}
