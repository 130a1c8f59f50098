// SPDX-License-Identifier: Apache-2.0
// wire.mjs - what the suites share: HTTP without a client between, the models of the run, and the
// checks that hold for every answer of a kind.
import './globals.mjs';
import assert from 'node:assert/strict';
import net from 'node:net';
import Ajv from 'ajv/dist/2020.js';

export const base = process.env.BISE_URL ?? 'http://127.0.0.1:8080';

// Written by run.mjs.  The first three are random; a scripted one answers every prompt with one
// known text, and a tool result with another.
export const models = {
    v13: 'tiny-v13', // tekken v13
    v15: 'tiny-v15', // tekken v15, settings of reasoning
    code: 'tiny-code', // SentencePiece v3 with the tokens of infill
    talker: 'talker',
    caller: 'caller',
    thinker: 'thinker',
    planner: 'planner', // thinks, then gives JSON
    painter: 'painter', // characters of several tokens
    stories: 'stories260K', // no control tokens
};
export const said = {
    talker: 'Hello! How can I help you today?',
    arguments: { city: 'Paris' },
    afterTool: 'It rains in Paris.',
    thought: 'Two and two make four',
    afterThought: 'The answer is 4.',
    plan: 'An object',
    afterPlan: '{"n":4}',
    painter: 'A fox 🦊 says “héllo” to 日本語 – 𝄞!',
};

export const user = (text) => [{ role: 'user', content: text }];

// --- one request -----------------------------------------------------------------------------

function encode(body) {
    if (body === undefined || typeof body === 'string') return body;
    return body instanceof Uint8Array || body instanceof FormData ? body : JSON.stringify(body);
}

export async function call(method, path, body, headers = {}) {
    const init = { method, headers: { ...headers }, body: encode(body) };
    if (body !== undefined && !(body instanceof FormData))
        init.headers = { 'content-type': 'application/json', ...headers };
    const response = await fetch((path.startsWith('http') ? '' : base) + path, init);
    const bytes = Buffer.from(await response.arrayBuffer());
    const text = bytes.toString();
    let json;
    try {
        json = JSON.parse(text);
    } catch {
        json = undefined;
    }
    return { status: response.status, headers: response.headers, bytes, text, json };
}

export const get = (path, headers) => call('GET', path, undefined, headers);
export const post = (path, body, headers) => call('POST', path, body, headers);

// A request that must succeed: its JSON.
export async function ok(path, body, headers) {
    const r = body === undefined ? await get(path, headers) : await post(path, body, headers);
    assert.equal(r.status, 200, `${path}: ${r.status} ${r.text.slice(0, 600)}`);
    assert.match(r.headers.get('content-type'), /^application\/json/);
    assert.ok(r.json, r.text.slice(0, 200));
    return r.json;
}

const settings = { max_tokens: 24, temperature: 0 };

export function chatBody(body) {
    return { model: models.v13, messages: user('Tell me a story.'), ...settings, ...body };
}

export const chat = (body, headers) => ok('/v1/chat/completions', chatBody(body), headers);

// The only choice of a chat answer.
export async function answer(body, headers) {
    const r = await chat(body, headers);
    assert.equal(r.choices.length, 1);
    return r.choices[0];
}

export const content = async (body, headers) => (await answer(body, headers)).message.content;

// --- streams ---------------------------------------------------------------------------------

// Events of a stream, read as strictly as the strictest client does.
export function events(text) {
    assert.ok(text.endsWith('\n\n'), 'a stream ends with a blank line');
    return text
        .slice(0, -2)
        .split('\n\n')
        .map((block) => {
            const event = {};
            for (const line of block.split('\n')) {
                const parts = /^(data|event|id|retry|): (.*)$/.exec(line);
                assert.ok(parts, `not a line of a stream: ${JSON.stringify(line)}`);
                if (parts[1] !== '') {
                    assert.ok(!(parts[1] in event), 'a field twice in one event');
                    event[parts[1]] = parts[2];
                }
            }
            return event;
        })
        .filter((event) => Object.keys(event).length > 0);
}

export async function stream(path, body, headers) {
    const r = await post(path, { ...body, stream: true }, headers);
    assert.equal(r.status, 200, r.text.slice(0, 600));
    assert.match(r.headers.get('content-type'), /^text\/event-stream(; *charset=utf-8)?$/i);
    return events(r.text);
}

// Chunks of a stream of the family that ends with [DONE].
export async function chunks(path, body, headers) {
    const all = await stream(path, body, headers);
    assert.deepEqual(all.pop(), { data: '[DONE]' });
    return all.map((event) => {
        assert.deepEqual(Object.keys(event), ['data']);
        return JSON.parse(event.data);
    });
}

export const chatChunks = (body, headers) =>
    chunks('/v1/chat/completions', chatBody(body), headers);

// What chunks say about one choice, joined as a client joins them.
export function join(list, index = 0) {
    const joined = { content: '', reasoning: '', finish_reason: null, calls: [] };
    for (const chunk of list)
        for (const choice of chunk.choices.filter((c) => c.index === index)) {
            const delta = choice.delta;
            if (typeof delta.content === 'string') joined.content += delta.content;
            else
                for (const part of delta.content ?? [])
                    if (part.type === 'thinking')
                        joined.reasoning += part.thinking.map((t) => t.text).join('');
                    else joined.content += part.text;
            joined.reasoning += delta.reasoning_content ?? '';
            for (const piece of delta.tool_calls ?? []) {
                const call = (joined.calls[piece.index] ??= { name: '', arguments: '' });
                if (piece.id) call.id = piece.id;
                call.name += piece.function.name ?? '';
                call.arguments += piece.function.arguments ?? '';
            }
            if (choice.finish_reason !== null) joined.finish_reason = choice.finish_reason;
        }
    return joined;
}

// --- bytes -----------------------------------------------------------------------------------

export const address = (url = base) => {
    const { hostname, port } = new URL(url);
    return { host: hostname, port: Number(port) };
};

// Sends bytes as they are and reads until the server closes, done(text) holds or time is up.
export function exchange(bytes, done = () => false, ms = 10000, url = base) {
    return new Promise((resolve, reject) => {
        const reads = [];
        const socket = net.connect(address(url));
        const text = () => Buffer.concat(reads).toString('latin1');
        const timer = setTimeout(() => socket.destroy(), ms);
        socket.on('connect', () => socket.write(bytes));
        socket.on('data', (data) => {
            reads.push(data);
            if (done(text())) socket.destroy();
        });
        socket.on('error', (e) => (e.code === 'ECONNRESET' ? socket.destroy() : reject(e)));
        socket.on('close', () => {
            clearTimeout(timer);
            resolve({ text: text(), reads });
        });
    });
}

export function request(method, path, body = '', headers = []) {
    const { host, port } = address();
    return [
        `${method} ${path} HTTP/1.1`,
        `Host: ${host}:${port}`,
        'Content-Type: application/json',
        `Content-Length: ${Buffer.byteLength(body)}`,
        ...headers,
        '',
        body,
    ].join('\r\n');
}

// --- what must hold --------------------------------------------------------------------------

// The error body that all clients understand (api.md 3.2).
export function assertError(r, status, want = {}) {
    assert.equal(r.status, status, r.text.slice(0, 600));
    assert.match(r.headers.get('content-type'), /^application\/json/);
    const e = r.json;
    assert.equal(e.object, 'error');
    assert.ok(typeof e.message === 'string' && e.message.length > 0);
    assert.equal(typeof e.type, 'string');
    assert.ok('param' in e && 'code' in e);
    assert.ok(e.code === null || typeof e.code === 'string', 'code is a string or null');
    assert.equal(e.raw_status_code, status);
    assert.equal(e.error.message, e.message);
    assert.equal(typeof e.error.type, 'string');
    assert.ok('param' in e.error && 'code' in e.error);
    if (status === 422) assertDetail(e.detail);
    if (want.type) assert.equal(e.type, want.type);
    if (want.code !== undefined) assert.equal(e.code, want.code);
    if (want.nested) assert.equal(e.error.code, want.nested);
    if (want.param) assert.equal(e.param, want.param);
    if (want.message) assert.match(e.message, want.message);
    return e;
}

function assertDetail(detail) {
    assert.ok(Array.isArray(detail) && detail.length > 0, '422 has a list of details');
    for (const d of detail) {
        assert.equal(typeof d.type, 'string');
        assert.equal(typeof d.msg, 'string');
        assert.equal(d.loc[0], 'body');
        assert.ok('input' in d);
    }
}

export function assertUsage(usage) {
    for (const name of ['prompt_tokens', 'completion_tokens', 'total_tokens'])
        assert.ok(Number.isInteger(usage[name]) && usage[name] >= 0, `usage.${name}`);
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
}

const ajv = new Ajv({ strict: false, allErrors: true });

export function assertValid(schema, value) {
    const parsed = typeof value === 'string' ? JSON.parse(value) : value;
    assert.ok(ajv.validate(schema, parsed), `${ajv.errorsText()} in ${JSON.stringify(parsed)}`);
    return parsed;
}

// --- tools -----------------------------------------------------------------------------------

export const city = {
    type: 'object',
    properties: { city: { type: 'string', maxLength: 12 } },
    required: ['city'],
    additionalProperties: false,
};
export const sum = {
    type: 'object',
    properties: {
        a: { type: 'integer', minimum: 0, maximum: 999 },
        b: { type: 'integer', minimum: 0, maximum: 999 },
        exact: { type: 'boolean' },
    },
    required: ['a', 'b'],
    additionalProperties: false,
};
export const schemas = { get_weather: city, add: sum };
export const tools = [
    {
        type: 'function',
        function: { name: 'get_weather', description: 'Weather of a city.', parameters: city },
    },
    { type: 'function', function: { name: 'add', description: 'Adds.', parameters: sum } },
];

export const isCallId = (id) => /^[A-Za-z0-9]{9}$/.test(id);
export const markup = /\[(TOOL_CALLS|ARGS|CALL_ID|THINK|\/THINK|INST|\/INST)\]|<\/?s>/;

export function assertCall(call) {
    assert.equal(call.type, 'function');
    assert.ok(isCallId(call.id), `id of nine characters: ${call.id}`);
    assert.ok(call.function.name in schemas, call.function.name);
    assert.equal(typeof call.function.arguments, 'string');
    assertValid(schemas[call.function.name], call.function.arguments);
}
