// SPDX-License-Identifier: Apache-2.0
// painter.js - paints what has changed at most once a frame, and less often what takes long, so
// that a fast answer never leaves the page without time for its reader.

const REST = 3; // times as long as the last painting took, before the next

export class Painter {
    constructor(paint) {
        this.paint = paint;
        this.asked = false;
        this.notBefore = 0;
    }

    ask() {
        if (this.asked) return;
        this.asked = true;
        const wait = this.notBefore - performance.now();
        if (wait > 16) setTimeout(() => this.frame(), wait);
        else this.frame();
    }

    frame() {
        requestAnimationFrame(() => {
            if (this.asked) this.now();
        });
    }

    now() {
        this.asked = false;
        const began = performance.now();
        this.paint();
        const end = performance.now();
        this.notBefore = end + REST * (end - began);
    }
}
