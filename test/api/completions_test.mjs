// SPDX-License-Identifier: Apache-2.0
// completions_test.mjs - POST /v1/completions, tokenize and detokenize (api.md 21.2, 21.4), as
// evaluation harnesses use them.
import assert from 'node:assert/strict';
import test from 'node:test';
import { assertError, assertUsage, chunks, models, ok, post } from './wire.mjs';

const path = '/v1/completions';
const body = (more) => ({
    model: models.v13,
    prompt: 'The capital of France',
    max_tokens: 8,
    temperature: 0,
    ...more,
});
const complete = (more) => ok(path, body(more));
const tokens = async (prompt, more = {}) =>
    (await ok('/tokenize', { model: models.v13, prompt, ...more })).tokens;

test('an answer has every field', async () => {
    const r = await complete({});
    assert.match(r.id, /^cmpl-/);
    assert.equal(r.object, 'text_completion');
    assert.ok(Number.isInteger(r.created));
    assert.equal(r.model, models.v13);
    assert.equal(typeof r.choices[0].text, 'string');
    assert.ok(['stop', 'length'].includes(r.choices[0].finish_reason));
    assert.ok(!r.choices[0].logprobs);
    assertUsage(r.usage);
});

test('sixteen tokens unless asked', async () => {
    const r = await complete({ max_tokens: undefined, ignore_eos: true });
    assert.equal(r.usage.completion_tokens, 16);
});

test('no chat format, and the begin token', async () => {
    const plain = await tokens('The capital of France', { add_special_tokens: false });
    assert.equal((await complete({})).usage.prompt_tokens, plain.length + 1);
});

test('tokens as prompt', async () => {
    const ids = await tokens('The capital of France');
    const [a, b] = [await complete({}), await complete({ prompt: ids })];
    assert.equal(a.choices[0].text, b.choices[0].text);
    assert.equal(a.usage.prompt_tokens, b.usage.prompt_tokens);
});

test('several prompts, several choices each', async () => {
    const r = await complete({ prompt: ['One', 'Two', 'Three'], n: 2, temperature: 1, seed: 2 });
    assert.deepEqual(
        r.choices.map((c) => c.index),
        [0, 1, 2, 3, 4, 5],
    );
    const lists = await Promise.all(['One', 'Two'].map((p) => tokens(p)));
    const byText = await complete({ prompt: ['One', 'Two'] });
    const byTokens = await complete({ prompt: lists });
    assert.deepEqual(
        byTokens.choices.map((c) => c.text),
        byText.choices.map((c) => c.text),
    );
    assert.equal(byText.choices[0].text, (await complete({ prompt: 'One' })).choices[0].text);
});

test('echo', async () => {
    const r = await complete({ echo: true });
    assert.equal(r.choices[0].text, 'The capital of France' + (await complete({})).choices[0].text);
});

function assertLogprobs(logprobs, text, first) {
    const n = logprobs.tokens.length;
    assert.equal(logprobs.token_logprobs.length, n);
    assert.equal(logprobs.top_logprobs.length, n);
    assert.equal(logprobs.text_offset.length, n);
    logprobs.token_logprobs.forEach((p, i) =>
        assert.ok(i === 0 && first ? p === null : p <= 0, `${i}: ${p}`),
    );
    logprobs.text_offset.forEach((at, i) => assert.ok(at >= (logprobs.text_offset[i - 1] ?? 0)));
    assert.equal(logprobs.text_offset[0], 0);
    for (const top of logprobs.top_logprobs.slice(first ? 1 : 0))
        assert.ok(Object.values(top).every((p) => p <= 0));
}

test('log-probabilities of a given text, as a harness scores it', async () => {
    for (const max_tokens of [0, 1]) {
        const r = await complete({ echo: true, max_tokens, logprobs: 1 });
        const [choice] = r.choices;
        assertLogprobs(choice.logprobs, choice.text, true);
        assert.ok(choice.text.startsWith('The capital of France'));
        const offsets = choice.logprobs.text_offset;
        choice.logprobs.tokens.forEach(
            (t, i) =>
                t === '<s>' ||
                assert.equal(choice.text.slice(offsets[i], offsets[i] + t.length), t),
        );
    }
});

test('offsets count characters', async () => {
    const prompt = 'Le café est fermé à Orléans, 日本語';
    const [{ text, logprobs }] = (
        await complete({ prompt, echo: true, max_tokens: 0, logprobs: 1 })
    ).choices;
    assert.equal(text, prompt);
    logprobs.tokens.forEach(
        (t, i) =>
            t === '<s>' ||
            t.includes('\ufffd') ||
            assert.equal(
                text.slice(logprobs.text_offset[i], logprobs.text_offset[i] + t.length),
                t,
            ),
    );
});

test('the same scores by tokens and by text, in any batch', async () => {
    const score = async (prompt) => {
        const r = await complete({ prompt, echo: true, max_tokens: 0, logprobs: 1 });
        return r.choices.map((c) => c.logprobs.token_logprobs);
    };
    const text = 'Rivers run to the sea';
    const [alone] = await score(text);
    assert.deepEqual((await score(['Something else', text, 'x']))[1], alone);
    const ids = await tokens(text, { add_special_tokens: false });
    const [byTokens] = await score([await tokens(text)]);
    assert.deepEqual(byTokens.slice(-ids.length), alone.slice(-ids.length));
});

test('log-probabilities of what is generated', async () => {
    const { choices } = await complete({ logprobs: 3, ignore_eos: true });
    assertLogprobs(choices[0].logprobs, choices[0].text, false);
    assert.equal(choices[0].logprobs.tokens.length, 8);
    for (const top of choices[0].logprobs.top_logprobs) assert.equal(Object.keys(top).length, 3);
});

test('a stream', async () => {
    const list = await chunks(path, body({ stream_options: { include_usage: true } }));
    assertUsage(list.at(-1).usage);
    assert.deepEqual(list.at(-1).choices, []);
    const text = list.flatMap((c) => c.choices.map((x) => x.text)).join('');
    assert.equal(text, (await complete({})).choices[0].text);
    assert.ok(list.every((c) => c.object === 'text_completion' && c.id === list[0].id));
});

test('a model without control tokens', async () => {
    const r = await complete({ model: models.stories, prompt: 'Once upon a time', max_tokens: 40 });
    assert.ok(r.choices[0].text.startsWith(', there was a little girl named Lily.'));
});

test('stop strings', async () => {
    const more = { model: models.stories, prompt: 'Once upon a time', max_tokens: 40 };
    const r = await complete({ ...more, stop: [' little'] });
    assert.equal(r.choices[0].text, ', there was a');
    assert.equal(r.choices[0].finish_reason, 'stop');
});

test('what is wrong is named', async () => {
    assertError(await post(path, body({ logprobs: 6 })), 422, { message: /logprobs/ });
    assertError(await post(path, body({ prompt: undefined })), 422, { message: /prompt/ });
    assertError(await post(path, body({ prompt: [] })), 422, { message: /prompt/ });
    const r = await post(path, body({ prompt: [99999999] }));
    assert.ok(r.status === 400 || r.status === 422, r.text);
    assertError(r, r.status, { message: /prompt/ });
});

for (const model of [models.v13, models.v15, models.code])
    test(`text to tokens and back: ${model}`, async () => {
        for (const text of [
            'Hello, world!',
            '  spaces\n\tand tabs',
            'héllo 日本語 🦊',
            '[INST]</s>',
        ]) {
            const r = await ok('/tokenize', { model, prompt: text, add_special_tokens: false });
            assert.equal(r.count, r.tokens.length);
            assert.ok(r.max_model_len > 0);
            const back = await ok('/detokenize', { model, tokens: r.tokens });
            assert.equal(back.prompt, text);
        }
    });

test('tokens of messages are those of the prompt', async () => {
    const messages = [{ role: 'user', content: 'Hello' }];
    const { count } = await ok('/tokenize', { model: models.v13, messages });
    const r = await ok('/v1/chat/completions', { model: models.v13, messages, max_tokens: 1 });
    assert.equal(count, r.usage.prompt_tokens);
});

test("llama-server's form of tokenize", async () => {
    const { tokens: ids } = await ok('/tokenize', { model: models.v13, content: 'Hello, world!' });
    assert.deepEqual(ids, await tokens('Hello, world!', { add_special_tokens: false }));
    assert.equal(
        (await ok('/detokenize', { model: models.v13, tokens: ids })).content,
        'Hello, world!',
    );
});
