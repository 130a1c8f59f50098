// SPDX-License-Identifier: Apache-2.0
// api.js - asks the server that this page came from, and no other.
//
// The key, where one is needed, is kept for this tab alone (sessionStorage) and goes into a
// header, never into an address.

import { SseParser } from './sse.js';
import { keep, tabStorage } from './storage.js';

const KEY = 'bise.key';

export function savedKey() {
    return tabStorage.getItem(KEY) ?? '';
}

export function saveKey(key) {
    if (key) keep(tabStorage, KEY, key);
    else tabStorage.removeItem(KEY);
}

/** What went wrong, as a sentence; status is 0 when no answer came. */
export class ServerError extends Error {
    constructor(status, message, retryAfter) {
        super(message);
        this.status = status;
        this.retryAfter = retryAfter;
    }
}

function messageOf(body) {
    const detail = Array.isArray(body?.detail) ? body.detail[0]?.msg : body?.detail;
    for (const m of [body?.message, body?.error?.message, body?.error, detail])
        if (typeof m === 'string' && m) return m;
    return null;
}

async function failed(response) {
    let message = null;
    try {
        message = messageOf(await response.json());
    } catch {
        /* No JSON: the status has to do. */
    }
    const retryAfter = Number(response.headers.get('retry-after')) || 0;
    const text = message ?? `The server answered with status ${response.status}.`;
    return new ServerError(response.status, text, retryAfter);
}

async function ask(path, options = {}) {
    const key = savedKey();
    const headers = { ...options.headers, ...(key && { authorization: `Bearer ${key}` }) };
    let response;
    try {
        response = await fetch(path, { ...options, headers, cache: 'no-store' });
    } catch (e) {
        if (e.name === 'AbortError') throw e;
        throw new ServerError(0, 'The server cannot be reached. Is bise serve running?');
    }
    if (!response.ok) throw await failed(response);
    return response;
}

/** The models' cards. */
export async function models() {
    const body = await (await ask('v1/models')).json();
    return Array.isArray(body?.data) ? body.data.filter((m) => typeof m?.id === 'string') : [];
}

/** 'ok', 'loading', 'draining' ... or 'unreachable'. */
export async function health() {
    try {
        const response = await fetch('health', { cache: 'no-store' });
        const body = await response.json().catch(() => ({}));
        return body.status ?? (response.ok ? 'ok' : 'failing');
    } catch {
        return 'unreachable';
    }
}

function parseChunk(data) {
    let chunk;
    try {
        chunk = JSON.parse(data);
    } catch {
        throw new ServerError(0, 'The server sent something that is not JSON.');
    }
    if (chunk.error) throw new ServerError(0, messageOf(chunk.error) ?? messageOf(chunk));
    return chunk;
}

/** Asks for an answer; onChunk is called with each piece as it comes, in order. */
export async function stream(path, request, { signal, onChunk }) {
    const response = await ask(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
        body: JSON.stringify(request),
        signal,
    });
    if (!/^text\/event-stream/i.test(response.headers.get('content-type') ?? '')) {
        onChunk(await response.json());
        return;
    }
    let done = false;
    let finished = false;
    const parser = new SseParser((data) => {
        if (done) return;
        if (data === '[DONE]') {
            done = true;
            return;
        }
        const chunk = parseChunk(data);
        finished ||= !!chunk.choices?.[0]?.finish_reason;
        onChunk(chunk);
    });
    await readAll(response, (text) => parser.push(text));
    if (!done && !finished)
        throw new ServerError(0, 'The connection ended before the answer was complete.');
}

async function readAll(response, push) {
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    try {
        for (;;) {
            const { value, done } = await reader.read();
            if (done) break;
            push(decoder.decode(value, { stream: true }));
        }
    } catch (e) {
        if (e.name === 'AbortError' || e instanceof ServerError) throw e;
        throw new ServerError(0, 'The connection broke before the answer was complete.');
    } finally {
        reader.cancel().catch(() => {});
    }
}
