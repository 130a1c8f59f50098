// SPDX-License-Identifier: Apache-2.0
// answer.js - puts the pieces of a streamed answer together.
//
// Thinking comes as reasoning_content, as reasoning or as chunks of the content, by server and
// model; tool calls come in one piece or in many.  The message has one form for all of these.

/** An answer to which nothing has come yet. */
export function emptyAnswer(model) {
    return { role: 'assistant', content: '', model };
}

function texts(chunks) {
    if (typeof chunks === 'string') return chunks;
    if (!Array.isArray(chunks)) return '';
    return chunks.map((c) => (typeof c?.text === 'string' ? c.text : '')).join('');
}

function addContent(message, content) {
    if (typeof content === 'string') {
        message.content += content;
        return;
    }
    if (!Array.isArray(content)) return;
    for (const chunk of content)
        if (chunk?.type === 'thinking') addThinking(message, texts(chunk.thinking));
        else message.content += texts([chunk]);
}

function addThinking(message, text) {
    if (typeof text === 'string' && text !== '') message.thinking = (message.thinking ?? '') + text;
}

/* A call's first piece names it; pieces without an index belong to the last one. */
function addCall(message, piece) {
    const calls = (message.tool_calls ??= []);
    const last = calls[calls.length - 1];
    const index = piece.index ?? (piece.id && piece.id !== last?.id ? calls.length : last?.index);
    let call = calls.find((c) => c.index === index);
    if (!call) {
        call = { index: index ?? 0, id: '', name: '', arguments: '' };
        calls.push(call);
    }
    if (typeof piece.id === 'string') call.id = piece.id;
    const { name, arguments: args } = piece.function ?? {};
    if (typeof name === 'string') call.name += name;
    if (typeof args === 'string') call.arguments += args;
    else if (args) call.arguments += JSON.stringify(args);
}

/** Adds a chunk of the stream, or a whole answer, to the message. */
export function addChunk(message, chunk) {
    const choice = chunk?.choices?.[0];
    const delta = choice?.delta ?? choice?.message;
    if (delta) {
        addThinking(message, delta.reasoning_content ?? delta.reasoning);
        addContent(message, delta.content);
        if (Array.isArray(delta.tool_calls))
            for (const piece of delta.tool_calls) if (piece) addCall(message, piece);
    } else if (typeof choice?.text === 'string') message.content += choice.text;
    if (choice?.finish_reason) message.finish = choice.finish_reason;
    if (chunk?.usage) message.usage = usage(chunk.usage);
}

function usage(u) {
    const n = (x) => (Number.isFinite(x) ? x : 0);
    return {
        prompt: n(u.prompt_tokens),
        completion: n(u.completion_tokens),
        cached: n(u.prompt_tokens_details?.cached_tokens ?? u.num_cached_tokens),
    };
}

/** Says whether anything has come. */
export function isEmpty(message) {
    return !message.content && !message.thinking && !message.tool_calls?.length;
}

/** What is worth saying about an answer below it: tokens, speed, why it ended. */
export function summary(message) {
    const parts = [];
    const { usage: u, timing: t } = message;
    /* An answer that was stopped has no figures of the server: its pieces are counted. */
    const n = u?.completion ?? t?.n;
    if (n) {
        parts.push(`${u ? '' : 'about '}${n} ${n === 1 ? 'token' : 'tokens'}`);
        if (t?.stream_ms > 0 && n > 1)
            parts.push(`${speed((n - 1) / (t.stream_ms / 1000))} tokens/s`);
    }
    if (t) parts.push(`first after ${seconds(t.first_ms)}`);
    if (u) parts.push(`prompt ${u.prompt}${u.cached ? ` (${u.cached} cached)` : ''}`);
    if (message.finish === 'length' || message.finish === 'model_length')
        parts.push('cut off: no more tokens allowed');
    if (message.stopped) parts.push('stopped');
    return parts;
}

function speed(n) {
    return n >= 100 ? n.toFixed(0) : n.toFixed(1);
}

function seconds(ms) {
    return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
