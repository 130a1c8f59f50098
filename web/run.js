// SPDX-License-Identifier: Apache-2.0
// run.js - one answer on its way: asked for, received, timed, stopped.

import { addChunk, emptyAnswer, isEmpty } from './answer.js';
import { ServerError, stream } from './api.js';
import { chatRequest, textRequest } from './request.js';

export class Run {
    /** onChange is called after each piece, onEnd once, with the error or null. */
    constructor(chat, { continues, onChange, onEnd }) {
        this.chat = chat;
        this.continues = continues; // the model does not chat: it goes on with the text
        this.onChange = onChange;
        this.onEnd = onEnd;
        this.message = emptyAnswer(chat.model);
        this.abort = new AbortController();
    }

    async start() {
        const request = this.continues ? textRequest(this.chat) : chatRequest(this.chat);
        this.chat.messages.push(this.message);
        const began = performance.now();
        let first = 0;
        let last = 0;
        let n = 0; // pieces, mostly a token each
        const onChunk = (chunk) => {
            addChunk(this.message, chunk);
            if (!isEmpty(this.message)) {
                first ||= performance.now();
                last = performance.now();
                n++;
            }
            this.onChange();
        };
        const path = this.continues ? 'v1/completions' : 'v1/chat/completions';
        let error = null;
        try {
            await stream(path, request, { signal: this.abort.signal, onChunk });
        } catch (e) {
            if (e.name === 'AbortError') this.message.stopped = true;
            else error = e;
        }
        if (first) this.message.timing = { first_ms: first - began, stream_ms: last - first, n };
        if (error) this.message.error = sentence(error);
        this.onEnd(error);
    }

    stop() {
        this.abort.abort();
    }
}

function sentence(error) {
    if (!(error instanceof ServerError)) return `This page failed: ${error.message}`;
    const { message, retryAfter } = error;
    return retryAfter ? `${message} Try again in ${retryAfter} s.` : message;
}
