// SPDX-License-Identifier: Apache-2.0
// models_test.mjs - GET /v1/models (api.md 8).
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError, call, get, models, ok } from './wire.mjs';

const capabilities = [
    'completion_chat',
    'function_calling',
    'reasoning',
    'completion_fim',
    'fine_tuning',
    'vision',
    'ocr',
    'classification',
    'moderation',
    'audio',
    'audio_transcription',
    'audio_transcription_realtime',
    'audio_speech',
    'unified_resources',
];

const list = () => ok('/v1/models');
const card = async (id) => (await list()).data.find((c) => c.id === id);

test('all models are listed, once each', async () => {
    const { object, data } = await list();
    assert.equal(object, 'list');
    const ids = data.map((c) => c.id);
    assert.equal(new Set(ids).size, ids.length);
    for (const name of Object.values(models)) assert.ok(ids.includes(name), name);
});

test('every card has every field', async () => {
    for (const c of (await list()).data) {
        assert.equal(c.object, 'model');
        assert.ok(Number.isInteger(c.created) && c.created > 1e9);
        assert.equal(typeof c.owned_by, 'string');
        assert.ok(['base', 'fine-tuned'].includes(c.type));
        for (const name of capabilities) assert.equal(typeof c.capabilities[name], 'boolean', name);
        assert.ok(Number.isInteger(c.max_context_length) && c.max_context_length > 0);
        assert.ok(Array.isArray(c.aliases));
        assert.ok(!Object.values(c).includes(null), JSON.stringify(c));
        assert.doesNotMatch(JSON.stringify(c), /\/tmp\/|\/home\//);
    }
});

test('capabilities come from the vocabulary', async () => {
    const v13 = (await card(models.v13)).capabilities;
    assert.ok(v13.completion_chat && v13.function_calling && v13.reasoning && !v13.audio);
    const code = (await card(models.code)).capabilities;
    assert.ok(code.completion_fim && !code.reasoning);
    const stories = (await card(models.stories)).capabilities;
    assert.ok(!stories.completion_fim && !stories.function_calling && !stories.reasoning);
});

test('one model', async () => {
    const c = await ok(`/v1/models/${models.v13}`);
    assert.deepEqual(c, await card(models.v13));
});

test('a name with a slash or a colon that is not there', async () => {
    for (const id of ['mistralai/none', 'none:adapter', 'a%2Fb', '%F0%9F%A6%8A'])
        assertError(await get(`/v1/models/${id}`), 404);
});

test('aliases are names', async () => {
    for (const c of (await list()).data)
        for (const alias of c.aliases)
            assert.equal((await ok(`/v1/models/${encodeURIComponent(alias)}`)).id, c.id);
});

test('a base model is not deleted', async () =>
    void assertError(await call('DELETE', `/v1/models/${models.v13}`), 403));
