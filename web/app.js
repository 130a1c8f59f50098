// SPDX-License-Identifier: Apache-2.0
// app.js - the page: which conversation is shown, what is done with it, and which part shows it.

import { Announcer } from './announce.js';
import * as chats from './chats.js';
import { Composer } from './composer.js';
import { copyText } from './dom.js';
import { readFile, saveFile } from './files.js';
import { Follow } from './follow.js';
import { listenForKeys, showKeys } from './keys.js';
import { ModelChoice } from './model_choice.js';
import { Painter } from './painter.js';
import { Run } from './run.js';
import { ServerState } from './server_state.js';
import { SettingsPanel } from './settings_panel.js';
import { Drawer, KeyDialog, setUpTheme } from './shell.js';
import { Sidebar } from './sidebar.js';
import { keep, tabStorage } from './storage.js';
import { Toast } from './toast.js';
import { openCalls, Transcript } from './transcript.js';

const CURRENT = 'bise.current';
const SAVE_MS = 2000; // between savings of an answer that comes in

const $ = (id) => document.getElementById(id);

class App {
    constructor() {
        this.chats = chats.loadChats();
        this.runs = new Map(); // answers on their way, by conversation
        this.chat = null; // the one that is shown
        this.savedAt = 0;
        this.refused = null; // the answer that a missing key prevented
        this.makeParts();
        this.listen();
        const last = tabStorage.getItem(CURRENT);
        this.open(this.chats.find((c) => c.id === last) ?? chats.newChat(this.chats[0]));
        this.server.check();
    }

    makeParts() {
        this.toast = new Toast($('toast'));
        this.announcer = new Announcer($('announcer'));
        this.painter = new Painter(() => this.paint());
        this.drawer = new Drawer();
        this.keyDialog = new KeyDialog(() => this.haveKey());
        this.transcript = new Transcript($('transcript'), {
            edit: (message, text) => this.edit(message, text),
            regenerate: (message) => this.regenerate(message),
            result: (call, text) => this.giveResult(call, text),
            answer: () => this.answer(),
        });
        this.follow = new Follow($('scroller'), $('transcript'), $('to-end'));
        this.sidebar = new Sidebar($('chats'), {
            open: (chat) => this.open(chat),
            rename: (chat, title) => this.rename(chat, title),
            remove: (chat) => this.remove(chat),
        });
        this.composer = new Composer($('composer'), {
            send: (text) => this.send(text),
            stop: () => this.run?.stop(),
            editLast: () => this.editLast(),
        });
        this.panel = new SettingsPanel($('settings-dialog'), () => this.save(this.chat));
        this.models = new ModelChoice($('model'), (id) => {
            this.chat.model = id;
            this.save(this.chat);
            this.showWelcome();
        });
        this.server = new ServerState($('server-state'), {
            onModels: (cards) => this.setModels(cards),
            onKey: (reason) => this.keyDialog.open(reason),
        });
    }

    listen() {
        setUpTheme($('theme'));
        showKeys($('keys-list'));
        $('new-chat').addEventListener('click', () => this.newChat());
        $('export').addEventListener('click', () => saveFile(this.chat));
        $('import').addEventListener('click', () => $('import-file').click());
        $('import-file').addEventListener('change', (e) => this.import(e.target));
        $('settings').addEventListener('click', () => this.openSettings());
        $('keys').addEventListener('click', () => $('keys-dialog').showModal());
        listenForKeys({
            escape: () => this.escape(),
            newChat: () => this.newChat(),
            again: () => this.regenerateLast(),
            copyLast: () => this.copyLast(),
            previous: () => this.openNeighbour(-1),
            next: () => this.openNeighbour(1),
            sidebar: () => this.drawer.toggle(),
            model: () => $('model').focus(),
            settings: () => this.openSettings(),
            keys: () => $('keys-dialog').showModal(),
        });
        addEventListener('storage', (e) => this.changedElsewhere(chats.chatOfKey(e.key)));
        addEventListener('pagehide', () => this.leave());
    }

    get run() {
        return this.runs.get(this.chat.id) ?? null;
    }

    /* --- conversations --- */

    open(chat) {
        this.composer.swap(this.chat?.id, chat.id);
        this.chat = chat;
        keep(tabStorage, CURRENT, chat.id);
        if (!chat.model) chat.model = this.models.usual;
        this.transcript.show(chat, this.run);
        this.models.show(chat.model);
        this.showAll();
        this.follow.toEnd();
        this.drawer.leave();
    }

    newChat() {
        if (this.chat.messages.length) this.open(chats.newChat(this.chat));
        this.drawer.leave();
        this.composer.focus();
    }

    openNeighbour(step) {
        const at = this.chats.indexOf(this.chat);
        const next = this.chats[at < 0 ? 0 : at + step];
        if (next) this.open(next);
    }

    save(chat) {
        if (!chat.messages.length) return;
        if (!chats.saveChat(chat))
            this.toast.show('The browser has no room for more: delete or export conversations.');
    }

    /* A conversation comes into the list with its first message, and to its top with each. */
    touch(chat) {
        chat.updated = Date.now();
        this.chats = [chat, ...this.chats.filter((c) => c !== chat)];
        this.save(chat);
    }

    rename(chat, title) {
        chat.title = title;
        this.save(chat);
        this.showAll();
    }

    remove(chat) {
        this.runs.get(chat.id)?.stop();
        const at = this.chats.indexOf(chat);
        this.chats.splice(at, 1);
        chats.removeChat(chat.id);
        if (chat === this.chat)
            this.open(this.chats[at] ?? this.chats[at - 1] ?? chats.newChat(chat));
        else this.showAll();
        this.toast.show(`“${chats.titleOf(chat)}” is deleted.`, 'Undo', () => this.restore(chat));
    }

    restore(chat) {
        this.chats = [...this.chats.filter((c) => c.id !== chat.id), chat];
        this.chats.sort((a, b) => b.updated - a.updated);
        this.save(chat);
        this.open(chat);
    }

    async import(input) {
        const [file] = input.files;
        input.value = '';
        if (!file) return;
        try {
            const read = await readFile(file);
            for (const chat of read.reverse()) this.touch(chat);
            if (read.length) this.open(this.chats[0]);
        } catch (e) {
            this.toast.show(`${file.name} was not imported: ${e.message}`);
        }
    }

    /* Another tab has changed a conversation; an answer on its way here wins over that. */
    changedElsewhere(id) {
        if (!id || this.runs.has(id)) return;
        const chat = chats.loadChat(id);
        const old = this.chats.find((c) => c.id === id);
        this.chats = this.chats.filter((c) => c !== old);
        if (chat) this.chats.push(chat);
        this.chats.sort((a, b) => b.updated - a.updated);
        if (chat && this.chat.id === id) {
            this.chat = chat;
            this.transcript.show(chat, null);
            this.models.show(chat.model);
        }
        this.showAll();
    }

    /* The page goes, and with it the answers on their way. */
    leave() {
        for (const run of this.runs.values()) {
            run.message.stopped = true;
            chats.saveChat(run.chat);
        }
    }

    /* --- messages --- */

    send(text) {
        if (this.run) return false;
        this.chat.model ||= this.models.usual;
        if (!this.chat.model) {
            this.server.check(); // which tells what is wrong
            return false;
        }
        this.chat.messages.push({ role: 'user', content: text });
        this.answer();
        return true;
    }

    /* Replaces what follows a message, and the message itself when there is another for it. */
    replaceFrom(at, message) {
        const chat = this.chat;
        this.run?.stop();
        const before = { ...chat, messages: [...chat.messages] };
        chat.messages.length = at;
        if (message) chat.messages.push(message);
        const lost = before.messages.length - at - 1;
        if (lost > 1)
            this.toast.show(`${lost} later messages were replaced.`, 'Undo', () => {
                this.runs.get(chat.id)?.stop();
                this.restore(before);
            });
        this.answer();
    }

    edit(message, text) {
        const at = this.chat.messages.indexOf(message);
        this.replaceFrom(at, { role: 'user', content: text });
        this.composer.focus();
    }

    editLast() {
        const message = this.chat.messages.findLast((m) => m.role === 'user');
        if (message && typeof message.content === 'string') this.transcript.find(message).edit();
    }

    regenerate(message) {
        this.replaceFrom(this.chat.messages.indexOf(message), null);
    }

    regenerateLast() {
        const last = this.chat.messages.at(-1);
        if (last?.role === 'assistant') this.regenerate(last);
        else if (last && !this.run) this.answer();
    }

    giveResult(call, text) {
        const { messages } = this.chat;
        messages.push({ role: 'tool', content: text, tool_call_id: call.id, name: call.name });
        if (openCalls(messages).length) {
            this.touch(this.chat);
            this.transcript.update(null);
        } else this.answer();
    }

    async copyLast() {
        const last = this.chat.messages.findLast((m) => m.role === 'assistant');
        if (last && (await copyText(last.content))) this.toast.show('The answer is copied.');
    }

    /* --- answers --- */

    answer() {
        const { chat } = this;
        const run = new Run(chat, {
            continues: this.models.continues(chat.model),
            onChange: () => this.changed(run),
            onEnd: (error) => this.ended(run, error),
        });
        this.runs.set(chat.id, run);
        run.start();
        this.touch(chat);
        this.announcer.clear();
        this.transcript.update(run);
        const view = this.transcript.find(run.message);
        view.onSettled = (text) => this.announcer.say(text);
        this.showAll();
        this.follow.toEnd();
    }

    changed(run) {
        if (run === this.run) this.painter.ask();
        if (performance.now() < this.savedAt + SAVE_MS) return;
        this.savedAt = performance.now();
        this.save(run.chat);
    }

    paint() {
        const { run } = this;
        if (run) this.transcript.find(run.message)?.update(true);
        this.follow.stick();
    }

    ended(run, error) {
        const { chat } = run;
        if (this.runs.get(chat.id) !== run) return; // another answer has taken its place
        this.runs.delete(chat.id);
        if (this.chats.includes(chat)) this.save(chat);
        if (chat === this.chat) {
            this.transcript.update(null);
            this.announcer.say(this.transcript.find(run.message)?.markdown.openText ?? '');
            this.announcer.say(run.message.stopped ? 'Stopped.' : 'End of the answer.');
            this.follow.stick();
        }
        this.showAll();
        this.refused = error?.status === 401 ? run.message : null;
        if (this.refused) this.keyDialog.open(error.message);
        else if (error && error.status === 0) this.server.check();
    }

    /* What was refused for want of a key is asked again. */
    async haveKey() {
        const { refused } = this;
        await this.server.check();
        if (refused && !this.run && this.chat.messages.at(-1) === refused) this.regenerate(refused);
    }

    escape() {
        if (this.run) this.run.stop();
        else if (!this.drawer.leave()) this.composer.focus();
    }

    /* --- what is shown --- */

    openSettings() {
        this.panel.open(this.chat, this.models.card(this.chat.model));
    }

    setModels(cards) {
        this.models.setCards(cards);
        const { chat } = this;
        if (!chat.model || (!chat.messages.length && !this.models.card(chat.model)))
            chat.model = this.models.usual;
        this.models.show(this.chat.model);
        this.showWelcome();
    }

    showWelcome() {
        const empty = !this.chat.messages.length;
        $('welcome').hidden = !empty;
        $('transcript').hidden = empty;
        const { model } = this.chat;
        const continues = this.models.continues(model);
        const says = continues ? 'goes on with the text that you begin.' : 'answers here.';
        $('greeting').textContent = continues
            ? 'How does it begin?'
            : 'What would you like to know?';
        $('about-model').textContent = model ? `${model} ${says}` : '';
    }

    showAll() {
        const title = chats.titleOf(this.chat);
        document.title = this.chat.messages.length ? `${title} · bise` : 'bise';
        $('title').textContent = title;
        $('export').disabled = !this.chat.messages.length;
        this.sidebar.show(this.chats, this.chat, this.runs);
        this.composer.setRunning(!!this.run);
        this.follow.live = !!this.run;
        this.showWelcome();
    }
}

new App();
