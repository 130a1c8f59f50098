// SPDX-License-Identifier: Apache-2.0
// model_choice.js - the list of models in the head of the page.

import { el } from './dom.js';
import { keep, storage } from './storage.js';

const KEY = 'bise.model';

export class ModelChoice {
    constructor(select, onChange) {
        this.select = select;
        this.cards = [];
        this.asked = false; // whether the server has told its models
        select.addEventListener('change', () => {
            keep(storage, KEY, select.value);
            onChange(select.value);
        });
    }

    setCards(cards) {
        this.cards = cards;
        this.asked = true;
    }

    card(id) {
        return this.cards.find((c) => c.id === id || c.aliases?.includes(id));
    }

    /** The model for a conversation that names none. */
    get usual() {
        const last = storage.getItem(KEY);
        if (last && this.card(last)) return last;
        const chats = this.cards.find((c) => c.capabilities?.completion_chat);
        return (chats ?? this.cards[0])?.id ?? '';
    }

    /** Shows the model of a conversation, also one that the server no longer has. */
    show(id) {
        const ids = this.cards.map((c) => c.id);
        const options = ids.map((name) => el('option', { value: name }, name));
        if (id && !ids.includes(id)) {
            const known = this.card(id) || !this.asked;
            options.unshift(el('option', { value: id }, known ? id : `${id} (not here)`));
        }
        if (!options.length)
            options.push(el('option', { value: '' }, this.asked ? 'no model' : ''));
        this.select.replaceChildren(...options);
        this.select.value = id;
        this.select.title = id;
        this.select.classList.toggle('unknown', !id && !this.asked);
    }

    /** Whether a model only goes on with a text, having no form for chats. */
    continues(id) {
        return this.card(id)?.capabilities?.completion_chat === false;
    }
}
