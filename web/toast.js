// SPDX-License-Identifier: Apache-2.0
// toast.js - a line that says what was done, and may offer to undo it.

import { el } from './dom.js';

const SHOWN_MS = 8000;

export class Toast {
    constructor(root) {
        this.root = root;
        this.timer = 0;
        for (const type of ['mouseenter', 'focusin'])
            root.addEventListener(type, () => this.hold());
        for (const type of ['mouseleave', 'focusout'])
            root.addEventListener(type, () => this.hideLater());
    }

    show(text, action, onclick) {
        const button =
            action &&
            el('button', { type: 'button', onclick: () => (this.hide(), onclick()) }, action);
        this.root.replaceChildren(el('span', null, text), ...(button ? [button] : []));
        this.root.classList.add('shown');
        this.hideLater();
    }

    hold() {
        clearTimeout(this.timer);
    }

    hideLater() {
        this.hold();
        this.timer = setTimeout(() => this.hide(), SHOWN_MS);
    }

    hide() {
        this.hold();
        this.root.classList.remove('shown');
        this.root.replaceChildren();
    }
}
