// SPDX-License-Identifier: Apache-2.0
// markdown_inline.js - the text of one paragraph, heading or cell to nodes.
//
// A node is a string or [tag, attributes, ...children]; which tags and attributes there are is
// decided here and in markdown.js, never by the text.  Time grows with the length of the text,
// whatever stands in it: brackets and delimiters are each looked at once, from stacks.

const DEPTH_MAX = 12; // of emphasis in emphasis; what lies deeper is shown without it
const LINK_MAX = 2000; // characters of an address

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };
const PUNCTUATION = /[\p{P}\p{S}]/u;

/** The address as the browser will understand it, or null unless it is http or https. */
export function safeLink(text) {
    if (text.length > LINK_MAX || !/^https?:\/\//i.test(text)) return null;
    try {
        const url = new URL(text);
        return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
    } catch {
        return null;
    }
}

function linkNode(href, children) {
    return ['a', { href, rel: 'noopener noreferrer', target: '_blank' }, ...children];
}

/* Where each run of backticks begins, by its length: how a code span finds its end. */
function backtickRuns(text) {
    const runs = new Map();
    for (const m of text.matchAll(/`+/g)) {
        if (!runs.has(m[0].length)) runs.set(m[0].length, { at: [], next: 0 });
        runs.get(m[0].length).at.push(m.index);
    }
    return runs;
}

function codeEnd(runs, length, from) {
    const run = runs.get(length);
    while (run && run.next < run.at.length && run.at[run.next] < from) run.next++;
    return run && run.next < run.at.length ? run.at[run.next] : -1;
}

function codeNode(source) {
    let text = source.replace(/\n/g, ' ');
    if (/^ .* $/.test(text) && text.trim() !== '') text = text.slice(1, -1);
    return ['code', null, text];
}

/* '(address "title")' at a place: its address and end, or null.  Step by step, so that no part
 * can be matched in two ways. */
function linkTarget(text, at) {
    const near = text.slice(at, at + LINK_MAX + 300);
    let end = 0;
    const take = (pattern) => {
        pattern.lastIndex = end;
        const m = pattern.exec(near);
        if (m) end = pattern.lastIndex;
        return m;
    };
    if (!take(/\(\s*/y)) return null;
    const address = take(/<([^<>\n]*)>/y) ?? take(/((?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.)*\))*)/y);
    if (take(/\s+/y)) take(/"[^"]*"|'[^']*'|\([^()]*\)/y);
    if (!take(/\s*\)/y)) return null;
    return { address: address[1].replace(/\\([!-/:-@[-`{-~])/g, '$1'), end: at + end };
}

/* An address that stands in the text as such, without what only closes the sentence. */
function bareLink(text, at) {
    const m = /^https?:\/\/[^\s<>"'`*|\\]+/i.exec(text.slice(at, at + LINK_MAX));
    if (!m) return null;
    let s = m[0].replace(/[.,;:!?_~]+$/, '');
    while (s.endsWith(')') && count(s, ')') > count(s, '(')) s = s.slice(0, -1);
    while (s.endsWith(']') && count(s, ']') > count(s, '[')) s = s.slice(0, -1);
    return safeLink(s) ? s : null;
}

function count(s, c) {
    return s.split(c).length - 1;
}

function entity(text, at) {
    const m = /^&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(\w{2,6}));/.exec(text.slice(at, at + 12));
    if (!m) return null;
    if (m[3]) return ENTITIES[m[3]] ? { s: ENTITIES[m[3]], n: m[0].length } : null;
    const code = m[1] ? Number(m[1]) : parseInt(m[2], 16);
    const bad = code === 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000);
    return { s: bad ? '\ufffd' : String.fromCodePoint(code), n: m[0].length };
}

/* Pieces are texts, {node}, {delimiter} and brackets; nothing is nested yet. */
class Scanner {
    constructor(text) {
        this.text = text;
        this.runs = backtickRuns(text);
        this.pieces = [];
        this.plain = '';
        this.brackets = []; // indices of pieces
    }

    flush() {
        if (this.plain) this.pieces.push({ text: this.plain });
        this.plain = '';
    }

    push(piece) {
        this.flush();
        this.pieces.push(piece);
    }

    run() {
        const special = /[\\`*_~[\]!<&\n]|https?:\/\//gi;
        let at = 0;
        while (at < this.text.length) {
            special.lastIndex = at;
            const m = special.exec(this.text);
            if (!m) break;
            this.plain += this.text.slice(at, m.index);
            at = this.special(m.index, this.text[m.index]);
        }
        this.plain += this.text.slice(at);
        this.flush();
        return this.pieces;
    }

    /* Takes what begins with the special character c; returns where it ends. */
    special(at, c) {
        const { text } = this;
        if (c === '\\') return this.escape(at);
        if (c === '`') return this.code(at);
        if (c === '*' || c === '_' || c === '~') return this.delimiter(at, c);
        if (c === '[' || (c === '!' && text[at + 1] === '[')) return this.open(at, c === '!');
        if (c === ']') return this.close(at);
        if (c === '\n') return this.lineBreak(at);
        if (c === '<') return this.autolink(at);
        if (c === '&') {
            const e = entity(text, at);
            this.plain += e ? e.s : '&';
            return at + (e ? e.n : 1);
        }
        if (c === 'h' || c === 'H') return this.bare(at);
        this.plain += c;
        return at + 1;
    }

    escape(at) {
        const next = this.text[at + 1];
        if (next === '\n') return this.lineBreak(at + 1);
        const escaped = next !== undefined && /[!-/:-@[-`{-~]/.test(next);
        this.plain += escaped ? next : '\\';
        return at + (escaped ? 2 : 1);
    }

    code(at) {
        let n = 1;
        while (this.text[at + n] === '`') n++;
        const end = codeEnd(this.runs, n, at + n);
        if (end < 0) {
            this.plain += '`'.repeat(n);
            return at + n;
        }
        this.push({ node: codeNode(this.text.slice(at + n, end)) });
        return end + n;
    }

    /* Chats break lines where they mean it, so a line feed is a break. */
    lineBreak(at) {
        let end = this.plain.length;
        while (this.plain[end - 1] === ' ') end--;
        this.plain = this.plain.slice(0, end);
        this.push({ node: ['br', null] });
        while (this.text[at + 1] === ' ') at++;
        return at + 1;
    }

    autolink(at) {
        const m = /^<(https?:\/\/[^\s<>]*)>/i.exec(this.text.slice(at, at + LINK_MAX + 2));
        const href = m && safeLink(m[1]);
        if (!href) {
            this.plain += '<';
            return at + 1;
        }
        this.push({ node: linkNode(href, [m[1]]) });
        return at + m[0].length;
    }

    bare(at) {
        const before = at > 0 ? this.text[at - 1] : ' ';
        const address = /[\p{L}\p{N}]/u.test(before) ? null : bareLink(this.text, at);
        if (!address) {
            this.plain += this.text[at];
            return at + 1;
        }
        this.push({ node: linkNode(safeLink(address), [address]), bare: true });
        return at + address.length;
    }

    delimiter(at, c) {
        let n = 1;
        while (this.text[at + n] === c) n++;
        const before = at > 0 ? this.text[at - 1] : ' ';
        const after = at + n < this.text.length ? this.text[at + n] : ' ';
        const space = [/\s/.test(before), /\s/.test(after)];
        const mark = [PUNCTUATION.test(before), PUNCTUATION.test(after)];
        const left = !space[1] && (!mark[1] || space[0] || mark[0]);
        const right = !space[0] && (!mark[0] || space[1] || mark[1]);
        const inWord = c === '_';
        if (c === '~' && n !== 2) this.plain += c.repeat(n);
        else
            this.push({
                delimiter: c,
                n,
                opens: left && (!inWord || !right || mark[0]),
                closes: right && (!inWord || !left || mark[1]),
                marks: [], // tags that begin (before) or end here, outermost first
            });
        return at + n;
    }

    open(at, image) {
        this.push({ text: image ? '![' : '[', image });
        this.brackets.push(this.pieces.length - 1);
        return at + (image ? 2 : 1);
    }

    close(at) {
        const from = this.brackets.pop();
        const target = from === undefined ? null : linkTarget(this.text, at + 1);
        const href = target && safeLink(target.address);
        if (!href) {
            this.plain += ']';
            return at + 1;
        }
        this.flush();
        const inner = this.pieces.splice(from);
        const children = nest(inner.slice(1).map(unlink));
        this.pieces.push({ node: linkNode(href, children.length ? children : [href]) });
        /* A link holds no link: what opened before it is text, unless it is a picture's. */
        if (!inner[0].image) this.brackets = this.brackets.filter((i) => this.pieces[i].image);
        return target.end;
    }
}

/* A link inside of a link becomes its text. */
function unlink(piece) {
    if (!piece.node || piece.node[0] !== 'a') return piece;
    return { text: plainText(piece.node) };
}

const LINES = new Set(['br', 'p', 'li', 'tr', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'codeblock']);
const CELLS = new Set(['th', 'td']);

/** The text of a node without any markup. */
export function plainText(node) {
    if (typeof node === 'string') return node;
    const text = node.slice(2).map(plainText).join('');
    return text + (LINES.has(node[0]) ? '\n' : CELLS.has(node[0]) ? ' ' : '');
}

/* Finds the opener for a closer: the nearest delimiter below it on the stack that fits. */
function findOpener(stack, closer, bottom) {
    for (let i = stack.length - 1; i >= bottom; i--) {
        const opener = stack[i];
        if (opener.delimiter !== closer.delimiter || !opener.opens || !opener.n) continue;
        const both = (opener.closes || closer.opens) && closer.delimiter !== '~';
        const odd = (opener.whole + closer.whole) % 3 === 0;
        if (both && odd && (opener.whole % 3 || closer.whole % 3)) continue;
        return i;
    }
    return -1;
}

/* Pairs delimiters; each then knows which tags end and begin at it. */
function pair(pieces) {
    const stack = [];
    const bottoms = new Map(); // below which no opener fits, by kind of closer
    for (const piece of pieces) {
        if (!piece.delimiter) continue;
        piece.whole = piece.n;
        const kind = `${piece.delimiter}${piece.opens}${piece.whole % 3}`;
        while (piece.closes && piece.n) {
            const at = findOpener(stack, piece, bottoms.get(kind) ?? 0);
            if (at < 0) {
                bottoms.set(kind, stack.length);
                break;
            }
            const opener = stack[at];
            const n = opener.n > 1 && piece.n > 1 ? 2 : 1;
            const tag = piece.delimiter === '~' ? 'del' : n === 2 ? 'strong' : 'em';
            opener.marks.unshift({ opens: tag });
            piece.marks.push({ closes: tag });
            opener.n -= n;
            piece.n -= n;
            stack.length = opener.n ? at + 1 : at;
            for (const [k, n] of bottoms) if (n > stack.length) bottoms.set(k, stack.length);
        }
        if (piece.opens && piece.n) stack.push(piece);
    }
}

/* The flat pieces, delimiters paired, as a tree. */
function nest(pieces) {
    pair(pieces);
    const root = ['', null];
    const open = [root];
    let tooDeep = 0;
    const add = (node) => {
        const top = open[open.length - 1];
        const last = top.length - 1;
        if (typeof node === 'string' && last > 1 && typeof top[last] === 'string')
            top[last] += node;
        else if (node !== '') top.push(node);
    };
    const begin = (tag) => {
        if (open.length > DEPTH_MAX) {
            tooDeep++;
            return;
        }
        const node = [tag, null];
        add(node);
        open.push(node);
    };
    for (const piece of pieces) {
        if (!piece.delimiter) {
            add(piece.node ?? piece.text);
            continue;
        }
        /* A run closes first and opens last; what is left of it is text between the two. */
        for (const mark of piece.marks)
            if (mark.closes && tooDeep) tooDeep--;
            else if (mark.closes) open.pop();
        add(piece.delimiter.repeat(piece.n));
        for (const mark of piece.marks) if (mark.opens) begin(mark.opens);
    }
    return root.slice(2);
}

/** The nodes of a text. */
export function inline(text) {
    return nest(new Scanner(text).run());
}
