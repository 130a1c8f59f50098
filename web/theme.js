// SPDX-License-Identifier: Apache-2.0
// theme.js - light, dark or as the system is; a classic script, so that it runs before the first
// paint and nothing flashes.
'use strict';

globalThis.theme = {
    choices: ['system', 'light', 'dark'],

    get() {
        let saved = null;
        try {
            saved = localStorage.getItem('bise.theme');
        } catch {
            /* Without storage the system decides. */
        }
        return this.choices.includes(saved) ? saved : 'system';
    },

    set(choice) {
        try {
            localStorage.setItem('bise.theme', choice);
        } catch {
            /* It then holds until the page is left. */
        }
        document.documentElement.dataset.theme = choice;
    },
};

document.documentElement.dataset.theme = globalThis.theme.get();
