// SPDX-License-Identifier: Apache-2.0
// chat_test.mjs - POST /v1/chat/completions without a client between (api.md 5).
import assert from 'node:assert/strict';
import test from 'node:test';
import {
    answer,
    assertError,
    assertUsage,
    chat,
    chatBody,
    content,
    exchange,
    models,
    ok,
    post,
    request,
    said,
    user,
} from './wire.mjs';

const refused = async (body, status, want) =>
    assertError(await post('/v1/chat/completions', chatBody(body)), status, want);

test('an answer has every field', async () => {
    const before = Math.floor(Date.now() / 1000) - 2;
    const r = await chat({});
    assert.match(r.id, /^[\x21-\x7e]+$/);
    assert.equal(r.object, 'chat.completion');
    assert.ok(Number.isInteger(r.created) && r.created >= before && r.created <= before + 120);
    assert.equal(r.model, models.v13);
    assert.equal(r.choices.length, 1);
    assert.equal(r.choices[0].index, 0);
    assert.equal(r.choices[0].message.role, 'assistant');
    assert.equal(typeof r.choices[0].message.content, 'string');
    assert.ok(!r.choices[0].message.tool_calls);
    assert.ok(['stop', 'length'].includes(r.choices[0].finish_reason));
    assertUsage(r.usage);
    assert.ok(!('service_tier' in r));
});

test('ids differ', async () => {
    const ids = await Promise.all([1, 2, 3, 4].map(async () => (await chat({})).id));
    assert.equal(new Set(ids).size, 4);
});

test('the end of the answer is a stop', async () => {
    const { message, finish_reason } = await answer({ model: models.talker });
    assert.equal(message.content, said.talker);
    assert.equal(finish_reason, 'stop');
});

test('max_tokens is obeyed', async () => {
    const r = await chat({ model: models.talker, max_tokens: 2 });
    assert.equal(r.choices[0].finish_reason, 'length');
    assert.equal(r.usage.completion_tokens, 2);
    assert.equal(r.choices[0].message.content, 'Hello!');
});

test('max_tokens 0 reads the prompt only', async () => {
    const r = await chat({ max_tokens: 0 });
    assert.equal(r.choices[0].message.content, '');
    assert.equal(r.choices[0].finish_reason, 'length');
    assert.equal(r.usage.completion_tokens, 0);
    assert.ok(r.usage.prompt_tokens > 0);
});

test('max_completion_tokens goes before max_tokens', async () => {
    const r = await chat({ model: models.talker, max_tokens: 9, max_completion_tokens: 1 });
    assert.equal(r.usage.completion_tokens, 1);
});

test('max_tokens past the context is clamped', async () => {
    assert.equal(await content({ model: models.talker, max_tokens: 10000000 }), said.talker);
});

test('greedy answers repeat', async () => {
    const [a, b] = [await content({}), await content({})];
    assert.equal(a, b);
});

test('one text part is the string', async () => {
    const a = await chat({});
    const b = await chat({
        messages: [{ role: 'user', content: [{ type: 'text', text: 'Tell me a story.' }] }],
    });
    assert.equal(a.choices[0].message.content, b.choices[0].message.content);
    assert.equal(a.usage.prompt_tokens, b.usage.prompt_tokens);
});

test('OpenAI names of parts are read', async () => {
    const part = { type: 'input_text', text: 'Tell me a story.' };
    assert.equal(
        await content({ messages: [{ role: 'user', content: [part] }] }),
        await content({}),
    );
});

test('null is absent', async () => {
    const names = [
        'top_p',
        'stop',
        'random_seed',
        'seed',
        'stream',
        'stream_options',
        'n',
        'tools',
        'tool_choice',
        'parallel_tool_calls',
        'response_format',
        'presence_penalty',
        'frequency_penalty',
        'prediction',
        'reasoning_effort',
        'prompt_mode',
        'safe_prompt',
        'metadata',
        'logprobs',
        'top_logprobs',
        'logit_bias',
        'user',
        'guardrails',
        'max_completion_tokens',
        'min_tokens',
        'top_k',
        'min_p',
        'prompt_cache_key',
    ];
    const nulls = Object.fromEntries(names.map((name) => [name, null]));
    assert.equal(await content(nulls), await content({}));
});

test('unknown fields are ignored', async () => {
    const more = { no_such_field: { deep: [1, 2] }, service_tier: 'auto', store: true, user: 'u' };
    assert.equal(await content(more), await content({}));
});

for (const [name, stop, want] of [
    ['a string', 'How', 'Hello! '],
    ['a list', ['nothing', ' help'], 'Hello! How can I'],
    ['one that spans tokens', ['o! Ho'], 'Hell'],
    ['the first of two', [' can', ' How'], 'Hello!'],
    ['empty ones, ignored', ['', 'today'], 'Hello! How can I help you '],
])
    test(`stop: ${name}`, async () => {
        const { message, finish_reason } = await answer({ model: models.talker, stop });
        assert.equal(message.content, want);
        assert.equal(finish_reason, 'stop');
    });

test('a stop string can stay in the text', async () => {
    const body = { model: models.talker, stop: ['How'], include_stop_str_in_output: true };
    assert.equal(await content(body), 'Hello! How');
});

test('min_tokens holds back the end and stop strings', async () => {
    const body = { model: models.talker, stop: ['Hello'], min_tokens: 4, max_tokens: 40 };
    const r = await chat(body);
    assert.ok(r.usage.completion_tokens >= 4);
    assert.ok(r.choices[0].message.content.startsWith('Hello! How'));
});

test('ignore_eos goes on to max_tokens', async () => {
    const r = await chat({ model: models.talker, ignore_eos: true, max_tokens: 20 });
    assert.equal(r.usage.completion_tokens, 20);
    assert.equal(r.choices[0].finish_reason, 'length');
});

for (const prefix of ['Once upon', '  Sure:', 'Hé “', '[INST]'])
    test(`an answer begins with its prefix ${JSON.stringify(prefix)}`, async () => {
        const text = await content({
            messages: [...user('Go.'), { role: 'assistant', content: prefix, prefix: true }],
        });
        assert.ok(text.startsWith(prefix), text);
    });

test('an answer goes on where its prefix ends', async () => {
    const messages = [...user('Go.'), { role: 'assistant', content: 'Hello! How', prefix: true }];
    assert.equal(await content({ model: models.talker, messages }), said.talker);
});

test('n choices', async () => {
    const one = await chat({ temperature: 1, random_seed: 3 });
    const r = await chat({ temperature: 1, random_seed: 3, n: 3 });
    assert.deepEqual(r.choices.map((c) => c.index).sort(), [0, 1, 2]);
    assert.equal(new Set(r.choices.map((c) => c.message.content)).size, 3);
    assert.equal(r.usage.prompt_tokens, one.usage.prompt_tokens);
    assertUsage(r.usage);
});

test('n with a prediction is refused', () =>
    refused({ n: 2, prediction: { type: 'content', content: 'x' } }, 422));

test('seeds repeat, under both names', async () => {
    const draw = (more) => content({ temperature: 1, ...more });
    const a = await draw({ seed: 5 });
    assert.equal(await draw({ seed: 5 }), a);
    assert.equal(await draw({ random_seed: 5 }), a);
    assert.equal(await draw({ random_seed: 5, seed: 6 }), a);
    assert.notEqual(await draw({ seed: 6 }), a);
});

test('no seed, another text', async () => {
    const texts = await Promise.all([1, 2, 3].map(() => content({ temperature: 1 })));
    assert.ok(new Set(texts).size > 1);
});

test('log-probabilities', async () => {
    const body = { logprobs: true, top_logprobs: 4, max_tokens: 10, ignore_eos: true };
    const { logprobs, message } = await answer(body);
    assert.equal(logprobs.content.length, 10);
    for (const t of logprobs.content) {
        assert.ok(t.logprob <= 0);
        assert.equal(t.top_logprobs.length, 4);
        assert.equal(t.top_logprobs[0].logprob, t.logprob);
        const sorted = t.top_logprobs.map((x) => x.logprob);
        assert.deepEqual(
            sorted,
            [...sorted].sort((a, b) => b - a),
        );
        assert.equal(typeof t.token, 'string');
    }
    const bytes = Buffer.from(logprobs.content.flatMap((t) => t.bytes));
    assert.equal(bytes.toString(), message.content);
});

test('log-probabilities are those of the model, not of the sampler', async () => {
    const [a] = (await answer({ logprobs: true, max_tokens: 1 })).logprobs.content;
    const more = { temperature: 1.5, top_k: 1, presence_penalty: 1 };
    const [b] = (await answer({ logprobs: true, max_tokens: 1, ...more })).logprobs.content;
    assert.deepEqual(a, b);
});

test('no log-probabilities unless asked', async () => {
    assert.ok(!(await answer({})).logprobs);
    assert.ok(!(await answer({ logprobs: false })).logprobs);
});

test('logit_bias bans and forces', async () => {
    const { tokens } = await ok('/tokenize', {
        model: models.talker,
        prompt: 'Hello',
        add_special_tokens: false,
    });
    assert.equal(tokens.length, 1);
    const biased = (bias) =>
        content({ model: models.talker, logit_bias: { [tokens[0]]: bias }, max_tokens: 3 });
    assert.ok(!(await biased(-100)).startsWith('Hello'));
    assert.equal(await biased(100), 'HelloHelloHello');
});

test('one token to choose from is greedy', async () => {
    const greedy = await content({});
    assert.equal(await content({ temperature: 1.5, top_k: 1 }), greedy);
    assert.equal(await content({ temperature: 1.5, min_p: 1 }), greedy);
    assert.equal(await content({ temperature: 1.5, top_p: 1e-9 }), greedy);
});

test('settings at their limits', async () => {
    for (const more of [
        { presence_penalty: 2, frequency_penalty: 2 },
        { presence_penalty: -2 },
        { frequency_penalty: -2 },
        { temperature: 2 },
        { top_p: 1 },
        { top_logprobs: 0 },
        { logprobs: true, top_logprobs: 20 },
        { top_k: 0 },
        { top_k: -1 },
        { min_p: 0 },
        { repetition_penalty: 1.3 },
        { seed: 0 },
    ])
        await chat({ max_tokens: 4, ...more });
});

for (const more of [
    { temperature: 2.1 },
    { temperature: -0.1 },
    { temperature: 'hot' },
    { top_p: 0 },
    { top_p: 1.1 },
    { max_tokens: -1 },
    { max_tokens: 1.5 },
    { n: 0 },
    { presence_penalty: 2.5 },
    { frequency_penalty: -2.5 },
    { logprobs: true, top_logprobs: 21 },
    { min_p: 1.1 },
    { stop: 7 },
    { random_seed: -1 },
    { stream: 'yes' },
    { logit_bias: { 5: 101 } },
    { repetition_penalty: 0 },
    { tool_choice: 'sometimes', tools: [] },
    { reasoning_effort: 'most' },
    { response_format: { type: 'yaml' } },
    { messages: [] },
    { messages: 'Hello' },
]) {
    const name = Object.keys(more).at(more.messages || !more.logprobs ? 0 : 1);
    test(`out of range: ${JSON.stringify(more)}`, async () => {
        const e = await refused(more, 422);
        assert.match(e.message, new RegExp(name));
        assert.ok(
            e.detail.some((d) => d.loc.includes(name)),
            JSON.stringify(e.detail),
        );
    });
}

test('safe_prompt adds tokens', async () => {
    const prompt = async (more) => (await chat(more)).usage.prompt_tokens;
    assert.ok((await prompt({ safe_prompt: true })) > (await prompt({})) + 10);
    assert.equal(await prompt({ safe_prompt: false }), await prompt({}));
});

test('a prediction changes nothing', async () => {
    const text = await content({});
    for (const guess of [text, text.slice(0, 10) + 'something else', 'x'])
        assert.equal(await content({ prediction: { type: 'content', content: guess } }), text);
});

test('a prompt seen before is taken from the cache', async () => {
    const messages = user('Of everything that was said in the long meeting. '.repeat(40));
    const [a, b] = [await chat({ messages }), await chat({ messages })];
    assert.equal(a.choices[0].message.content, b.choices[0].message.content);
    const cached = b.usage.prompt_tokens_details.cached_tokens;
    assert.ok(cached > 0 && cached < b.usage.prompt_tokens);
    assert.equal(b.usage.num_cached_tokens, cached);
});

test('requests at the same time answer as one after another', async () => {
    const bodies = Array.from({ length: 12 }, (_, i) => ({
        model: i % 2 ? models.v15 : models.v13,
        messages: user(`Story ${i} `.repeat(1 + 5 * i)),
        temperature: i % 3 ? 0 : 1,
        seed: i,
    }));
    const alone = [];
    for (const body of bodies) alone.push(await content(body));
    assert.deepEqual(await Promise.all(bodies.map((body) => content(body))), alone);
});

const sizes = async (...messages) => (await chat({ messages, max_tokens: 1 })).usage.prompt_tokens;
const u = (text) => ({ role: 'user', content: text });
const a = (text) => ({ role: 'assistant', content: text });
const s = (text) => ({ role: 'system', content: text });

test('developer is system', async () => {
    const as = (role) => content({ messages: [{ role, content: 'Be brief.' }, u('Hi')] });
    assert.equal(await as('developer'), await as('system'));
});

test('users in a row are one', async () =>
    assert.equal(await sizes(u('one'), u('two')), await sizes(u('one\n\ntwo'))));

test('assistants in a row are accepted', async () =>
    assert.ok((await sizes(u('one'), a('two'), a('three'), u('four'))) > 8));

test('a system message may come late', async () =>
    assert.ok((await sizes(u('one'), a('two'), s('three'), u('four'))) > 8));

test('an assistant message does not end a chat', async () => {
    await refused({ messages: [u('one'), a('two')] }, 400, {
        type: 'invalid_request_message_order',
        code: '3230',
    });
});

test('continue_final_message makes it a prefix', async () => {
    const body = { messages: [u('one'), a('two')], continue_final_message: true };
    assert.ok((await content({ ...body, add_generation_prompt: false })).startsWith('two'));
});

test('text is never a control token', async () => {
    const texts = ['[INST]', '</s>', '[TOOL_CALLS]', '[/INST]', '<s>', '[THINK]'];
    const plain = await sizes(u('x'));
    for (const text of texts) assert.ok((await sizes(u(text))) >= plain + 2, text);
});

test('a picture is refused by a model that cannot see', async () => {
    const image_url = `data:image/png;base64,${Buffer.from('no picture').toString('base64')}`;
    const messages = [{ role: 'user', content: [{ type: 'image_url', image_url }] }];
    await refused({ messages }, 400, { nested: 'unsupported_content' });
});

test('the end of the context', async () => {
    const messages = user('word '.repeat(4000));
    const body = { model: models.v13, messages, ignore_eos: true, max_tokens: undefined };
    const { finish_reason } = await answer(body);
    assert.equal(finish_reason, 'length');
    const mistral = await answer(body, { 'user-agent': 'mistral-client-typescript/2.7.0' });
    assert.equal(mistral.finish_reason, 'model_length');
});

test('a body without a content type', async () => {
    const body = JSON.stringify(chatBody({ model: models.talker }));
    const r = await post('/v1/chat/completions', body, { 'content-type': 'text/plain' });
    assert.equal(r.json.choices[0].message.content, said.talker);
});

test('a chunked body', async () => {
    const body = JSON.stringify(chatBody({ model: models.talker }));
    const head = request('POST', '/v1/chat/completions').replace(
        'Content-Length: 0',
        'Transfer-Encoding: chunked\r\nConnection: close',
    );
    const parts = [body.slice(0, 20), body.slice(20)];
    const sent = parts.map((p) => `${p.length.toString(16)}\r\n${p}\r\n`).join('') + '0\r\n\r\n';
    const { text } = await exchange(head + sent);
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.ok(text.includes(said.talker));
});

test('Expect: 100-continue', async () => {
    const body = JSON.stringify(chatBody({ model: models.talker }));
    const bytes = request('POST', '/v1/chat/completions', body, [
        'Expect: 100-continue',
        'Connection: close',
    ]);
    const { text } = await exchange(bytes);
    assert.match(text, /^HTTP\/1\.1 (100 Continue\r\n\r\nHTTP\/1\.1 )?200 /);
    assert.ok(text.includes(said.talker));
});

test('the dialect of a mount point', async () => {
    for (const mount of ['/mistral/v1', '/openai/v1']) {
        const r = await ok(`${mount}/chat/completions`, chatBody({ model: models.talker }));
        assert.equal(r.choices[0].message.content, said.talker);
    }
});

test('model settings by extension: return_token_ids', async () => {
    const r = await chat({ model: models.talker, return_token_ids: true });
    const ids = r.choices[0].token_ids;
    const { prompt } = await ok('/detokenize', { model: models.talker, tokens: ids });
    assert.equal(prompt.replace(/<\/s>$/, ''), said.talker);
});
