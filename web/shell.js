// SPDX-License-Identifier: Apache-2.0
// shell.js - what frames the conversation: the list that slides in on narrow screens, the switch
// for light and dark, the dialog that asks for a key.

import { saveKey } from './api.js';
import { icon } from './dom.js';

const $ = (id) => document.getElementById(id);

const THEMES = { system: 'as the system', light: 'light', dark: 'dark' };

export function setUpTheme(button) {
    const show = () => {
        const choice = globalThis.theme.get();
        button.replaceChildren(icon(choice));
        button.title = `Colours: ${THEMES[choice]}`;
        button.setAttribute('aria-label', button.title);
    };
    button.addEventListener('click', () => {
        const { choices } = globalThis.theme;
        const next = choices[(choices.indexOf(globalThis.theme.get()) + 1) % choices.length];
        globalThis.theme.set(next);
        show();
    });
    show();
}

export class Drawer {
    constructor() {
        this.side = $('sidebar');
        this.narrow = matchMedia('(max-width: 52rem)');
        this.narrow.addEventListener('change', () => this.set(!this.narrow.matches));
        $('toggle-sidebar').addEventListener('click', () => this.toggle());
        $('close-sidebar').addEventListener('click', () => this.toggle());
        $('shade').addEventListener('click', () => this.set(false));
        this.set(!this.narrow.matches);
    }

    set(open) {
        const had = this.side.contains(document.activeElement);
        this.open = open;
        document.body.classList.toggle('list-open', open);
        document.body.classList.toggle('list-closed', !open);
        this.side.inert = !open;
        $('shade').hidden = !open || !this.narrow.matches;
        document.querySelector('main').inert = open && this.narrow.matches;
        $('toggle-sidebar').setAttribute('aria-expanded', String(open));
        if (!open && had) $('toggle-sidebar').focus();
    }

    toggle() {
        this.set(!this.open);
        if (this.open) $('new-chat').focus();
    }

    /** Out of the way, where it covers the conversation.  Returns whether it was. */
    leave() {
        const covered = this.open && this.narrow.matches;
        if (covered) this.set(false);
        return covered;
    }
}

/** Asks for a key; onKey is called when one was given. */
export class KeyDialog {
    constructor(onKey) {
        this.dialog = $('key-dialog');
        this.dialog.querySelector('form').addEventListener('submit', () => {
            const key = $('key').value.trim();
            saveKey(key);
            $('key').value = '';
            if (key) onKey();
        });
        $('key-cancel').addEventListener('click', () => this.dialog.close());
    }

    open(reason) {
        if (this.dialog.open) return;
        $('key-reason').textContent = reason;
        this.dialog.showModal();
        $('key').focus();
    }
}
