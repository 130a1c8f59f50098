// SPDX-License-Identifier: Apache-2.0
// reasoning_test.mjs - thoughts in the form that each client understands (api.md 5.7).
import assert from 'node:assert/strict';
import test from 'node:test';
import { answer, chat, chatBody, chatChunks, join, models, ok, said, user } from './wire.mjs';

const thinker = { model: models.thinker, reasoning_effort: 'high' };
const mistral = { 'user-agent': 'mistral-client-typescript/2.7.0' };

const chunkForm = [
    { type: 'thinking', thinking: [{ type: 'text', text: said.thought }], closed: true },
    { type: 'text', text: said.afterThought },
];

function isMistral({ message }) {
    assert.deepEqual(message.content, chunkForm);
    assert.ok(!('reasoning_content' in message));
}

function isOpenAI({ message }) {
    assert.equal(message.content, said.afterThought);
    assert.equal(message.reasoning_content, said.thought);
}

test('by default: reasoning_content', async () => isOpenAI(await answer(thinker)));

test('a Mistral client: chunks', async () => {
    isMistral(await answer(thinker, mistral));
    isMistral(await answer(thinker, { 'user-agent': 'mistral-client-python/Mistral-Vibe/2.0' }));
});

test('the generic backend of a Mistral client: reasoning_content', async () =>
    isOpenAI(await answer(thinker, { 'user-agent': 'Mistral-Vibe/2.0' })));

test('prompt_mode: chunks', async () =>
    isMistral(await answer({ ...thinker, prompt_mode: 'reasoning' })));

test('reasoning_format goes before all', async () => {
    isOpenAI(await answer({ ...thinker, reasoning_format: 'openai' }, mistral));
    isMistral(await answer({ ...thinker, reasoning_format: 'mistral' }));
    const { message } = await answer({ ...thinker, reasoning_format: 'none' });
    assert.ok(!message.reasoning_content);
    assert.equal(typeof message.content, 'string');
});

test('a mount point goes before the client', async () => {
    const ask = async (mount, headers) =>
        (await ok(`${mount}/chat/completions`, chatBody(thinker), headers)).choices[0];
    isOpenAI(await ask('/openai/v1', mistral));
    isMistral(await ask('/mistral/v1'));
});

test('streamed to a Mistral client', async () => {
    const list = await chatChunks(thinker, mistral);
    const joined = join(list);
    assert.equal(joined.reasoning, said.thought);
    assert.equal(joined.content, said.afterThought);
    for (const { choices } of list) {
        assert.ok(!('reasoning_content' in choices[0].delta));
        if (Array.isArray(choices[0].delta.content))
            for (const part of choices[0].delta.content) assert.equal(part.type, 'thinking');
    }
});

test('streamed to others', async () => {
    const list = await chatChunks(thinker);
    assert.equal(join(list).reasoning, said.thought);
    assert.equal(join(list).content, said.afterThought);
    for (const { choices } of list) assert.ok(!Array.isArray(choices[0].delta.content));
});

test('usage counts thoughts', async () => {
    const { usage } = await chat(thinker);
    const { reasoning_tokens } = usage.completion_tokens_details;
    assert.ok(reasoning_tokens > 3 && reasoning_tokens < usage.completion_tokens);
});

test('reasoning_effort none: no thoughts', async () => {
    const { message } = await answer({ model: models.thinker, reasoning_effort: 'none' });
    assert.ok(!message.reasoning_content);
    assert.equal(typeof message.content, 'string');
    assert.ok(!message.content.includes(said.thought));
});

test('thoughts cut short', async () => {
    const { message, finish_reason } = await answer({ ...thinker, max_tokens: 3 });
    assert.equal(finish_reason, 'length');
    assert.ok(said.thought.startsWith(message.reasoning_content));
    assert.ok(!message.content);
});

test('a model without reasoning ignores its settings', async () => {
    const more = { reasoning_effort: 'high', prompt_mode: 'reasoning' };
    const { message } = await answer({ model: models.code, ...more });
    assert.ok(message.content !== undefined && !message.reasoning_content);
});

test('thoughts in the history, in every spelling', async () => {
    const before = { role: 'assistant', content: said.afterThought };
    for (const [model, spelling] of [
        [models.thinker, { ...before, content: chunkForm }],
        [models.thinker, { ...before, reasoning_content: said.thought }],
        [models.thinker, { ...before, reasoning: said.thought }],
        [models.code, { ...before, content: chunkForm }],
        [models.code, { ...before, reasoning_content: said.thought }],
    ])
        await chat({ model, messages: [...user('2+2?'), spelling, ...user('Sure?')] });
});

test('both spellings are one prompt', async () => {
    const size = async (message) =>
        (
            await chat({
                ...thinker,
                max_tokens: 1,
                messages: [...user('2+2?'), message, ...user('Sure?')],
            })
        ).usage.prompt_tokens;
    const before = { role: 'assistant', content: said.afterThought };
    assert.equal(
        await size({ ...before, content: chunkForm }),
        await size({ ...before, reasoning_content: said.thought }),
    );
});
