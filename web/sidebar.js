// SPDX-License-Identifier: Apache-2.0
// sidebar.js - the list of conversations: open, rename, delete.

import { titleOf } from './chats.js';
import { el, iconButton } from './dom.js';

export class Sidebar {
    /** list: an empty ul.  actions: open(chat), rename(chat, title), remove(chat). */
    constructor(list, actions) {
        this.list = list;
        this.actions = actions;
    }

    /** running: the ids of those with an answer on its way. */
    show(chats, current, running) {
        const focused = this.list.contains(document.activeElement)
            ? document.activeElement.closest('li')?.dataset.id
            : null;
        this.list.replaceChildren(
            ...chats.map((chat) => this.row(chat, chat === current, running.has(chat.id))),
        );
        if (focused) this.list.querySelector(`[data-id="${focused}"] button`)?.focus();
    }

    row(chat, isCurrent, isRunning) {
        const { actions } = this;
        const title = titleOf(chat);
        const item = el('li', { 'data-id': chat.id, class: isRunning ? 'running' : null });
        item.append(
            el(
                'button',
                {
                    type: 'button',
                    class: 'chat-title',
                    title,
                    'aria-current': isCurrent ? 'true' : null,
                    onclick: () => actions.open(chat),
                },
                title,
            ),
            iconButton('edit', `Rename ${title}`, () => this.rename(item, chat)),
            iconButton('trash', `Delete ${title}`, () => actions.remove(chat)),
        );
        return item;
    }

    rename(item, chat) {
        const input = el('input', { type: 'text', maxlength: 200, 'aria-label': 'Title' });
        input.value = titleOf(chat);
        let left = false;
        const leave = (keep) => {
            if (left) return;
            left = true;
            const refocus = document.activeElement === input;
            this.actions.rename(chat, keep ? input.value.trim() : chat.title);
            if (refocus) this.list.querySelector(`[data-id="${chat.id}"] button`)?.focus();
        };
        input.addEventListener('keydown', (e) => {
            if (e.isComposing) return;
            if (e.key === 'Enter' || e.key === 'Escape') {
                e.preventDefault();
                e.stopPropagation();
                leave(e.key === 'Enter');
            }
        });
        input.addEventListener('blur', () => leave(true));
        item.replaceChildren(input);
        input.focus();
        input.select();
    }
}
