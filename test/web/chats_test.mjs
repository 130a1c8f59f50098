// SPDX-License-Identifier: Apache-2.0
// What is kept and set: conversations, files, settings, models, keys.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

import { asked, chromium, lastMeta, lastText, server, shoot, sleep, tab } from './fixture.mjs';
import { Tab } from './tab.mjs';

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
    assert.deepEqual(
        await tab.eval(`['temperature', 'max_tokens', 'top_p'].map((name) =>
            document.querySelector('#set-' + name).placeholder)`),
        ['default (0.3)', 'at most 32768', 'default'],
    );
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

test('full storage is told and loses nothing on the page', async () => {
    await tab.eval(
        `Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }`,
    );
    await tab.ask('hello');
    assert.equal(await lastText(), 'You said: hello');
    assert.match(await tab.text('#toast'), /no room for more/);
});
