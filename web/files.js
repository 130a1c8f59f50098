// SPDX-License-Identifier: Apache-2.0
// files.js - conversations to files and back.

import { newChat, titleOf } from './chats.js';
import { el } from './dom.js';
import { exportRequest, importRequests } from './request.js';

const FILE_MAX = 32 << 20;

/** Offers the conversation as a file: the JSON of a request. */
export function saveFile(chat) {
    const text = `${JSON.stringify(exportRequest(chat), null, 2)}\n`;
    const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    const name = titleOf(chat)
        .replace(/[^\p{L}\p{N}]+/gu, '-')
        .replace(/^-|-$/g, '')
        .slice(0, 50);
    el('a', { href: url, download: `${name || 'conversation'}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
}

/** The conversations of a file.  Throws what a person can read. */
export async function readFile(file) {
    if (file.size > FILE_MAX) throw new Error(`It is larger than ${FILE_MAX >> 20} MiB.`);
    return importRequests(await file.text()).map((request) => ({ ...newChat(), ...request }));
}
