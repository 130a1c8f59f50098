// SPDX-License-Identifier: Apache-2.0
// files_test.mjs - files and batch jobs (api.md 12 and 13).
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertError, call, get, models, ok, post, user } from './wire.mjs';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

async function upload(bytes, name, more = { purpose: 'batch' }) {
    const form = new FormData();
    for (const [key, value] of Object.entries(more)) form.set(key, value);
    form.set('file', new Blob([bytes]), name);
    return post('/v1/files', form);
}

const uploaded = async (...args) => {
    const r = await upload(...args);
    assert.equal(r.status, 200, r.text);
    return r.json;
};

test('a file keeps its bytes', async () => {
    const bytes = randomBytes(300000);
    const f = await uploaded(bytes, 'some “file”.bin', { purpose: 'ocr' });
    assert.match(f.id, uuid);
    assert.equal(f.object, 'file');
    assert.equal(f.bytes, bytes.length);
    assert.equal(f.filename, 'some “file”.bin');
    assert.equal(f.purpose, 'ocr');
    assert.equal(f.source, 'upload');
    assert.ok(Number.isInteger(f.created_at));
    assert.equal(typeof f.sample_type, 'string');
    const back = await get(`/v1/files/${f.id}/content`);
    assert.equal(back.status, 200);
    assert.match(back.headers.get('content-type'), /^application\/octet-stream/);
    assert.ok(back.bytes.equals(bytes));
});

test('a file of no bytes', async () => {
    const f = await uploaded('', 'empty.txt', { purpose: 'user_data' });
    assert.equal(f.bytes, 0);
    assert.equal((await get(`/v1/files/${f.id}/content`)).bytes.length, 0);
});

test('one file, then none', async () => {
    const f = await uploaded('hello', 'a.txt', { purpose: 'ocr' });
    const g = await ok(`/v1/files/${f.id}`);
    assert.equal(g.filename, 'a.txt');
    assert.equal(g.deleted, false);
    const gone = await call('DELETE', `/v1/files/${f.id}`);
    assert.deepEqual(gone.json, { id: f.id, object: 'file', deleted: true });
    assertError(await get(`/v1/files/${f.id}`), 404);
    assertError(await get(`/v1/files/${f.id}/content`), 404);
    assertError(await call('DELETE', `/v1/files/${f.id}`), 404);
});

test('files are listed by page', async () => {
    const tag = randomUUID();
    for (let i = 0; i < 5; i++) await uploaded(`${i}`, `${tag}-${i}.txt`, { purpose: 'ocr' });
    const page = (n) => ok(`/v1/files?search=${tag}&page_size=2&page=${n}`);
    const pages = [await page(0), await page(1), await page(2)];
    assert.ok(pages.every((p) => p.object === 'list' && p.total === 5));
    const names = pages.flatMap((p) => p.data.map((f) => f.filename));
    assert.equal(new Set(names).size, 5);
    assert.ok((await ok('/v1/files?purpose=ocr')).data.every((f) => f.purpose === 'ocr'));
});

test('lines of a .jsonl are counted', async () => {
    const f = await uploaded('{"a":1}\n{"b":2}\n', 'x.jsonl', { purpose: 'batch' });
    assert.equal(f.num_lines, 2);
});

test('a line that is no object is named', async () => {
    const r = await upload('{"a":1}\n{"a":\n{"b":2}\n', 'x.jsonl');
    assertError(r, 422, { message: /2/ });
});

test('names are never paths', async () => {
    const f = await uploaded('x', '../../../../etc/passwd', { purpose: 'ocr' });
    assert.equal((await get(`/v1/files/${f.id}/content`)).text, 'x');
    for (const id of ['..%2F..%2Fetc%2Fpasswd', '../../etc/passwd', 'nothing', randomUUID()])
        assert.equal((await get(`/v1/files/${id}/content`)).status, 404);
});

test('a signed address', async () => {
    const f = await uploaded('signed', 's.txt', { purpose: 'ocr' });
    const { url } = await ok(`/v1/files/${f.id}/url?expiry=1`);
    assert.equal((await get(url)).text, 'signed');
    assert.ok((await get(url.slice(0, -3) + 'aaa')).status >= 400);
    assertError(await get(`/v1/files/${f.id}/url?expiry=169`), 422);
});

test('what is wrong with an upload', async () => {
    assertError(await upload('x', 'x.txt', { purpose: 'nothing' }), 422, { message: /purpose/ });
    const form = new FormData();
    form.set('purpose', 'batch');
    assertError(await post('/v1/files', form), 422, { message: /file/ });
    assert.ok((await post('/v1/files', '{}')).status >= 400);
    const boundary = { 'content-type': 'multipart/form-data; boundary=x' };
    for (const body of ['', '--x', '--x\r\n\r\n', 'no boundary at all'])
        assert.ok([400, 422].includes((await post('/v1/files', body, boundary)).status));
});

// --- batch -----------------------------------------------------------------------------------

const done = ['SUCCESS', 'FAILED', 'TIMEOUT_EXCEEDED', 'CANCELLED'];

async function finish(id) {
    for (let i = 0; i < 600; i++) {
        const job = await ok(`/v1/batch/jobs/${id}`);
        if (done.includes(job.status)) return job;
        assert.ok(['QUEUED', 'RUNNING', 'CANCELLATION_REQUESTED'].includes(job.status), job.status);
        await sleep(100);
    }
    throw new Error('the job does not end');
}

const lines = async (id) =>
    (await get(`/v1/files/${id}/content`)).text
        .trim()
        .split('\n')
        .map((l) => JSON.parse(l));

const line = (i, more = {}) => ({
    custom_id: `line-${i}`,
    body: { max_tokens: 6, temperature: 0, messages: user(`Number ${i}`), ...more },
});

const start = (body) =>
    ok('/v1/batch/jobs', { endpoint: '/v1/chat/completions', model: models.talker, ...body });

test('a job over a file', async () => {
    const text = [0, 1, 2, 3].map((i) => JSON.stringify(line(i))).join('\n') + '\n';
    const f = await uploaded(text, 'in.jsonl');
    const job = await start({ input_files: [f.id], metadata: { a: 'b' } });
    assert.equal(job.object, 'batch');
    assert.deepEqual(job.input_files, [f.id]);
    assert.deepEqual(job.metadata, { a: 'b' });
    assert.ok(Number.isInteger(job.created_at));
    const end = await finish(job.id);
    assert.equal(end.status, 'SUCCESS');
    assert.deepEqual(
        [end.total_requests, end.completed_requests, end.succeeded_requests, end.failed_requests],
        [4, 4, 4, 0],
    );
    assert.ok(end.started_at >= end.created_at && end.completed_at >= end.started_at);
    assert.deepEqual(end.errors, []);
    const out = await lines(end.output_file);
    assert.deepEqual(
        out.map((l) => l.custom_id).sort(),
        [0, 1, 2, 3].map((i) => `line-${i}`),
    );
    for (const l of out) {
        assert.equal(l.error, null);
        assert.equal(l.response.status_code, 200);
        assert.equal(l.response.body.choices[0].message.content, 'Hello! How can I help');
    }
});

test('a job over requests in the body', async () => {
    const { id } = await start({ requests: [line(0), line(1)] });
    const end = await finish(id);
    assert.equal(end.succeeded_requests, 2);
    const inline = await ok(`/v1/batch/jobs/${id}?inline=true`);
    assert.equal(inline.outputs.length, 2);
});

test('a line that fails does not fail the job', async () => {
    const requests = [line(0), line(1, { temperature: 9 }), line(2, { messages: [] })];
    const end = await finish((await start({ requests })).id);
    assert.equal(end.status, 'SUCCESS');
    assert.equal(end.succeeded_requests, 1);
    assert.equal(end.failed_requests, 2);
    const failed = await lines(end.error_file);
    assert.deepEqual(failed.map((l) => l.custom_id).sort(), ['line-1', 'line-2']);
    assert.ok(failed.every((l) => l.error));
    assert.ok(end.errors.length > 0 && end.errors.every((e) => e.message && e.count > 0));
});

test('other endpoints', async () => {
    const embedded = await finish(
        (
            await start({
                endpoint: '/v1/embeddings',
                model: models.v13,
                requests: [{ custom_id: 'e', body: { input: ['a', 'b'] } }],
            })
        ).id,
    );
    assert.equal((await lines(embedded.output_file))[0].response.body.data.length, 2);
    const filled = await finish(
        (
            await start({
                endpoint: '/v1/fim/completions',
                model: models.code,
                requests: [{ custom_id: 'f', body: { prompt: 'x =', suffix: '', max_tokens: 3 } }],
            })
        ).id,
    );
    assert.equal(filled.succeeded_requests, 1);
});

test('a job is cancelled', async () => {
    const more = { ignore_eos: true, max_tokens: 2000 };
    const requests = Array.from({ length: 60 }, (_, i) => line(i, more));
    const { id } = await start({ requests, model: models.v13 });
    const r = await post(`/v1/batch/jobs/${id}/cancel`);
    assert.equal(r.status, 200, r.text);
    assert.ok(['CANCELLATION_REQUESTED', 'CANCELLED'].includes(r.json.status));
    const end = await finish(id);
    assert.equal(end.status, 'CANCELLED');
    assert.ok(end.completed_requests < 60);
});

test('jobs are listed and filtered', async () => {
    const { id } = await start({ requests: [line(0)], metadata: { tag: 'listed' } });
    await finish(id);
    const all = await ok('/v1/batch/jobs?status=SUCCESS&order_by=-created&page_size=5');
    assert.equal(all.object, 'list');
    assert.ok(all.total >= 1 && all.data.length <= 5);
    assert.ok(all.data.every((j) => j.status === 'SUCCESS'));
    assert.ok(all.data.some((j) => j.id === id));
});

test('a job is deleted', async () => {
    const { id } = await start({ requests: [line(0)] });
    await finish(id);
    assert.equal((await call('DELETE', `/v1/batch/jobs/${id}`)).status, 200);
    assertError(await get(`/v1/batch/jobs/${id}`), 404);
});

test('what is wrong with a job is named', async () => {
    const bad = async (body, status, want) => {
        const r = await post('/v1/batch/jobs', {
            endpoint: '/v1/chat/completions',
            model: models.talker,
            ...body,
        });
        assertError(r, status, want);
    };
    await bad({ requests: [line(0)], endpoint: '/v1/nothing' }, 422, { message: /endpoint/ });
    await bad({}, 422, { message: /input_files|requests/ });
    await bad({ requests: [line(0)], input_files: [randomUUID()] }, 422);
    await bad({ requests: [line(0)], timeout_hours: 169 }, 422, { message: /timeout_hours/ });
    await bad({ input_files: [randomUUID()] }, 404);
    assertError(await get(`/v1/batch/jobs/${randomUUID()}`), 404);
});

test('a file of many lines, all answered as alone', async () => {
    const text = Array.from({ length: 40 }, (_, i) => JSON.stringify(line(i))).join('\n');
    const f = await uploaded(text, 'many.jsonl');
    const end = await finish((await start({ input_files: [f.id], model: models.v13 })).id);
    assert.equal(end.succeeded_requests, 40);
    const out = await lines(end.output_file);
    for (const i of [0, 17, 39]) {
        const alone = await ok('/v1/chat/completions', { model: models.v13, ...line(i).body });
        const l = out.find((x) => x.custom_id === `line-${i}`);
        assert.equal(l.response.body.choices[0].message.content, alone.choices[0].message.content);
    }
});
