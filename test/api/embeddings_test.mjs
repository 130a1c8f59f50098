// SPDX-License-Identifier: Apache-2.0
// embeddings_test.mjs - POST /v1/embeddings (api.md 7).
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError, models, ok, post } from './wire.mjs';

const path = '/v1/embeddings';
const embed = (input, more = {}) => ok(path, { model: models.v13, input, ...more });
const vectors = async (input, more) => (await embed(input, more)).data.map((d) => d.embedding);
const norm = (v) => Math.sqrt(v.reduce((s, x) => s + x * x, 0));
const near = (a, b, by = 1e-6) => {
    assert.equal(a.length, b.length);
    a.forEach((x, i) => assert.ok(Math.abs(x - b[i]) <= by, `${i}: ${x} ${b[i]}`));
};

test('an answer has every field', async () => {
    const r = await embed(['one', 'two']);
    assert.equal(r.object, 'list');
    assert.equal(typeof r.id, 'string');
    assert.equal(r.model, models.v13);
    assert.deepEqual(
        r.data.map((d) => d.index),
        [0, 1],
    );
    assert.ok(r.data.every((d) => d.object === 'embedding' && d.embedding.length === 64));
    assert.ok(r.usage.prompt_tokens > 0);
    assert.equal(r.usage.total_tokens, r.usage.prompt_tokens);
    assert.ok(!r.usage.completion_tokens);
});

test('vectors have unit length', async () => {
    for (const v of await vectors(['a', 'a longer text about rivers', '🦊', 'x '.repeat(500)]))
        assert.ok(Math.abs(norm(v) - 1) < 1e-5);
});

test('a text alone or in a batch, in order', async () => {
    const texts = Array.from({ length: 40 }, (_, i) => `text ${i} ${'more '.repeat(i)}`);
    const all = await vectors(texts);
    assert.equal(all.length, 40);
    for (const i of [0, 13, 39]) near((await vectors(texts[i]))[0], all[i]);
    near((await vectors([...texts].reverse()))[39], all[0]);
});

test('different texts differ', async () => {
    const [a, b] = await vectors(['day', 'night']);
    assert.ok(norm(a.map((x, i) => x - b[i])) > 0.01);
});

test('base64 is float', async () => {
    const [want] = await vectors('rivers');
    const [text] = await vectors('rivers', { encoding_format: 'base64' });
    const bytes = Buffer.from(text, 'base64');
    assert.equal(bytes.length, 64 * 4);
    near(
        Array.from({ length: 64 }, (_, i) => bytes.readFloatLE(4 * i)),
        want,
    );
});

test('tokens as input', async () => {
    const { tokens } = await ok('/tokenize', { model: models.v13, prompt: 'rivers' });
    const [want] = await vectors('rivers');
    near((await vectors(tokens))[0], want);
    near((await vectors([tokens, tokens]))[1], want);
});

test('fewer dimensions, by both names', async () => {
    const [want] = await vectors('rivers');
    for (const more of [{ output_dimension: 16 }, { dimensions: 16 }]) {
        const r = await post(path, { model: models.v13, input: 'rivers', ...more });
        if (r.status === 400) {
            assertError(r, 400, { message: /dimension/ });
            continue;
        }
        const v = r.json.data[0].embedding;
        assert.equal(v.length, 16);
        assert.ok(Math.abs(norm(v) - 1) < 1e-5);
        near(
            v,
            want.slice(0, 16).map((x) => x / norm(want.slice(0, 16))),
            1e-5,
        );
    }
    assertError(await post(path, { model: models.v13, input: 'x', dimensions: 65 }), 422);
});

test('other types', async () => {
    const [want] = await vectors('rivers');
    for (const [output_dtype, n] of [
        ['int8', 64],
        ['uint8', 64],
        ['binary', 8],
        ['ubinary', 8],
    ]) {
        const [v] = await vectors('rivers', { output_dtype });
        assert.equal(v.length, n);
        assert.ok(v.every((x) => Number.isInteger(x) && x >= -128 && x <= 255));
        if (output_dtype === 'ubinary') assert.equal(v[0] >> 7, want[0] > 0 ? 1 : 0);
    }
});

test('what is wrong is named', async () => {
    assertError(await post(path, { model: models.v13, input: [] }), 422, { message: /input/ });
    assertError(await post(path, { model: models.v13 }), 422, { message: /input/ });
    assertError(await post(path, { model: models.v13, input: [{}] }), 422, { message: /input/ });
    assertError(await post(path, { input: 'x', model: 'none' }), 404);
    const dtype = { model: models.v13, input: 'x', output_dtype: 'int4' };
    assertError(await post(path, dtype), 422, { message: /output_dtype/ });
});

test('longer than the context', async () => {
    const input = 'word '.repeat(9000);
    assertError(await post(path, { model: models.v13, input }), 400, {
        message: /maximum context length/,
    });
    const [v] = await vectors(input, { truncate: true });
    assert.ok(Math.abs(norm(v) - 1) < 1e-5);
});
