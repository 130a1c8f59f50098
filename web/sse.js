// SPDX-License-Identifier: Apache-2.0
// sse.js - server-sent events from text that comes in pieces.

const EVENT_MAX = 8 << 20; // characters of one event: more is no answer of ours

export class SseParser {
    /** onData is called with the data of each event. */
    constructor(onData) {
        this.onData = onData;
        this.line = ''; // begun, not ended
        this.data = null;
        this.skipFeed = false; // a carriage return ended the last line
    }

    push(text) {
        if (this.skipFeed && text.startsWith('\n')) text = text.slice(1);
        if (text !== '') this.skipFeed = text.endsWith('\r');
        const lines = text.split(/\r\n|\r|\n/);
        if (this.line.length + (this.data?.length ?? 0) + text.length > EVENT_MAX)
            throw new Error('The server sent an event that is too long.');
        lines[0] = this.line + lines[0];
        this.line = lines.pop();
        for (const line of lines) this.take(line);
    }

    take(line) {
        if (line === '') {
            const { data } = this;
            this.data = null;
            if (data !== null) this.onData(data);
            return;
        }
        const m = /^data(?:: ?|$)/.exec(line);
        if (!m) return; // a comment, or a field that chats do not use
        const value = line.slice(m[0].length);
        this.data = this.data === null ? value : `${this.data}\n${value}`;
    }
}
