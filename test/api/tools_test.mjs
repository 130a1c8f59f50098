// SPDX-License-Identifier: Apache-2.0
// tools_test.mjs - tool calls of chat completions (api.md 5.5), on random models, which call only
// because they must, and on one that always calls.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
    answer,
    assertCall,
    assertError,
    assertValid,
    chat,
    chatBody,
    chatChunks,
    city,
    isCallId,
    join,
    markup,
    models,
    post,
    said,
    tools,
    user,
} from './wire.mjs';

const refused = async (body, status, want) =>
    assertError(await post('/v1/chat/completions', chatBody(body)), status, want);

const random = [models.v13, models.v15];
const settings = [{}, { temperature: 0.7, seed: 1 }, { temperature: 1, seed: 2 }];
const forced = (more) => answer({ tools, max_tokens: 400, ...more });

function assertCalls(choice) {
    assert.equal(choice.finish_reason, 'tool_calls');
    assert.ok(choice.message.tool_calls.length > 0);
    choice.message.tool_calls.forEach(assertCall);
    const ids = choice.message.tool_calls.map((c) => c.id);
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(choice.message.content === '' || typeof choice.message.content === 'string');
    assert.doesNotMatch(choice.message.content, markup);
}

for (const model of random) {
    for (const tool_choice of ['any', 'required'])
        for (const more of settings)
            test(`${tool_choice} calls: ${model} ${JSON.stringify(more)}`, async () =>
                assertCalls(
                    await forced({ model, tool_choice, parallel_tool_calls: false, ...more }),
                ));

    test(`a named function is called: ${model}`, async () => {
        for (const name of ['get_weather', 'add'])
            for (const more of settings) {
                const tool_choice = { type: 'function', function: { name } };
                const choice = await forced({
                    model,
                    tool_choice,
                    parallel_tool_calls: false,
                    ...more,
                });
                assertCalls(choice);
                assert.equal(choice.message.tool_calls.length, 1);
                assert.equal(choice.message.tool_calls[0].function.name, name);
            }
    });

    test(`none never calls: ${model}`, async () => {
        for (const more of settings) {
            const choice = await forced({ model, tool_choice: 'none', max_tokens: 60, ...more });
            assert.ok(!choice.message.tool_calls?.length);
            assert.doesNotMatch(choice.message.content, markup);
        }
    });

    test(`several calls at once: ${model}`, async () => {
        let most = 0;
        for (let seed = 0; seed < 12; seed++) {
            const choice = await forced({
                model,
                tool_choice: 'any',
                temperature: 1.5,
                seed,
                max_tokens: 600,
            });
            if (choice.finish_reason !== 'tool_calls') continue;
            assertCalls(choice);
            most = Math.max(most, choice.message.tool_calls.length);
            choice.message.tool_calls.forEach((c, i) => assert.equal(c.index ?? i, i));
        }
        assert.ok(most > 1, 'some answer has several calls');
    });

    test(`parallel_tool_calls false: one at most: ${model}`, async () => {
        for (let seed = 0; seed < 6; seed++) {
            const choice = await forced({
                model,
                tool_choice: 'any',
                parallel_tool_calls: false,
                temperature: 1.5,
                seed,
            });
            assert.equal(choice.message.tool_calls.length, 1);
        }
    });

    test(`streamed calls are those not streamed: ${model}`, async () => {
        for (const seed of [1, 2, 3]) {
            const body = {
                model,
                tools,
                tool_choice: 'any',
                temperature: 1,
                seed,
                max_tokens: 400,
            };
            const choice = await answer(body);
            const joined = join(await chatChunks(body));
            assert.equal(joined.finish_reason, choice.finish_reason);
            assert.deepEqual(
                joined.calls.map(({ name, arguments: args }) => ({ name, args })),
                choice.message.tool_calls.map(({ function: f }) => ({
                    name: f.name,
                    args: f.arguments,
                })),
            );
            joined.calls.forEach((c) => assert.ok(isCallId(c.id)));
        }
    });
}

test('auto: the model calls', async () => {
    for (const more of [{}, { tool_choice: 'auto' }]) {
        const choice = await forced({ model: models.caller, ...more });
        assertCalls(choice);
        const [call] = choice.message.tool_calls;
        assert.equal(call.function.name, 'get_weather');
        assert.deepEqual(JSON.parse(call.function.arguments), said.arguments);
    }
});

test('auto with strict', async () => {
    const strict = tools.map((t) => ({ ...t, function: { ...t.function, strict: true } }));
    assertCalls(await forced({ model: models.caller, tools: strict }));
});

test('auto: the model talks', async () => {
    const choice = await forced({ model: models.talker });
    assert.equal(choice.message.content, said.talker);
    assert.equal(choice.finish_reason, 'stop');
    assert.ok(!choice.message.tool_calls?.length);
});

test('none masks the call of a model that would', async () => {
    const choice = await forced({ model: models.caller, tool_choice: 'none', max_tokens: 20 });
    assert.ok(!choice.message.tool_calls?.length);
    assert.notEqual(choice.finish_reason, 'tool_calls');
});

test('auto names declared functions only', async () => {
    const other = [{ type: 'function', function: { name: 'get_time', parameters: city } }];
    const choice = await forced({ model: models.caller, tools: other });
    for (const call of choice.message.tool_calls ?? [])
        assert.equal(call.function.name, 'get_time');
});

test('the first delta of a call names it', async () => {
    const list = await chatChunks({ model: models.caller, tools });
    const pieces = list.flatMap((c) => c.choices.flatMap((x) => x.delta.tool_calls ?? []));
    const [first, ...others] = pieces;
    assert.equal(first.index, 0);
    assert.ok(isCallId(first.id));
    assert.equal(first.type, 'function');
    assert.equal(first.function.name, 'get_weather');
    assert.equal(typeof first.function.arguments, 'string');
    for (const piece of others) {
        assert.equal(piece.index, 0);
        assert.equal(typeof piece.function.arguments, 'string');
    }
    assert.deepEqual(JSON.parse(pieces.map((p) => p.function.arguments).join('')), said.arguments);
    assert.equal(list.at(-1).choices[0].finish_reason, 'tool_calls');
});

test('to a Mistral client a call comes in one piece', async () => {
    // Its SDK refuses a piece without a name, and LangChain takes every piece for a call.
    const ua = { 'user-agent': 'mistral-client-typescript/2.7.0' };
    for (const more of [{ model: models.caller }, { tool_choice: 'any', max_tokens: 400 }]) {
        const list = await chatChunks({ tools, ...more }, ua);
        const pieces = list.flatMap((c) => c.choices.flatMap((x) => x.delta.tool_calls ?? []));
        assert.ok(pieces.length > 0);
        pieces.forEach(assertCall);
        assert.equal(new Set(pieces.map((p) => p.index)).size, pieces.length);
    }
});

test('tools cost prompt tokens', async () => {
    const prompt = async (more) => (await chat({ max_tokens: 1, ...more })).usage.prompt_tokens;
    assert.ok((await prompt({ tools })) > (await prompt({})) + 20);
});

const round = (id, content = 'Rain.', more = {}) => [
    ...user('Weather?'),
    {
        role: 'assistant',
        content: '',
        tool_calls: [
            {
                id,
                type: 'function',
                function: { name: 'get_weather', arguments: '{"city":"Paris"}' },
            },
        ],
    },
    { role: 'tool', tool_call_id: id, content, ...more },
];

test('a result is answered', async () => {
    for (const more of [{}, { name: 'get_weather' }]) {
        const messages = round('abcdef123', 'Rain.', more);
        const choice = await answer({ model: models.caller, tools, messages });
        assert.equal(choice.message.content, said.afterTool);
        assert.equal(choice.finish_reason, 'stop');
    }
});

for (const id of [
    'call_0123456789abcdef',
    '3f1c9a52-7b1e-4c55-9d2b-0d6f3c1a9b77',
    'x'.repeat(40),
    '1',
])
    test(`ids of others are taken: ${id}`, async () => {
        const choice = await answer({ model: models.caller, tools, messages: round(id) });
        assert.equal(choice.message.content, said.afterTool);
    });

test('a result in parts', async () => {
    const messages = round('abcdef123', [{ type: 'text', text: 'Rain.' }]);
    const choice = await answer({ model: models.caller, tools, messages });
    assert.equal(choice.message.content, said.afterTool);
});

test('arguments as an object, and as no JSON', async () => {
    for (const args of [{ city: 'Paris' }, '{"city":', '']) {
        const messages = round('abcdef123');
        messages[1].tool_calls[0].function.arguments = args;
        const choice = await answer({ model: models.caller, tools, messages });
        assert.equal(choice.message.content, said.afterTool);
    }
});

test('results in another order than the calls', async () => {
    const call = (id) => ({
        id,
        type: 'function',
        function: { name: 'get_weather', arguments: '{}' },
    });
    const result = (id) => ({ role: 'tool', tool_call_id: id, content: id });
    const calls = [call('aaaaaaaaa'), call('bbbbbbbbb')];
    const head = [...user('Go.'), { role: 'assistant', content: '', tool_calls: calls }];
    const ask = (...ids) =>
        chat({ messages: [...head, ...ids.map(result)], tools, max_tokens: 8, ignore_eos: true });
    const [a, b] = [await ask('aaaaaaaaa', 'bbbbbbbbb'), await ask('bbbbbbbbb', 'aaaaaaaaa')];
    assert.equal(a.choices[0].message.content, b.choices[0].message.content);
});

test('a user after a result', async () =>
    void (await chat({ messages: [...round('abcdef123'), ...user('And now?')], tools })));

test('a call without its result', async () =>
    void (await chat({ messages: [...round('abcdef123').slice(0, 2), ...user('So?')], tools })));

test('a result without its call', async () => {
    const messages = [...user('Hi'), { role: 'tool', tool_call_id: 'nosuchone', content: 'x' }];
    await refused({ messages, tools }, 400, { message: /nosuchone/ });
});

test('a function that is not declared', () =>
    refused({ tools, tool_choice: { type: 'function', function: { name: 'fly' } } }, 400, {
        message: /fly/,
    }));

test('a name that is no name', () =>
    refused({ tools: [{ type: 'function', function: { name: 'a b', parameters: {} } }] }, 422, {
        message: /name/,
    }));

for (const parameters of [undefined, {}, { type: 'object', properties: {} }])
    test(`no parameters: ${JSON.stringify(parameters)}`, async () => {
        const choice = await answer({
            tools: [{ type: 'function', function: { name: 'now', parameters } }],
            tool_choice: 'any',
            parallel_tool_calls: false,
            max_tokens: 40,
        });
        const [call] = choice.message.tool_calls;
        assert.equal(call.function.name, 'now');
        assertValid({ type: 'object' }, call.function.arguments);
        if (parameters?.type) assert.deepEqual(JSON.parse(call.function.arguments), {});
    });

test('a call that is cut short', async () => {
    const choice = await answer({ tools, tool_choice: 'any', max_tokens: 9 });
    assert.equal(choice.finish_reason, 'length');
    assert.equal(choice.message.tool_calls.length, 1);
    assert.equal(typeof choice.message.tool_calls[0].function.arguments, 'string');
});

test('allowed_tools', async () => {
    for (const seed of [1, 2, 3, 4]) {
        const choice = await forced({
            tool_choice: {
                type: 'allowed_tools',
                allowed_tools: {
                    mode: 'required',
                    tools: [{ type: 'function', function: { name: 'add' } }],
                },
            },
            temperature: 1,
            seed,
            parallel_tool_calls: false,
        });
        assert.equal(choice.message.tool_calls[0].function.name, 'add');
    }
});

test('a tool of the service that is not there', () =>
    refused({ tools: [{ type: 'web_search' }] }, 400, { message: /web_search/ }));

test('schemas of tools that cannot be kept are refused', () => {
    const parameters = { type: 'object', properties: { a: { type: 'string', pattern: '(' } } };
    return refused(
        { tools: [{ type: 'function', function: { name: 'f', parameters } }], tool_choice: 'any' },
        400,
        { nested: 'invalid_schema' },
    );
});
