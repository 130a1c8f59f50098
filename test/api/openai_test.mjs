// SPDX-License-Identifier: Apache-2.0
// openai_test.mjs - OpenAI's client, chat completions and the older endpoints.  Its Responses API
// is in responses_test.mjs.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI, { toFile } from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { assertCall, base, isCallId, models, said, tools, user } from './wire.mjs';

const client = new OpenAI({ apiKey: 'none', baseURL: `${base}/v1`, maxRetries: 0 });
const body = (more) => ({
    model: models.talker,
    messages: user('Hi'),
    max_completion_tokens: 40,
    temperature: 0,
    ...more,
});
const ask = (more) => client.chat.completions.create(body(more));

test('chat.completions.create', async () => {
    const r = await ask({});
    assert.equal(r.choices[0].message.content, said.talker);
    assert.equal(r.choices[0].finish_reason, 'stop');
    assert.ok(r._request_id);
    assert.equal(r.usage.total_tokens, r.usage.prompt_tokens + r.usage.completion_tokens);
});

test('a stream', async () => {
    let text = '';
    let usage = null;
    for await (const chunk of await ask({
        stream: true,
        stream_options: { include_usage: true },
    })) {
        text += chunk.choices[0]?.delta.content ?? '';
        usage = chunk.usage ?? usage;
    }
    assert.equal(text, said.talker);
    assert.ok(usage.total_tokens > 0);
});

test('the stream helper', async () => {
    const stream = client.chat.completions.stream(
        body({ stream_options: { include_usage: true } }),
    );
    const deltas = [];
    stream.on('content', (delta) => deltas.push(delta));
    const r = await stream.finalChatCompletion();
    assert.equal(deltas.join(''), said.talker);
    assert.equal(r.choices[0].message.content, said.talker);
    assert.equal((await stream.totalUsage()).completion_tokens, r.usage.completion_tokens);
});

test('the stream helper and a tool', async () => {
    const stream = client.chat.completions.stream(body({ model: models.caller, tools }));
    const r = await stream.finalChatCompletion();
    const [call] = r.choices[0].message.tool_calls;
    assert.ok(isCallId(call.id));
    assert.deepEqual(JSON.parse(call.function.arguments), said.arguments);
    assert.equal(r.choices[0].finish_reason, 'tool_calls');
});

test('the stream helper and several calls', async () => {
    for (const seed of [1, 2, 3]) {
        const stream = client.chat.completions.stream(
            body({
                model: models.v13,
                tools,
                tool_choice: 'required',
                temperature: 1,
                seed,
                max_completion_tokens: 600,
            }),
        );
        const r = await stream.finalChatCompletion();
        r.choices[0].message.tool_calls.forEach(assertCall);
    }
});

test('a conversation with a tool', async () => {
    const first = await ask({ model: models.caller, tools });
    const { message } = first.choices[0];
    const [call] = message.tool_calls;
    const messages = [
        ...user('Hi'),
        message,
        { role: 'tool', tool_call_id: call.id, content: 'Rain.' },
    ];
    const second = await ask({ model: models.caller, tools, messages });
    assert.equal(second.choices[0].message.content, said.afterTool);
});

test('runTools', async () => {
    const asked = [];
    const runner = client.chat.completions.runTools(
        body({
            model: models.caller,
            tools: [
                {
                    type: 'function',
                    function: {
                        name: 'get_weather',
                        parameters: tools[0].function.parameters,
                        parse: JSON.parse,
                        function: (args) => {
                            asked.push(args);
                            return 'Rain.';
                        },
                    },
                },
            ],
        }),
    );
    assert.equal(await runner.finalContent(), said.afterTool);
    assert.deepEqual(asked, [said.arguments]);
});

test('tool_choice required and named', async () => {
    for (const tool_choice of ['required', { type: 'function', function: { name: 'add' } }]) {
        const r = await ask({
            model: models.v15,
            tools,
            tool_choice,
            parallel_tool_calls: false,
            max_completion_tokens: 300,
        });
        assert.equal(r.choices[0].finish_reason, 'tool_calls');
        r.choices[0].message.tool_calls.forEach(assertCall);
    }
});

const Sheet = z.object({
    title: z.enum(['a', 'b']),
    done: z.boolean(),
    rest: z.array(z.enum(['x'])).max(2),
});

test('parse by zod', async () => {
    for (const model of [models.v13, models.v15]) {
        const r = await client.chat.completions.parse(
            body({
                model,
                temperature: 0.8,
                seed: 1,
                max_completion_tokens: 400,
                response_format: zodResponseFormat(Sheet, 'sheet'),
            }),
        );
        assert.ok(Sheet.safeParse(r.choices[0].message.parsed).success);
    }
});

test('parse arguments by zod', async () => {
    const r = await client.chat.completions.parse(
        body({
            model: models.v13,
            tool_choice: 'required',
            parallel_tool_calls: false,
            max_completion_tokens: 400,
            tools: [zodFunction({ name: 'note', parameters: Sheet })],
        }),
    );
    const [call] = r.choices[0].message.tool_calls;
    assert.ok(Sheet.safeParse(call.function.parsed_arguments).success);
});

test('parse a stream', async () => {
    const stream = client.chat.completions.stream(
        body({
            model: models.v13,
            max_completion_tokens: 400,
            response_format: zodResponseFormat(Sheet, 'sheet'),
        }),
    );
    const r = await stream.finalChatCompletion();
    assert.ok(Sheet.safeParse(r.choices[0].message.parsed).success);
});

test('log-probabilities', async () => {
    const r = await ask({ logprobs: true, top_logprobs: 3 });
    const { content } = r.choices[0].logprobs;
    assert.equal(content.map((t) => t.token).join(''), said.talker);
    assert.ok(content.every((t) => t.top_logprobs.length === 3));
});

test('n choices of a stream', async () => {
    const texts = ['', ''];
    for await (const chunk of await ask({ model: models.v13, n: 2, temperature: 1, stream: true }))
        for (const choice of chunk.choices) texts[choice.index] += choice.delta.content ?? '';
    assert.ok(texts[0] && texts[1] && texts[0] !== texts[1]);
});

test('reasoning_content', async () => {
    const r = await ask({ model: models.thinker, reasoning_effort: 'high' });
    assert.equal(r.choices[0].message.reasoning_content, said.thought);
    assert.equal(r.choices[0].message.content, said.afterThought);
    assert.ok(r.usage.completion_tokens_details.reasoning_tokens > 0);
});

test('developer role, seed, user, metadata, store', async () => {
    const more = {
        model: models.v13,
        seed: 3,
        temperature: 1,
        user: 'u',
        metadata: { a: 'b' },
        store: false,
        messages: [{ role: 'developer', content: 'Be brief.' }, ...user('Hi')],
    };
    const [a, b] = [await ask(more), await ask(more)];
    assert.equal(a.choices[0].message.content, b.choices[0].message.content);
});

test('completions.create', async () => {
    const r = await client.completions.create({
        model: models.stories,
        prompt: 'Once upon a time',
        max_tokens: 40,
        temperature: 0,
    });
    assert.ok(r.choices[0].text.startsWith(', there was a little girl named Lily.'));
});

test('completions as a stream', async () => {
    let text = '';
    const stream = await client.completions.create({
        model: models.stories,
        prompt: 'Once upon a time',
        max_tokens: 40,
        temperature: 0,
        stream: true,
    });
    for await (const chunk of stream) text += chunk.choices[0].text;
    assert.ok(text.startsWith(', there was a little girl named Lily.'));
});

test('embeddings.create, which asks for base64', async () => {
    const [a, b] = await Promise.all(
        [undefined, 'float'].map((encoding_format) =>
            client.embeddings.create({ model: models.v13, input: ['x', 'y'], encoding_format }),
        ),
    );
    assert.equal(a.data.length, 2);
    a.data.forEach((d, i) => {
        assert.equal(d.embedding.length, 64);
        d.embedding.forEach((x, k) => assert.ok(Math.abs(x - b.data[i].embedding[k]) < 1e-6));
    });
});

test('models.list and models.retrieve', async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes(models.v13));
    assert.equal((await client.models.retrieve(models.v13)).object, 'model');
});

test('files', async () => {
    const file = await toFile(Buffer.from('{"a":1}\n'), 'x.jsonl');
    const f = await client.files.create({ file, purpose: 'batch' });
    assert.equal(f.object, 'file');
    assert.equal(f.bytes, 8);
    assert.equal((await client.files.retrieve(f.id)).filename, 'x.jsonl');
    assert.equal(await (await client.files.content(f.id)).text(), '{"a":1}\n');
    const ids = [];
    for await (const x of client.files.list()) ids.push(x.id);
    assert.ok(ids.includes(f.id));
    assert.equal((await client.files.delete(f.id)).deleted, true);
});

test('aborted: a stream ends at once', async () => {
    const stream = await ask({
        model: models.v13,
        max_completion_tokens: 3000,
        ignore_eos: true,
        stream: true,
    });
    let n = 0;
    for await (const chunk of stream) {
        assert.ok(chunk.id);
        if (++n === 5) stream.controller.abort();
    }
    assert.ok(n < 3000);
});
