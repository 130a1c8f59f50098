// SPDX-License-Identifier: Apache-2.0
// keys.js - the keys of the page; this list is also what its help shows.
//
// By the place of a key, not by its letter: Alt makes other characters on some systems.

import { el } from './dom.js';

const KEYS = [
    { keys: ['Enter'], does: 'send the message' },
    { keys: ['Shift', 'Enter'], does: 'begin a new line' },
    { keys: ['Esc'], does: 'stop the answer; else go to the message field' },
    { keys: ['↑'], does: 'in an empty message field: edit the last message' },
    { keys: ['Alt', 'N'], code: 'KeyN', action: 'newChat', does: 'new conversation' },
    { keys: ['Alt', 'R'], code: 'KeyR', action: 'again', does: 'answer again' },
    { keys: ['Alt', 'C'], code: 'KeyC', action: 'copyLast', does: 'copy the last answer' },
    {
        keys: ['Alt', '↑'],
        code: 'ArrowUp',
        action: 'previous',
        does: 'conversation above in the list',
    },
    { keys: ['Alt', '↓'], code: 'ArrowDown', action: 'next', does: 'conversation below' },
    { keys: ['Alt', 'L'], code: 'KeyL', action: 'sidebar', does: 'show or hide the list' },
    { keys: ['Alt', 'M'], code: 'KeyM', action: 'model', does: 'choose the model' },
    { keys: ['Alt', 'G'], code: 'KeyG', action: 'settings', does: 'settings' },
    { keys: ['Alt', 'K'], code: 'KeyK', action: 'keys', does: 'this list' },
];

export function listenForKeys(actions) {
    document.addEventListener('keydown', (e) => {
        if (e.defaultPrevented || e.isComposing) return;
        const inDialog = document.querySelector('dialog[open]');
        if (e.key === 'Escape' && !inDialog) {
            e.preventDefault();
            actions.escape();
        }
        if (!e.altKey || e.ctrlKey || e.metaKey || e.shiftKey || inDialog) return;
        const key = KEYS.find((k) => k.code === e.code);
        if (!key) return;
        e.preventDefault();
        actions[key.action]();
    });
}

export function showKeys(list) {
    const kbd = (k) => el('kbd', null, k);
    const row = ({ keys, does }) => [
        el('dt', null, ...keys.flatMap((k, i) => (i ? ['+', kbd(k)] : [kbd(k)]))),
        el('dd', null, does),
    ];
    list.replaceChildren(...KEYS.flatMap(row));
}
