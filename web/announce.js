// SPDX-License-Identifier: Apache-2.0
// announce.js - tells screen readers what happens, a whole block of an answer at a time: letters
// as they come would be read as stammering.

import { el } from './dom.js';

const TEXT_MAX = 4000; // what is longer is there to be read in the answer itself

export class Announcer {
    constructor(log) {
        this.log = log;
    }

    say(text) {
        const s = text.trim();
        if (s) this.log.append(el('p', null, s.length > TEXT_MAX ? `${s.slice(0, TEXT_MAX)}…` : s));
    }

    clear() {
        this.log.replaceChildren();
    }
}
