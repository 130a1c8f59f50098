// SPDX-License-Identifier: Apache-2.0
// operations_test.mjs - health, metrics, headers of the network (api.md 1, 25 and 26).
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
    address,
    base,
    call,
    chat,
    chatBody,
    exchange,
    get,
    models,
    ok,
    post,
    request,
    user,
} from './wire.mjs';

test('health', async () => {
    for (const path of ['/health', '/healthz', '/v1/health'])
        assert.equal((await ok(path)).status, 'ok');
    assert.ok((await get('/ready')).status === 200);
});

test('version', async () => {
    const r = await ok('/version');
    assert.match(r.version, /^\d+\.\d+/);
});

test('the page', async () => {
    const r = await get('/');
    assert.equal(r.status, 200);
    assert.match(r.headers.get('content-type'), /^text\/html/);
    assert.doesNotMatch(r.text, /(src|href)="https?:/);
});

// Values of the metrics by name and labels.
async function metrics() {
    const r = await get('/metrics');
    assert.equal(r.status, 200);
    assert.match(r.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
    const values = new Map();
    const described = new Set();
    for (const line of r.text.split('\n').filter(Boolean)) {
        const about = /^# (HELP|TYPE) (\w+) .+$/.exec(line);
        if (about) {
            described.add(about[2]);
            continue;
        }
        const value = /^(\w+)(\{[^}]*\})? (-?[\d.e+-]+|[+-]?Inf|NaN)$/.exec(line);
        assert.ok(value, line);
        assert.ok(
            described.has(value[1].replace(/_(bucket|sum|count)$/, '')) || described.has(value[1]),
            line,
        );
        values.set(value[1] + (value[2] ?? ''), Number(value[3]));
    }
    return values;
}

const total = (values, name) =>
    [...values]
        .filter(([key]) => key.replace(/\{.*/, '').endsWith(name))
        .reduce((s, [, v]) => s + v, 0);

test('metrics count', async () => {
    const before = await metrics();
    const { usage } = await chat({});
    const after = await metrics();
    const grown = (name) => total(after, name) - total(before, name);
    assert.equal(grown('generation_tokens_total'), usage.completion_tokens);
    assert.equal(grown('request_success_total'), 1);
    assert.ok(grown('http_requests_total') >= 1);
    assert.equal(total(after, 'num_requests_running'), 0);
});

test('unknown fields are counted', async () => {
    const name = 'unknown_request_fields_total';
    const before = total(await metrics(), name);
    await chat({ never_heard_of: 1 });
    assert.ok(total(await metrics(), name) > before);
});

test('routes are labels, not addresses', async () => {
    await get('/v1/models/something-odd-4711');
    assert.ok(![...(await metrics()).keys()].some((key) => key.includes('4711')));
});

test('a request id', async () => {
    const own = await post('/v1/chat/completions', chatBody({}), { 'x-request-id': 'my-id-1' });
    assert.equal(own.headers.get('x-request-id'), 'my-id-1');
    const [a, b] = [await get('/health'), await get('/health')];
    assert.notEqual(a.headers.get('x-request-id'), b.headers.get('x-request-id'));
    const long = await get('/health', { 'x-request-id': 'x'.repeat(200) });
    assert.notEqual(long.headers.get('x-request-id'), 'x'.repeat(200));
    assert.ok((await get('/v1/none')).headers.get('x-request-id'));
});

test('HEAD on a GET', async () => {
    for (const path of ['/health', '/v1/models', '/version']) {
        const { text } = await exchange(request('HEAD', path, '', ['Connection: close']));
        assert.match(text, /^HTTP\/1\.1 200 /);
        assert.ok(text.endsWith('\r\n\r\n'), 'no body');
    }
});

test('origins', async () => {
    const grant = async (origin, method = 'GET') =>
        (
            await call(method, '/v1/models', undefined, {
                origin,
                'access-control-request-method': 'POST',
            })
        ).headers.get('access-control-allow-origin');
    assert.equal(await grant('https://evil.example'), null);
    assert.equal(await grant('null'), null);
    assert.equal(await grant('http://localhost:3000'), 'http://localhost:3000');
    assert.equal(await grant('http://127.0.0.1:5173', 'OPTIONS'), 'http://127.0.0.1:5173');
    assert.equal(await grant('https://evil.example', 'OPTIONS'), null);
    assert.equal(await grant('http://localhost.evil.example'), null);
});

test('hosts', async () => {
    const { port } = address();
    const ask = async (host) =>
        (await exchange(`GET /v1/models HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`))
            .text;
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`])
        assert.match(await ask(host), /^HTTP\/1\.1 200 /);
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', ''])
        assert.match(await ask(host), /^HTTP\/1\.1 4\d\d /);
});

test('pipelined requests are answered in order', async () => {
    const paths = ['/health', '/version', '/v1/models', '/v1/none'];
    const all = paths.map((p, i) =>
        request('GET', p, '', [`X-Request-Id: id-${i}`, ...(i === 3 ? ['Connection: close'] : [])]),
    );
    const { text } = await exchange(all.join(''));
    const ids = [...text.matchAll(/x-request-id: (id-\d)/gi)].map((m) => m[1]);
    assert.deepEqual(ids, ['id-0', 'id-1', 'id-2', 'id-3']);
});

// --- cancellation ----------------------------------------------------------------------------

const running = async () => total(await metrics(), 'num_requests_running');

async function idle() {
    for (let i = 0; i < 100 && (await running()) > 0; i++) await sleep(20);
    assert.equal(await running(), 0);
}

test('a client that leaves a stream ends its generation', async () => {
    const body = JSON.stringify(chatBody({ ignore_eos: true, max_tokens: 3500, stream: true }));
    const before = total(await metrics(), 'generation_tokens_total');
    const bytes = request('POST', '/v1/chat/completions', body);
    await exchange(bytes, (text) => text.split('data: ').length > 4);
    await idle();
    assert.ok(total(await metrics(), 'generation_tokens_total') - before < 3000);
});

test('a client that leaves without a stream, too', async () => {
    const body = JSON.stringify(chatBody({ ignore_eos: true, max_tokens: 3500 }));
    const before = total(await metrics(), 'generation_tokens_total');
    await exchange(request('POST', '/v1/chat/completions', body), () => false, 200);
    await idle();
    assert.ok(total(await metrics(), 'generation_tokens_total') - before < 3000);
});

test('many that leave at once', async () => {
    const body = JSON.stringify(chatBody({ ignore_eos: true, max_tokens: 3500, stream: true }));
    const bytes = request('POST', '/v1/chat/completions', body);
    await Promise.all(
        Array.from({ length: 40 }, (_, i) => exchange(bytes, () => false, 20 + 10 * i)),
    );
    await idle();
    await chat({});
});

test('half a request', async () => {
    const bytes = request('POST', '/v1/chat/completions', JSON.stringify(chatBody({})));
    for (const n of [1, 20, 100, bytes.length - 1])
        await exchange(bytes.slice(0, n), () => false, 50);
    await chat({});
});

test('more connections than requests', async () => {
    const open = await Promise.all(
        Array.from({ length: 100 }, () => exchange('', () => false, 300)),
    );
    assert.equal(open.length, 100);
    assert.equal((await get(`${base}/health`)).status, 200);
});

test('a model takes its time, others do not wait', async () => {
    const slow = chat({ ignore_eos: true, max_tokens: 1500 });
    const at = Date.now();
    await chat({ model: models.talker, messages: user('Hi') });
    await ok('/health');
    const quick = Date.now() - at;
    await slow;
    assert.ok(quick < Date.now() - at, 'the short answer comes first');
});
