// SPDX-License-Identifier: Apache-2.0
// fixture.mjs - a fresh page of a fresh stand-in for each test of the file that imports this, and
// afterwards the check that nothing went wrong in it.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, afterEach, before, beforeEach } from 'node:test';

import { Chromium } from './chromium.mjs';
import { StandIn } from './stand_in.mjs';
import { Tab } from './tab.mjs';

const SHOTS = process.env.SHOTS; // a folder for pictures to look at

export let chromium;
export let server;
export let tab;

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

/** Keeps a picture, where one is asked for. */
export async function shoot(name) {
    if (!SHOTS) return;
    mkdirSync(SHOTS, { recursive: true });
    await tab.shoot(`${SHOTS}/${name}.png`);
}

export const lastText = () =>
    tab.eval(`[...document.querySelectorAll('.assistant .prose')].at(-1).innerText`);
export const lastMeta = () =>
    tab.eval(`[...document.querySelectorAll('.meta')].at(-1).textContent`);
export const asked = () => server.asked.at(-1);
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
