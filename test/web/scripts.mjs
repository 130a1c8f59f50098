// SPDX-License-Identifier: Apache-2.0
// scripts.mjs - what the stand-in answers: a question's first word names the script.

export const TOUR = `# The wind over the lake

The **bise** is a cold, dry wind from the north-east. It is *funnelled* between the Jura and the Alps, and blows hardest where the plain is narrowest. See [the valley](https://example.org/valley) or \`wind.speed()\`.

## What to know

1. It comes with high pressure over northern Europe.
2. It lasts three days, or six, or nine:
   - in winter it is the *bise noire*,
   - in spring it dries the fields.
3. Its speed can pass ~~90~~ 100 km/h.

> In Geneva the spray freezes on the quay,
> and cars become sculptures.

| Place | Speed in km/h | Days in a year |
|:------|--------------:|:--------------:|
| Geneva | 60 | 50 |
| Lausanne | 55 | 48 |
| Chasseral | 110 | 71 |

\`\`\`python
def chill(t, v):
    """What the air feels like, in degrees Celsius."""
    return 13.12 + 0.6215 * t - 11.37 * v**0.16 + 0.3965 * t * v**0.16
\`\`\`

- [x] Wear a hat
- [ ] Do not park by the lake

---

That is all.`;

export const HOSTILE = `<script>globalThis.stolen = 1</script>

<img src=x onerror="globalThis.stolen = 2">

[click me](javascript:globalThis.stolen=3) and [this](JaVaScRiPt:alert(1)) and [data](data:text/html,<script>alert(1)</script>)

![pixel](https://tracker.invalid/pixel.png) and <https://example.org/ok> and <javascript:alert(2)>

[a "quote" onmouseover=alert(3)](https://example.org/" onmouseover="globalThis.stolen=4)

\`\`\`<b onclick=alert(4)>
</code></pre><script>globalThis.stolen = 5</script>
\`\`\`

| <svg onload=alert(5)> | b |
|---|---|
| <iframe src="https://tracker.invalid/"></iframe> | &lt;script&gt; |

The end of the hostile text.`;

const chunk = (delta, finish = null) => ({
    data: {
        id: 'x',
        object: 'chat.completion.chunk',
        choices: [{ index: 0, delta, finish_reason: finish }],
    },
});
const usage = (completion, prompt = 21, cached = 16) => ({
    data: {
        choices: [],
        usage: {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: prompt + completion,
            prompt_tokens_details: { cached_tokens: cached },
        },
    },
});
const pieces = (text) => text.match(/[\s\S]{1,4}/gu) ?? [];
const wait = (ms) => ({ wait: ms });

/* A text in pieces of a few characters, with a rest after each so many. */
function say(text, { every = 0, ms = 0, finish = 'stop' } = {}) {
    const steps = [chunk({ role: 'assistant', content: '' })];
    pieces(text).forEach((s, i) => {
        steps.push(chunk({ content: s }));
        if (every && i % every === every - 1) steps.push(wait(ms));
    });
    return [...steps, chunk({}, finish), usage(pieces(text).length)];
}

const numbered = (n, text) => Array.from({ length: n }, (_, i) => text(i)).join('');

export function longText(n) {
    const parts = [];
    for (let i = 0; i < n; i++)
        parts.push(
            `## Part ${i}\n\nThe wind of part **${i}** blows from the north-east, and \`speed(${i})\` says how fast.\n\n- one\n- two\n- three\n\n`,
        );
    return parts.join('');
}

function* thoughts() {
    yield chunk({ role: 'assistant', reasoning_content: 'First I look at the **map**.\n\n' });
    yield wait(100);
    yield chunk({ reasoning_content: 'Then I count the days.' });
    yield chunk({ content: 'Three days.' });
    yield chunk({}, 'stop');
    yield usage(14);
}

function* thoughtChunks() {
    const thinking = (text) => ({ type: 'thinking', thinking: [{ type: 'text', text }] });
    yield chunk({ role: 'assistant', content: [thinking('As chunks I think. ')] });
    yield chunk({ content: [thinking('And more.'), { type: 'text', text: 'Nine ' }] });
    yield chunk({ content: 'days.' });
    yield chunk({}, 'stop');
}

function* call(body) {
    if (body.messages.at(-1).role === 'tool') {
        yield* say(`The tool said: ${body.messages.at(-1).content}`);
        return;
    }
    const piece = (index, rest) => ({ tool_calls: [{ index, ...rest }] });
    yield chunk(
        piece(0, {
            id: 'abcDEF123',
            type: 'function',
            function: { name: 'get_wind', arguments: '' },
        }),
    );
    yield chunk(piece(0, { function: { arguments: '{"place": "Gen' } }));
    yield chunk(piece(0, { function: { arguments: 'eva", "days": 3}' } }));
    yield chunk({}, 'tool_calls');
    yield usage(20);
}

const SCRIPTS = {
    tour: () => say(TOUR),
    slowtour: () => say(TOUR, { every: 4, ms: 12 }),
    hostile: () => say(HOSTILE),
    think: thoughts,
    chunks: thoughtChunks,
    call: (body) => call(body),
    slow: () => say('One two three four five six seven eight. '.repeat(200), { every: 1, ms: 30 }),
    lines: () => say('A line of the poem.\n\n'.repeat(120), { every: 5, ms: 15 }),
    long: () => say(longText(340), { every: 40, ms: 1 }),
    block: () =>
        say(
            `\`\`\`c\n${numbered(1250, (i) => `    puts("a line of code"); // line ${i};\n`)}\`\`\`\n`,
            { every: 40, ms: 1 },
        ),
    paragraph: () =>
        say(
            numbered(5000, (i) => `word **${i}** `),
            { every: 40, ms: 1 },
        ),
    bare: () => [{ wait: 400 }, ...say('Late.')],
    busy: () => [
        {
            status: 429,
            message: 'The queue is full: 1024 requests wait.',
            headers: { 'retry-after': '7' },
        },
    ],
    full: () => [
        {
            status: 400,
            message: "This model's maximum context length is 512 tokens; your request has 900.",
        },
    ],
    broken: () => [...say('It begins well').slice(0, 4), wait(100), { cut: true }],
    late: () => [
        chunk({ role: 'assistant', content: 'It begins well' }),
        {
            data: {
                choices: [{ index: 0, delta: {}, finish_reason: 'error' }],
                error: { message: 'The model file has changed.' },
            },
        },
    ],
    cut: () => say('It goes on and', { finish: 'length' }),
    odd: () => [
        { raw: ': ping\n\n' },
        { raw: 'data: {"choices":[{"index":0,"delta":{"content":"Grüße 🌬"}' },
        wait(20),
        { raw: '}]}\r\n\r\n' },
        chunk({}, 'stop'),
    ],
};

/** The steps of the answer to a text. */
export function script(text, body) {
    const word = typeof text === 'string' ? text.trim().split(/\s/)[0].toLowerCase() : '';
    const toolTurn = body.messages?.at(-1)?.role === 'tool';
    if (toolTurn) return call(body);
    if (body.prompt !== undefined)
        return [
            { data: { choices: [{ index: 0, text: ' there was', finish_reason: null }] } },
            { data: { choices: [{ index: 0, text: ' a wind.', finish_reason: 'stop' }] } },
        ];
    return SCRIPTS[word]?.(body) ?? say(`You said: ${text}`);
}
