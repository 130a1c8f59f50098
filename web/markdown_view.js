// SPDX-License-Identifier: Apache-2.0
// markdown_view.js - shows Markdown that grows, and changes of the document only what differs.
//
// Elements are made from the names in this file and texts are set as texts, so nothing that a
// model says can become anything but these.

import { MarkdownStream } from './markdown_stream.js';
import { plainText } from './markdown_inline.js';

const TAGS = new Set(
    'p h1 h2 h3 h4 h5 h6 ul ol li blockquote hr br pre code em strong del a input table thead tbody tr th td div span button'.split(
        ' ',
    ),
);

/* Adds what the text does not have: bars of code, frames for what may be too wide. */
function furnish(node) {
    if (typeof node === 'string') return node;
    if (node[0] === 'codeblock') {
        const { language } = node[1];
        const name = language ? `Code: ${language}` : 'Code';
        return [
            'div',
            { class: 'codeblock' },
            [
                'div',
                { class: 'codebar' },
                ['span', null, language],
                [
                    'button',
                    { type: 'button', class: 'copy-code', 'aria-label': 'Copy code' },
                    'Copy',
                ],
            ],
            ['pre', { tabindex: '0', role: 'region', 'aria-label': name }, ['code', null, node[2]]],
        ];
    }
    const inner = [node[0], node[1], ...node.slice(2).map(furnish)];
    if (node[0] !== 'table') return inner;
    return ['div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': 'Table' }, inner];
}

function create(node) {
    if (typeof node === 'string') return document.createTextNode(node);
    if (!TAGS.has(node[0])) throw new Error(`markdown: no element ${node[0]}`);
    const made = document.createElement(node[0]);
    for (const [name, value] of Object.entries(node[1] ?? {})) made.setAttribute(name, value);
    for (const child of node.slice(2)) made.append(create(child));
    return made;
}

function sameAttributes(a, b) {
    return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function patchOne(parent, dom, before, after) {
    if (typeof before === 'string' && typeof after === 'string') {
        if (after === before) return;
        /* Adding to a text keeps what the reader has selected in it. */
        if (after.startsWith(before)) dom.appendData(after.slice(before.length));
        else dom.data = after;
        return;
    }
    const same = before[0] === after[0] && typeof before === typeof after;
    if (!same || !sameAttributes(before[1], after[1])) parent.replaceChild(create(after), dom);
    else patch(dom, 0, before.slice(2), after.slice(2));
}

/* Makes the children of parent from the given one on, which show before, show after. */
function patch(parent, from, before, after) {
    for (let i = 0; i < after.length; i++) {
        if (i < before.length) patchOne(parent, parent.childNodes[from + i], before[i], after[i]);
        else parent.append(create(after[i]));
    }
    for (let i = before.length; i > after.length; i--) parent.lastChild.remove();
}

export class MarkdownView {
    /** root: an empty element.  onSettled is called with the text of each block that is done. */
    constructor(root, onSettled) {
        this.root = root;
        this.onSettled = onSettled;
        this.stream = new MarkdownStream();
        this.open = [];
    }

    append(text) {
        const { stream } = this;
        const n = stream.settled.length;
        stream.append(text);
        const settled = stream.settled.slice(n);
        const open = stream.open.map(furnish);
        patch(this.root, n, this.open, [...settled.map(furnish), ...open]);
        this.open = open;
        if (this.onSettled) for (const node of settled) this.onSettled(plainText(node));
    }

    /** The text of what can still change. */
    get openText() {
        return this.stream.open.map(plainText).join('');
    }
}
