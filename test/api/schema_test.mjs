// SPDX-License-Identifier: Apache-2.0
// schema_test.mjs - structured output (api.md 5.6): what random models write validates.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
    answer,
    assertError,
    assertValid,
    chatBody,
    chatChunks,
    content,
    join,
    models,
    post,
    said,
    tools,
} from './wire.mjs';

const short = { type: 'string', maxLength: 10 };
const object = (properties, more = {}) => ({
    type: 'object',
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
    ...more,
});

const schemas = {
    flat: object({
        name: short,
        age: { type: 'integer', minimum: 0, maximum: 150 },
        ok: { type: 'boolean' },
    }),
    nested: object({
        at: object({ x: { type: 'integer', minimum: -9, maximum: 9 }, tag: short }),
        n: { type: 'null' },
    }),
    reference: {
        ...object({ head: { $ref: '#/$defs/item' }, tail: { $ref: '#/$defs/item' } }),
        $defs: { item: object({ id: { type: 'integer', minimum: 1, maximum: 20 } }) },
    },
    recursive: {
        $ref: '#/$defs/tree',
        $defs: {
            tree: object({
                v: { type: 'boolean' },
                next: { anyOf: [{ $ref: '#/$defs/tree' }, { type: 'null' }] },
            }),
        },
    },
    any_of: { anyOf: [object({ a: { type: 'boolean' } }), object({ b: { enum: [1, 2, 3] } })] },
    one_of: { oneOf: [object({ kind: { const: 'x' } }), object({ kind: { const: 'y' } })] },
    all_of: {
        allOf: [
            object({ a: { type: 'boolean' } }, { additionalProperties: true, required: ['a'] }),
            object({ a: { type: 'boolean' }, b: { type: 'null' } }),
        ],
    },
    bounds: object({
        low: { type: 'integer', minimum: -120, maximum: -7 },
        high: { type: 'integer', exclusiveMinimum: 999, exclusiveMaximum: 1100 },
    }),
    pattern: object({ code: { type: 'string', pattern: '^[A-Z]{2}-[0-9]{3}$' } }),
    lengths: object({ s: { type: 'string', minLength: 3, maxLength: 6 } }),
    array: object({
        list: {
            type: 'array',
            items: { type: 'integer', minimum: 0, maximum: 9 },
            minItems: 2,
            maxItems: 4,
        },
    }),
    tuple: {
        type: 'array',
        prefixItems: [{ type: 'boolean' }, short],
        items: false,
        minItems: 2,
        maxItems: 2,
    },
    enumeration: object({
        color: { enum: ['red', 'dark green', 'é“'] },
        fixed: { const: { a: [1, null] } },
    }),
    types: object({ v: { type: ['boolean', 'null'] } }),
    optional: object({ a: { type: 'boolean' }, b: { type: 'boolean' } }, { required: ['b'] }),
    formats: object({
        day: { type: 'string', format: 'date' },
        id: { type: 'string', format: 'uuid' },
        at: { type: 'string', format: 'time' },
    }),
};

const asked = (schema, more = {}) => ({
    response_format: { type: 'json_schema', json_schema: { name: 'reply', schema, ...more } },
    max_tokens: 1200,
});

const keeps = async (schema, body) => {
    const { message, finish_reason } = await answer(body);
    assert.equal(finish_reason, 'stop', message.content.slice(0, 300));
    assertValid(schema, message.content);
    assert.match(message.content, /^\s?[[{]/);
    return message.content;
};

for (const [name, schema] of Object.entries(schemas))
    test(`${name}: greedy and drawn, on both vocabularies`, async () => {
        for (const model of [models.v13, models.v15])
            for (const more of [{}, { temperature: 0.7, seed: 1 }, { temperature: 1, seed: 2 }])
                await keeps(schema, { model, ...asked(schema), ...more });
    });

test('enforced with and without strict', async () => {
    for (const strict of [true, false, undefined])
        await keeps(schemas.flat, asked(schemas.flat, { strict }));
});

test('on a SentencePiece vocabulary', async () => {
    for (const seed of [1, 2, 3])
        for (const name of ['flat', 'array', 'enumeration', 'pattern'])
            await keeps(schemas[name], {
                model: models.code,
                ...asked(schemas[name]),
                temperature: 0.8,
                seed,
            });
});

test('streamed is not streamed', async () => {
    const body = { ...asked(schemas.nested), temperature: 0.9, seed: 7 };
    const joined = join(await chatChunks(body));
    assert.equal(joined.content, await keeps(schemas.nested, body));
});

test('json_object', async () => {
    for (const seed of [1, 2, 3, 4]) {
        const { message, finish_reason } = await answer({
            response_format: { type: 'json_object' },
            temperature: 0.7,
            seed,
            max_tokens: 2000,
        });
        assert.match(message.content, /^\s?\{/);
        if (finish_reason === 'stop') assertValid({ type: 'object' }, message.content);
    }
});

test('a model that would talk is held to it', async () => {
    const text = await keeps(schemas.types, { model: models.talker, ...asked(schemas.types) });
    assert.notEqual(text, said.talker);
});

test('cut short, it may be incomplete', async () => {
    const { message, finish_reason } = await answer({ ...asked(schemas.flat), max_tokens: 3 });
    assert.equal(finish_reason, 'length');
    assert.match(message.content, /^\s?\{/);
});

test('type text is free text', async () =>
    assert.equal(await content({ response_format: { type: 'text' } }), await content({})));

test('thoughts come first', async () => {
    const schema = object({ n: { type: 'integer', minimum: 0, maximum: 9 } });
    const { message } = await answer({
        model: models.planner,
        reasoning_effort: 'high',
        ...asked(schema),
    });
    assert.equal(message.reasoning_content, said.plan);
    assert.equal(message.content, said.afterPlan);
});

for (const [name, extension, pattern] of [
    [
        'choice',
        { structured_outputs: { choice: ['yes', 'no', 'maybe so'] } },
        /^(yes|no|maybe so)$/,
    ],
    ['guided_choice', { guided_choice: ['left', 'right'] }, /^(left|right)$/],
    ['regex', { structured_outputs: { regex: '[a-c]{3}-\\d{2}' } }, /^[a-c]{3}-\d{2}$/],
    ['guided_regex', { guided_regex: '(ab|cd)+!' }, /^(ab|cd)+!$/],
    ['grammar', { structured_outputs: { grammar: 'root ::= "<" [0-9] [0-9]? ">"' } }, /^<\d\d?>$/],
    ['grammar of llama-server', { grammar: 'root ::= "a" | "b" root' }, /^b*a$/],
    ['guided_json', { guided_json: schemas.types }, /^\s?\{\s*"v"\s?:\s*(true|false|null)\s*\}$/],
    [
        'json_schema of llama-server',
        { json_schema: schemas.types },
        /^\s?\{\s*"v"\s?:\s*(true|false|null)\s*\}$/,
    ],
])
    test(`by extension: ${name}`, async () => {
        for (const seed of [1, 2, 3]) {
            const text = await content({ ...extension, temperature: 1, seed, max_tokens: 400 });
            assert.match(text, pattern);
        }
    });

for (const [name, schema] of [
    ['no such type', { type: 'strange' }],
    ['a reference to nothing', { $ref: '#/$defs/none' }],
    [
        'a pattern that is none',
        { type: 'object', properties: { a: { type: 'string', pattern: '[' } } },
    ],
    ['nothing satisfies it', false],
    ['not a schema', 17],
])
    test(`refused before generation: ${name}`, async () => {
        for (const stream of [false, true]) {
            const r = await post('/v1/chat/completions', chatBody({ ...asked(schema), stream }));
            const status = typeof schema === 'number' ? [400, 422] : [400];
            assert.ok(status.includes(r.status), `${r.status} ${r.text}`);
            assertError(r, r.status, r.status === 400 ? { nested: 'invalid_schema' } : {});
        }
    });

test('a grammar that is none', async () => {
    for (const more of [
        { guided_regex: '(' },
        { grammar: 'root ::= (' },
        { structured_outputs: { choice: [] } },
    ]) {
        const r = await post('/v1/chat/completions', chatBody(more));
        assert.ok(r.status === 400 || r.status === 422, r.text);
        assertError(r, r.status);
    }
});

test('with tools: none takes the schema, required the call', async () => {
    const schema = schemas.flat;
    await keeps(schema, { tools, tool_choice: 'none', ...asked(schema) });
    const { message, finish_reason } = await answer({
        tools,
        tool_choice: 'required',
        parallel_tool_calls: false,
        ...asked(schema),
    });
    assert.equal(finish_reason, 'tool_calls');
    assert.equal(message.tool_calls.length, 1);
});

test('with tools and auto: a call, or the schema', async () => {
    const schema = schemas.types;
    for (const model of [models.talker, models.caller]) {
        const { message, finish_reason } = await answer({ model, tools, ...asked(schema) });
        if (!message.tool_calls && finish_reason === 'stop') assertValid(schema, message.content);
        assert.ok(message.tool_calls || message.content.trimStart().startsWith('{'));
    }
});

test('n choices each keep it', async () => {
    const { json } = await post(
        '/v1/chat/completions',
        chatBody({ ...asked(schemas.array), n: 3, temperature: 1, seed: 3 }),
    );
    assert.equal(json.choices.length, 3);
    for (const choice of json.choices) assertValid(schemas.array, choice.message.content);
});
