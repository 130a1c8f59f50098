// SPDX-License-Identifier: Apache-2.0
// globals.mjs - what clients take for granted and Node 18, which Debian 12 has, does not offer by
// itself.  LangChain's tracing asks for crypto, OpenAI's uploads for File.
import { File } from 'node:buffer';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
globalThis.File ??= File;
