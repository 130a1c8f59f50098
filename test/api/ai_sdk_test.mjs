// SPDX-License-Identifier: Apache-2.0
// ai_sdk_test.mjs - the AI SDK with its Mistral and its OpenAI-compatible provider.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createMistral } from '@ai-sdk/mistral';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
    embed,
    embedMany,
    generateObject,
    generateText,
    jsonSchema,
    stepCountIs,
    streamObject,
    streamText,
    tool,
} from 'ai';
import { z } from 'zod';
import { base, city, models, said } from './wire.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;
const baseURL = `${base}/v1`;
const providers = {
    mistral: createMistral({ apiKey: 'none', baseURL }),
    compatible: createOpenAICompatible({
        name: 'bise',
        apiKey: 'none',
        baseURL,
        includeUsage: true,
        supportsStructuredOutputs: true,
    }),
};
const Sheet = z.object({ title: z.enum(['a', 'b']), done: z.boolean() });

for (const [name, provider] of Object.entries(providers)) {
    const settings = (id, more) => ({
        model: provider(id),
        prompt: 'Hi',
        maxOutputTokens: 60,
        temperature: 0,
        maxRetries: 0,
        ...more,
    });
    const weather = (asked) =>
        tool({
            description: 'Weather of a city.',
            inputSchema: jsonSchema(city),
            execute: async (input) => {
                asked.push(input);
                return 'Rain.';
            },
        });

    test(`${name}: generateText`, async () => {
        const r = await generateText(settings(models.talker));
        assert.equal(r.text, said.talker);
        assert.equal(r.finishReason, 'stop');
        assert.ok(r.usage.inputTokens > 0 && r.usage.outputTokens > 3);
        assert.equal(r.response.modelId, models.talker);
    });

    test(`${name}: streamText`, async () => {
        const r = streamText(settings(models.talker));
        let text = '';
        for await (const delta of r.textStream) text += delta;
        assert.equal(text, said.talker);
        assert.equal(await r.finishReason, 'stop');
        assert.ok((await r.usage).outputTokens > 3);
    });

    test(`${name}: length`, async () => {
        const r = await generateText(settings(models.talker, { maxOutputTokens: 2 }));
        assert.equal(r.finishReason, 'length');
    });

    test(`${name}: a system text and a history`, async () => {
        const r = await generateText(
            settings(models.talker, {
                system: 'Be brief.',
                prompt: undefined,
                messages: [
                    { role: 'user', content: 'a' },
                    { role: 'assistant', content: 'b' },
                    { role: 'user', content: 'c' },
                ],
            }),
        );
        assert.equal(r.text, said.talker);
    });

    test(`${name}: a tool in two steps`, async () => {
        const asked = [];
        const r = await generateText(
            settings(models.caller, {
                tools: { get_weather: weather(asked) },
                stopWhen: stepCountIs(3),
            }),
        );
        assert.deepEqual(asked, [said.arguments]);
        assert.equal(r.steps.length, 2);
        assert.equal(r.steps[0].finishReason, 'tool-calls');
        assert.equal(r.text, said.afterTool);
    });

    test(`${name}: a tool in two streamed steps`, async () => {
        const asked = [];
        const r = streamText(
            settings(models.caller, {
                tools: { get_weather: weather(asked) },
                stopWhen: stepCountIs(3),
            }),
        );
        let text = '';
        for await (const delta of r.textStream) text += delta;
        assert.deepEqual(asked, [said.arguments]);
        assert.equal(text, said.afterTool);
    });

    test(`${name}: toolChoice required and by name`, async () => {
        for (const toolChoice of ['required', { type: 'tool', toolName: 'get_weather' }]) {
            const r = await generateText(
                settings(models.v13, {
                    tools: { get_weather: tool({ inputSchema: jsonSchema(city) }) },
                    toolChoice,
                    maxOutputTokens: 600,
                }),
            );
            assert.ok(r.toolCalls.length > 0);
            for (const call of r.toolCalls) {
                assert.equal(call.toolName, 'get_weather');
                assert.equal(typeof call.input.city, 'string');
            }
        }
    });

    test(`${name}: generateObject`, async () => {
        for (const model of [models.v13, models.v15]) {
            const r = await generateObject(
                settings(model, {
                    schema: Sheet,
                    temperature: 0.8,
                    seed: 1,
                    maxOutputTokens: 400,
                }),
            );
            assert.ok(Sheet.safeParse(r.object).success);
        }
    });

    test(`${name}: streamObject`, async () => {
        const r = streamObject(settings(models.v13, { schema: Sheet, maxOutputTokens: 400 }));
        let last;
        for await (const part of r.partialObjectStream) last = part;
        assert.ok(Sheet.safeParse(last).success);
        assert.deepEqual(await r.object, last);
    });

    test(`${name}: thoughts`, async () => {
        // Its requests look alike on the wire: the provider for Mistral, which reads chunks only,
        // gets them from the mount point of that dialect.
        const thinker =
            name === 'mistral'
                ? createMistral({ apiKey: 'none', baseURL: `${base}/mistral/v1` })(models.thinker)
                : provider(models.thinker);
        const options = { reasoningEffort: 'high' };
        const more = { model: thinker, providerOptions: { mistral: options, bise: options } };
        const r = await generateText(settings(models.thinker, more));
        assert.equal(r.text, said.afterThought);
        assert.equal(r.reasoningText, said.thought);
        const s = streamText(settings(models.thinker, more));
        let text = '';
        for await (const delta of s.textStream) text += delta;
        assert.equal(text, said.afterThought);
        assert.equal(await s.reasoningText, said.thought);
    });

    test(`${name}: seeds`, async () => {
        const draw = async () =>
            (await generateText(settings(models.v13, { temperature: 1, seed: 4 }))).text;
        assert.equal(await draw(), await draw());
    });

    test(`${name}: embed and embedMany`, async () => {
        const model = provider.textEmbeddingModel(models.v13);
        const one = await embed({ model, value: 'text 33' });
        assert.equal(one.embedding.length, 64);
        const values = Array.from({ length: 70 }, (_, i) => `text ${i}`);
        const many = await embedMany({ model, values });
        assert.equal(many.embeddings.length, 70);
        many.embeddings[33].forEach((x, i) => assert.ok(Math.abs(x - one.embedding[i]) < 1e-6));
        assert.ok(many.usage.tokens > 0);
    });

    test(`${name}: aborted`, async () => {
        const abortSignal = AbortSignal.timeout(150);
        await assert.rejects(
            generateText(
                settings(models.v13, {
                    prompt: 'word '.repeat(2000),
                    maxOutputTokens: 2000,
                    abortSignal,
                }),
            ),
        );
    });
}

test('compatible: completions', async () => {
    const model = providers.compatible.completionModel(models.stories);
    const r = await generateText({
        model,
        prompt: 'Once upon a time',
        maxOutputTokens: 30,
        temperature: 0,
        maxRetries: 0,
    });
    assert.ok(r.text.length > 10);
});
