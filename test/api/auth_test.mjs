// SPDX-License-Identifier: Apache-2.0
// auth_test.mjs - keys (api.md 1 and 26), on servers of its own.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { Mistral } from '@mistralai/mistralai';
import OpenAI from 'openai';
import { modelPath, startServer } from './serve.mjs';
import { assertError, call, chatBody, exchange, get, models, post, said, user } from './wire.mjs';

const key = 'sk-test-0123456789abcdef0123456789abcdef';
let server;
before(async () => {
    server = await startServer(['--api-key', key, modelPath(models.talker)]);
});
after(async () => {
    assert.deepEqual(await server?.stop(), { code: 0, signal: null });
});

const at = (path) => server.url + path;
const body = () => chatBody({ model: models.talker });
const bearer = (k) => ({ authorization: `Bearer ${k}` });

test('no key, a wrong one, half of one', async () => {
    for (const headers of [
        {},
        bearer('wrong'),
        bearer(key.slice(0, -1)),
        bearer(`${key}x`),
        bearer(''),
        { authorization: key },
        { authorization: `Basic ${key}` },
        { 'x-api-key': 'wrong' },
    ]) {
        const r = await post(at('/v1/chat/completions'), body(), headers);
        assertError(r, 401, { type: 'authentication_error', nested: 'invalid_api_key' });
        assert.equal(r.headers.get('www-authenticate'), 'Bearer');
    }
});

test('the key in both headers', async () => {
    for (const headers of [bearer(key), { 'x-api-key': key }, { authorization: `bearer ${key}` }]) {
        const r = await post(at('/v1/chat/completions'), body(), headers);
        assert.equal(r.status, 200, r.text);
        assert.equal(r.json.choices[0].message.content, said.talker);
    }
});

test('what is open without a key', async () => {
    for (const path of ['/health', '/version', '/'])
        assert.equal((await get(at(path))).status, 200, path);
    const preflight = await call('OPTIONS', at('/v1/models'), undefined, {
        origin: 'http://localhost:3000',
        'access-control-request-method': 'POST',
    });
    assert.ok(preflight.status < 300);
});

test('what is not', async () => {
    for (const path of [
        '/v1/models',
        `/v1/models/${models.talker}`,
        '/v1/files',
    ])
        assert.equal((await get(at(path))).status, 401, path);
    for (const path of [
        '/v1/embeddings',
        '/v1/fim/completions',
        '/v1/completions',
        '/tokenize',
        '/detokenize',
        '/v1/messages/count_tokens',
        '/v1/responses',
        '/v1/files',
    ])
        assert.equal((await post(at(path), '{}')).status, 401, path);
});

test('a path that is not there needs a key as well, or is not there', async () =>
    assert.ok([401, 404].includes((await get(at('/v1/nothing'))).status)));

test('an Anthropic path answers in its shape', async () => {
    const r = await post(at('/v1/messages'), '{}');
    assert.equal(r.status, 401);
    assert.equal(r.json.error.type, 'authentication_error');
});

test('clients with and without', async () => {
    const caught = async (promise) =>
        promise.then(
            () => assert.fail('no error'),
            (e) => e,
        );
    const ask = { model: models.talker, messages: user('Hi') };
    const mistral = (k) => new Mistral({ apiKey: k, serverURL: server.url });
    const openai = (k) => new OpenAI({ apiKey: k, baseURL: at('/v1'), maxRetries: 0 });
    const anthropic = (k) => new Anthropic({ apiKey: k, baseURL: server.url, maxRetries: 0 });
    const replies = await Promise.all([
        mistral(key)
            .chat.complete(ask)
            .then((r) => r.choices[0].message.content),
        openai(key)
            .chat.completions.create(ask)
            .then((r) => r.choices[0].message.content),
        anthropic(key)
            .messages.create({ ...ask, max_tokens: 50 })
            .then((r) => r.content[0].text),
    ]);
    assert.deepEqual(replies, [said.talker, said.talker, said.talker]);
    assert.equal((await caught(mistral('x').chat.complete(ask))).statusCode, 401);
    assert.ok(
        (await caught(openai('x').chat.completions.create(ask))) instanceof
            OpenAI.AuthenticationError,
    );
    assert.ok(
        (await caught(anthropic('x').messages.create({ ...ask, max_tokens: 5 }))) instanceof
            Anthropic.AuthenticationError,
    );
});

test('the key is never written', async () => {
    await post(at('/v1/chat/completions'), body(), bearer(key));
    await post(at('/v1/chat/completions'), body(), bearer('sk-another-secret-of-somebody'));
    assert.ok(!server.log.includes(key) && !server.log.includes('sk-another-secret'));
});

test('SIGTERM lets a stream end', async () => {
    const other = await startServer(['--no-auth', modelPath(models.v13)]);
    const json = JSON.stringify(chatBody({ ignore_eos: true, max_tokens: 600, stream: true }));
    const bytes =
        `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
        `Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;
    let told = false;
    const { text } = await exchange(
        bytes,
        (t) => {
            if (!told && t.includes('data: ')) told = void other.child.kill('SIGTERM') ?? true;
            return false;
        },
        60000,
        other.url,
    );
    assert.ok(text.includes('data: [DONE]'));
    assert.deepEqual(await other.stop(), { code: 0, signal: null });
});
