// SPDX-License-Identifier: Apache-2.0
// settings_panel.js - the form of settings.js: system prompt, sampling, effort, key.

import { savedKey, saveKey } from './api.js';
import { el } from './dom.js';
import { EFFORTS, readSetting, SETTINGS } from './settings.js';

export class SettingsPanel {
    /** dialog: of index.html.  onChange is called when the conversation's settings have changed. */
    constructor(dialog, onChange) {
        this.dialog = dialog;
        this.onChange = onChange;
        this.chat = null;
        this.system = dialog.querySelector('#system');
        this.effort = dialog.querySelector('#effort');
        this.extra = dialog.querySelector('#extra');
        this.key = dialog.querySelector('#forget-key');
        this.fields = SETTINGS.map((setting) => this.field(setting));
        dialog.querySelector('#sampling').append(...this.fields.map((f) => f.root));
        this.effort.append(
            el('option', { value: '' }, 'as the model does'),
            ...EFFORTS.map((e) => el('option', { value: e }, e)),
        );
        this.listen();
    }

    listen() {
        this.system.addEventListener('input', () => {
            this.chat.system = this.system.value;
            this.onChange();
        });
        this.effort.addEventListener('change', () =>
            this.put('reasoning_effort', this.effort.value || undefined),
        );
        this.dialog.querySelector('#defaults').addEventListener('click', () => {
            this.chat.settings = {};
            this.onChange();
            this.fill();
        });
        this.dialog.querySelector('#drop-extra').addEventListener('click', () => {
            this.chat.extra = {};
            this.onChange();
            this.fill();
            this.dialog.querySelector('#defaults').focus();
        });
        this.key.addEventListener('click', () => {
            saveKey('');
            this.fill();
        });
    }

    field(setting) {
        const id = `set-${setting.name}`;
        const input = el('input', {
            id,
            type: 'text',
            inputmode: setting.whole ? 'numeric' : 'decimal',
            autocomplete: 'off',
            placeholder: 'default',
            'aria-describedby': `${id}-hint ${id}-error`,
        });
        const error = el('p', { id: `${id}-error`, class: 'field-error', role: 'alert' });
        input.addEventListener('input', () => this.read(setting, input, error));
        input.addEventListener('keydown', (e) => this.step(e, setting, input, error));
        const range = `${setting.min} to ${setting.max}`;
        const root = el(
            'div',
            { class: 'field' },
            el('label', { for: id }, setting.label),
            input,
            el('p', { id: `${id}-hint`, class: 'hint' }, `${setting.hint} (${range})`),
            error,
        );
        return { setting, input, error, root };
    }

    read(setting, input, error) {
        const read = readSetting(setting, input.value);
        error.textContent = read.error ?? '';
        input.setAttribute('aria-invalid', String(!!read.error));
        if (!read.error) this.put(setting.name, read.value);
    }

    /* Arrows step, as in a field of numbers, which could not be left empty as well. */
    step(e, setting, input, error) {
        if (e.key !== 'ArrowUp' && e.key !== 'ArrowDown') return;
        e.preventDefault();
        const now = readSetting(setting, input.value).value ?? startOf(setting);
        const next = now + (e.key === 'ArrowUp' ? setting.step : -setting.step);
        const value = Math.min(setting.max, Math.max(setting.min, next));
        input.value = String(Number(value.toFixed(4)));
        this.read(setting, input, error);
    }

    put(name, value) {
        if (value === undefined) delete this.chat.settings[name];
        else this.chat.settings[name] = value;
        this.onChange();
    }

    /* What the model's card says of its defaults and limits. */
    showCard(card) {
        const known = {
            temperature: card?.default_model_temperature,
            max_tokens: card?.max_context_length,
        };
        for (const { setting, input } of this.fields) {
            const value = known[setting.name];
            const limit = setting.name === 'max_tokens';
            if (value === undefined) input.placeholder = 'default';
            else input.placeholder = limit ? `at most ${value}` : `default (${value})`;
        }
    }

    fill() {
        const { chat } = this;
        this.system.value = chat.system;
        this.effort.value = chat.settings.reasoning_effort ?? '';
        for (const { setting, input, error } of this.fields) {
            input.value = String(chat.settings[setting.name] ?? '');
            input.removeAttribute('aria-invalid');
            error.textContent = '';
        }
        const extra = Object.keys(chat.extra ?? {});
        this.extra.hidden = !extra.length;
        this.extra.querySelector('span').textContent = extra.join(', ');
        this.key.closest('.field').hidden = !savedKey();
    }

    /** card: of the conversation's model, or undefined. */
    open(chat, card) {
        this.chat = chat;
        this.showCard(card);
        this.fill();
        this.dialog.showModal();
    }
}

function startOf(setting) {
    if (setting.name === 'temperature') return 0.7;
    if (setting.name === 'top_p') return 1;
    return setting.name === 'max_tokens' ? 512 : 0;
}
