// SPDX-License-Identifier: Apache-2.0
// How it reads: scrolling, speed, keyboard, screen readers, telephones, colours.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { server, shoot, sleep, tab } from './fixture.mjs';

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

test('who goes up a little is left alone, too', async () => {
    await tab.ask('lines', false);
    await tab.until(`document.querySelectorAll('.prose p').length > 30`);
    for (let i = 0; i < 3; i++) {
        await tab.cdp.send('Input.dispatchMouseEvent', {
            type: 'mouseWheel',
            x: 600,
            y: 400,
            deltaX: 0,
            deltaY: -8,
        });
        await sleep(30);
    }
    await tab.until(`!document.querySelector('#to-end').hidden`);
    const top = await tab.eval(`document.querySelector('#scroller').scrollTop`);
    await sleep(300);
    assert.equal(await tab.eval(`document.querySelector('#scroller').scrollTop`), top);
    /* A window that becomes taller is no wish to go up. */
    await tab.click('#to-end');
    await tab.size(1200, 900);
    await sleep(200);
    assert.equal(await tab.eval(`document.querySelector('#to-end').hidden`), true);
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
