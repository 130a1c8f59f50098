// SPDX-License-Identifier: Apache-2.0
// errors_test.mjs - what is refused, how, and what each client makes of it (api.md 3).
import assert from 'node:assert/strict';
import test from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { createMistral } from '@ai-sdk/mistral';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatMistralAI } from '@langchain/mistralai';
import { ChatOpenAI } from '@langchain/openai';
import { Mistral } from '@mistralai/mistralai';
import { HTTPValidationError } from '@mistralai/mistralai/models/errors';
import { APICallError, generateText } from 'ai';
import OpenAI from 'openai';
import {
    assertError,
    base,
    call,
    chatBody,
    exchange,
    get,
    models,
    post,
    request,
    user,
} from './wire.mjs';

const path = '/v1/chat/completions';
const bad = (body) => post(path, typeof body === 'string' ? body : chatBody(body));

test('a model that is not there', async () => {
    const e = assertError(await bad({ model: 'foo' }), 404, {
        type: 'invalid_model',
        code: '1500',
        param: 'model',
        nested: 'model_not_found',
        message: /foo/,
    });
    assert.equal(e.error.type, 'invalid_request_error');
    assert.equal(e.error.param, 'model');
    assert.ok(e.message.includes(models.v13), 'what is there is named');
});

for (const [name, body] of [
    ['nothing', ''],
    ['no JSON', 'hello'],
    ['half of it', '{"model": "a", "messages": ['],
    ['more than one', '{} {}'],
    ['a byte too many', '{}x'],
    ['no UTF-8', Buffer.from('{"model":"\xff\xfe"}', 'latin1')],
    ['too deep', '{"messages":' + '['.repeat(200) + ']'.repeat(200) + '}'],
    ['very deep', '['.repeat(1000000)],
])
    test(`not JSON: ${name}`, async () =>
        void assertError(await post(path, body), 400, {
            type: 'invalid_request_error',
            nested: 'invalid_json',
        }));

for (const [name, body] of [
    ['a list', '[]'],
    ['a number', '7'],
    ['a text', '"x"'],
    ['null', 'null'],
    ['no messages', JSON.stringify({ model: models.v13 })],
    ['no model', JSON.stringify({ messages: user('x') })],
    ['a message that is none', JSON.stringify({ model: models.v13, messages: [1] })],
    [
        'a role that is none',
        JSON.stringify({ model: models.v13, messages: [{ role: 'x', content: '' }] }),
    ],
    [
        'content that is a number',
        JSON.stringify({ model: models.v13, messages: [{ role: 'user', content: 5 }] }),
    ],
    [
        'a part that is none',
        JSON.stringify({
            model: models.v13,
            messages: [{ role: 'user', content: [{ type: 'x' }] }],
        }),
    ],
    ['tools that are none', JSON.stringify({ model: models.v13, messages: user('x'), tools: {} })],
])
    test(`a field is wrong: ${name}`, async () =>
        void assertError(await post(path, body), 422, {
            type: 'invalid_request_error',
            code: null,
        }));

test('detail says where', async () => {
    const r = await bad({ messages: [...user('x'), { role: 'user', content: 5 }] });
    const e = assertError(r, 422);
    assert.ok(
        e.detail.some((d) => d.loc.includes('messages') && d.loc.includes(1)),
        JSON.stringify(e.detail),
    );
});

test('a prompt longer than the context', async () => {
    const e = assertError(await bad({ messages: user('word '.repeat(9000)) }), 400, {
        nested: 'context_length_exceeded',
        message: /maximum context length/,
    });
    assert.match(e.message, /4096/);
    assert.match(e.message, /\b(9|1\d)\d{3}\b/);
});

test('no more than 200 characters come back', async () => {
    const long = 'z'.repeat(5000);
    for (const body of [
        { model: long },
        { temperature: long },
        { response_format: { type: long } },
    ]) {
        const r = await bad(body);
        assert.ok(r.status >= 400 && r.status < 500);
        assert.doesNotMatch(r.json.message, /z{201}/);
        assert.ok(r.text.length < 4000);
    }
});

test('paths that are not there', async () => {
    assertError(await get('/v1/nothing'), 404, { nested: 'not_found' });
    assertError(await post('/v1/v1/chat/completions', chatBody({})), 404, { message: /\/v1/ });
    assertError(await get('/v1/workflows'), 404);
});

test('a method that is not there', async () => {
    const r = await call('PUT', path, '{}');
    assertError(r, 405, { nested: 'method_not_allowed' });
    assert.match(r.headers.get('allow'), /POST/);
    assertError(await get(path), 405);
});

test('a connection serves on after errors', async () => {
    const parts = [
        request('POST', path, 'no json'),
        request('GET', '/v1/nothing'),
        request('PUT', path, '{}'),
        request('GET', '/health', '', ['Connection: close']),
    ];
    const { text } = await exchange(parts.join(''));
    const codes = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((m) => m[1]);
    assert.deepEqual(codes, ['400', '404', '405', '200']);
});

for (const [name, bytes] of [
    [
        'two lengths',
        'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ',
    ],
    [
        'a length and chunks',
        'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a length that is none', 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n'],
    ['no HTTP', 'hello\r\n\r\n'],
    ['binary', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a header without end', `GET /health HTTP/1.1\r\nX: ${'x'.repeat(200000)}`],
])
    test(`not HTTP: ${name}`, async () => {
        const { text } = await exchange(bytes, (t) => t.includes('\r\n\r\n'), 3000);
        if (text) assert.match(text, /^HTTP\/1\.[01] (4\d\d|501)/);
        assert.equal((await get('/health')).status, 200);
    });

// --- clients ---------------------------------------------------------------------------------

const mistral = new Mistral({ apiKey: 'k', serverURL: base });
const openai = new OpenAI({ apiKey: 'k', baseURL: `${base}/v1`, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: 'k', baseURL: base, maxRetries: 0 });

const caught = async (promise) => {
    try {
        await promise;
    } catch (e) {
        return e;
    }
    throw new Error('no error');
};

test('Mistral: 404', async () => {
    const e = await caught(mistral.chat.complete({ model: 'foo', messages: user('x') }));
    assert.equal(e.statusCode, 404);
    assert.match(e.body, /foo/);
    assert.match(e.message, /foo/);
});

test('Mistral: 422 is a validation error', async () => {
    const e = await caught(
        mistral.chat.complete({ model: models.v13, messages: user('x'), temperature: 9 }),
    );
    assert.ok(e instanceof HTTPValidationError, e.constructor.name);
    assert.deepEqual(e.detail[0].loc, ['body', 'temperature']);
    assert.ok(e.detail[0].msg && e.detail[0].type);
});

test('Mistral: an error before a stream', async () => {
    const e = await caught(mistral.chat.stream({ model: 'foo', messages: user('x') }));
    assert.equal(e.statusCode, 404);
});

for (const [name, more, Class, status, message, code] of [
    ['404', { model: 'foo' }, OpenAI.NotFoundError, 404, /foo/, 'model_not_found'],
    ['422', { temperature: 9 }, OpenAI.UnprocessableEntityError, 422, /temperature/, null],
    [
        '400',
        { messages: user('word '.repeat(9000)) },
        OpenAI.BadRequestError,
        400,
        /maximum context length/,
        'context_length_exceeded',
    ],
])
    test(`OpenAI: ${name}`, async () => {
        for (const stream of [false, true]) {
            const e = await caught(
                openai.chat.completions.create({
                    model: models.v13,
                    messages: user('x'),
                    stream,
                    ...more,
                }),
            );
            assert.ok(e instanceof Class, e.constructor.name);
            assert.equal(e.status, status);
            assert.match(e.message, message);
            assert.equal(e.code, code);
            assert.equal(e.type, 'invalid_request_error');
            assert.ok(e.requestID);
        }
    });

for (const [name, more, Class, status, type] of [
    ['404', { model: 'foo' }, Anthropic.NotFoundError, 404, 'not_found_error'],
    ['400', { messages: [] }, Anthropic.BadRequestError, 400, 'invalid_request_error'],
    ['400 by range', { temperature: 9 }, Anthropic.BadRequestError, 400, 'invalid_request_error'],
])
    test(`Anthropic: ${name}`, async () => {
        for (const stream of [false, true]) {
            const e = await caught(
                anthropic.messages.create({
                    model: models.v13,
                    max_tokens: 9,
                    messages: user('x'),
                    stream,
                    ...more,
                }),
            );
            assert.ok(e instanceof Class, `${e.constructor.name} ${e.message}`);
            assert.equal(e.status, status);
            assert.equal(e.error.type, 'error');
            assert.equal(e.error.error.type, type);
            assert.ok(e.error.error.message);
        }
    });

for (const [name, provider] of [
    ['mistral', createMistral({ apiKey: 'k', baseURL: `${base}/v1` })],
    ['compatible', createOpenAICompatible({ name: 'bise', apiKey: 'k', baseURL: `${base}/v1` })],
])
    test(`AI SDK ${name}: the message arrives`, async () => {
        const e = await caught(
            generateText({ model: provider('foo'), prompt: 'x', maxRetries: 0 }),
        );
        assert.ok(APICallError.isInstance(e), e.message);
        assert.equal(e.statusCode, 404);
        assert.match(e.message, /foo/);
    });

test('LangChain: the message arrives', async () => {
    const ours = new ChatMistralAI({ model: 'foo', apiKey: 'k', serverURL: base, maxRetries: 0 });
    assert.match((await caught(ours.invoke('x'))).message, /foo/);
    const theirs = new ChatOpenAI({
        model: 'foo',
        apiKey: 'k',
        configuration: { baseURL: `${base}/v1` },
        maxRetries: 0,
    });
    assert.match((await caught(theirs.invoke('x'))).message, /foo/);
});
