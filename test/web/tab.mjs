// SPDX-License-Identifier: Apache-2.0
// tab.mjs - what a reader does with the page: looks, types, presses keys, clicks; and what must
// never happen while he does: an error, a broken rule of the content policy, a foreign request.

import { writeFileSync } from 'node:fs';

const WAIT_MS = 10000;
const MODIFIERS = { Alt: 1, Control: 2, Meta: 4, Shift: 8 };
const CODES = { Enter: 13, Escape: 27, Tab: 9, ArrowUp: 38, ArrowDown: 40, Backspace: 8 };

export class Tab {
    /** origin: the server's, the only one that may be asked.  browserContextId: of another tab,
     * to share its storage. */
    static async open(chromium, origin, { browserContextId } = {}) {
        const tab = new Tab();
        tab.origin = origin;
        tab.problems = [];
        tab.requests = [];
        tab.cdp = await chromium.tab(
            (method, params) => tab.event(method, params),
            browserContextId,
        );
        for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Accessibility'])
            await tab.cdp.send(`${domain}.enable`);
        await tab.size(1200, 800);
        await tab.goto('/');
        return tab;
    }

    event(method, p) {
        if (method === 'Runtime.exceptionThrown')
            this.problems.push(
                p.exceptionDetails.exception?.description ?? p.exceptionDetails.text,
            );
        if (method === 'Log.entryAdded' && p.entry.source !== 'network')
            this.problems.push(`${p.entry.source}: ${p.entry.text}`);
        if (method === 'Runtime.consoleAPICalled' && p.type === 'error')
            this.problems.push(p.args.map((a) => a.value ?? a.description).join(' '));
        if (method === 'Network.requestWillBeSent') {
            const { url, headers, method: verb, postData } = p.request;
            this.requests.push({ url, headers, verb, postData });
            if (!url.startsWith(`${this.origin}/`) && !/^(data|blob|about):/.test(url))
                this.problems.push(`foreign request: ${url}`);
        }
    }

    async size(width, height, touch = false) {
        await this.cdp.send('Emulation.setDeviceMetricsOverride', {
            width,
            height,
            deviceScaleFactor: touch ? 2 : 1,
            mobile: touch,
        });
        await this.cdp.send('Emulation.setTouchEmulationEnabled', { enabled: touch });
    }

    /** features: e.g. {'prefers-color-scheme': 'dark'}. */
    media(features) {
        const list = Object.entries(features).map(([name, value]) => ({ name, value }));
        return this.cdp.send('Emulation.setEmulatedMedia', { features: list });
    }

    async goto(path) {
        await this.cdp.send('Page.navigate', { url: this.origin + path });
        await this.until(
            `document.readyState === 'complete' && (document.querySelector('#model')?.value ||
                !!document.querySelector('dialog[open], #server-state:not([hidden])'))`,
        );
    }

    /** The value of an expression in the page. */
    async eval(expression) {
        const { result, exceptionDetails } = await this.cdp.send('Runtime.evaluate', {
            expression,
            returnByValue: true,
            awaitPromise: true,
            userGesture: true,
        });
        if (exceptionDetails)
            throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
    }

    async until(expression, ms = WAIT_MS) {
        const end = Date.now() + ms;
        for (;;) {
            const value = await this.eval(expression).catch(() => false);
            if (value) return value;
            if (Date.now() > end) throw new Error(`never true: ${expression}`);
            await new Promise((resolve) => setTimeout(resolve, 25));
        }
    }

    text(selector) {
        return this.eval(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? null`);
    }

    count(selector) {
        return this.eval(`document.querySelectorAll(${JSON.stringify(selector)}).length`);
    }

    type(text) {
        return this.cdp.send('Input.insertText', { text });
    }

    /** 'Enter', 'Shift+Enter', 'Alt+N' ... */
    async press(chord) {
        const parts = chord.split('+');
        const key = parts.pop();
        const modifiers = parts.reduce((sum, m) => sum | MODIFIERS[m], 0);
        const letter = /^[A-Z]$/.test(key);
        const event = {
            key: letter ? key.toLowerCase() : key,
            code: letter ? `Key${key}` : key,
            modifiers,
            windowsVirtualKeyCode: letter ? key.charCodeAt(0) : CODES[key],
            ...(key === 'Enter' && { text: '\r' }),
        };
        await this.cdp.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
        await this.cdp.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event, text: undefined });
    }

    /** A real click in the middle of what is seen of an element. */
    async click(selector) {
        const at = await this.until(`(() => {
            const e = document.querySelector(${JSON.stringify(selector)});
            if (!e) return null;
            e.scrollIntoView({ block: 'nearest' });
            const r = e.getBoundingClientRect();
            return r.width && r.height && { x: r.x + r.width / 2, y: r.y + r.height / 2 };
        })()`);
        await this.cdp.send('Input.dispatchMouseEvent', { type: 'mouseMoved', ...at });
        for (const type of ['mousePressed', 'mouseReleased'])
            await this.cdp.send('Input.dispatchMouseEvent', {
                type,
                ...at,
                button: 'left',
                clickCount: 1,
            });
    }

    /** Sends a message and, unless told otherwise, waits for the end of its answer. */
    async ask(text, wait = true) {
        const n = await this.count('.assistant');
        await this.eval(`document.querySelector('#message').focus()`);
        await this.type(text);
        await this.press('Enter');
        await this.until(`document.querySelectorAll('.assistant').length > ${n}`);
        if (wait) await this.answered();
    }

    answered(ms) {
        return this.until(`!document.querySelector('.assistant.running')`, ms);
    }

    /** What a screen reader finds: role and name of each part of the page. */
    async accessible() {
        const { nodes } = await this.cdp.send('Accessibility.getFullAXTree');
        return nodes
            .filter((n) => !n.ignored)
            .map((n) => ({ role: n.role?.value, name: n.name?.value ?? '' }));
    }

    async shoot(path) {
        const { data } = await this.cdp.send('Page.captureScreenshot', { format: 'png' });
        writeFileSync(path, Buffer.from(data, 'base64'));
    }

    close() {
        return this.cdp.close();
    }
}
