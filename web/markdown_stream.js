// SPDX-License-Identifier: Apache-2.0
// markdown_stream.js - Markdown that grows at its end.
//
// Only the last block can still change, so only its text is parsed again; which one that is, is
// decided by whole lines alone, since half a line may yet become anything ("1" may become "1. ").

import { parse } from './markdown.js';

export class MarkdownStream {
    constructor() {
        this.settled = []; // nodes that no further text can change
        this.open = []; // nodes of the rest
        this.rest = ''; // text behind the settled nodes
    }

    /** Adds text; this.settled and this.open are then the nodes of the whole. */
    append(text) {
        this.rest += text;
        /* A lone carriage return at the end may be half of a line's end. */
        const whole = this.rest.lastIndexOf('\n') + 1;
        const found = whole ? parse(this.rest.slice(0, whole)) : [];
        if (found.length > 1) {
            const last = found.pop();
            this.settled.push(...found.map((b) => b.node));
            this.rest = behindLines(this.rest, last.line);
        }
        this.open = parse(this.rest).map((b) => b.node);
    }

    get nodes() {
        return [...this.settled, ...this.open];
    }
}

function behindLines(text, n) {
    const ends = /\r\n|\r|\n/g;
    while (n--) ends.exec(text);
    return text.slice(ends.lastIndex);
}
