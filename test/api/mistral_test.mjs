// SPDX-License-Identifier: Apache-2.0
// mistral_test.mjs - Mistral's own client.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Mistral } from '@mistralai/mistralai';
import { z } from 'zod';
import { assertCall, base, isCallId, models, said, tools, user } from './wire.mjs';

const client = new Mistral({ apiKey: 'none', serverURL: base });

const ask = (more) =>
    client.chat.complete({
        model: models.talker,
        messages: user('Hi'),
        maxTokens: 40,
        temperature: 0,
        ...more,
    });

async function streamed(more) {
    const events = [];
    const stream = await client.chat.stream({
        model: models.talker,
        messages: user('Hi'),
        maxTokens: 40,
        temperature: 0,
        ...more,
    });
    for await (const event of stream) events.push(event.data);
    return events;
}

test('chat.complete', async () => {
    const r = await ask({});
    assert.equal(r.object, 'chat.completion');
    assert.equal(r.model, models.talker);
    assert.equal(r.choices[0].message.content, said.talker);
    assert.equal(r.choices[0].message.role, 'assistant');
    assert.equal(r.choices[0].finishReason, 'stop');
    assert.equal(r.usage.totalTokens, r.usage.promptTokens + r.usage.completionTokens);
});

test('chat.stream', async () => {
    const events = await streamed({});
    assert.equal(events.map((e) => e.choices[0].delta.content ?? '').join(''), said.talker);
    assert.equal(events[0].choices[0].delta.role, 'assistant');
    assert.equal(events.at(-1).choices[0].finishReason, 'stop');
    assert.ok(events.at(-1).usage.totalTokens > 0);
    assert.ok(events.every((e) => e.choices.length > 0));
});

test('settings of the client', async () => {
    const settings = {
        model: models.v13,
        temperature: 1,
        topP: 0.9,
        presencePenalty: 0.5,
        frequencyPenalty: 0.5,
        randomSeed: 7,
        safePrompt: true,
        stop: ['zzz'],
        metadata: { a: 1 },
        promptCacheKey: 'k',
    };
    const [a, b] = [await ask(settings), await ask(settings)];
    assert.equal(a.choices[0].message.content, b.choices[0].message.content);
});

test('n choices', async () => {
    const r = await ask({ model: models.v13, n: 3, temperature: 1 });
    assert.deepEqual(r.choices.map((c) => c.index).sort(), [0, 1, 2]);
});

test('a prefix', async () => {
    const messages = [...user('Hi'), { role: 'assistant', content: 'Hello! How', prefix: true }];
    assert.equal((await ask({ messages })).choices[0].message.content, said.talker);
});

test('parts of text', async () => {
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }];
    assert.equal((await ask({ messages })).choices[0].message.content, said.talker);
});

test('a conversation with a tool', async () => {
    const first = await ask({ model: models.caller, tools, toolChoice: 'auto' });
    const { message, finishReason } = first.choices[0];
    assert.equal(finishReason, 'tool_calls');
    const [call] = message.toolCalls;
    assert.ok(isCallId(call.id));
    assert.equal(call.function.name, 'get_weather');
    assert.deepEqual(JSON.parse(call.function.arguments), said.arguments);
    const second = await ask({
        model: models.caller,
        tools,
        messages: [
            ...user('Hi'),
            message,
            { role: 'tool', toolCallId: call.id, name: 'get_weather', content: 'Rain.' },
        ],
    });
    assert.equal(second.choices[0].message.content, said.afterTool);
});

for (const toolChoice of ['any', 'required', { type: 'function', function: { name: 'add' } }])
    test(`toolChoice ${JSON.stringify(toolChoice)}`, async () => {
        for (const model of [models.v13, models.v15]) {
            const r = await ask({
                model,
                tools,
                toolChoice,
                parallelToolCalls: false,
                maxTokens: 300,
            });
            assert.equal(r.choices[0].finishReason, 'tool_calls');
            r.choices[0].message.toolCalls.forEach((c) => assertCall({ type: 'function', ...c }));
        }
    });

test('a tool call streamed', async () => {
    const events = await streamed({ model: models.caller, tools });
    const calls = events.flatMap((e) => e.choices[0].delta.toolCalls ?? []);
    assert.equal(calls[0].function.name, 'get_weather');
    assert.deepEqual(JSON.parse(calls.map((c) => c.function.arguments).join('')), said.arguments);
    assert.equal(events.at(-1).choices[0].finishReason, 'tool_calls');
});

test('thinking chunks', async () => {
    const { content } = (await ask({ model: models.thinker, promptMode: 'reasoning' })).choices[0]
        .message;
    assert.equal(content[0].type, 'thinking');
    assert.equal(content[0].thinking[0].text, said.thought);
    assert.equal(content[0].closed, true);
    assert.equal(content[1].text, said.afterThought);
});

test('thinking chunks without prompt_mode, and sent back', async () => {
    const { message } = (await ask({ model: models.thinker, reasoningEffort: 'high' })).choices[0];
    assert.ok(Array.isArray(message.content));
    const messages = [...user('2+2?'), message, ...user('Sure?')];
    const r = await ask({ model: models.thinker, messages, reasoningEffort: 'high' });
    assert.equal(r.choices[0].message.content.at(-1).text, said.afterThought);
});

test('thinking streamed', async () => {
    const events = await streamed({ model: models.thinker, reasoningEffort: 'high' });
    let [thought, text] = ['', ''];
    for (const { choices } of events) {
        const { content } = choices[0].delta;
        if (typeof content === 'string') text += content;
        for (const part of Array.isArray(content) ? content : [])
            if (part.type === 'thinking') thought += part.thinking.map((t) => t.text).join('');
            else text += part.text;
    }
    assert.equal(thought, said.thought);
    assert.equal(text, said.afterThought);
});

test('json_schema', async () => {
    const schema = {
        type: 'object',
        properties: { ok: { type: 'boolean' } },
        required: ['ok'],
        additionalProperties: false,
    };
    const r = await ask({
        model: models.v13,
        temperature: 0.7,
        responseFormat: {
            type: 'json_schema',
            jsonSchema: { name: 'r', schemaDefinition: schema, strict: true },
        },
    });
    assert.equal(typeof JSON.parse(r.choices[0].message.content).ok, 'boolean');
});

const Sheet = z.object({ title: z.enum(['a', 'b']), done: z.boolean() });

test('chat.parse', async () => {
    const r = await client.chat.parse({
        model: models.v13,
        messages: user('Go'),
        maxTokens: 200,
        temperature: 0.7,
        responseFormat: Sheet,
    });
    assert.ok(Sheet.safeParse(r.choices[0].message.parsed).success);
});

test('chat.parseStream', async () => {
    let text = '';
    const stream = await client.chat.parseStream({
        model: models.v15,
        messages: user('Go'),
        maxTokens: 200,
        responseFormat: Sheet,
    });
    for await (const event of stream) text += event.data.choices[0].delta.content ?? '';
    assert.ok(Sheet.safeParse(JSON.parse(text)).success, text);
});

test('fim.complete and fim.stream', async () => {
    const body = {
        model: models.code,
        prompt: 'def f(',
        suffix: 'return a',
        maxTokens: 8,
        minTokens: 4,
        temperature: 0,
    };
    const r = await client.fim.complete(body);
    let text = '';
    for await (const event of await client.fim.stream(body))
        text += event.data.choices[0].delta.content ?? '';
    assert.equal(text, r.choices[0].message.content);
    assert.ok(r.usage.completionTokens >= 4);
});

test('embeddings.create', async () => {
    const r = await client.embeddings.create({ model: models.v13, inputs: ['a', 'b', 'c'] });
    assert.deepEqual(
        r.data.map((d) => d.index),
        [0, 1, 2],
    );
    assert.equal(r.data[0].embedding.length, 64);
    assert.equal(r.usage.totalTokens, r.usage.promptTokens);
});

test('models.list and models.retrieve', async () => {
    const { data } = await client.models.list();
    const card = data.find((c) => c.id === models.v13);
    assert.equal(card.type, 'base');
    assert.equal(card.capabilities.completionChat, true);
    assert.equal(card.capabilities.functionCalling, true);
    assert.equal(card.maxContextLength, 4096);
    assert.equal((await client.models.retrieve({ modelId: models.v13 })).id, models.v13);
});

test('files', async () => {
    const file = { fileName: 'in.jsonl', content: new Blob(['{"a": 1}\n{"a": 2}\n']) };
    const f = await client.files.upload({ file, purpose: 'batch' });
    assert.equal(f.filename, 'in.jsonl');
    assert.equal(f.numLines, 2);
    assert.equal(f.sizeBytes ?? f.bytes, 18);
    assert.equal((await client.files.retrieve({ fileId: f.id })).id, f.id);
    const chunks = [];
    for await (const chunk of await client.files.download({ fileId: f.id })) chunks.push(chunk);
    assert.equal(Buffer.concat(chunks).toString(), '{"a": 1}\n{"a": 2}\n');
    assert.ok((await client.files.list({ purpose: 'batch' })).data.some((x) => x.id === f.id));
    assert.equal((await client.files.delete({ fileId: f.id })).deleted, true);
});

test('a request is aborted', async () => {
    const signal = AbortSignal.timeout(100);
    await assert.rejects(
        client.chat.complete(
            { model: models.v13, messages: user('word '.repeat(2000)), maxTokens: 2000 },
            { fetchOptions: { signal } },
        ),
    );
});
