// SPDX-License-Identifier: Apache-2.0
// dom.js - elements from a line of code.

const SVG = 'http://www.w3.org/2000/svg';

/** An element; a function among the attributes listens, true stands for an empty value. */
export function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
        if (typeof value === 'function') node.addEventListener(name.replace(/^on/, ''), value);
        else if (value !== false && value != null)
            node.setAttribute(name, value === true ? '' : value);
    }
    node.append(...children.filter((c) => c != null));
    return node;
}

/** One of the pictures of index.html. */
export function icon(name) {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('class', 'icon');
    svg.setAttribute('aria-hidden', 'true');
    const use = document.createElementNS(SVG, 'use');
    use.setAttribute('href', `#i-${name}`);
    svg.append(use);
    return svg;
}

/** A button that shows a picture and says what it does. */
export function iconButton(name, label, onclick, attributes) {
    return el(
        'button',
        {
            type: 'button',
            class: 'icon-button',
            'aria-label': label,
            title: label,
            onclick,
            ...attributes,
        },
        icon(name),
    );
}

/** Copies a text; returns whether that succeeded. */
export async function copyText(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        return copyBySelection(text);
    }
}

/* Pages that came over plain HTTP from another machine have no clipboard of their own. */
function copyBySelection(text) {
    const area = el('textarea', { class: 'off-screen', 'aria-hidden': 'true', tabindex: '-1' });
    area.value = text;
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    focused?.focus();
    return copied;
}

/** Shows on a button for a moment that it has done its work. */
export function showDone(button, done) {
    const old = button.getAttribute('data-done');
    if (old) clearTimeout(Number(old));
    button.classList.toggle('done', done);
    button.classList.toggle('not-done', !done);
    const timer = setTimeout(() => button.classList.remove('done', 'not-done'), 1600);
    button.setAttribute('data-done', String(timer));
}
