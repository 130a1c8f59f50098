// SPDX-License-Identifier: Apache-2.0
// follow.js - keeps the end of what grows in sight, but only for who is at the end.

const NEAR_PX = 40; // from the end counts as there

export class Follow {
    /** scroller: what scrolls.  content: what grows in it.  button: goes back to the end. */
    constructor(scroller, content, button) {
        this.scroller = scroller;
        this.button = button;
        this.following = true;
        this.live = false; // whether content grows by itself, and not because its reader opens a part
        this.last = { top: 0, height: 0, view: 0 };
        scroller.addEventListener('scroll', () => this.scrolled(), { passive: true });
        button.addEventListener('click', () => this.toEnd());
        new ResizeObserver(() => (this.live ? this.stick() : this.show())).observe(content);
        new ResizeObserver(() => this.stick()).observe(scroller);
    }

    get distance() {
        const { scrollHeight, scrollTop, clientHeight } = this.scroller;
        return scrollHeight - scrollTop - clientHeight;
    }

    measure() {
        const { scrollTop: top, scrollHeight: height, clientHeight: view } = this.scroller;
        return { top, height, view };
    }

    /* Whoever goes up, be it by a pixel, is left alone; but the place also goes up when what is
     * above the end becomes shorter, or the window taller. */
    scrolled() {
        const { last } = this;
        const now = this.measure();
        const shorter = now.height < last.height || now.view !== last.view;
        if (now.top < last.top - 1 && !shorter) this.following = false;
        else if (this.distance <= NEAR_PX) this.following = true;
        this.last = now;
        this.show();
    }

    show() {
        this.button.hidden = this.following || this.distance <= NEAR_PX;
    }

    /** After something has grown. */
    stick() {
        if (this.following) {
            this.scroller.scrollTop = this.scroller.scrollHeight;
            this.last = this.measure();
        }
        this.show();
    }

    toEnd() {
        this.following = true;
        this.stick();
    }
}
