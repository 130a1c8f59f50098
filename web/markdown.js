// SPDX-License-Identifier: Apache-2.0
// markdown.js - Markdown as models write it, to nodes: headings, lists, tasks, code, quotes,
// tables, rules, paragraphs.  HTML is text like any other.  Nodes: see markdown_inline.js.

import { inline } from './markdown_inline.js';

const DEPTH_MAX = 10; // of lists and quotes in each other; what lies deeper is a paragraph
const COLUMNS_MAX = 40; // of a table; a line with more is a paragraph

const BLANK = /^[ \t]*$/;
const HEADING = /^ {0,3}(#{1,6})(?=[ \t]|$)/;
/* Longer than it must be elsewhere: a "-" that comes in may yet become "- item". */
const UNDERLINE = /^ {0,3}(={3,}|-{3,})[ \t]*$/;
const RULE = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const FENCE = /^( {0,3})(`{3,}|~{3,})([^`]*)$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-+*]|\d{1,9}[.)])(?:( +)(.*))?$/s;
const INDENTED = /^ {4}/;
const TABLE_RULE = /^:?-+:?$/;

/* A cursor over lines: [from, to). */
class Lines {
    constructor(lines) {
        this.lines = lines;
        this.at = 0;
    }

    get line() {
        return this.lines[this.at];
    }

    get done() {
        return this.at >= this.lines.length;
    }
}

function untab(line) {
    if (!line.includes('\t')) return line;
    /* Only what indents matters; a tab inside of a line stays. */
    return line.replace(/^[ \t]+/, (s) => {
        let n = 0;
        for (const c of s) n += c === '\t' ? 4 - (n % 4) : 1;
        return ' '.repeat(n);
    });
}

function fence(cursor) {
    const m = FENCE.exec(cursor.line);
    const [, indent, mark, info] = m;
    const end = new RegExp(`^ {0,3}\\${mark[0]}{${mark.length},}[ \\t]*$`);
    const strip = new RegExp(`^ {0,${indent.length}}`);
    const lines = [];
    for (cursor.at++; !cursor.done && !end.test(cursor.line); cursor.at++)
        lines.push(cursor.line.replace(strip, ''));
    cursor.at++;
    const language = info.trim().split(/\s+/)[0].slice(0, 40);
    return codeBlock(lines.join('\n'), language);
}

function indentedCode(cursor) {
    const lines = [];
    for (; !cursor.done && (INDENTED.test(cursor.line) || BLANK.test(cursor.line)); cursor.at++)
        lines.push(cursor.line.slice(4));
    while (BLANK.test(lines[lines.length - 1])) lines.pop();
    return codeBlock(lines.join('\n'), '');
}

/* The view (stream_view.js) makes the bar with its button of a node 'codeblock'. */
function codeBlock(text, language) {
    return ['codeblock', { language }, text];
}

function quote(cursor, depth) {
    const lines = [];
    let lazy = false;
    for (; !cursor.done; cursor.at++) {
        const { line } = cursor;
        if (QUOTE.test(line)) {
            lines.push(line.replace(QUOTE, ''));
            lazy = !BLANK.test(lines[lines.length - 1]) && !startsBlock(lines[lines.length - 1]);
        } else if (lazy && !BLANK.test(line) && !startsBlock(line)) lines.push(line);
        else break;
    }
    return ['blockquote', null, ...blocks(lines, depth + 1)];
}

function startsBlock(line) {
    return (
        HEADING.test(line) ||
        FENCE.test(line) ||
        QUOTE.test(line) ||
        RULE.test(line) ||
        interrupts(ITEM.exec(line))
    );
}

/* Whether a list item may end a paragraph: not an empty one, nor a number in running text. */
function interrupts(item) {
    return item !== null && !!item[4] && (!/\d/.test(item[2]) || /^1[.)]$/.test(item[2]));
}

/* One item: its lines without their indent, and whether a blank line stands inside. */
function listItem(cursor, m) {
    const inner = m[1].length + m[2].length + (m[3] && m[3].length <= 4 ? m[3].length : 1);
    const first = m[3] && m[3].length > 4 ? m[3].slice(1) + m[4] : (m[4] ?? '');
    const lines = [first];
    const strip = new RegExp(`^ {${inner}}`);
    let blank = false;
    for (cursor.at++; !cursor.done; cursor.at++) {
        const { line } = cursor;
        if (BLANK.test(line)) {
            blank = true;
            lines.push('');
        } else if (strip.test(line)) {
            lines.push(line.slice(inner));
            blank = false;
        } else if (blank || startsBlock(line) || ITEM.test(line)) break;
        else lines.push(line);
    }
    let end = lines.length;
    while (end > 1 && lines[end - 1] === '') end--;
    const blanks = lines.length - end;
    lines.length = end;
    return { lines, trailing: blanks > 0, loose: hasGap(lines) };
}

/* Says whether a blank line parts two blocks of an item itself, not those of a list inside. */
function hasGap(lines) {
    let fenced = null;
    for (let i = 0; i < lines.length; i++) {
        const m = FENCE.exec(lines[i]);
        if (m && !fenced) fenced = m[2][0];
        else if (m && fenced === m[2][0] && BLANK.test(m[3])) fenced = null;
        if (!fenced && i && lines[i] === '' && !/^(?: |[-+*] |\d+[.)] )/.test(lines[i + 1] ?? ''))
            return true;
    }
    return false;
}

function listKind(m) {
    return /\d/.test(m[2]) ? m[2].slice(-1) : m[2];
}

function list(cursor, depth) {
    const first = ITEM.exec(cursor.line);
    const kind = listKind(first);
    const items = [];
    let loose = false;
    for (;;) {
        const m = cursor.done || RULE.test(cursor.line) ? null : ITEM.exec(cursor.line);
        if (!m || listKind(m) !== kind) break;
        if (items.length && items[items.length - 1].trailing) loose = true;
        items.push(listItem(cursor, m));
    }
    loose ||= items.some((item) => item.loose);
    const start = parseInt(first[2], 10);
    const ordered = !Number.isNaN(start);
    const attributes = ordered && start !== 1 ? { start: String(start) } : null;
    const children = items.map((item) => itemNode(item.lines, loose, depth));
    return [ordered ? 'ol' : 'ul', attributes, ...children];
}

function itemNode(lines, loose, depth) {
    const task = /^\[([ xX])\][ \t]+(?=\S)/.exec(lines[0]);
    if (task) lines[0] = lines[0].slice(task[0].length);
    let children = blocks(lines, depth + 1);
    /* The text of a tight list stands in the item itself. */
    if (!loose) children = children.flatMap((b) => (b[0] === 'p' ? b.slice(2) : [b]));
    const done = task && task[1] !== ' ';
    const box = ['input', { type: 'checkbox', disabled: '', ...(done && { checked: '' }) }];
    return task ? ['li', { class: 'task' }, box, ' ', ...children] : ['li', null, ...children];
}

/* The cells of a line; a pipe behind a backslash parts none. */
function cells(line) {
    const s = line.trim().replace(/^\|/, '');
    const found = [];
    let cell = '';
    for (let i = 0; i < s.length; i++) {
        if (s[i] === '\\' && s[i + 1] === '|') {
            cell += '|';
            i++;
        } else if (s[i] === '|') {
            found.push(cell.trim());
            cell = '';
        } else cell += s[i];
    }
    if (cell.trim() !== '' || !s.endsWith('|')) found.push(cell.trim());
    return found;
}

function isTable(cursor) {
    const next = cursor.lines[cursor.at + 1];
    if (next === undefined || !cursor.line.includes('|')) return false;
    const n = cells(cursor.line).length;
    const rule = cells(next);
    return n === rule.length && n <= COLUMNS_MAX && rule.every((c) => TABLE_RULE.test(c));
}

function table(cursor) {
    const head = cells(cursor.line);
    const aligns = cells(cursor.lines[cursor.at + 1]).map((c) =>
        c.endsWith(':') ? (c.startsWith(':') ? 'center' : 'right') : null,
    );
    const row = (tag, texts) => [
        'tr',
        null,
        ...texts.map((s, i) => [tag, cellAttributes(tag, aligns[i]), ...inline(s)]),
    ];
    const body = [];
    for (cursor.at += 2; !cursor.done; cursor.at++) {
        if (BLANK.test(cursor.line) || startsBlock(cursor.line)) break;
        body.push(row('td', cells(cursor.line).slice(0, head.length)));
    }
    return [
        'table',
        null,
        ['thead', null, row('th', head)],
        ...(body.length ? [['tbody', null, ...body]] : []),
    ];
}

function cellAttributes(tag, align) {
    return {
        ...(tag === 'th' && { scope: 'col' }),
        ...(align && { class: `align-${align}` }),
    };
}

function paragraph(cursor) {
    const lines = [cursor.line];
    for (cursor.at++; !cursor.done; cursor.at++) {
        const { line } = cursor;
        const under = UNDERLINE.exec(line);
        if (under) {
            cursor.at++;
            return [under[1][0] === '=' ? 'h1' : 'h2', null, ...inline(lines.join('\n').trim())];
        }
        if (BLANK.test(line) || startsBlock(line) || isTable(cursor)) break;
        lines.push(line);
    }
    return [
        'p',
        null,
        ...inline(
            lines
                .map((s) => s.replace(/^ +/, ''))
                .join('\n')
                .trimEnd(),
        ),
    ];
}

/* What stands behind the marks, without those that close it. */
function headingText(line, from) {
    const text = line.slice(from).trim();
    let end = text.length;
    while (text[end - 1] === '#') end--;
    return end === 0 || /[ \t]/.test(text[end - 1]) ? text.slice(0, end).trim() : text;
}

/* The block that begins at the cursor, which moves behind it. */
function block(cursor, depth) {
    const { line } = cursor;
    const heading = HEADING.exec(line);
    if (heading) {
        cursor.at++;
        return [`h${heading[1].length}`, null, ...inline(headingText(line, heading[0].length))];
    }
    if (FENCE.test(line)) return fence(cursor);
    if (INDENTED.test(line)) return indentedCode(cursor);
    if (RULE.test(line)) {
        cursor.at++;
        return ['hr', null];
    }
    if (depth < DEPTH_MAX && QUOTE.test(line)) return quote(cursor, depth);
    if (depth < DEPTH_MAX && ITEM.test(line)) return list(cursor, depth);
    if (isTable(cursor)) return table(cursor);
    return paragraph(cursor);
}

function blocks(lines, depth) {
    const cursor = new Lines(lines);
    const nodes = [];
    while (!cursor.done) {
        if (BLANK.test(cursor.line)) cursor.at++;
        else nodes.push(block(cursor, depth));
    }
    return nodes;
}

/** The blocks of a text, and the line on which each begins: {node, line}[]. */
export function parse(text) {
    const cursor = new Lines(text.split(/\r\n|\r|\n/).map(untab));
    const found = [];
    while (!cursor.done) {
        const line = cursor.at;
        if (BLANK.test(cursor.line)) cursor.at++;
        else found.push({ node: block(cursor, 0), line });
    }
    return found;
}
