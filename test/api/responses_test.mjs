// SPDX-License-Identifier: Apache-2.0
// responses_test.mjs - OpenAI's Responses API (api.md 21.3), by its client and on the wire.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import {
    assertError,
    assertValid,
    base,
    city,
    models,
    post,
    said,
    schemas,
    stream,
    sum,
} from './wire.mjs';

const client = new OpenAI({ apiKey: 'none', baseURL: `${base}/v1`, maxRetries: 0 });
const body = (more) => ({
    model: models.talker,
    input: 'Hi',
    max_output_tokens: 60,
    temperature: 0,
    ...more,
});
const ask = (more) => client.responses.create(body(more));
const tools = [
    {
        type: 'function',
        name: 'get_weather',
        description: 'Weather.',
        parameters: city,
        strict: true,
    },
    { type: 'function', name: 'add', description: 'Adds.', parameters: sum, strict: false },
];

test('responses.create', async () => {
    const r = await ask({});
    assert.match(r.id, /^resp_/);
    assert.equal(r.object, 'response');
    assert.equal(r.status, 'completed');
    assert.equal(r.error, null);
    assert.equal(r.incomplete_details, null);
    assert.equal(r.model, models.talker);
    assert.equal(r.output_text, said.talker);
    const [message] = r.output;
    assert.equal(message.type, 'message');
    assert.match(message.id, /^msg_/);
    assert.equal(message.role, 'assistant');
    assert.equal(message.status, 'completed');
    assert.deepEqual(message.content, [
        { type: 'output_text', text: said.talker, annotations: [] },
    ]);
    assert.ok(Number.isInteger(r.created_at));
    const u = r.usage;
    assert.equal(u.total_tokens, u.input_tokens + u.output_tokens);
    assert.ok(Number.isInteger(u.input_tokens_details.cached_tokens));
    assert.ok(Number.isInteger(u.output_tokens_details.reasoning_tokens));
});

test('max_output_tokens', async () => {
    const r = await ask({ max_output_tokens: 2 });
    assert.equal(r.status, 'incomplete');
    assert.deepEqual(r.incomplete_details, { reason: 'max_output_tokens' });
    assert.equal(r.output_text, 'Hello!');
});

test('input as items, instructions as system', async () => {
    const [a, b, c] = [
        await ask({ model: models.v13, input: 'Hi', instructions: 'Be brief.' }),
        await ask({
            model: models.v13,
            instructions: 'Be brief.',
            input: [{ role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }],
        }),
        await ask({
            model: models.v13,
            input: [
                { role: 'developer', content: 'Be brief.' },
                { type: 'message', role: 'user', content: 'Hi' },
            ],
        }),
    ];
    assert.equal(a.output_text, b.output_text);
    assert.equal(a.output_text, c.output_text);
    assert.equal(a.usage.input_tokens, c.usage.input_tokens);
});

test('an answer sent back as input', async () => {
    const first = await ask({});
    const r = await ask({
        input: [
            { role: 'user', content: 'Hi' },
            ...first.output,
            { role: 'user', content: 'And?' },
        ],
    });
    assert.equal(r.output_text, said.talker);
});

test('a conversation with a tool', async () => {
    const first = await ask({ model: models.caller, tools });
    const call = first.output.find((item) => item.type === 'function_call');
    assert.match(call.id, /^fc_/);
    assert.ok(call.call_id);
    assert.equal(call.name, 'get_weather');
    assert.deepEqual(JSON.parse(call.arguments), said.arguments);
    const result = { type: 'function_call_output', call_id: call.call_id, output: 'Rain.' };
    const second = await ask({
        model: models.caller,
        tools,
        input: [{ role: 'user', content: 'Hi' }, ...first.output, result],
    });
    assert.equal(second.output_text, said.afterTool);
});

test('tool_choice', async () => {
    for (const tool_choice of ['required', { type: 'function', name: 'add' }])
        for (const temperature of [0, 1]) {
            const r = await ask({
                model: models.v13,
                tools,
                tool_choice,
                temperature,
                parallel_tool_calls: false,
                max_output_tokens: 400,
            });
            const calls = r.output.filter((item) => item.type === 'function_call');
            assert.equal(calls.length, 1);
            assertValid(schemas[calls[0].name], calls[0].arguments);
            if (tool_choice.name) assert.equal(calls[0].name, 'add');
        }
    const r = await ask({
        model: models.caller,
        tools,
        tool_choice: 'none',
        max_output_tokens: 20,
    });
    assert.ok(r.output.every((item) => item.type !== 'function_call'));
});

const Sheet = z.object({ title: z.enum(['a', 'b']), done: z.boolean() });

test('responses.parse', async () => {
    const r = await client.responses.parse(
        body({
            model: models.v13,
            temperature: 0.8,
            max_output_tokens: 300,
            text: { format: zodTextFormat(Sheet, 'sheet') },
        }),
    );
    assert.ok(Sheet.safeParse(r.output_parsed).success);
});

test('json_object', async () => {
    const r = await ask({
        model: models.v15,
        text: { format: { type: 'json_object' } },
        max_output_tokens: 1500,
    });
    if (r.status === 'completed') assertValid({ type: 'object' }, r.output_text);
    else assert.match(r.output_text, /^\s?\{/);
});

test('reasoning', async () => {
    const r = await ask({ model: models.thinker, reasoning: { effort: 'high' } });
    const thought = r.output.find((item) => item.type === 'reasoning');
    assert.match(thought.id, /^rs_/);
    assert.equal(thought.content[0].text, said.thought);
    assert.equal(r.output_text, said.afterThought);
    assert.ok(r.usage.output_tokens_details.reasoning_tokens > 0);
});

test('events of a text', async () => {
    const events = (await stream('/v1/responses', body({}))).map((e) => {
        const data = JSON.parse(e.data);
        assert.equal(data.type, e.event);
        return data;
    });
    events.forEach((e, i) => i && assert.ok(e.sequence_number > events[i - 1].sequence_number));
    const names = events.map((e) => e.type);
    assert.deepEqual(names.slice(0, 4), [
        'response.created',
        'response.in_progress',
        'response.output_item.added',
        'response.content_part.added',
    ]);
    assert.deepEqual(names.slice(-4), [
        'response.output_text.done',
        'response.content_part.done',
        'response.output_item.done',
        'response.completed',
    ]);
    const deltas = events.filter((e) => e.type === 'response.output_text.delta');
    assert.equal(deltas.map((e) => e.delta).join(''), said.talker);
    for (const e of deltas) {
        assert.equal(e.output_index, 0);
        assert.equal(e.content_index, 0);
        assert.equal(e.item_id, events[2].item.id);
    }
    assert.equal(events.at(-1).response.output[0].content[0].text, said.talker);
    assert.equal(events.at(-1).response.status, 'completed');
});

test('the stream helper', async () => {
    const s = client.responses.stream(body({}));
    let text = '';
    s.on('response.output_text.delta', (e) => (text += e.delta));
    const r = await s.finalResponse();
    assert.equal(text, said.talker);
    assert.equal(r.output_text, said.talker);
});

test('events of a call', async () => {
    const names = [];
    let args = '';
    for await (const e of await ask({ model: models.caller, tools, stream: true })) {
        names.push(e.type);
        if (e.type === 'response.function_call_arguments.delta') args += e.delta;
        if (e.type === 'response.function_call_arguments.done') assert.equal(e.arguments, args);
    }
    assert.deepEqual(JSON.parse(args), said.arguments);
    assert.equal(names.at(-1), 'response.completed');
});

test('events of thoughts', async () => {
    let thought = '';
    const names = [];
    for await (const e of await ask({
        model: models.thinker,
        reasoning: { effort: 'high' },
        stream: true,
    })) {
        names.push(e.type);
        if (e.type === 'response.reasoning_text.delta') thought += e.delta;
    }
    assert.equal(thought, said.thought);
    assert.ok(names.includes('response.reasoning_text.done'));
});

test('an incomplete stream', async () => {
    const names = [];
    for await (const e of await ask({ max_output_tokens: 2, stream: true })) names.push(e.type);
    assert.equal(names.at(-1), 'response.incomplete');
});

test('what is refused', async () => {
    assertError(await post('/v1/responses', body({ model: 'none' })), 404);
    assertError(await post('/v1/responses', body({ background: true })), 400, {
        message: /background/,
    });
    assertError(await post('/v1/responses', body({ previous_response_id: 'resp_none' })), 404);
    assertError(await post('/v1/responses', body({ input: 5 })), 422, { message: /input/ });
    assertError(await post('/v1/responses', body({ tools: [{ type: 'file_search' }] })), 400);
});
