// SPDX-License-Identifier: Apache-2.0
// settings.js - what can be set for a conversation, and in which range.
//
// A setting that is left empty is not sent: the server and the model then decide.

export const SETTINGS = [
    {
        name: 'temperature',
        label: 'Temperature',
        hint: '0 always takes the likeliest token; higher is more varied',
        min: 0,
        max: 2,
        step: 0.1,
    },
    {
        name: 'top_p',
        label: 'Top-p',
        hint: 'draw only from the likeliest tokens that together have this share',
        min: 0.01,
        max: 1,
        step: 0.05,
    },
    {
        name: 'top_k',
        label: 'Top-k',
        hint: 'draw only from this many tokens; 0 for all',
        min: 0,
        max: 100000,
        step: 1,
        whole: true,
    },
    {
        name: 'min_p',
        label: 'Min-p',
        hint: 'leave out tokens less likely than this share of the likeliest',
        min: 0,
        max: 1,
        step: 0.05,
    },
    {
        name: 'max_tokens',
        label: 'Longest answer',
        hint: 'tokens, thinking included',
        min: 1,
        max: 1000000,
        step: 1,
        whole: true,
    },
    {
        name: 'seed',
        label: 'Seed',
        hint: 'the same seed and question give the same answer',
        min: 0,
        max: 2147483647,
        step: 1,
        whole: true,
    },
    {
        name: 'presence_penalty',
        label: 'Presence penalty',
        hint: 'above 0 turns away from tokens that were used',
        min: -2,
        max: 2,
        step: 0.1,
    },
    {
        name: 'frequency_penalty',
        label: 'Frequency penalty',
        hint: 'the same, more so the more often they were',
        min: -2,
        max: 2,
        step: 0.1,
    },
];

export const EFFORTS = ['none', 'low', 'medium', 'high'];

/** A field's text as a value: {value}, without one for an empty text, or {error}. */
export function readSetting(setting, text) {
    const trimmed = text.trim().replace(',', '.');
    if (trimmed === '') return {};
    const value = Number(trimmed);
    const number = setting.whole ? 'a whole number' : 'a number';
    if (!Number.isFinite(value) || (setting.whole && !Number.isInteger(value)))
        return { error: `Enter ${number}.` };
    if (value < setting.min || value > setting.max)
        return { error: `Enter ${number} from ${setting.min} to ${setting.max}.` };
    return { value };
}

/** The settings of an object that hold, others left out. */
export function keepSettings(from) {
    const kept = {};
    for (const setting of SETTINGS) {
        const value = from?.[setting.name];
        if (typeof value !== 'number') continue;
        const read = readSetting(setting, String(value));
        if (read.value !== undefined) kept[setting.name] = read.value;
    }
    if (EFFORTS.includes(from?.reasoning_effort)) kept.reasoning_effort = from.reasoning_effort;
    return kept;
}
