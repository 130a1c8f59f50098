// SPDX-License-Identifier: Apache-2.0
// The page against the real server ($BISE): its headers, a base model, a model that chats, thinks
// and calls tools (test/cli/scripted_model.c), and keys.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { Chromium } from './chromium.mjs';
import { Tab } from './tab.mjs';

const { BISE, SHOTS } = process.env;
const START_MS = 20000;
const TOKENIZERS = 'test/data/tokenizers';

let chromium;
let folder;
let v3;
let v13;

before(() => {
    chromium = new Chromium();
    folder = mkdtempSync(join(tmpdir(), 'bise-web-'));
    const scripted = join(dirname(BISE), 'scripted_model');
    v3 = join(folder, 'v3');
    mkdirSync(v3);
    cpSync(`${TOKENIZERS}/mistral_instruct_tokenizer_240323.model.v3`, `${v3}/tokenizer.model.v3`);
    execFileSync(scripted, [v3, '[/INST]It is **warm** and sunny.</s>']);
    v13 = join(folder, 'v13');
    mkdirSync(v13);
    execFileSync('test/cli/tekken_json', ['v13', `${v13}/tekken.json`]);
    execFileSync(scripted, [
        v13,
        '[/TOOL_RESULTS]Warm and sunny</s>',
        '[/INST][THINK]Let me see.[/THINK]I will look:[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}</s>',
    ]);
});
after(async () => {
    await chromium.close();
    rmSync(folder, { recursive: true, force: true });
});

/* Serves; the answer's stop() ends it and says what it wrote. */
function serve(...args) {
    const child = spawn(BISE, ['serve', '--port', '0', '--grace', '1', ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    const ended = new Promise((resolve) => child.on('exit', resolve));
    return new Promise((resolve, reject) => {
        const late = setTimeout(() => (child.kill(), reject(new Error(said))), START_MS);
        child.on('exit', () => reject(new Error(said)));
        child.stderr.on('data', (bytes) => {
            said += bytes;
            const origin = /listening at (http:\S+?),?\s/.exec(said)?.[1];
            if (!origin) return;
            clearTimeout(late);
            const stop = async () => (child.kill('SIGTERM'), await ended, said);
            resolve({ origin, stop });
        });
    });
}

/* Opens the page of a server with these arguments, does, and checks that nothing went wrong. */
async function withPage(args, run) {
    const server = await serve(...args);
    const tab = await Tab.open(chromium, server.origin);
    try {
        await run(tab, server);
        assert.deepEqual(tab.problems, []);
    } finally {
        await tab.close();
        await server.stop();
    }
}

const greedy = (tab) =>
    tab.eval(`document.querySelector('#set-temperature').value = '0';
    document.querySelector('#set-temperature').dispatchEvent(new Event('input'))`);

async function openGreedy(tab) {
    await tab.press('Alt+G');
    await greedy(tab);
    await tab.press('Escape');
}

test('the page is what lies in web/, with its policy, and costs nothing the second time', async () => {
    const server = await serve('--no-auth');
    try {
        await checkFiles(server.origin);
    } finally {
        await server.stop();
    }
});

async function checkFiles(origin) {
    for (const name of ['index.html', 'app.js', 'prose.css', 'icon.svg']) {
        const url = `${origin}/${name === 'index.html' ? '' : name}`;
        const first = await fetch(url);
        assert.equal(first.status, 200);
        assert.equal(await first.text(), readFileSync(`web/${name}`, 'utf8'));
        assert.match(first.headers.get('content-security-policy'), /^default-src 'self'/);
        assert.equal(first.headers.get('x-content-type-options'), 'nosniff');
        assert.equal(first.headers.get('x-frame-options'), 'DENY');
        const etag = first.headers.get('etag');
        const second = await fetch(url, { headers: { 'if-none-match': etag } });
        assert.equal(second.status, 304);
        const head = await fetch(url, { method: 'HEAD' });
        assert.equal(head.headers.get('etag'), etag);
    }
    for (const path of ['/index.html', '/web/app.js', '/app.jsx', '/package.json'])
        assert.equal((await fetch(origin + path)).status, 404, path);
    assert.equal((await fetch(origin, { method: 'POST', body: '{}' })).status, 405);
}

test('the bundled model goes on with a story', async () => {
    await withPage(['--no-auth'], async (tab) => {
        await tab.until(
            `document.querySelector('#about-model').innerText.includes('goes on with')`,
        );
        await openGreedy(tab);
        await tab.ask('Once upon a time', false);
        await tab.answered(60000);
        const text = await tab.text('.prose');
        assert.match(text, /there was a little girl/);
        assert.match(
            await tab.text('.meta'),
            /^\d+ tokens · [\d.]+ tokens\/s · first after .* · prompt 5/,
        );
        if (SHOTS) await tab.shoot(`${SHOTS}/story.png`);
        await tab.press('Alt+R');
        await tab.until(`document.querySelector('.assistant.running')`);
        await tab.answered(60000);
        assert.equal(await tab.text('.prose'), text);
        await tab.ask('word '.repeat(600));
        assert.match(await tab.text('.message:last-child .error'), /context/);
    });
});

test('an answer is stopped, on the server as well', async () => {
    await withPage(['--no-auth'], async (tab, server) => {
        await tab.ask('Once upon a time', false);
        await tab.until(`document.querySelector('.prose').innerText.length > 5`);
        await tab.press('Escape');
        await tab.answered();
        const running = async () =>
            /^\w*requests_running\S* (\d+)/m.exec(
                await (await fetch(`${server.origin}/metrics`)).text(),
            )?.[1];
        let n;
        for (let i = 0; i < 40 && (n = await running()) !== '0'; i++)
            await new Promise((r) => setTimeout(r, 50));
        assert.equal(n, '0');
    });
});

test('models that chat, think and call are chosen between', async () => {
    await withPage(['--no-auth', v3, v13], async (tab) => {
        assert.deepEqual(
            await tab.eval(`[...document.querySelector('#model').options].map((o) => o.value)`),
            ['v3', 'v13'],
        );
        await openGreedy(tab);
        await tab.ask('How is the weather?');
        assert.equal(await tab.eval(`document.querySelector('.prose strong').textContent`), 'warm');
        await tab.press('Alt+N');
        await tab.eval(
            `(() => { const s = document.querySelector('#model'); s.value = 'v13'; s.dispatchEvent(new Event('change')); })()`,
        );
        const request = {
            model: 'v13',
            temperature: 0,
            tools: [
                {
                    type: 'function',
                    function: {
                        name: 'get_weather',
                        description: 'the weather',
                        parameters: { type: 'object', properties: { city: { type: 'string' } } },
                    },
                },
            ],
            messages: [{ role: 'user', content: 'How is the weather?' }],
        };
        writeFileSync(join(folder, 'weather.json'), JSON.stringify(request));
        const { root } = await tab.cdp.send('DOM.getDocument');
        const { nodeId } = await tab.cdp.send('DOM.querySelector', {
            nodeId: root.nodeId,
            selector: '#import-file',
        });
        await tab.cdp.send('DOM.setFileInputFiles', {
            files: [join(folder, 'weather.json')],
            nodeId,
        });
        await tab.click('.ask');
        await tab.until(`document.querySelector('.result textarea')`);
        assert.match(
            await tab.text('.message:last-child'),
            /Thoughts[\s\S]*I will look:[\s\S]*get_weather[\s\S]*"city": "Paris"/,
        );
        if (SHOTS) await tab.shoot(`${SHOTS}/call-real.png`);
        await tab.click('.result textarea');
        await tab.type('22 degrees');
        await tab.click('.result button');
        await tab.until(
            `document.querySelector('.message:last-child .prose')?.innerText === 'Warm and sunny'`,
        );
    });
});

test('a key is needed, asked for and accepted', async () => {
    const store = join(folder, 'keys.db');
    await withPage(['--store', store, '--api-key', 'a-key-for-this-test'], async (tab) => {
        await tab.until(`document.querySelector('#key-dialog').open`);
        await tab.type('wrong');
        await tab.press('Enter');
        await tab.until(
            `document.querySelector('#key-dialog').open && !document.querySelector('#key').value`,
        );
        await tab.type('a-key-for-this-test');
        await tab.press('Enter');
        await tab.until(`document.querySelector('#model').value === 'stories260K'`);
        await tab.ask('Once', false);
        await tab.until(`document.querySelector('.prose')?.innerText.length > 5`);
        await tab.press('Escape');
    });
});
