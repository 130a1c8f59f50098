// SPDX-License-Identifier: Apache-2.0
// server_state.js - which models there are, and whether the server answers at all.

import { health, models } from './api.js';

const AGAIN_MS = 3000; // while something is wrong

const SENTENCES = {
    loading: 'The server is loading its model.',
    draining: 'The server is shutting down.',
    unreachable: 'The server cannot be reached. Is bise serve running?',
    failing: 'The server answers, but reports that it is not well.',
};

export class ServerState {
    /** line: where trouble is told.  onModels(cards), onKey() when a key is needed. */
    constructor(line, { onModels, onKey }) {
        this.line = line;
        this.onModels = onModels;
        this.onKey = onKey;
        this.timer = 0;
        document.addEventListener('visibilitychange', () => {
            if (!document.hidden && !this.line.hidden) this.check();
        });
    }

    /** Asks for its state and, once it is well, for its models. */
    async check() {
        clearTimeout(this.timer);
        const state = await health();
        if (state !== 'ok') {
            this.say(SENTENCES[state] ?? `The server says: ${state}.`);
            if (!document.hidden) this.timer = setTimeout(() => this.check(), AGAIN_MS);
            return;
        }
        this.say('');
        await this.loadModels();
    }

    async loadModels() {
        try {
            const cards = await models();
            this.onModels(cards);
            if (!cards.length) this.say('The server has no model.');
        } catch (e) {
            if (e.status === 401) this.onKey(e.message);
            else this.say(e.message);
        }
    }

    say(text) {
        if (this.line.textContent !== text) this.line.textContent = text;
        this.line.hidden = !text;
    }
}
