// SPDX-License-Identifier: Apache-2.0
// run.mjs - writes the models, starts the server, runs every suite and prints one line for each.
// Fails when a check does, when the server ends before it is told to, or ends badly.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { modelPath, startServer } from './serve.mjs';
import { models } from './wire.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const stories = join(here, '../../models/stories260K.gguf');
const SUITE_MS = 600000;

// Runs a suite in a process of its own; resolves to what it printed, as TAP.
function runSuite(name, env) {
    return new Promise((resolve) => {
        const child = spawn(
            process.execPath,
            ['--test', '--test-reporter=tap', join(here, `${name}_test.mjs`)],
            {
                env: { ...process.env, ...env },
                stdio: ['ignore', 'pipe', 'pipe'],
                timeout: SUITE_MS,
            },
        );
        let text = '';
        const begin = Date.now();
        for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (data) => (text += data));
        child.on('exit', (code) => resolve({ code, text, seconds: (Date.now() - begin) / 1000 }));
    });
}

// Prints one line for the suite, and below it what failed.
function report(name, { code, text, seconds }) {
    const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
    const good = code === 0 && count('pass') > 0;
    console.log(
        `${good ? 'ok' : 'FAILED'}: clients/${name}: ${count('pass')} passed, ` +
            `${count('fail')} failed, ${seconds.toFixed(1)} s`,
    );
    if (!good) {
        const failures = text.split(/^(?= *(?:not )?ok \d+ )/m).filter((t) => /^ *not ok/.test(t));
        for (const failure of failures)
            console.log(failure.split('\n').slice(0, 24).join('\n').trimEnd());
        if (!failures.length) console.log(text.slice(-4000));
    }
    return { passed: count('pass'), failed: good ? 0 : Math.max(1, count('fail')) };
}

async function main(names) {
    const folder = mkdtempSync(join(tmpdir(), 'bise-models-'));
    process.env.BISE_API_MODELS = folder;
    let server;
    let sum = { passed: 0, failed: 0 };
    try {
        execFileSync(join(here, 'tiny_models'), [folder], { stdio: 'inherit' });
        const all = Object.values(models).map((m) =>
            m === models.stories ? stories : modelPath(m),
        );
        server = await startServer(['--no-auth', ...all]);
        for (const name of names) {
            const { passed, failed } = report(name, await runSuite(name, { BISE_URL: server.url }));
            sum = { passed: sum.passed + passed, failed: sum.failed + failed };
            if (server.ended) break;
        }
        const early = server.ended;
        const end = await server.stop();
        if (early || end.code !== 0) {
            sum.failed++;
            console.log(
                `FAILED: the server ended ${early ? 'by itself' : 'badly'}: ` +
                    `${JSON.stringify(end)}\n${server.log.slice(-4000)}`,
            );
        }
    } finally {
        await server?.stop('SIGKILL');
        rmSync(folder, { recursive: true, force: true });
    }
    console.log(`clients: ${sum.passed} passed, ${sum.failed} failed`);
    return sum.failed ? 1 : 0;
}

const suites = readdirSync(here)
    .filter((file) => file.endsWith('_test.mjs'))
    .map((file) => file.slice(0, -'_test.mjs'.length))
    .sort();
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !suites.includes(name));
if (unknown.length) {
    console.log(`no suite ${unknown[0]}; there are: ${suites.join(' ')}`);
    process.exit(2);
}
process.exit(await main(asked.length ? asked : suites));
