// SPDX-License-Identifier: Apache-2.0
// langchain_test.mjs - LangChain with its Mistral and its OpenAI package.
import assert from 'node:assert/strict';
import test from 'node:test';
import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatMistralAI, MistralAI, MistralAIEmbeddings } from '@langchain/mistralai';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import { base, models, said } from './wire.mjs';

const settings = { apiKey: 'none', temperature: 0, maxTokens: 300, maxRetries: 0 };
const clients = {
    mistral: (model, more) => new ChatMistralAI({ model, serverURL: base, ...settings, ...more }),
    openai: (model, more) =>
        new ChatOpenAI({
            model,
            configuration: { baseURL: `${base}/v1` },
            streamUsage: true,
            ...settings,
            ...more,
        }),
};
const weather = tool(async ({ city }) => `Rain in ${city}.`, {
    name: 'get_weather',
    description: 'Weather of a city.',
    schema: z.object({ city: z.string().max(12) }),
});
const Sheet = z.object({ title: z.enum(['a', 'b']), done: z.boolean() });

for (const [name, chat] of Object.entries(clients)) {
    test(`${name}: invoke`, async () => {
        const r = await chat(models.talker).invoke([
            new SystemMessage('Be brief.'),
            new HumanMessage('Hi'),
        ]);
        assert.equal(r.content, said.talker);
        assert.ok(r.usage_metadata.output_tokens > 3);
        assert.equal(r.response_metadata.finish_reason ?? r.response_metadata.finishReason, 'stop');
    });

    test(`${name}: stream`, async () => {
        let all;
        for await (const chunk of await chat(models.talker).stream('Hi'))
            all = all ? all.concat(chunk) : chunk;
        assert.equal(all.content, said.talker);
        assert.ok(all.usage_metadata.output_tokens > 3);
    });

    test(`${name}: batch`, async () => {
        const all = await chat(models.talker).batch(['a', 'b', 'c']);
        assert.deepEqual(
            all.map((r) => r.content),
            [said.talker, said.talker, said.talker],
        );
    });

    test(`${name}: bindTools`, async () => {
        const bound = chat(models.caller).bindTools([weather]);
        const ask = [new HumanMessage('Weather?')];
        const r = await bound.invoke(ask);
        assert.equal(r.tool_calls.length, 1);
        assert.equal(r.tool_calls[0].name, 'get_weather');
        assert.deepEqual(r.tool_calls[0].args, said.arguments);
        const result = await weather.invoke(r.tool_calls[0]);
        assert.ok(result instanceof ToolMessage);
        assert.equal((await bound.invoke([...ask, r, result])).content, said.afterTool);
    });

    test(`${name}: bindTools, streamed`, async () => {
        let all;
        for await (const chunk of await chat(models.caller).bindTools([weather]).stream('Weather?'))
            all = all ? all.concat(chunk) : chunk;
        assert.deepEqual(
            all.tool_calls.map((c) => c.args),
            [said.arguments],
        );
    });

    test(`${name}: tool_choice any`, async () => {
        const bound = chat(models.v13).bindTools([weather], { tool_choice: 'any' });
        const r = await bound.invoke('Weather?');
        assert.ok(r.tool_calls.length > 0);
        for (const call of r.tool_calls) assert.equal(typeof call.args.city, 'string');
    });

    for (const method of ['functionCalling', 'jsonSchema'])
        test(`${name}: withStructuredOutput by ${method}`, async () => {
            for (const model of [models.v13, models.v15]) {
                const r = await chat(model)
                    .withStructuredOutput(Sheet, { method, name: 'sheet' })
                    .invoke('Go');
                assert.ok(Sheet.safeParse(r).success);
            }
        });
}

test('openai: the Responses API', async () => {
    const r = await clients.openai(models.talker, { useResponsesApi: true }).invoke('Hi');
    assert.equal(r.text, said.talker);
});

test('mistral: thoughts', async () => {
    const r = await clients.mistral(models.thinker).invoke('2+2?', { promptMode: 'reasoning' });
    const text =
        typeof r.content === 'string' ? r.content : r.content.map((p) => p.text ?? '').join('');
    assert.ok(text.endsWith(said.afterThought));
});

test('mistral: infill', async () => {
    const llm = new MistralAI({
        model: models.code,
        apiKey: 'none',
        serverURL: base,
        temperature: 0,
        maxTokens: 8,
        maxRetries: 0,
    });
    assert.equal(typeof (await llm.invoke('def f(', { suffix: 'return a' })), 'string');
});

for (const [name, embeddings] of Object.entries({
    mistral: () =>
        new MistralAIEmbeddings({
            model: models.v13,
            apiKey: 'none',
            serverURL: base,
            maxRetries: 0,
        }),
    openai: () =>
        new OpenAIEmbeddings({
            model: models.v13,
            apiKey: 'none',
            configuration: { baseURL: `${base}/v1` },
            maxRetries: 0,
        }),
}))
    test(`${name}: embeddings`, async () => {
        const [a, b] = await embeddings().embedDocuments(['x', 'y']);
        const query = await embeddings().embedQuery('y');
        assert.equal(a.length, 64);
        b.forEach((x, i) => assert.ok(Math.abs(x - query[i]) < 1e-6));
    });
