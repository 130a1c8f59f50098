// SPDX-License-Identifier: Apache-2.0
// transcript.js - the messages of one conversation, in order.

import { copyText, el, showDone } from './dom.js';
import { viewOf } from './message_view.js';

export class Transcript {
    /** root: an empty element.  actions: see message_view.js, and answer(). */
    constructor(root, actions) {
        this.root = root;
        this.actions = actions;
        this.chat = null;
        this.views = [];
        const onclick = () => actions.answer();
        this.ask = el('button', { type: 'button', class: 'ask', onclick }, 'Get an answer');
        root.addEventListener('click', (e) => this.copyCode(e));
    }

    async copyCode(e) {
        const button = e.target.closest('.copy-code');
        if (!button) return;
        const code = button.closest('.codeblock').querySelector('code');
        showDone(button, await copyText(code.textContent));
    }

    /** Shows a conversation; run is its answer on the way, or null. */
    show(chat, run) {
        this.chat = chat;
        this.views = [];
        this.root.replaceChildren();
        this.update(run);
    }

    /** After messages were added, cut off or grown. */
    update(run) {
        const { messages } = this.chat;
        while (this.views.length && this.views.at(-1).message !== messages[this.views.length - 1])
            this.views.pop().view.root.remove();
        for (let i = this.views.length; i < messages.length; i++) {
            const view = viewOf(messages[i], this.actions);
            this.views.push({ message: messages[i], view });
            this.root.append(view.root);
            view.update?.(messages[i] === run?.message);
        }
        this.updateOpen(run);
    }

    /* Only what follows the last question can still change. */
    updateOpen(run) {
        const asks = run ? [] : openCalls(this.chat.messages);
        for (const { message, view } of this.views.slice(-20))
            view.update?.(message === run?.message, asks);
        const last = this.chat.messages.at(-1);
        const waits = last && !run && !asks.length && last.role !== 'assistant';
        if (waits) this.root.append(this.ask);
        else this.ask.remove();
    }

    /** The view of a message, or undefined. */
    find(message) {
        return this.views.find((v) => v.message === message)?.view;
    }
}

/** The ids of calls of the last answer that have no result yet. */
export function openCalls(messages) {
    const at = messages.findLastIndex((m) => m.role === 'assistant');
    const calls = messages[at]?.tool_calls ?? [];
    const rest = messages.slice(at + 1);
    if (rest.some((m) => m.role !== 'tool')) return [];
    const answered = rest.map((m) => m.tool_call_id);
    return calls.map((c) => c.id).filter((id) => !answered.includes(id));
}
