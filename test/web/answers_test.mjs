// SPDX-License-Identifier: Apache-2.0
// Questions and answers, in Chromium, with the stand-in's scripted answers (scripts.mjs).
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { asked, lastMeta, lastText, server, shoot, sleep, tab } from './fixture.mjs';
import { HOSTILE } from './scripts.mjs';

test('a question is answered as Markdown, with its figures', async () => {
    await shoot('empty');
    await tab.ask('tour of the wind');
    assert.equal(await tab.text('.user .bubble'), 'tour of the wind');
    assert.equal(await tab.text('.prose h1'), 'The wind over the lake');
    assert.equal(await tab.count('.prose table tbody tr'), 3);
    assert.equal(await tab.count('.prose ol > li'), 3);
    assert.match(await tab.text('.codeblock code'), /^def chill/);
    assert.match(
        await lastMeta(),
        /^\d+ tokens · [\d.]+ tokens\/s · first after .* · prompt 21 \(16 cached\)$/,
    );
    assert.equal(await tab.eval('document.title'), 'tour of the wind · bise');
    assert.deepEqual(asked().messages, [{ role: 'user', content: 'tour of the wind' }]);
    assert.equal(asked().temperature, undefined);
    await shoot('light');
    await tab.media({ 'prefers-color-scheme': 'dark' });
    await shoot('dark');
});

/* Runs in the page: random texts in random pieces, each shown as if it had come at once. */
async function growing(n) {
    const { MarkdownView } = await import('./markdown_view.js');
    const parts =
        'a|b c|\n|\n\n|- |1. |> |# |```|~~~|*|**|`|  |    |---|===|[x](https://a.b)|<b>|[ ] '.split(
            '|',
        );
    parts.push('|', '|a|b|\n|-|-|\n');
    let seed = 9;
    const next = (k) => {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        return Math.floor((seed / 0x80000000) * k);
    };
    for (let i = 0; i < n; i++) {
        const text = Array.from({ length: 2 + next(30) }, () => parts[next(parts.length)]).join('');
        const [grown, whole] = [document.createElement('div'), document.createElement('div')];
        const view = new MarkdownView(grown);
        for (let at = 0, k; at < text.length; at += k) {
            k = 1 + next(5);
            view.append(text.slice(at, at + k));
        }
        new MarkdownView(whole).append(text);
        if (!grown.isEqualNode(whole)) {
            grown.normalize();
            if (!grown.isEqualNode(whole)) return text;
        }
    }
    return null;
}

test('what has grown looks like what came at once', async () => {
    assert.equal(await tab.eval(`(${growing})(2000)`), null);
});

test('hostile answers stay text', async () => {
    await tab.ask('hostile');
    await sleep(200);
    assert.equal(await tab.eval('globalThis.stolen'), undefined);
    for (const tag of ['script', 'img', 'iframe', 'svg', 'b'])
        assert.equal(await tab.count(`.assistant .prose ${tag}`), 0, tag);
    assert.equal(
        await tab.eval(`[...document.querySelectorAll('.prose a')].every((a) =>
        a.protocol === 'https:' && a.rel === 'noopener noreferrer' && a.target === '_blank')`),
        true,
    );
    assert.equal(
        await tab.eval(`[...document.querySelectorAll('.prose *')].some((e) =>
        [...e.attributes].some((a) => a.name.startsWith('on')))`),
        false,
    );
    assert.match(await lastText(), /<script>globalThis\.stolen = 1<\/script>/);
    assert.match(await lastText(), /The end of the hostile text\./);
    await tab.ask(HOSTILE.slice(0, 300));
    assert.equal(await tab.eval('globalThis.stolen'), undefined);
});

test('the policy forbids what the page never does', async () => {
    const tried = await tab.eval(`(() => {
        try { document.createElement('p').innerHTML = '<b>'; return 'made'; } catch (e) { return e.name; }
    })()`);
    assert.equal(tried, 'TypeError');
    const listened = await tab.eval(`(() => {
        try { document.body.setAttribute('onclick', 'x'); return 'set'; } catch (e) { return e.name; }
    })()`);
    assert.equal(listened, 'TypeError');
    const styled = await tab.eval(`new Promise((resolve) => {
        document.addEventListener('securitypolicyviolation', (e) => resolve(e.effectiveDirective));
        document.body.setAttribute('style', 'color: red');
        setTimeout(() => resolve('none'), 500);
    })`);
    assert.equal(styled, 'style-src-attr');
    const foreign = await tab.eval(
        `fetch('http://127.0.0.2:9/').then(() => 'sent', () => 'refused')`,
    );
    assert.equal(foreign, 'refused');
    tab.problems = [];
});

test('thoughts are kept apart, in both spellings', async () => {
    await tab.ask('think');
    assert.equal(await lastText(), 'Three days.');
    assert.equal(await tab.eval(`document.querySelector('.thinking').open`), false);
    await tab.click('.thinking summary');
    await tab.until(`document.querySelector('.thinking strong')?.textContent === 'map'`);
    assert.match(await tab.text('.thinking .prose'), /I count the days/);
    await shoot('thinking');
    await tab.ask('chunks');
    assert.equal(await lastText(), 'Nine days.');
    assert.equal(await tab.count('.thinking'), 2);
    assert.equal(
        asked().messages.some((m) => m.reasoning_content),
        false,
    );
});

test('a tool call is shown, and its result can be given', async () => {
    await tab.ask('call a tool');
    assert.match(await tab.text('.call-name'), /get_wind/);
    assert.equal(await tab.text('.call pre'), '{\n  "place": "Geneva",\n  "days": 3\n}');
    await tab.click('.result textarea');
    await tab.type('60 km/h');
    await shoot('call');
    await tab.click('.result button');
    await tab.until(`document.querySelectorAll('.assistant').length === 2`);
    await tab.answered();
    assert.equal(await lastText(), 'The tool said: 60 km/h');
    const [, call, result] = asked().messages;
    assert.deepEqual(call.tool_calls[0].function, {
        name: 'get_wind',
        arguments: '{"place": "Geneva", "days": 3}',
    });
    assert.deepEqual(result, {
        role: 'tool',
        content: '60 km/h',
        tool_call_id: 'abcDEF123',
        name: 'get_wind',
    });
    assert.equal(await tab.count('.result'), 0);
});

test('Escape stops an answer, and the server sees its reader leave', async () => {
    await tab.ask('slow', false);
    await tab.until(`document.querySelector('.prose').innerText.length > 20`);
    assert.equal(
        await tab.eval(`document.querySelector('.send').getAttribute('aria-label')`),
        'Stop',
    );
    await shoot('running');
    await tab.press('Escape');
    await tab.answered();
    const text = await lastText();
    await sleep(150);
    assert.equal(await lastText(), text);
    assert.match(await lastMeta(), /stopped/);
    assert.equal(server.left, 1);
    assert.equal(await tab.eval('document.activeElement.id'), 'message');
    await tab.ask('odd');
    assert.equal(await lastText(), 'Grüße 🌬');
});

test('the button stops, too, before the first token', async () => {
    await tab.ask('bare', false);
    await tab.until(`!document.querySelector('.waiting').hidden`);
    await tab.click('.send');
    await tab.answered();
    assert.match(await lastMeta(), /stopped/);
});

test('an answer can be had again, and a question changed', async () => {
    await tab.ask('one');
    await tab.ask('two');
    await tab.ask('three');
    await tab.press('Alt+R');
    for (let i = 0; i < 100 && server.asked.length < 4; i++) await sleep(20);
    await tab.answered();
    assert.equal(server.asked.length, 4);
    assert.deepEqual(
        asked().messages.map((m) => m.content),
        ['one', 'You said: one', 'two', 'You said: two', 'three'],
    );
    await tab.click('.user .icon-button[aria-label^=Edit]');
    await tab.press('Control+A');
    await tab.eval(`document.activeElement.select()`);
    await tab.type('uno');
    await tab.press('Enter');
    await tab.until(`document.querySelectorAll('.assistant').length === 1`);
    await tab.answered();
    assert.equal(await lastText(), 'You said: uno');
    assert.equal(await tab.text('#toast span'), '5 later messages were replaced.');
    await tab.click('#toast button');
    await tab.until(`document.querySelectorAll('.assistant').length === 3`);
    assert.equal(await lastText(), 'You said: three');
});

test('ArrowUp edits the last question, Escape leaves it as it was', async () => {
    await tab.ask('one');
    await tab.press('ArrowUp');
    assert.equal(
        await tab.eval(`document.activeElement.getAttribute('aria-label')`),
        'Edit your message',
    );
    await tab.press('Escape');
    assert.equal(await tab.count('form.edit'), 0);
    assert.equal(await tab.text('.bubble'), 'one');
    assert.equal(server.asked.length, 1);
});

test('errors are told in the words of the server', async () => {
    await tab.ask('full');
    assert.match(
        await tab.text('.error'),
        /maximum context length is 512 tokens; your request has 900/,
    );
    await shoot('error');
    await tab.ask('busy');
    assert.match(
        await tab.eval(`[...document.querySelectorAll('.error p')].at(-1).innerText`),
        /queue is full.*Try again in 7 s/,
    );
    await tab.ask('broken');
    assert.match(
        await tab.eval(`[...document.querySelectorAll('.error p')].at(-1).innerText`),
        /The connection/,
    );
    assert.match(await lastText(), /^It begin/);
    await tab.ask('late');
    assert.match(
        await tab.eval(`[...document.querySelectorAll('.error p')].at(-1).innerText`),
        /model file has changed/,
    );
    assert.equal(await lastText(), 'It begins well');
    await tab.ask('cut');
    assert.match(await lastMeta(), /cut off/);
    assert.equal(await tab.count('[role=alert].error, .error:not([hidden]) [role=alert]'), 4);
});

test('a server that goes away is told, and its return noticed', async () => {
    server.state = 'loading';
    await tab.goto('/').catch(() => {});
    await tab.until(`document.querySelector('#server-state').innerText.includes('loading')`);
    await shoot('loading');
    server.state = 'ok';
    await tab.until(`document.querySelector('#server-state').hidden`);
    await tab.until(`document.querySelector('#model').value`);
    const port = Number(new URL(server.origin).port);
    await server.close();
    await tab.ask('anyone there?');
    assert.match(await tab.text('.error'), /cannot be reached/);
    await tab.until(`!document.querySelector('#server-state').hidden`);
    await server.listen(port);
    await tab.until(`document.querySelector('#server-state').hidden`);
    await tab.click('.error:not([hidden]) button');
    await tab.until(`document.querySelector('.prose').innerText === 'You said: anyone there?'`);
});
