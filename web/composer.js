// SPDX-License-Identifier: Apache-2.0
// composer.js - the field for the next message and its button, which stops while one is answered.

export class Composer {
    /** form: of index.html.  actions: send(text), stop(), editLast(). */
    constructor(form, actions) {
        this.form = form;
        this.area = form.querySelector('textarea');
        this.button = form.querySelector('button');
        this.actions = actions;
        this.running = false;
        this.drafts = new Map();
        form.addEventListener('submit', (e) => {
            e.preventDefault();
            if (this.running) actions.stop();
            else this.send();
        });
        this.area.addEventListener('keydown', (e) => this.key(e));
        this.area.addEventListener('input', () => this.changed());
        this.changed();
    }

    key(e) {
        if (e.isComposing || e.keyCode === 229) return; // the Enter that chooses a character
        if (e.key === 'Enter' && !e.shiftKey && !this.byTouch()) {
            e.preventDefault();
            if (!this.running) this.send();
        } else if (e.key === 'ArrowUp' && this.area.value === '' && !e.altKey) {
            e.preventDefault();
            this.actions.editLast();
        }
    }

    /* A keyboard on glass has no Shift+Enter: there the button sends. */
    byTouch() {
        return matchMedia('(pointer: coarse) and (hover: none)').matches;
    }

    send() {
        const text = this.area.value;
        if (!text.trim() || !this.actions.send(text)) return;
        this.set('');
    }

    set(text) {
        this.area.value = text;
        this.changed();
    }

    changed() {
        if (!CSS.supports('field-sizing', 'content')) {
            this.area.style.height = 'auto';
            this.area.style.height = `${this.area.scrollHeight}px`;
        }
        this.show();
    }

    show() {
        const { button, running } = this;
        const label = running ? 'Stop' : 'Send';
        button.classList.toggle('running', running);
        button.setAttribute('aria-label', label);
        button.title = running ? 'Stop (Escape)' : 'Send (Enter)';
        button.setAttribute('aria-disabled', String(!running && !this.area.value.trim()));
    }

    setRunning(running) {
        this.running = running;
        this.show();
    }

    /** Keeps what is written for one conversation and brings back what was for another. */
    swap(fromId, toId) {
        if (fromId) this.drafts.set(fromId, this.area.value);
        this.set(this.drafts.get(toId) ?? '');
    }

    focus() {
        this.area.focus();
    }
}
