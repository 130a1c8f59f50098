// SPDX-License-Identifier: Apache-2.0
// serve.mjs - starts and stops `bise serve` for a test.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const READY_MS = 120000;
const STOP_MS = 30000;

export const modelFolder = () => process.env.BISE_API_MODELS;
export const modelPath = (name) => join(modelFolder(), name);

// Starts a server on a free port, with a store of its own, and waits for its /health.  stop()
// resolves to how it ended.
export async function startServer(args, env = {}) {
    const store = mkdtempSync(join(tmpdir(), 'bise-store-'));
    const child = spawn(
        process.env.BISE,
        [
            'serve',
            '--host',
            '127.0.0.1',
            '--port',
            '0',
            '--store',
            join(store, 'store.db'),
            ...args,
        ],
        { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const server = { child, log: '', ended: null };
    for (const pipe of [child.stdout, child.stderr])
        pipe.on('data', (data) => (server.log += data));
    const end = new Promise((resolve) =>
        child.on('exit', (code, signal) => resolve((server.ended = { code, signal }))),
    );
    server.stop = async (signal = 'SIGTERM') => {
        if (!server.ended) child.kill(signal);
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
        const how = await end;
        clearTimeout(timer);
        rmSync(store, { recursive: true, force: true });
        return how;
    };
    try {
        await ready(server);
    } catch (e) {
        await server.stop('SIGKILL');
        throw e;
    }
    return server;
}

async function ready(server) {
    const until = Date.now() + READY_MS;
    for (; Date.now() < until && !server.ended; await new Promise((r) => setTimeout(r, 50))) {
        server.url ??= /https?:\/\/127\.0\.0\.1:\d+/.exec(server.log)?.[0];
        if (!server.url) continue;
        const health = await fetch(`${server.url}/health`).catch(() => null);
        if (health?.status === 200) return;
    }
    throw new Error(`bise serve did not start:\n${server.log.slice(-4000)}`);
}
