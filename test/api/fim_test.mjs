// SPDX-License-Identifier: Apache-2.0
// fim_test.mjs - POST /v1/fim/completions (api.md 6).
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError, assertUsage, chunks, join, models, ok, post } from './wire.mjs';

const path = '/v1/fim/completions';
const body = (more) => ({
    model: models.code,
    prompt: 'def add(a, b):\n    ',
    suffix: '\n    return c\n',
    max_tokens: 16,
    temperature: 0,
    ...more,
});
const fim = (more) => ok(path, body(more));

test('an answer is a chat completion', async () => {
    const r = await fim({});
    assert.equal(r.object, 'chat.completion');
    assert.equal(r.model, models.code);
    assert.equal(r.choices[0].index, 0);
    assert.equal(r.choices[0].message.role, 'assistant');
    assert.equal(typeof r.choices[0].message.content, 'string');
    assertUsage(r.usage);
});

test('the suffix counts as prompt', async () => {
    const prompt = async (more) => (await fim(more)).usage.prompt_tokens;
    assert.ok((await prompt({})) > (await prompt({ suffix: '' })) + 3);
    assert.equal(await prompt({ suffix: null }), await prompt({ suffix: '' }));
});

test('the suffix changes the answer', async () => {
    const text = async (more) => (await fim(more)).choices[0].message.content;
    assert.notEqual(await text({}), await text({ suffix: '\n    print(a)\n' }));
    assert.equal(await text({}), await text({}));
});

test('min_tokens and max_tokens', async () => {
    const r = await fim({ min_tokens: 12, max_tokens: 12 });
    assert.equal(r.usage.completion_tokens, 12);
    assert.equal(r.choices[0].finish_reason, 'length');
});

test('seeds', async () => {
    const text = async (seed) =>
        (await fim({ temperature: 1, random_seed: seed })).choices[0].message.content;
    assert.equal(await text(1), await text(1));
    assert.notEqual(await text(1), await text(2));
});

test('streamed is not streamed', async () => {
    for (const more of [{}, { temperature: 1, random_seed: 8 }, { min_tokens: 16 }]) {
        const joined = join(await chunks(path, body(more)));
        const whole = (await fim(more)).choices[0];
        assert.equal(joined.content, whole.message.content);
        assert.equal(joined.finish_reason, whole.finish_reason);
    }
});

test('the same by /v1/completions with a suffix', async () => {
    const r = await ok('/v1/completions', body({}));
    assert.equal(r.choices[0].text, (await fim({})).choices[0].message.content);
});

test('on tekken', async () => assertUsage((await fim({ model: models.v13 })).usage));

test('a model without infill', async () =>
    void assertError(await post(path, body({ model: models.stories })), 400));

test('what is wrong is named', async () => {
    assertError(await post(path, body({ prompt: undefined })), 422, { message: /prompt/ });
    assertError(await post(path, body({ suffix: 7 })), 422, { message: /suffix/ });
    assertError(await post(path, body({ model: 'none' })), 404);
});
