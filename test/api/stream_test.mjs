// SPDX-License-Identifier: Apache-2.0
// stream_test.mjs - streams of chat completions, byte by byte: rules S1 to S15 of api.md 4.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
    answer,
    assertError,
    assertUsage,
    chatBody,
    chatChunks,
    content,
    events,
    exchange,
    join,
    markup,
    models,
    post,
    request,
    said,
    tools,
    user,
} from './wire.mjs';

const path = '/v1/chat/completions';
const streamed = (more) => JSON.stringify(chatBody({ stream: true, ...more }));

// The body of a chunked answer, and the sizes of its chunks.
function unchunk(text) {
    const body = Buffer.from(text, 'latin1');
    let at = body.indexOf('\r\n\r\n') + 4;
    const parts = [];
    for (;;) {
        const end = body.indexOf('\r\n', at);
        const n = parseInt(body.toString('latin1', at, end), 16);
        assert.ok(Number.isInteger(n), 'a chunk has a size');
        if (n === 0) break;
        parts.push(body.subarray(end + 2, end + 2 + n).toString());
        at = end + 2 + n + 2;
    }
    return parts;
}

const ended = (text) => text.includes('\r\n0\r\n\r\n');

test('S1: status and headers', async () => {
    const r = await post(path, streamed({}));
    assert.equal(r.status, 200);
    assert.match(r.headers.get('content-type'), /^text\/event-stream/);
    assert.equal(r.headers.get('cache-control'), 'no-cache');
    assert.equal(r.headers.get('x-accel-buffering'), 'no');
    assert.ok(r.headers.get('x-request-id'));
});

test('S2: the bytes of a stream', async () => {
    const { text } = await exchange(
        request('POST', path, streamed({ model: models.talker })),
        ended,
    );
    assert.match(text, /^HTTP\/1\.1 200 /);
    const body = unchunk(text).join('');
    assert.match(body, /^(data: \{[^\r\n]*\}\n\n)+data: \[DONE\]\n\n$/);
    events(body);
});

test('S4: an error before the first token is no stream', async () => {
    const r = await post(path, streamed({ model: 'no-such-model' }));
    assertError(r, 404, { type: 'invalid_model', code: '1500', nested: 'model_not_found' });
    assertError(await post(path, streamed({ temperature: 9 })), 422);
    const long = await post(path, streamed({ messages: user('word '.repeat(9000)) }));
    assertError(long, 400, {
        nested: 'context_length_exceeded',
        message: /maximum context length/,
    });
});

test('S6: the role comes once, first', async () => {
    for (const model of [models.v13, models.talker]) {
        const list = await chatChunks({ model });
        assert.equal(list[0].choices[0].delta.role, 'assistant');
        for (const chunk of list.slice(1))
            for (const choice of chunk.choices) assert.ok(!('role' in choice.delta));
    }
});

test('S7: every choice has its keys', async () => {
    for (const chunk of await chatChunks({ n: 2, temperature: 1 }))
        for (const choice of chunk.choices) {
            assert.ok(Number.isInteger(choice.index));
            assert.equal(typeof choice.delta, 'object');
            assert.ok('finish_reason' in choice);
        }
});

test('S8: one finish_reason for each choice, on its last chunk', async () => {
    const list = await chatChunks({ n: 3, temperature: 1, seed: 1 });
    for (const index of [0, 1, 2]) {
        const reasons = list
            .flatMap((c) => c.choices)
            .filter((c) => c.index === index)
            .map((c) => c.finish_reason);
        assert.ok(['stop', 'length'].includes(reasons.pop()));
        assert.ok(reasons.every((r) => r === null));
    }
});

test('S9: usage lies on the last choice chunk', async () => {
    const list = await chatChunks({ model: models.talker });
    for (const chunk of list) assert.ok(chunk.choices.length > 0);
    for (const chunk of list.slice(0, -1)) assert.ok(!chunk.usage);
    assertUsage(list.at(-1).usage);
    assert.equal(list.at(-1).choices[0].finish_reason, 'stop');
});

test('S10: usage in a chunk of its own', async () => {
    const list = await chatChunks({ stream_options: { include_usage: true } });
    assert.deepEqual(list.at(-1).choices, []);
    assertUsage(list.at(-1).usage);
    for (const chunk of list.slice(0, -1)) assert.ok(chunk.choices.length > 0);
    assert.ok(list.at(-2).choices[0].finish_reason);
});

test('S10: unknown stream options are ignored', async () => {
    const stream_options = { include_usage: true, stream_tool_calls: true };
    assertUsage((await chatChunks({ stream_options })).at(-1).usage);
});

test('S11: deltas hold whole characters', async () => {
    const list = await chatChunks({ model: models.painter });
    const pieces = list.flatMap((c) => c.choices.map((x) => x.delta.content ?? ''));
    for (const piece of pieces) assert.ok(!piece.includes('\ufffd'), JSON.stringify(piece));
    assert.equal(pieces.join(''), said.painter);
});

test('S11: a dangling character ends as U+FFFD', async () => {
    const whole = await content({ model: models.painter });
    assert.equal(whole, said.painter);
    for (let max_tokens = 1; max_tokens < 24; max_tokens++) {
        const text = join(await chatChunks({ model: models.painter, max_tokens })).content;
        assert.ok(whole.startsWith(text.replace(/\ufffd$/, '')), text);
        assert.equal(text, await content({ model: models.painter, max_tokens }));
    }
});

test('S12: what may become a stop string is held back', async () => {
    for (const stop of ['How can I', '! How', 'today?', 'lo! How can I help you today']) {
        const list = await chatChunks({ model: models.talker, stop: [stop, 'never said'] });
        const want = said.talker.slice(0, said.talker.indexOf(stop));
        assert.equal(join(list).content, want);
        assert.equal(join(list).finish_reason, 'stop');
    }
});

test('S12: a stop string that does not come is let go', async () => {
    const list = await chatChunks({ model: models.talker, stop: ['today! ', 'Hello? '] });
    assert.equal(join(list).content, said.talker);
});

test('S12: control markup never appears', async () => {
    for (const model of [models.v13, models.v15, models.caller, models.thinker])
        for (const more of [{}, { tools }, { tools, tool_choice: 'any', max_tokens: 120 }]) {
            const joined = join(await chatChunks({ model, ...more }));
            assert.doesNotMatch(joined.content + joined.reasoning, markup);
        }
});

for (const model of [
    models.v13,
    models.v15,
    models.code,
    models.talker,
    models.thinker,
    models.painter,
])
    test(`S13: streamed is not streamed, ${model}`, async () => {
        for (const more of [
            {},
            { temperature: 1, seed: 4 },
            { max_tokens: 1 },
            { max_tokens: 0 },
        ]) {
            const { message, finish_reason } = await answer({ model, ...more });
            const joined = join(await chatChunks({ model, ...more }));
            assert.equal(joined.content, message.content ?? '');
            assert.equal(joined.reasoning, message.reasoning_content ?? '');
            assert.equal(joined.finish_reason, finish_reason);
        }
    });

test('S13: each of n choices', async () => {
    const more = { n: 3, temperature: 1, seed: 9 };
    const list = await chatChunks(more);
    const whole = (await post(path, chatBody(more))).json.choices;
    for (const choice of whole)
        assert.equal(join(list, choice.index).content, choice.message.content);
});

test('S13: usage is the same', async () => {
    const list = await chatChunks({ stream_options: { include_usage: true } });
    const whole = (await post(path, chatBody({}))).json.usage;
    const { prompt_tokens, completion_tokens } = list.at(-1).usage;
    assert.deepEqual(
        [prompt_tokens, completion_tokens],
        [whole.prompt_tokens, whole.completion_tokens],
    );
});

test('S14: id, model, created and object stay', async () => {
    const list = await chatChunks({ stream_options: { include_usage: true } });
    const key = (c) => JSON.stringify([c.id, c.model, c.created, c.object]);
    assert.equal(new Set(list.map(key)).size, 1);
    assert.equal(list[0].object, 'chat.completion.chunk');
    assert.equal(list[0].model, models.v13);
    assert.ok(Number.isInteger(list[0].created));
});

test('S15: events arrive one by one', async () => {
    const body = streamed({ ignore_eos: true, max_tokens: 400 });
    const { text, reads } = await exchange(request('POST', path, body), ended, 60000);
    assert.ok(reads.length > 20, `${reads.length} reads`);
    assert.ok(unchunk(text).length > 20);
});

test('log-probabilities stream', async () => {
    const more = { logprobs: true, top_logprobs: 2, ignore_eos: true, max_tokens: 8 };
    const list = await chatChunks(more);
    const parts = list.flatMap((c) => c.choices.flatMap((x) => x.logprobs?.content ?? []));
    const { logprobs } = await answer(more);
    assert.deepEqual(
        parts.map((p) => p.token),
        logprobs.content.map((p) => p.token),
    );
});

test('a connection serves on after a stream', async () => {
    const one = request('POST', path, streamed({ model: models.talker }));
    const two = request('GET', '/health', '', ['Connection: close']);
    const { text } = await exchange(one + two);
    assert.equal(text.match(/HTTP\/1\.1 200 /g).length, 2);
    assert.ok(text.includes('[DONE]') && text.includes('"ok"'));
});

test('a prefix is the first delta', async () => {
    const messages = [...user('Go.'), { role: 'assistant', content: 'Hello! How', prefix: true }];
    const list = await chatChunks({ model: models.talker, messages });
    const first = list.map((c) => c.choices[0].delta.content).find((text) => text);
    assert.ok(first.startsWith('Hello! How'), first);
    assert.equal(join(list).content, said.talker);
});

test('thirty-two streams at once are those of one', async () => {
    const bodies = Array.from({ length: 32 }, (_, i) => ({
        model: [models.v13, models.v15][i % 2],
        messages: user(`Number ${i}: ${'and so on '.repeat(i)}`),
    }));
    const together = await Promise.all(bodies.map((b) => chatChunks(b)));
    for (const i of [0, 7, 20, 31])
        assert.equal(join(together[i]).content, await content(bodies[i]));
});
