// SPDX-License-Identifier: Apache-2.0
// anthropic_test.mjs - Anthropic's client and its wire (api.md 22).
import assert from 'node:assert/strict';
import test from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import {
    assertValid,
    base,
    city,
    get,
    models,
    ok,
    post,
    said,
    schemas,
    stream,
    sum,
    user,
} from './wire.mjs';

const client = new Anthropic({ apiKey: 'none', baseURL: base, maxRetries: 0 });
const body = (more) => ({
    model: models.talker,
    max_tokens: 60,
    messages: user('Hi'),
    temperature: 0,
    ...more,
});
const ask = (more) => client.messages.create(body(more));
const tools = [
    { name: 'get_weather', description: 'Weather of a city.', input_schema: city },
    { name: 'add', description: 'Adds.', input_schema: sum },
];
const textOf = (message) =>
    message.content
        .filter((b) => b.type === 'text')
        .map((b) => b.text)
        .join('');

test('messages.create', async () => {
    const r = await ask({});
    assert.match(r.id, /^msg_/);
    assert.equal(r.type, 'message');
    assert.equal(r.role, 'assistant');
    assert.equal(r.model, models.talker);
    assert.deepEqual(r.content, [{ type: 'text', text: said.talker }]);
    assert.equal(r.stop_reason, 'end_turn');
    assert.equal(r.stop_sequence, null);
    for (const name of [
        'input_tokens',
        'output_tokens',
        'cache_read_input_tokens',
        'cache_creation_input_tokens',
    ])
        assert.ok(Number.isInteger(r.usage[name]), name);
    assert.ok(r.usage.output_tokens > 3);
});

test('max_tokens', async () => {
    const r = await ask({ max_tokens: 2 });
    assert.equal(r.stop_reason, 'max_tokens');
    assert.equal(r.usage.output_tokens, 2);
});

test('stop_sequences', async () => {
    const r = await ask({ stop_sequences: ['nothing', 'How'] });
    assert.equal(r.stop_reason, 'stop_sequence');
    assert.equal(r.stop_sequence, 'How');
    assert.equal(textOf(r), 'Hello! ');
});

test('a system text, as string and as blocks', async () => {
    const [a, b] = await Promise.all(
        [
            'Be brief.',
            [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
        ].map((system) => ask({ model: models.v13, system })),
    );
    assert.equal(textOf(a), textOf(b));
});

test('blocks of text are the string', async () => {
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }];
    assert.equal(
        textOf(await ask({ model: models.v13, messages })),
        textOf(await ask({ model: models.v13 })),
    );
});

test('top_k 1 is greedy', async () =>
    assert.equal(
        textOf(await ask({ model: models.v13, temperature: 1, top_k: 1 })),
        textOf(await ask({ model: models.v13 })),
    ));

test('cached tokens are not input tokens', async () => {
    const messages = user('Long ago, when all was well. '.repeat(60));
    const [a, b] = [
        await ask({ model: models.v13, messages }),
        await ask({ model: models.v13, messages }),
    ];
    assert.ok(b.usage.cache_read_input_tokens > 0);
    const all = ({ usage: u }) =>
        u.input_tokens + u.cache_read_input_tokens + u.cache_creation_input_tokens;
    assert.equal(all(a), all(b));
    assert.equal(textOf(a), textOf(b));
});

test('a stream by its events', async () => {
    const events = await stream('/v1/messages', body({}));
    const names = events.map((e) => e.event).filter((e) => e !== 'ping');
    for (const e of events) assert.equal(JSON.parse(e.data).type, e.event);
    assert.equal(names[0], 'message_start');
    assert.equal(names[1], 'content_block_start');
    assert.deepEqual(names.slice(-3), ['content_block_stop', 'message_delta', 'message_stop']);
    assert.ok(names.slice(2, -3).every((n) => n === 'content_block_delta'));
    const start = JSON.parse(events[0].data).message;
    assert.deepEqual(start.content, []);
    assert.equal(start.stop_reason, null);
    assert.ok(Number.isInteger(start.usage.input_tokens));
});

test('messages.stream', async () => {
    const s = client.messages.stream(body({}));
    let text = '';
    s.on('text', (delta) => (text += delta));
    const message = await s.finalMessage();
    assert.equal(text, said.talker);
    assert.equal(textOf(message), said.talker);
    assert.equal(message.stop_reason, 'end_turn');
    assert.ok(message.usage.output_tokens > 3);
});

test('create with stream: true', async () => {
    const types = new Set();
    for await (const event of await ask({ stream: true })) types.add(event.type);
    assert.ok(types.has('message_start') && types.has('message_stop'));
});

test('a conversation with a tool', async () => {
    const first = await ask({ model: models.caller, tools });
    assert.equal(first.stop_reason, 'tool_use');
    const use = first.content.find((b) => b.type === 'tool_use');
    assert.equal(use.name, 'get_weather');
    assert.deepEqual(use.input, said.arguments);
    for (const content of ['Rain.', [{ type: 'text', text: 'Rain.' }]]) {
        const result = { type: 'tool_result', tool_use_id: use.id, content };
        const second = await ask({
            model: models.caller,
            tools,
            messages: [
                ...user('Hi'),
                { role: 'assistant', content: first.content },
                { role: 'user', content: [result] },
            ],
        });
        assert.equal(textOf(second), said.afterTool);
        assert.equal(second.stop_reason, 'end_turn');
    }
});

test('an error as a result', async () => {
    const use = {
        type: 'tool_use',
        id: 'toolu_01A09q90qw90lq917835lq9',
        name: 'get_weather',
        input: { city: 'x' },
    };
    const result = {
        type: 'tool_result',
        tool_use_id: use.id,
        is_error: true,
        content: 'no such city',
    };
    const r = await ask({
        model: models.caller,
        tools,
        messages: [
            ...user('Hi'),
            { role: 'assistant', content: [use] },
            { role: 'user', content: [result] },
        ],
    });
    assert.equal(textOf(r), said.afterTool);
});

test('a tool call streamed', async () => {
    const s = client.messages.stream(body({ model: models.caller, tools }));
    const message = await s.finalMessage();
    const use = message.content.find((b) => b.type === 'tool_use');
    assert.deepEqual(use.input, said.arguments);
    assert.equal(message.stop_reason, 'tool_use');
});

for (const model of [models.v13, models.v15])
    test(`tool_choice any and tool: ${model}`, async () => {
        for (const tool_choice of [{ type: 'any' }, { type: 'tool', name: 'add' }])
            for (const temperature of [0, 1]) {
                const r = await ask({
                    model,
                    tools,
                    temperature,
                    max_tokens: 400,
                    tool_choice: { ...tool_choice, disable_parallel_tool_use: true },
                });
                const uses = r.content.filter((b) => b.type === 'tool_use');
                assert.equal(uses.length, 1);
                assertValid(schemas[uses[0].name], uses[0].input);
                if (tool_choice.name) assert.equal(uses[0].name, 'add');
            }
    });

test('tool_choice none', async () => {
    const r = await ask({ model: models.caller, tools, tool_choice: { type: 'none' } });
    assert.ok(r.content.every((b) => b.type !== 'tool_use'));
});

test('tools of the service without a schema are ignored', async () => {
    const more = [
        ...tools,
        { type: 'bash_20250124', name: 'bash' },
        { type: 'web_search_20250305', name: 'web_search' },
    ];
    assert.equal((await ask({ model: models.caller, tools: more })).stop_reason, 'tool_use');
});

test('thinking', async () => {
    const more = {
        model: models.thinker,
        max_tokens: 2000,
        temperature: 1,
        thinking: { type: 'enabled', budget_tokens: 1024 },
    };
    const r = await ask(more);
    assert.equal(r.content[0].type, 'thinking');
    assert.equal(r.content[0].thinking, said.thought);
    assert.equal(r.content[1].text, said.afterThought);
    const s = client.messages.stream(body(more));
    let thought = '';
    s.on('thinking', (delta) => (thought += delta));
    await s.finalMessage();
    assert.equal(thought, said.thought);
    const messages = [...user('2+2?'), { role: 'assistant', content: r.content }, ...user('Sure?')];
    assert.ok((await ask({ ...more, messages })).usage.input_tokens > r.usage.input_tokens);
});

test('thinking disabled', async () => {
    const r = await ask({ model: models.thinker, thinking: { type: 'disabled' } });
    assert.ok(r.content.every((b) => b.type !== 'thinking'));
});

test('output_config.format', async () => {
    const schema = {
        type: 'object',
        properties: { ok: { type: 'boolean' } },
        required: ['ok'],
        additionalProperties: false,
    };
    const r = await ask({
        model: models.v13,
        temperature: 1,
        output_config: { format: { type: 'json_schema', schema } },
    });
    assertValid(schema, textOf(r));
});

test('count_tokens', async () => {
    const size = async (more = {}) =>
        (await client.messages.countTokens({ model: models.v13, messages: user('Hi'), ...more }))
            .input_tokens;
    const { usage } = await ask({ model: models.v13, max_tokens: 1 });
    assert.equal(
        await size(),
        usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens,
    );
    assert.ok((await size({ tools })) > (await size()) + 20);
    assert.ok((await size({ system: 'Be very brief.' })) > (await size()));
});

test('models.list', async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.ok(ids.includes(models.v13));
});

test('the other mount point', async () => {
    const r = await ok('/anthropic/v1/messages', body({}));
    assert.equal(r.content[0].text, said.talker);
});

test('errors have its shape', async () => {
    for (const [more, status, type] of [
        [{ model: 'none' }, 404, 'not_found_error'],
        [{ max_tokens: undefined }, 400, 'invalid_request_error'],
        [{ messages: undefined }, 400, 'invalid_request_error'],
        [{ temperature: 'x' }, 400, 'invalid_request_error'],
        [{ model: models.v13, messages: user('word '.repeat(9000)) }, 400, 'invalid_request_error'],
    ]) {
        const r = await post('/v1/messages', body(more), { 'anthropic-version': '2023-06-01' });
        assert.equal(r.status, status, r.text);
        assert.equal(r.json.type, 'error');
        assert.equal(r.json.error.type, type);
        assert.ok(r.json.error.message.length > 0);
        assert.equal(typeof r.json.request_id, 'string');
    }
    assert.equal((await post('/v1/messages', '{')).json.type, 'error');
    assert.equal((await get('/v1/messages')).status, 405);
});
