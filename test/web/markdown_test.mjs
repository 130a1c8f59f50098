// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parse } from '../../web/markdown.js';
import { inline, plainText, safeLink } from '../../web/markdown_inline.js';
import { MarkdownStream } from '../../web/markdown_stream.js';
import { HOSTILE, longText, TOUR } from './scripts.mjs';

/* Nodes as HTML, for reading and for comparing with what the specifications say. */
const escape = (s) =>
    s.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
function html(node) {
    if (typeof node === 'string') return escape(node);
    const [tag, attributes, ...children] = node;
    const skip = ['rel', 'target', 'scope', 'disabled'];
    const list = Object.entries(attributes ?? {})
        .filter(([k, v]) => !skip.includes(k) && v !== '')
        .map(([k, v]) => ` ${k}="${escape(v)}"`);
    if (['br', 'hr', 'input'].includes(tag)) return `<${tag}${list.join('')}>`;
    return `<${tag}${list.join('')}>${children.map(html).join('')}</${tag}>`;
}
const render = (text) =>
    parse(text)
        .map((b) => html(b.node))
        .join('\n');
const line = (text) => inline(text).map(html).join('');

function same(text, want) {
    assert.equal(render(text), want);
}

/* Examples of the CommonMark and GFM specifications, by what each shows; our tag for code
 * blocks and our breaks where a line ends are put in. */
const BLOCKS = [
    ['# foo\n## foo\n###### foo', '<h1>foo</h1>\n<h2>foo</h2>\n<h6>foo</h6>'],
    ['####### foo\n\n#5 bolt\n\n#hashtag', '<p>####### foo</p>\n<p>#5 bolt</p>\n<p>#hashtag</p>'],
    ['\\## foo', '<p>## foo</p>'],
    ['# foo *bar* \\*baz\\*', '<h1>foo <em>bar</em> *baz*</h1>'],
    ['## foo ##\n  ###   bar    ###', '<h2>foo</h2>\n<h3>bar</h3>'],
    ['# foo#\n### foo ### b', '<h1>foo#</h1>\n<h3>foo ### b</h3>'],
    ['#\n## ##', '<h1></h1>\n<h2></h2>'],
    ['***\n---\n___', '<hr>\n<hr>\n<hr>'],
    ['- foo\n***\n- bar', '<ul><li>foo</li></ul>\n<hr>\n<ul><li>bar</li></ul>'],
    ['Foo\n---\nbar', '<h2>Foo</h2>\n<p>bar</p>'],
    [
        '    a simple\n      indented code block',
        '<codeblock>a simple\n  indented code block</codeblock>',
    ],
    ['```\n<\n >\n```', '<codeblock>&lt;\n &gt;</codeblock>'],
    ['~~~\naaa\n```\n~~~', '<codeblock>aaa\n```</codeblock>'],
    ['````\naaa\n```\n``````', '<codeblock>aaa\n```</codeblock>'],
    ['```\n\n```aaa', '<codeblock>\n```aaa</codeblock>'],
    ['   ```\n   aaa\n    aaa\n  aaa\n   ```', '<codeblock>aaa\n aaa\naaa</codeblock>'],
    [
        '~~~~    ruby startline=3 $%@#$\ndef foo(x)\n~~~~~~~',
        '<codeblock language="ruby">def foo(x)</codeblock>',
    ],
    ['> # Foo\n> bar\n> baz', '<blockquote><h1>Foo</h1><p>bar<br>baz</p></blockquote>'],
    ['> foo\nbar', '<blockquote><p>foo<br>bar</p></blockquote>'],
    [
        '> ```\nfoo\n```',
        '<blockquote><codeblock></codeblock></blockquote>\n<p>foo</p>\n<codeblock></codeblock>',
    ],
    [
        '> > > foo',
        '<blockquote><blockquote><blockquote><p>foo</p></blockquote></blockquote></blockquote>',
    ],
    ['- foo\n- bar\n+ baz', '<ul><li>foo</li><li>bar</li></ul>\n<ul><li>baz</li></ul>'],
    [
        '1. foo\n2. bar\n3) baz',
        '<ol><li>foo</li><li>bar</li></ol>\n<ol start="3"><li>baz</li></ol>',
    ],
    [
        'The number of windows in my house is\n14.  The number of doors is 6.',
        '<p>The number of windows in my house is<br>14.  The number of doors is 6.</p>',
    ],
    [
        '- foo\n\n- bar\n\n\n- baz',
        '<ul><li><p>foo</p></li><li><p>bar</p></li><li><p>baz</p></li></ul>',
    ],
    [
        '- foo\n  - bar\n    - baz',
        '<ul><li>foo<ul><li>bar<ul><li>baz</li></ul></li></ul></li></ul>',
    ],
    [
        '1.  A paragraph\n    with two lines.\n\n        indented code\n\n    > A block quote.',
        '<ol><li><p>A paragraph<br>with two lines.</p><codeblock>indented code</codeblock><blockquote><p>A block quote.</p></blockquote></li></ol>',
    ],
    ['- one\n\n two', '<ul><li>one</li></ul>\n<p>two</p>'],
    ['10) foo\n    - bar', '<ol start="10"><li>foo<ul><li>bar</li></ul></li></ol>'],
    [
        '- a\n  > b\n  ```\n  c\n  ```\n- d',
        '<ul><li>a<blockquote><p>b</p></blockquote><codeblock>c</codeblock></li><li>d</li></ul>',
    ],
    ['- a\n  - b\n\n    c\n- d', '<ul><li>a<ul><li><p>b</p><p>c</p></li></ul></li><li>d</li></ul>'],
    [
        '- [ ] foo\n- [x] bar',
        '<ul><li class="task"><input type="checkbox"> foo</li><li class="task"><input type="checkbox"> bar</li></ul>',
    ],
    [
        '| foo | bar |\n| --- | --- |\n| baz | bim |',
        '<table><thead><tr><th>foo</th><th>bar</th></tr></thead><tbody><tr><td>baz</td><td>bim</td></tr></tbody></table>',
    ],
    [
        '| abc | defghi |\n:-: | -----------:\nbar | baz',
        '<table><thead><tr><th class="align-center">abc</th><th class="align-right">defghi</th></tr></thead><tbody><tr><td class="align-center">bar</td><td class="align-right">baz</td></tr></tbody></table>',
    ],
    [
        '| f\\|oo  |\n| ------ |\n| b `\\|` az |',
        '<table><thead><tr><th>f|oo</th></tr></thead><tbody><tr><td>b <code>|</code> az</td></tr></tbody></table>',
    ],
    [
        '| abc | def |\n| --- | --- |\n| bar | baz |\n> bar',
        '<table><thead><tr><th>abc</th><th>def</th></tr></thead><tbody><tr><td>bar</td><td>baz</td></tr></tbody></table>\n<blockquote><p>bar</p></blockquote>',
    ],
    ['| abc | def |\n| --- |\n| bar |', '<p>| abc | def |<br>| --- |<br>| bar |</p>'],
    ['aaa\n\nbbb', '<p>aaa</p>\n<p>bbb</p>'],
    ['<div>\n*hi*\n</div>', '<p>&lt;div&gt;<br><em>hi</em><br>&lt;/div&gt;</p>'],
    ['', ''],
    ['\r\n a\r\rb', '<p>a</p>\n<p>b</p>'],
];

test('blocks are those of the specifications', () => {
    for (const [text, want] of BLOCKS) same(text, want);
});

const INLINES = [
    ['`foo`', '<code>foo</code>'],
    ['`` foo ` bar ``', '<code>foo ` bar</code>'],
    ['` `` `', '<code>``</code>'],
    ['`foo\\`bar`', '<code>foo\\</code>bar`'],
    ['*foo`*`', '*foo<code>*</code>'],
    ['```foo``', '```foo``'],
    ['*foo bar*', '<em>foo bar</em>'],
    ['a * foo bar*', 'a * foo bar*'],
    ['foo*bar*', 'foo<em>bar</em>'],
    ['5*6*78', '5<em>6</em>78'],
    ['foo_bar_baz', 'foo_bar_baz'],
    ['foo-_(bar)_', 'foo-<em>(bar)</em>'],
    ['*(*foo)', '*(*foo)'],
    ['**foo bar**', '<strong>foo bar</strong>'],
    ['** foo bar**', '** foo bar**'],
    ['__foo, __bar__, baz__', '<strong>foo, <strong>bar</strong>, baz</strong>'],
    ['*foo **bar** baz*', '<em>foo <strong>bar</strong> baz</em>'],
    ['*foo**bar**baz*', '<em>foo<strong>bar</strong>baz</em>'],
    ['*foo**bar*', '<em>foo**bar</em>'],
    ['***foo** bar*', '<em><strong>foo</strong> bar</em>'],
    ['*foo **bar***', '<em>foo <strong>bar</strong></em>'],
    ['foo***bar***baz', 'foo<em><strong>bar</strong></em>baz'],
    ['***foo***', '<em><strong>foo</strong></em>'],
    ['**foo*', '*<em>foo</em>'],
    ['*foo**', '<em>foo</em>*'],
    ['foo ***', 'foo ***'],
    ['foo *\\**', 'foo <em>*</em>'],
    ['*foo _bar* baz_', '<em>foo _bar</em> baz_'],
    ['**foo*bar**', '<strong>foo*bar</strong>'],
    ['~~Hi~~ Hello, ~there~ world!', '<del>Hi</del> Hello, ~there~ world!'],
    ['[link](https://a.b/c "title")', '<a href="https://a.b/c">link</a>'],
    ['[link](<https://a.b/c d>)', '<a href="https://a.b/c%20d">link</a>'],
    ['[a](https://a.b/(c)', '[a](<a href="https://a.b/(c)">https://a.b/(c)</a>'],
    ['[a](https://a.b/(c))', '<a href="https://a.b/(c)">a</a>'],
    [
        '[link *foo **bar***](https://a.b)',
        '<a href="https://a.b/">link <em>foo <strong>bar</strong></em></a>',
    ],
    [
        '[a [b](https://c.d) e](https://f.g)',
        '[a <a href="https://c.d/">b</a> e](<a href="https://f.g/">https://f.g</a>)',
    ],
    ['*[foo*](https://a.b)', '*<a href="https://a.b/">foo*</a>'],
    ['![pic](https://a.b/p.png)', '<a href="https://a.b/p.png">pic</a>'],
    [
        '[rel](/x) [mail](mailto:a@b.c) [](https://a.b)',
        '[rel](/x) [mail](mailto:a@b.c) <a href="https://a.b/">https://a.b/</a>',
    ],
    [
        'see https://a.b/c?d=e&f=g, (https://a.b/w_(x)).',
        'see <a href="https://a.b/c?d=e&amp;f=g">https://a.b/c?d=e&amp;f=g</a>, (<a href="https://a.b/w_(x)">https://a.b/w_(x)</a>).',
    ],
    ['<https://a.b/c*d*>', '<a href="https://a.b/c*d*">https://a.b/c*d*</a>'],
    ['a\\\nb  \nc', 'a<br>b<br>c'],
    [
        '&lt;b&gt; &amp;amp; &#35; &#x22; &#0; &nope; &copy',
        '&lt;b&gt; &amp;amp; # &quot; \ufffd &amp;nope; &amp;copy',
    ],
    ['\\*a\\* \\q', '*a* \\q'],
    ['**「粗体」**です', '**「粗体」**です'],
];

test('inlines are those of the specifications', () => {
    for (const [text, want] of INLINES) assert.equal(line(text), want, text);
});

test('only http and https are links', () => {
    for (const bad of [
        'javascript:alert(1)',
        'JAVASCRIPT:alert(1)',
        ' javascript:alert(1)',
        'java\nscript:alert(1)',
        'data:text/html,x',
        'vbscript:x',
        'file:///etc/passwd',
        'blob:https://a.b/c',
        '//a.b/c',
        '/c',
        'https:',
        'http://',
        'https://a b',
        `https://a.b/${'c'.repeat(3000)}`,
    ])
        assert.equal(safeLink(bad), null, bad);
    assert.equal(safeLink('HTTPS://A.b/C'), 'https://a.b/C');
});

const TAGS =
    /^(p|h[1-6]|[uo]l|li|blockquote|hr|br|codeblock|code|em|strong|del|a|input|table|thead|tbody|tr|t[hd])$/;
const ATTRIBUTES = /^(href|rel|target|start|class|type|disabled|checked|scope|language)$/;

function checkNode(node, depth = 0) {
    assert.ok(depth < 60, 'nodes lie too deep in each other');
    if (typeof node === 'string') return;
    assert.match(node[0], TAGS);
    for (const [name, value] of Object.entries(node[1] ?? {})) {
        assert.match(name, ATTRIBUTES);
        assert.equal(typeof value, 'string');
        if (name === 'href') assert.match(value, /^https?:\/\/[^\s"<>]+$/);
    }
    if (node[0] === 'a') assert.equal(node[1].rel, 'noopener noreferrer');
    for (const child of node.slice(2)) checkNode(child, depth + 1);
}

test('hostile text becomes nothing but known nodes, and loses none of its words', () => {
    const nodes = parse(HOSTILE).map((b) => b.node);
    nodes.forEach((n) => checkNode(n));
    const text = nodes.map(plainText).join('');
    for (const word of ['<script>globalThis.stolen = 1</script>', 'onerror=', 'javascript:'])
        assert.ok(text.includes(word), word);
});

/* What is quadratic or worse would take minutes with these. */
test('time grows with the length, whatever is repeated', () => {
    const parts = [
        '*',
        '**a',
        '_a ',
        '~~',
        '[',
        '![',
        ']',
        '](',
        '[](',
        '[a](https://b.c)',
        '`',
        '``a`',
        '\\',
        '&',
        '&#',
        '<',
        'https://',
        ' ',
        '\t',
        '\n',
        '- ',
        '-\n',
        '> ',
        '>',
        '1. ',
        '#',
        '# ',
        '|',
        '|-',
        '| a\n',
        '- - ',
        '*a _b ~~c ',
        '`'.repeat(3) + '\n',
        '~~~',
        '=',
        '\u2028',
        '((',
        '[a](<',
        '"',
        '***a** b',
        ' \n',
        '  - a\n',
        'a|b\n-|-\n',
        '- [ ] ',
        '<https://a',
        '[a](https://b.c "',
    ];
    for (const part of parts)
        for (const [before, after] of [
            ['', ''],
            ['', 'x'],
            ['a ', ' b\n'],
            ['# ', ' x'],
            ['```', '`'],
            ['- ', '\u2028x'],
            ['[](', ''],
        ]) {
            const text = before + part.repeat(Math.ceil(20000 / part.length)) + after;
            const began = process.cpuUsage();
            parse(text).forEach((b) => checkNode(b.node));
            const ms = process.cpuUsage(began).user / 1000;
            assert.ok(ms < 1000, `${JSON.stringify(before + part)}: ${ms} ms`);
        }
});

test('depth is limited', () => {
    for (const part of ['> ', '- ', '1. ', '*a **b ', '> - '])
        parse(`${part.repeat(3000)}x`).forEach((b) => checkNode(b.node));
    parse(`${'*'.repeat(9000)}a${'*'.repeat(9000)}`).forEach((b) => checkNode(b.node));
});

function random(seed) {
    return () => {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        return seed / 0x7fffffff;
    };
}

/* However a text is cut into pieces, and after each of them, the nodes are those of the whole. */
function checkStream(text, next, sizes) {
    const stream = new MarkdownStream();
    let so_far = '';
    while (so_far.length < text.length) {
        const piece = text.slice(so_far.length, so_far.length + 1 + Math.floor(next() * sizes));
        so_far += piece;
        stream.append(piece);
        const want = parse(so_far).map((b) => b.node);
        assert.deepEqual(stream.nodes, want, JSON.stringify(so_far));
    }
}

test('a stream shows at each moment what the whole text so far would', () => {
    const next = random(7);
    checkStream(TOUR, next, 5);
    checkStream(TOUR, next, 1);
    checkStream(HOSTILE, next, 9);
});

test('the same with random texts', () => {
    const next = random(42);
    const parts = [
        'a',
        'b c',
        '\n',
        '\n\n',
        '- ',
        '1. ',
        '> ',
        '# ',
        '```',
        '~~~',
        '|',
        '-|-',
        '*',
        '**',
        '`',
        '  ',
        '    ',
        '---',
        '===',
        '\r\n',
        '\r',
        '[x](https://a.b)',
        '<b>',
        '[ ] ',
    ];
    for (let i = 0; i < 1500; i++) {
        let text = '';
        for (let n = 2 + next() * 25; n > 0; n--) text += parts[Math.floor(next() * parts.length)];
        checkStream(text, next, 4);
        parse(text).forEach((b) => checkNode(b.node));
    }
});

test('what a stream has settled stays', () => {
    const stream = new MarkdownStream();
    const text = longText(100);
    let settled = [];
    for (let i = 0; i < text.length; i += 50) {
        stream.append(text.slice(i, i + 50));
        settled.forEach((node, k) => assert.equal(stream.settled[k], node));
        settled = [...stream.settled];
        assert.ok(stream.rest.length < 300);
    }
});
