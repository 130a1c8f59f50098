// SPDX-License-Identifier: Apache-2.0
// message_view.js - one message of a conversation, as it is shown.
//
// A view has a root element and may have update(), for when its message has grown.  What the
// reader asks for goes to the actions: edit(message, text), regenerate(message),
// result(call, text).

import { isEmpty, summary } from './answer.js';
import { copyText, el, icon, iconButton, showDone } from './dom.js';
import { MarkdownView } from './markdown_view.js';
import { textOf } from './request.js';

function copyButton(label, text) {
    const copy = async () => showDone(button, await copyText(text()));
    const button = iconButton('copy', label, copy);
    return button;
}

class UserView {
    constructor(message, actions) {
        this.message = message;
        this.actions = actions;
        this.root = el('article', { class: 'message user' });
        this.show();
    }

    show() {
        const { message } = this;
        const text = textOf(message.content);
        const edit = iconButton('edit', 'Edit and send again', () => this.edit());
        this.root.replaceChildren(
            el('h2', { class: 'off-screen' }, 'You'),
            el('div', { class: 'bubble' }, text),
            el(
                'div',
                { class: 'actions' },
                copyButton('Copy message', () => text),
                typeof message.content === 'string' ? edit : null,
            ),
        );
    }

    edit() {
        const area = el('textarea', { rows: 3, 'aria-label': 'Edit your message' });
        area.value = this.message.content;
        const leave = () => {
            this.show();
            this.root.querySelector('.icon-button:last-child').focus();
        };
        const send = (e) => {
            e.preventDefault();
            if (area.value.trim()) this.actions.edit(this.message, area.value);
        };
        area.addEventListener('keydown', (e) => {
            if (e.key === 'Escape') {
                e.stopPropagation();
                leave();
            } else if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) send(e);
        });
        this.root.replaceChildren(
            el(
                'form',
                { class: 'edit', onsubmit: send },
                area,
                el(
                    'div',
                    { class: 'buttons' },
                    el('span', { class: 'hint' }, 'The messages after it are replaced.'),
                    el('button', { type: 'button', onclick: leave }, 'Cancel'),
                    el('button', { type: 'submit', class: 'primary' }, 'Send'),
                ),
            ),
        );
        area.focus();
    }
}

/* Collapsed; its text is made only when it is looked at. */
class ThinkingView {
    constructor() {
        this.label = el('span', null, 'Thinking');
        this.body = el('div', { class: 'prose' });
        this.view = null;
        this.text = '';
        this.shown = 0;
        this.root = el(
            'details',
            { class: 'thinking', ontoggle: () => this.show() },
            el('summary', null, icon('chevron'), this.label),
            this.body,
        );
    }

    update(text, done) {
        this.text = text;
        this.label.textContent = done ? 'Thoughts' : 'Thinking…';
        this.show();
    }

    show() {
        if (!this.root.open || this.shown === this.text.length) return;
        this.view ??= new MarkdownView(this.body);
        this.view.append(this.text.slice(this.shown));
        this.shown = this.text.length;
    }
}

/* Indented, but only where that changes nothing, such as the digits of a long number. */
function prettyJson(text) {
    try {
        const value = JSON.parse(text);
        const compact = text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1');
        return JSON.stringify(value) === compact ? JSON.stringify(value, null, 2) : text;
    } catch {
        return text; // still on its way, or cut off
    }
}

/* A call of a tool; this page runs none, so who reads may play the tool. */
class CallView {
    constructor(call, actions) {
        this.call = call;
        this.name = el('code', null, call.name);
        this.code = el('code');
        this.form = null;
        this.actions = actions;
        this.root = el(
            'section',
            { class: 'call', 'aria-label': `Tool call ${call.name}` },
            el('div', { class: 'call-name' }, icon('tool'), 'Calls ', this.name),
            el('pre', { tabindex: '0', role: 'region', 'aria-label': 'Arguments' }, this.code),
        );
    }

    /** asks: whether the conversation waits for this call's result. */
    update(asks) {
        this.name.textContent = this.call.name;
        this.code.textContent = prettyJson(this.call.arguments);
        if (asks && !this.form) this.root.append((this.form = this.makeForm()));
        if (!asks && this.form) {
            this.form.remove();
            this.form = null;
        }
    }

    makeForm() {
        const area = el('textarea', {
            rows: 2,
            'aria-label': `Result of ${this.call.name}`,
            placeholder: 'What this tool answers',
        });
        const onsubmit = (e) => {
            e.preventDefault();
            this.actions.result(this.call, area.value);
        };
        return el(
            'form',
            { class: 'result', onsubmit },
            area,
            el('button', { type: 'submit' }, 'Give result'),
        );
    }
}

class AnswerView {
    constructor(message, actions) {
        this.message = message;
        this.actions = actions;
        this.thinking = null;
        this.calls = [];
        this.shown = 0;
        this.prose = el('div', { class: 'prose' });
        this.waiting = el('div', { class: 'waiting', 'aria-hidden': 'true' }, el('span', null));
        this.error = el('div', { class: 'error', hidden: true });
        this.meta = el('span', { class: 'meta' });
        this.copy = copyButton('Copy answer', () => message.content);
        const again = iconButton('again', 'Answer again', () => actions.regenerate(message));
        this.root = el(
            'article',
            { class: 'message assistant' },
            el('h2', { class: 'off-screen' }, `Answer of ${message.model || 'the model'}`),
            this.waiting,
            this.prose,
            this.error,
            el('div', { class: 'actions' }, this.copy, again, this.meta),
        );
        this.markdown = new MarkdownView(this.prose, (text) => this.onSettled?.(text));
    }

    /** running: whether more will come.  asks: the ids of calls that wait for a result. */
    update(running, asks = []) {
        const { message } = this;
        this.root.classList.toggle('running', running);
        this.root.setAttribute('aria-busy', String(running));
        this.waiting.hidden = !running || !isEmpty(message);
        this.updateThinking(running);
        if (message.content.length > this.shown) {
            this.markdown.append(message.content.slice(this.shown));
            this.shown = message.content.length;
        }
        this.copy.hidden = !running && !message.content;
        this.updateCalls(asks);
        this.updateError();
        this.meta.textContent = running ? 'Answering…' : summary(message).join(' · ');
    }

    updateThinking(running) {
        const { message } = this;
        if (!message.thinking) return;
        if (!this.thinking) {
            this.thinking = new ThinkingView();
            this.prose.before(this.thinking.root);
        }
        const done = !running || !!message.content || !!message.tool_calls;
        this.thinking.update(message.thinking, done);
    }

    updateCalls(asks) {
        const calls = this.message.tool_calls ?? [];
        calls.forEach((call, i) => {
            if (!this.calls[i]) {
                this.calls[i] = new CallView(call, this.actions);
                this.error.before(this.calls[i].root);
            }
            this.calls[i].update(asks.includes(call.id));
        });
    }

    updateError() {
        const { error } = this.message;
        this.error.hidden = !error;
        if (error && !this.error.firstChild)
            this.error.append(
                el('p', { role: 'alert' }, error),
                el(
                    'button',
                    { type: 'button', onclick: () => this.actions.regenerate(this.message) },
                    'Try again',
                ),
            );
    }
}

class ToolView {
    constructor(message) {
        const name = message.name ? `Result of ${message.name}` : 'Result';
        this.root = el(
            'article',
            { class: 'message tool' },
            el(
                'details',
                null,
                el('summary', null, icon('chevron'), name),
                el('pre', { tabindex: '0' }, el('code', null, textOf(message.content))),
            ),
        );
    }
}

class NoteView {
    constructor(message) {
        const text = el('div', { class: 'bubble' }, textOf(message.content));
        const head = el('h2', { class: 'note-head' }, 'System');
        this.root = el('article', { class: 'message note' }, head, text);
    }
}

export function viewOf(message, actions) {
    if (message.role === 'user') return new UserView(message, actions);
    if (message.role === 'assistant') return new AnswerView(message, actions);
    if (message.role === 'tool') return new ToolView(message);
    return new NoteView(message);
}
