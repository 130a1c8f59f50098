// SPDX-License-Identifier: Apache-2.0
// storage.js - what the browser keeps for this page, where it keeps anything: else a map, which
// lasts as long as the page.

function open(name) {
    try {
        globalThis[name].getItem('');
        return globalThis[name];
    } catch {
        const map = new Map();
        return {
            getItem: (k) => map.get(k) ?? null,
            setItem: (k, v) => map.set(k, v),
            removeItem: (k) => map.delete(k),
            key: (i) => [...map.keys()][i] ?? null,
            get length() {
                return map.size;
            },
        };
    }
}

/** For all tabs, until it is deleted. */
export const storage = open('localStorage');

/** For this tab, until it is closed. */
export const tabStorage = open('sessionStorage');

/** Keeps a text.  Returns false when there is no room. */
export function keep(where, key, value) {
    try {
        where.setItem(key, value);
        return true;
    } catch {
        return false;
    }
}
