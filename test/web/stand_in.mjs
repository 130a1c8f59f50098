// SPDX-License-Identifier: Apache-2.0
// stand_in.mjs - a server that plays scripted answers, so that the page can be tested on what a
// model rarely says.  The last question names the script (scripts.mjs).
// usage: node test/web/stand_in.mjs [PORT]     to look at the page by hand

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { script } from './scripts.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const TYPES = {
    '.html': 'text/html',
    '.css': 'text/css',
    '.js': 'text/javascript',
    '.svg': 'image/svg+xml',
};

/* The headers of the real server, from its source: there is one policy. */
function pageHeaders() {
    const source = readFileSync(join(ROOT, 'src/api/page.c'), 'utf8');
    const found = {};
    for (const m of source.matchAll(/\{"([A-Z][\w-]+)",\s*((?:"[^"]*"\s*)+)\}/g))
        found[m[1]] = [...m[2].matchAll(/"([^"]*)"/g)].map((s) => s[1]).join('');
    return found;
}

const card = (id, capabilities) => ({
    id,
    object: 'model',
    type: 'base',
    max_context_length: 32768,
    default_model_temperature: 0.3,
    capabilities: { completion_chat: true, ...capabilities },
});

export class StandIn {
    /** key: what must be in each request, when given. */
    constructor({ key = '' } = {}) {
        this.key = key;
        this.state = 'ok';
        this.models = [card('stand-in-8b'), card('thinker', { reasoning: true })];
        this.asked = []; // bodies of requests for answers
        this.headers = [];
        this.left = 0; // answers whose reader went away
        this.server = createServer((req, res) => this.serve(req, res));
        this.policy = pageHeaders();
    }

    listen(port = 0) {
        return new Promise((resolve) => {
            this.server.listen(port, '127.0.0.1', () => {
                this.origin = `http://127.0.0.1:${this.server.address().port}`;
                resolve(this);
            });
        });
    }

    close() {
        this.server.closeAllConnections?.();
        return new Promise((resolve) => this.server.close(resolve));
    }

    async serve(req, res) {
        if (req.url === '/health')
            return this.json(res, this.state === 'ok' ? 200 : 503, { status: this.state });
        if (!req.url.startsWith('/v1/')) return this.file(req, res);
        this.headers.push(req.headers);
        if (this.key && req.headers.authorization !== `Bearer ${this.key}`)
            return this.error(res, 401, 'This server needs an API key; yours is missing or wrong.');
        if (req.url === '/v1/models')
            return this.json(res, 200, { object: 'list', data: this.models });
        let text = '';
        for await (const piece of req) text += piece;
        const body = JSON.parse(text);
        this.asked.push({ path: req.url, ...body });
        return this.answer(body, res);
    }

    file(req, res) {
        const path = req.url === '/' ? '/index.html' : req.url;
        let bytes;
        try {
            bytes = readFileSync(join(ROOT, 'web', path));
        } catch {
            return this.error(res, 404, 'There is nothing here.');
        }
        res.writeHead(200, {
            ...this.policy,
            'content-type': `${TYPES[extname(path)]}; charset=utf-8`,
        });
        res.end(bytes);
    }

    json(res, status, value, headers) {
        res.writeHead(status, { 'content-type': 'application/json', ...headers });
        res.end(JSON.stringify(value));
    }

    error(res, status, message, headers) {
        this.json(res, status, { object: 'error', message, error: { message } }, headers);
    }

    async answer(body, res) {
        const last = body.messages?.at(-1);
        const steps = script(body.prompt ?? last?.content ?? '', body);
        let began = false;
        let gone = false;
        res.on('close', () => {
            gone = !res.writableEnded;
            if (gone) this.left++;
        });
        for (const step of steps) {
            if (gone) return;
            if (step.wait) await new Promise((resolve) => setTimeout(resolve, step.wait));
            else if (step.status) return this.error(res, step.status, step.message, step.headers);
            else if (step.cut) return res.destroy();
            else {
                if (!began) res.writeHead(200, { 'content-type': 'text/event-stream' });
                began = true;
                res.write(step.raw ?? `data: ${JSON.stringify(step.data)}\n\n`);
            }
        }
        res.end('data: [DONE]\n\n');
    }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const server = await new StandIn().listen(Number(process.argv[2] ?? 8080));
    console.log(server.origin);
}
