// SPDX-License-Identifier: Apache-2.0
// chromium.mjs - a headless Chromium, driven by the DevTools protocol over a pipe: nothing but
// what node has is needed for that.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The path of a Chromium, or null. */
export function findChromium() {
    return [process.env.CHROMIUM, ...PLACES].find((p) => p && existsSync(p)) ?? null;
}

export class Chromium {
    constructor() {
        this.profile = mkdtempSync(join(tmpdir(), 'bise-page-'));
        this.child = spawn(
            findChromium(),
            [
                '--headless',
                '--no-sandbox', // tests may run as root
                '--disable-gpu',
                '--disable-dev-shm-usage',
                '--no-first-run',
                '--disable-background-networking',
                '--disable-component-update',
                '--force-color-profile=srgb',
                '--hide-scrollbars=false',
                `--user-data-dir=${this.profile}`,
                '--remote-debugging-pipe',
                'about:blank',
            ],
            { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
        );
        this.nextId = 1;
        this.waiting = new Map();
        this.sessions = new Map();
        this.ended = new Promise((resolve) => this.child.on('exit', resolve));
        this.child.on('exit', () => this.fail(new Error('Chromium has ended')));
        this.read();
    }

    read() {
        let rest = Buffer.alloc(0);
        this.child.stdio[4].on('data', (bytes) => {
            rest = Buffer.concat([rest, bytes]);
            for (let end; (end = rest.indexOf(0)) >= 0; rest = rest.subarray(end + 1))
                this.take(JSON.parse(rest.subarray(0, end).toString()));
        });
        this.child.stdio[3].on('error', (e) => this.fail(e));
    }

    take(message) {
        const waiting = this.waiting.get(message.id);
        if (!waiting) {
            this.sessions.get(message.sessionId)?.(message.method, message.params);
            return;
        }
        this.waiting.delete(message.id);
        if (message.error) waiting.reject(new Error(message.error.message));
        else waiting.resolve(message.result);
    }

    fail(error) {
        for (const { reject } of this.waiting.values()) reject(error);
        this.waiting.clear();
    }

    send(method, params = {}, sessionId) {
        const id = this.nextId++;
        return new Promise((resolve, reject) => {
            this.waiting.set(id, { resolve, reject });
            this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
        });
    }

    /** A new tab, with storage of its own or another's; onEvent is called with method and
     * parameters. */
    async tab(onEvent, sharedId) {
        const own = sharedId ? null : await this.send('Target.createBrowserContext');
        const browserContextId = sharedId ?? own.browserContextId;
        const { targetId } = await this.send('Target.createTarget', {
            url: 'about:blank',
            browserContextId,
        });
        const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
        this.sessions.set(sessionId, onEvent);
        return {
            send: (method, params) => this.send(method, params, sessionId),
            close: async () => {
                await this.send('Target.closeTarget', { targetId });
                if (own) await this.send('Target.disposeBrowserContext', { browserContextId });
            },
        };
    }

    async close() {
        await this.send('Browser.close').catch(() => {});
        await this.ended;
        rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
    }
}
