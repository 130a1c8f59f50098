// SPDX-License-Identifier: Apache-2.0
// files_test.mjs - files (api.md 12).
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import test from 'node:test';
import { assertError, call, get, ok, post } from './wire.mjs';

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
        assert.ok([400, 404].includes((await get(`/v1/files/${id}/content`)).status));
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
