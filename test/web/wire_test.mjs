// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';

import { addChunk, emptyAnswer, summary } from '../../web/answer.js';
import { loadChats, newChat, removeChat, saveChat, titleOf } from '../../web/chats.js';
import { chatRequest, exportRequest, importRequests, textRequest } from '../../web/request.js';
import { keepSettings, readSetting, SETTINGS } from '../../web/settings.js';
import { SseParser } from '../../web/sse.js';

globalThis.crypto ??= webcrypto; // which node 18 does not have there

function events(text, size) {
    const got = [];
    const parser = new SseParser((data) => got.push(data));
    for (let i = 0; i < text.length; i += size) parser.push(text.slice(i, i + size));
    return got;
}

test('events are the same however they are cut', () => {
    const text =
        ': ping\n\ndata: one\n\nevent: x\ndata: two\ndata: three\r\n\r\ndata:four\rid: 5\r\rdata\n\ndatas: no\n\ndata: cut';
    const want = ['one', 'two\nthree', 'four', ''];
    for (let size = 1; size < text.length + 2; size++) assert.deepEqual(events(text, size), want);
});

test('an event without an end is refused in time', () => {
    const parser = new SseParser(() => {});
    assert.throws(() => {
        for (let i = 0; i < 100; i++) parser.push('x'.repeat(1 << 20));
    }, /too long/);
});

const delta = (d, rest) => ({ choices: [{ index: 0, delta: d, finish_reason: null, ...rest }] });

function answer(...chunks) {
    const message = emptyAnswer('m');
    for (const chunk of chunks) addChunk(message, chunk);
    return message;
}

test('content, thoughts and their spellings', () => {
    const a = answer(
        delta({ reasoning_content: 'a' }),
        delta({ reasoning: 'b' }),
        delta({ content: 'c' }),
    );
    assert.deepEqual([a.thinking, a.content], ['ab', 'c']);
    const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'a' }] };
    const b = answer(
        delta({ content: [thinking, { type: 'text', text: 'b' }] }),
        delta({ content: 'c' }),
    );
    assert.deepEqual([b.thinking, b.content], ['a', 'bc']);
    assert.equal(
        answer({ choices: [{ message: { content: 'whole' }, finish_reason: 'stop' }] }).content,
        'whole',
    );
    assert.equal(answer({ choices: [{ text: 'a' }] }, { choices: [{ text: 'b' }] }).content, 'ab');
});

test('tool calls in pieces, side by side, whole', () => {
    const piece = (...calls) => delta({ tool_calls: calls });
    const a = answer(
        piece({ index: 0, id: 'a', function: { name: 'f', arguments: '' } }),
        piece({ index: 1, id: 'b', function: { name: 'g', arguments: '{}' } }),
        piece({ index: 0, function: { arguments: '{"x"' } }),
        piece({ index: 0, function: { arguments: ':1}' } }),
    );
    assert.deepEqual(
        a.tool_calls.map((c) => [c.id, c.name, c.arguments]),
        [
            ['a', 'f', '{"x":1}'],
            ['b', 'g', '{}'],
        ],
    );
    const b = answer(
        piece(
            { id: 'a', function: { name: 'f', arguments: { x: 1 } } },
            { id: 'b', function: { name: 'g' } },
        ),
    );
    assert.deepEqual(
        b.tool_calls.map((c) => [c.id, c.name, c.arguments]),
        [
            ['a', 'f', '{"x":1}'],
            ['b', 'g', ''],
        ],
    );
});

test('chunks that make no sense change nothing', () => {
    for (const odd of [
        null,
        {},
        { choices: null },
        { choices: [] },
        { choices: [null] },
        delta(null),
        delta({ content: 5 }),
        delta({ content: [null, 7, { type: 'text' }] }),
        delta({ tool_calls: [null] }),
        delta({ tool_calls: {} }),
        { usage: null },
        delta({ reasoning_content: 3 }),
    ])
        assert.deepEqual(answer(odd), emptyAnswer('m'), JSON.stringify(odd));
});

test('what is said below an answer', () => {
    const m = answer({
        choices: [],
        usage: {
            prompt_tokens: 9,
            completion_tokens: 101,
            prompt_tokens_details: { cached_tokens: 4 },
        },
    });
    m.timing = { first_ms: 250, stream_ms: 2000 };
    assert.equal(
        summary(m).join(', '),
        '101 tokens, 50.0 tokens/s, first after 250 ms, prompt 9 (4 cached)',
    );
    assert.deepEqual(summary({ finish: 'length' }), ['cut off: no more tokens allowed']);
    assert.deepEqual(summary({ stopped: true }), ['stopped']);
    assert.equal(
        summary({ stopped: true, timing: { first_ms: 5, stream_ms: 1000, n: 11 } }).join(', '),
        'about 11 tokens, 10.0 tokens/s, first after 5 ms, stopped',
    );
    assert.deepEqual(
        summary({
            usage: { prompt: 1, completion: 1, cached: 0 },
            timing: { first_ms: 1500, stream_ms: 0 },
        }),
        ['1 token', 'first after 1.5 s', 'prompt 1'],
    );
});

function conversation(...messages) {
    return { ...newChat(), model: 'm', messages };
}

test('a request holds what was said and set, and no more', () => {
    const chat = conversation(
        { role: 'user', content: 'q' },
        { role: 'assistant', content: 'a', thinking: 't', usage: {}, timing: {} },
        { role: 'assistant', content: '', error: 'e' },
        { role: 'user', content: 'r' },
    );
    chat.system = 's';
    chat.settings = { temperature: 0, max_tokens: 5 };
    chat.extra = { response_format: { type: 'json_object' } };
    assert.deepEqual(chatRequest(chat), {
        model: 'm',
        response_format: { type: 'json_object' },
        temperature: 0,
        max_tokens: 5,
        messages: [
            { role: 'system', content: 's' },
            { role: 'user', content: 'q' },
            { role: 'assistant', content: 'a' },
            { role: 'user', content: 'r' },
        ],
        stream: true,
        stream_options: { include_usage: true },
    });
    assert.equal(textRequest(chat).prompt, 's\n\nqar');
});

test('thoughts go back within the turn of their call only', () => {
    const call = { index: 0, id: 'abcDEF123', name: 'f', arguments: '{}' };
    const turn = [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: '', thinking: 't', tool_calls: [call] },
        { role: 'tool', content: 'r', tool_call_id: 'abcDEF123', name: 'f' },
    ];
    const sent = chatRequest(conversation(...turn)).messages[1];
    assert.equal(sent.reasoning_content, 't');
    assert.deepEqual(sent.tool_calls, [
        { id: 'abcDEF123', type: 'function', function: { name: 'f', arguments: '{}' } },
    ]);
    const later = conversation(...turn, { role: 'user', content: 'next' });
    assert.equal(chatRequest(later).messages[1].reasoning_content, undefined);
});

test('what is exported comes back the same', () => {
    const chat = conversation(
        { role: 'user', content: 'q' },
        {
            role: 'assistant',
            content: 'a',
            thinking: 't',
            tool_calls: [{ index: 0, id: 'i', name: 'f', arguments: '{}' }],
        },
        { role: 'tool', content: 'r', tool_call_id: 'i', name: 'f' },
        { role: 'user', content: [{ type: 'image_url', image_url: 'data:' }] },
    );
    Object.assign(chat, {
        title: 'T',
        system: 's',
        settings: { top_p: 0.5, reasoning_effort: 'low' },
        extra: { tools: [] },
    });
    const [back] = importRequests(JSON.stringify(exportRequest(chat)));
    for (const name of ['title', 'model', 'system', 'settings', 'extra', 'messages'])
        assert.deepEqual(back[name], chat[name], name);
});

test('a file that is no conversation is refused with a reason', () => {
    for (const [text, why] of [
        ['', /not JSON/],
        ['{', /not JSON/],
        ['{}', /no list of messages/],
        ['null', /no list of messages/],
        ['{"messages":{}}', /no list of messages/],
        ['{"messages":[{"role":"root","content":""}]}', /Message 1 has no role/],
        ['{"messages":[null]}', /Message 1 has no role/],
        ['{"messages":[{"role":"user","content":5}]}', /Message 1: its content/],
        [
            JSON.stringify({ messages: new Array(5000).fill({ role: 'user', content: '' }) }),
            /more than 4096/,
        ],
    ])
        assert.throws(() => importRequests(text), why);
});

test('an imported file sets nothing out of range and reaches no prototype', () => {
    const [chat] = importRequests(
        '{"messages":[],"temperature":99,"seed":1.5,"top_p":"x","top_k":3,"n":9,"stream":false,"__proto__":{"polluted":1}}',
    );
    assert.deepEqual(chat.settings, { top_k: 3 });
    assert.equal(chatRequest({ ...newChat(), ...chat }).n, undefined);
    assert.equal({}.polluted, undefined);
});

test('settings have ranges', () => {
    const temperature = SETTINGS[0];
    assert.deepEqual(readSetting(temperature, ' 0,7 '), { value: 0.7 });
    assert.deepEqual(readSetting(temperature, ''), {});
    for (const bad of ['x', '-1', '2.1', 'NaN', 'Infinity', '1e9'])
        assert.ok(readSetting(temperature, bad).error, bad);
    const seed = SETTINGS.find((s) => s.name === 'seed');
    assert.match(readSetting(seed, '1.5').error, /whole number/);
    assert.deepEqual(keepSettings({ reasoning_effort: 'high', temperature: NaN }), {
        reasoning_effort: 'high',
    });
});

test('conversations are kept where there is no storage', () => {
    const chat = conversation({ role: 'user', content: `${'word '.repeat(30)}\nsecond line` });
    assert.ok(saveChat(chat));
    assert.deepEqual(loadChats(), [chat]);
    assert.match(titleOf(chat), /^word .*…$/);
    removeChat(chat.id);
    assert.deepEqual(loadChats(), []);
    assert.equal(titleOf(newChat()), 'New conversation');
});
