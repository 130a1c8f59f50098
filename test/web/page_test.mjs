// SPDX-License-Identifier: Apache-2.0
// What a reader meets, in Chromium, with the stand-in's scripted answers (scripts.mjs).
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { Chromium } from './chromium.mjs';
import { HOSTILE } from './scripts.mjs';
import { StandIn } from './stand_in.mjs';
import { Tab } from './tab.mjs';

const SHOTS = process.env.SHOTS; // a folder for pictures to look at

let chromium;
let server;
let tab;

before(() => {
    chromium = new Chromium();
});
after(() => chromium.close());
beforeEach(async () => {
    server = await new StandIn().listen();
    tab = await Tab.open(chromium, server.origin);
});
afterEach(async () => {
    const { problems } = tab;
    await tab.close();
    await server.close();
    assert.deepEqual(problems, []);
});

async function shoot(name) {
    if (!SHOTS) return;
    mkdirSync(SHOTS, { recursive: true });
    await tab.shoot(`${SHOTS}/${name}.png`);
}

const lastText = () =>
    tab.eval(`[...document.querySelectorAll('.assistant .prose')].at(-1).innerText`);
const lastMeta = () => tab.eval(`[...document.querySelectorAll('.meta')].at(-1).textContent`);
const asked = () => server.asked.at(-1);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

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

test('a key is asked for, kept for the tab and sent in a header only', async () => {
    server.key = 'secret-key-1';
    await tab.goto('/');
    await tab.until(`document.querySelector('#key-dialog').open`);
    assert.match(await tab.text('#key-reason'), /needs an API key/);
    await shoot('key');
    await tab.type('secret-key-1');
    await tab.press('Enter');
    await tab.until(`document.querySelector('#model').value === 'stand-in-8b'`);
    await tab.ask('hello');
    assert.equal(await lastText(), 'You said: hello');
    assert.equal(
        tab.requests.some((r) => r.url.includes('secret')),
        false,
    );
    assert.equal(await tab.eval(`JSON.stringify(localStorage).includes('secret')`), false);
    assert.equal(
        await tab.eval(`document.documentElement.outerHTML.includes('secret-key')`),
        false,
    );
    await tab.click('#settings');
    await tab.click('#forget-key');
    await tab.press('Escape');
    await tab.ask('again');
    await tab.until(`document.querySelector('#key-dialog').open`);
    await tab.type('secret-key-1');
    await tab.press('Enter');
    await tab.until(
        `document.querySelector('.message:last-child .prose').innerText === 'You said: again'`,
    );
});

test('settings are checked, sent, and those of the conversation', async () => {
    await tab.press('Alt+G');
    await tab.until(`document.querySelector('#settings-dialog').open`);
    await tab.eval(`document.querySelector('#set-temperature').focus()`);
    await tab.type('7');
    assert.match(await tab.text('#set-temperature-error'), /from 0 to 2/);
    await shoot('settings');
    await tab.press('Backspace');
    await tab.type('0.5');
    assert.equal(await tab.text('#set-temperature-error'), '');
    await tab.press('ArrowUp');
    await tab.eval(`document.querySelector('#system').focus()`);
    await tab.type('Be brief.');
    await tab.press('Escape');
    await tab.ask('hello');
    assert.equal(asked().temperature, 0.6);
    assert.equal(asked().top_p, undefined);
    assert.deepEqual(asked().messages[0], { role: 'system', content: 'Be brief.' });
    await tab.press('Alt+N');
    await tab.ask('new one');
    assert.equal(asked().messages.length, 2);
    assert.equal(asked().temperature, 0.6);
});

test('the model is chosen and stays chosen', async () => {
    await tab.eval(
        `(() => { const s = document.querySelector('#model'); s.value = 'thinker'; s.dispatchEvent(new Event('change')); })()`,
    );
    await tab.ask('hello');
    assert.equal(asked().model, 'thinker');
    await tab.goto('/');
    await tab.press('Alt+N');
    assert.equal(await tab.eval(`document.querySelector('#model').value`), 'thinker');
    server.models = server.models.slice(0, 1);
    await tab.press('Alt+ArrowDown');
    await tab.goto('/');
    await tab.until(
        `document.querySelector('#model').selectedOptions[0]?.textContent.includes('not here')`,
    );
});

test('a model that has no form for chats goes on with the text', async () => {
    server.models = [{ id: 'stories', capabilities: { completion_chat: false } }];
    await tab.goto('/');
    await tab.until(`document.querySelector('#about-model').innerText.includes('goes on with')`);
    await tab.ask('Once');
    assert.equal(asked().path, '/v1/completions');
    assert.equal(asked().prompt, 'Once');
    assert.equal(await lastText(), 'there was a wind.');
    assert.equal(asked().max_tokens, 400);
    await tab.ask(' And');
    assert.equal(asked().prompt, 'Once there was a wind. And');
});

test('conversations are kept, renamed, deleted and brought back', async () => {
    await tab.ask('first');
    await tab.press('Alt+N');
    await tab.ask('second');
    assert.equal(await tab.count('#chats li'), 2);
    await tab.press('Alt+ArrowDown');
    assert.equal(await tab.text('.bubble'), 'first');
    await tab.goto('/');
    assert.equal(await tab.text('.bubble'), 'first');
    await tab.click('#chats li:has([aria-current]) .icon-button[aria-label^=Rename]');
    await tab.type('A better name');
    await tab.press('Enter');
    assert.equal(await tab.text('.chat-title[aria-current]'), 'A better name');
    await tab.click('#chats li:has([aria-current]) .icon-button[aria-label^=Delete]');
    assert.equal(await tab.count('#chats li'), 1);
    assert.equal(await tab.text('.bubble'), 'second');
    await tab.click('#toast button');
    await tab.until(`document.querySelectorAll('#chats li').length === 2`);
    assert.equal(await tab.text('.chat-title[aria-current]'), 'A better name');
    await tab.goto('/');
    assert.equal(await tab.count('#chats li'), 2);
});

test('an answer that a reload cut off is kept, and said to be', async () => {
    await tab.ask('slow', false);
    await tab.until(`document.querySelector('.prose').innerText.length > 20`);
    await tab.goto('/');
    assert.match(await lastText(), /^One two three/);
    assert.match(await lastMeta(), /stopped/);
});

test('another tab shows what changes', async () => {
    const { targetInfos } = await chromium.send('Target.getTargets');
    const { browserContextId } = targetInfos.find((t) => t.url === `${server.origin}/`);
    const other = await Tab.open(chromium, server.origin, { browserContextId });
    await tab.ask('first');
    await other.until(`document.querySelectorAll('#chats li').length === 1`);
    await other.click('.chat-title');
    await tab.ask('second');
    await other.until(
        `[...document.querySelectorAll('.prose')].at(-1).innerText === 'You said: second'`,
    );
    await tab.click('#chats li .icon-button[aria-label^=Delete]');
    await other.until(`document.querySelectorAll('#chats li').length === 0`);
    assert.deepEqual(other.problems, []);
    await other.close();
});

test('an answer goes on while another conversation is read', async () => {
    await tab.ask('lines', false);
    await tab.until(`document.querySelectorAll('.prose p').length > 2`);
    await tab.press('Alt+N');
    assert.equal(await tab.count('#chats li.running'), 1);
    await tab.ask('hello');
    assert.equal(await lastText(), 'You said: hello');
    await tab.press('Alt+ArrowDown');
    await tab.answered();
    assert.equal(await tab.count('.prose p'), 120);
    assert.equal(await tab.count('#chats li.running'), 0);
});

test('a conversation goes to a file and comes back', async () => {
    const folder = `${chromium.profile}/downloads`;
    await tab.ask('think');
    await tab.cdp.send('Page.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
    await tab.click('#export');
    let files = [];
    for (let i = 0; i < 100 && !files.some((f) => f.endsWith('.json')); i++) {
        await sleep(30);
        try {
            files = readdirSync(folder);
        } catch {
            /* Not there yet. */
        }
    }
    assert.deepEqual(files, ['think.json']);
    const text = readFileSync(`${folder}/think.json`, 'utf8');
    assert.equal(
        JSON.parse(text).messages[1].reasoning_content,
        'First I look at the **map**.\n\nThen I count the days.',
    );
    writeFileSync(`${folder}/bad.json`, '{"messages": 5}');
    await setFiles([`${folder}/bad.json`]);
    await tab.until(`document.querySelector('#toast').innerText.includes('no list of messages')`);
    await setFiles([`${folder}/think.json`]);
    await tab.until(`document.querySelectorAll('#chats li').length === 2`);
    assert.equal(await lastText(), 'Three days.');
    rmSync(folder, { recursive: true });
});

async function setFiles(files) {
    const { root } = await tab.cdp.send('DOM.getDocument');
    const { nodeId } = await tab.cdp.send('DOM.querySelector', {
        nodeId: root.nodeId,
        selector: '#import-file',
    });
    await tab.cdp.send('DOM.setFileInputFiles', { files, nodeId });
}

test('the view follows the end, unless its reader has gone up', async () => {
    await tab.ask('lines', false);
    const distance = `(() => { const s = document.querySelector('#scroller'); return s.scrollHeight - s.scrollTop - s.clientHeight; })()`;
    await tab.until(`document.querySelectorAll('.prose p').length > 30`);
    assert.ok((await tab.eval(distance)) < 4);
    assert.equal(await tab.eval(`document.querySelector('#to-end').hidden`), true);
    await tab.cdp.send('Input.dispatchMouseEvent', {
        type: 'mouseWheel',
        x: 600,
        y: 400,
        deltaX: 0,
        deltaY: -400,
    });
    await tab.until(`!document.querySelector('#to-end').hidden`);
    await sleep(100);
    const top = await tab.eval(`document.querySelector('#scroller').scrollTop`);
    await sleep(400);
    assert.equal(await tab.eval(`document.querySelector('#scroller').scrollTop`), top);
    await tab.click('#to-end');
    assert.ok((await tab.eval(distance)) < 40);
    await tab.answered();
    assert.ok((await tab.eval(distance)) < 4);
});

/* What follows the text has to move with its end; and columns may widen for what comes. */
test('nothing that was read moves while an answer comes in', async () => {
    await tab.eval(`globalThis.moved = []; new PerformanceObserver((list) => {
        for (const e of list.getEntries())
            for (const { node, previousRect: a, currentRect: b } of e.sources) {
                const at = node?.nodeType === 3 ? node.parentElement : node;
                if (!at?.closest('.actions, th, td')) moved.push([at?.outerHTML.slice(0, 60), a.y, b.y]);
            }
    }).observe({ type: 'layout-shift', buffered: true })`);
    await tab.ask('slowtour');
    assert.deepEqual(await tab.eval('moved'), []);
});

test('opening a part at the end does not scroll away from it', async () => {
    await tab.ask('tour');
    await tab.ask('think');
    const y = () =>
        tab.eval(`document.querySelector('.thinking summary').getBoundingClientRect().y`);
    const was = await y();
    await tab.click('.thinking summary');
    await tab.until(`document.querySelector('.thinking strong')`);
    await sleep(100);
    assert.equal(await y(), was);
});

test('selected text of a settled part stays selected', async () => {
    await tab.ask('lines', false);
    await tab.until(`document.querySelectorAll('.prose p').length > 3`);
    await tab.eval(`getSelection().selectAllChildren(document.querySelector('.prose p'))`);
    await tab.answered();
    assert.equal(await tab.eval('getSelection().toString()'), 'A line of the poem.');
});

async function busyMs() {
    const { metrics } = await tab.cdp.send('Performance.getMetrics');
    return 1000 * metrics.find((m) => m.name === 'TaskDuration').value;
}

test('10 000 tokens come in without holding the page up', async () => {
    await tab.cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
    for (const word of ['long', 'block', 'paragraph']) {
        const before = await busyMs();
        await tab.ask(word, false);
        await tab.answered(30000);
        const ms = (await busyMs()) - before;
        console.log(`    ${word}: busy for ${Math.round(ms)} ms`);
        assert.ok(ms < 4000, `${word}: ${ms} ms`);
    }
    assert.equal(await tab.count('.prose h2'), 340);
    assert.match(await tab.text('.codeblock code'), /line 1249;$/);
    await tab.goto('/');
    await tab.until(`document.querySelectorAll('.prose h2').length === 340`);
});

test('code and answers are copied', async () => {
    await tab.cdp.send('Emulation.setFocusEmulationEnabled', { enabled: true });
    await tab.ask('tour');
    await tab.eval(`navigator.clipboard.writeText = async (s) => { globalThis.copied = s; }`);
    await tab.click('.copy-code');
    await tab.until(`globalThis.copied?.startsWith('def chill(t, v):')`);
    await tab.click('.assistant .icon-button[aria-label^=Copy]');
    await tab.until(`globalThis.copied.startsWith('# The wind over the lake')`);
    await tab.eval(`globalThis.copied = ''`);
    await tab.press('Alt+C');
    await tab.until(`globalThis.copied.startsWith('# The wind over the lake')`);
});

test('all of it works by keyboard', async () => {
    assert.equal(await tab.eval('document.activeElement.id'), 'message');
    await tab.type('a');
    await tab.press('Shift+Enter');
    await tab.type('b');
    assert.equal(await tab.eval(`document.querySelector('#message').value`), 'a\nb');
    await tab.press('Enter');
    await tab.until(`document.querySelectorAll('.assistant').length === 1`);
    await tab.answered();
    /* Each stop of the Tab key is named and can be seen. */
    const seen = new Set();
    for (let i = 0; i < 40; i++) {
        await tab.press('Tab');
        const stop = await tab.eval(`(() => {
            const e = document.activeElement;
            if (e === document.body) return null;
            const r = e.getBoundingClientRect();
            const style = getComputedStyle(e);
            const ring = style.outlineStyle !== 'none' || e.id === 'message';
            const name = e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || e.title;
            return { name, ring, seen: r.width > 1 && r.height > 1 };
        })()`);
        if (!stop) continue;
        assert.ok(stop.name, 'a stop without a name');
        assert.ok(stop.ring && stop.seen, `the focus on ${stop.name} is not to be seen`);
        seen.add(stop.name.trim());
    }
    for (const name of [
        'Message',
        'Model',
        'Settings',
        'New conversation',
        'Copy answer',
        'Answer again',
        'Edit and send again',
        'Import',
        'Keys',
        'a',
        'Delete a',
    ])
        assert.ok(seen.has(name), `Tab does not reach ${name}: ${[...seen]}`);
    await tab.press('Alt+K');
    await tab.until(`document.querySelector('#keys-dialog').open`);
    await shoot('keys');
    assert.match(await tab.text('#keys-list'), /answer again/);
    await tab.press('Escape');
    await tab.until(`!document.querySelector('#keys-dialog').open`);
});

test('a screen reader is told', async () => {
    await tab.ask('tour');
    const log = await tab.eval(
        `[...document.querySelectorAll('#announcer p')].map((p) => p.textContent)`,
    );
    assert.equal(log[0], 'The wind over the lake');
    assert.equal(log.at(-1), 'End of the answer.');
    assert.ok(log.some((s) => s.includes('bise noire')));
    const nodes = await tab.accessible();
    for (const { role, name } of nodes)
        if (
            ['button', 'link', 'textbox', 'combobox', 'checkbox'].includes(role) &&
            role !== 'checkbox'
        )
            assert.ok(name, `a ${role} without a name`);
    const has = (role, name) => nodes.some((n) => n.role === role && n.name === name);
    assert.ok(has('textbox', 'Message'));
    assert.ok(has('combobox', 'Model'));
    assert.ok(has('button', 'Send'));
    assert.ok(has('heading', 'You'));
    assert.ok(has('heading', 'Answer of stand-in-8b'));
    assert.ok(has('complementary', 'Conversations'));
    assert.ok(nodes.some((n) => n.role === 'main'));
});

test('on a telephone nothing is wider than it', async () => {
    await tab.size(360, 740, true);
    await tab.goto('/');
    await shoot('phone-empty');
    assert.equal(await tab.eval(`document.querySelector('#sidebar').inert`), true);
    await tab.eval(`document.querySelector('#message').focus()`);
    await tab.type('tour of the wind over the lake of Geneva');
    await tab.click('.send');
    await tab.until(`document.querySelectorAll('.assistant').length === 1`);
    await tab.answered();
    assert.equal(await tab.eval(`document.documentElement.scrollWidth`), 360);
    assert.equal(
        await tab.eval(
            `(() => { const s = document.querySelector('#scroller'); return s.scrollWidth - s.clientWidth; })()`,
        ),
        0,
    );
    const small =
        await tab.eval(`[...document.querySelectorAll('main button')].filter((b) => b.offsetParent && !b.closest('.prose'))
        .map((b) => [b.getAttribute('aria-label') ?? b.innerText, b.getBoundingClientRect()])
        .filter(([, r]) => r.width < 36 || r.height < 36).map(([name]) => name)`);
    assert.deepEqual(small, []);
    await shoot('phone');
    await tab.eval(`document.querySelector('#scroller').scrollTop = 0`);
    await sleep(50);
    await shoot('phone-top');
    await tab.click('#toggle-sidebar');
    await tab.until(`!document.querySelector('#sidebar').inert`);
    assert.equal(await tab.eval(`document.querySelector('main').inert`), true);
    await shoot('phone-list');
    await tab.press('Escape');
    assert.equal(await tab.eval(`document.querySelector('#sidebar').inert`), true);
    await tab.click('#settings');
    await sleep(50);
    await shoot('phone-settings');
    assert.equal(
        await tab.eval(`document.querySelector('#settings-dialog').scrollWidth <= 360`),
        true,
    );
});

test('light and dark by switch, kept, and readable', async () => {
    await tab.ask('tour');
    const scheme = () => tab.eval(`getComputedStyle(document.documentElement).colorScheme`);
    assert.equal(await scheme(), 'light dark');
    await tab.click('#theme');
    assert.equal(await scheme(), 'light');
    await tab.click('#theme');
    assert.equal(await scheme(), 'dark');
    await tab.goto('/');
    assert.equal(await scheme(), 'dark');
    for (const theme of ['light', 'dark']) {
        await tab.eval(`theme.set('${theme}')`);
        const poor = await tab.eval(`(${poorContrast})()`);
        assert.deepEqual(poor, [], theme);
    }
});

/* Runs in the page: the texts whose contrast with what lies behind them is below 4.5 to 1. */
function poorContrast() {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgb = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const lightness = ([r, g, b]) => {
        const f = (v) =>
            v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
        return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
    };
    const behind = (e) => {
        for (; e; e = e.parentElement) {
            const c = rgb(getComputedStyle(e).backgroundColor);
            if (c[3] === 255) return c;
        }
        return [255, 255, 255];
    };
    const poor = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
        const e = node.parentElement;
        if (
            !node.data.trim() ||
            !e.checkVisibility({ visibilityProperty: true }) ||
            e.closest('.off-screen')
        )
            continue;
        const [a, b] = [lightness(rgb(getComputedStyle(e).color)), lightness(behind(e))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) poor.push(`${node.data.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
    }
    return poor;
}

test('reduced motion moves nothing', async () => {
    await tab.media({ 'prefers-reduced-motion': 'reduce' });
    await tab.ask('slow', false);
    assert.equal(await tab.eval(`document.getAnimations().length`), 0);
    await tab.press('Escape');
    await tab.answered();
});

test('full storage is told and loses nothing on the page', async () => {
    await tab.eval(
        `Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }`,
    );
    await tab.ask('hello');
    assert.equal(await lastText(), 'You said: hello');
    assert.match(await tab.text('#toast'), /no room for more/);
});
