/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h - every bound on things that come from outside, in one place.
 *
 * A size from a file is compared with its limit before it is multiplied,
 * allocated or used as an index.  Raising a limit is a change to this file. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* Containers. */
#define LIMIT_HEADER_BYTES (100u << 20) /* safetensors header, as its reference reader */
#define LIMIT_TENSORS      1000000u     /* tensors in one checkpoint, all shards together */
#define LIMIT_SHARDS       4096u        /* files of one checkpoint */
#define LIMIT_NAME_BYTES   512u         /* a tensor or metadata name */
#define LIMIT_DIMS         8            /* dimensions of a tensor */
#define LIMIT_GGUF_KV      65536u       /* metadata entries of a GGUF file */
#define LIMIT_GGUF_STRING  (1u << 20)   /* one metadata string (chat templates are long) */
#define LIMIT_GGUF_ARRAY   (1u << 24)   /* items of one metadata array */
#define LIMIT_GGUF_ALIGN   4096u        /* largest general.alignment */

/* JSON. */
#define LIMIT_JSON_BYTES (64u << 20) /* params.json, config.json, tekken.json, tokenizer.json */
#define LIMIT_JSON_DEPTH 16          /* nesting in a file of a checkpoint */

/* Requests. */
#define LIMIT_REQUEST_BYTES  (64u << 20) /* one chat or completion request as JSON */
#define LIMIT_REQUEST_DEPTH  128         /* nesting, also of a tool's schema and arguments */
#define LIMIT_REQUEST_VALUES 1000000u    /* values in one */
#define LIMIT_PROMPT_TEXT    (16u << 20) /* one text of a prompt: a word so long takes 0.7 GB */
#define LIMIT_MESSAGES       10000u      /* of one conversation */
#define LIMIT_TOOLS          4096u       /* of one request */
#define LIMIT_IMAGE_SIDE     65536u      /* pixels */
#define LIMIT_AUDIO_SAMPLES  (1ull << 32)

/* Model shapes. */
#define LIMIT_LAYERS    512
#define LIMIT_DIM       65536
#define LIMIT_FFN_DIM   (1 << 20)
#define LIMIT_HEADS     1024
#define LIMIT_HEAD_DIM  512
#define LIMIT_LATENT    8192 /* ranks of latent attention */
#define LIMIT_EXPERTS   1024
#define LIMIT_LORA_RANK 4096 /* of an adapter's matrices */
#define LIMIT_VOCAB     (1 << 21)
#define LIMIT_CONTEXT   (1 << 24)

/* Adapters. */
#define LIMIT_ADAPTERS      16   /* of one model at a time */
#define LIMIT_ADAPTER_SCALE 1000 /* magnitude of the user's factor */
#define LIMIT_PATTERN_BYTES 256  /* a name or regular expression that chooses modules */

/* Text. */
#define LIMIT_TOKEN_BYTES    (64u << 10)  /* one vocabulary entry */
#define LIMIT_VOCAB_BYTES    (256u << 20) /* all vocabulary entries of a tokenizer together */
#define LIMIT_MERGES         (1 << 23)    /* pairs that a Hugging Face tokenizer lists */
#define LIMIT_TEMPLATE_BYTES (1u << 20)   /* a chat template in a file of its own */
#define LIMIT_TEXT_BYTES     (256u << 20) /* one text to tokenise, one answer */

/* JSON Schemas and grammars. */
#define LIMIT_SCHEMA_BYTES        (1u << 20) /* one schema */
#define LIMIT_SCHEMA_NAMES        4096u      /* $id and $anchor in one */
#define LIMIT_SCHEMA_DIGITS       1100       /* of a bound; a double has up to 1075 */
#define LIMIT_SCHEMA_ALTERNATIVES 1024u      /* of one place after merging allOf with anyOf */
#define LIMIT_SCHEMA_CHOICES      256        /* one inside the other */
#define LIMIT_SCHEMA_STEPS        1000000u   /* keywords looked at while merging */
#define LIMIT_SCHEMA_GOALS        100000u    /* different places of one schema, after merging */
#define LIMIT_SCHEMA_MULTIPLE     10000u     /* multipleOf, without its power of ten */
#define LIMIT_SCHEMA_TUPLE        4096u      /* items that differ by their place */
#define LIMIT_SCHEMA_KEY_CLASSES  64u        /* kinds of names by patternProperties */
#define LIMIT_GRAMMAR_RULES       100000u    /* of a grammar in a textual notation */
#define LIMIT_GRAMMAR_REPEAT      1000000u   /* bounds of repetition in one */

/* Generation. */
#define LIMIT_STOP_STRINGS 16
#define LIMIT_STOP_BYTES   256

/* Grammars. */
#define LIMIT_REGEX_BYTES    (64u << 10) /* one pattern */
#define LIMIT_REGEX_DEPTH    256         /* groups in groups of a pattern */
#define LIMIT_REGEX_COUNT    1000000u    /* a bound of a repetition */
#define LIMIT_REGEX_NODES    2000000u    /* of all expressions of a grammar, with derivatives */
#define LIMIT_REGEX_STEPS    1000000u    /* derivatives to decide facts while a grammar is made */
#define LIMIT_GRAMMAR_SYMS   500000u     /* symbols of a grammar */
#define LIMIT_GRAMMAR_STATES 250000u     /* of its lexer */
#define LIMIT_GRAMMAR_ITEMS  2000u       /* of a row */
#define LIMIT_GRAMMAR_UNIQUE 4096u       /* values of a list that must differ */
#define LIMIT_MASK_STEPS     200000u     /* derivatives for one mask */
#define LIMIT_MASK_ITEMS     50000u      /* items for one mask */
#define LIMIT_MASK_BYTES     (32u << 20) /* kept masks of a grammar */
#define LIMIT_MATCHER_ITEMS  1000000u    /* items of one sequence */

/* Downloads. */
#define LIMIT_REDIRECTS      8            /* of one request */
#define LIMIT_URL_BYTES      (16u << 10)  /* an address; signed ones are long */
#define LIMIT_HUB_ENDPOINT   2048u        /* the address of a hub, before its paths */
#define LIMIT_HUB_LISTING    (32u << 20)  /* a model's list of files as JSON */
#define LIMIT_HUB_FILES      20000u       /* files in it */
#define LIMIT_HUB_FILE_BYTES (1ull << 43) /* one of them */
#define LIMIT_HUB_PATH       512u         /* the name of one, with its folders */
#define LIMIT_HUB_ID         96u          /* either half of ORG/NAME */
#define LIMIT_HUB_REVISION   128u         /* a branch, tag or commit */

/* Answers of servers. */
#define LIMIT_SSE_EVENT_BYTES (4u << 20)  /* one event of a stream, or a line of it */
#define LIMIT_ANSWER_BYTES    (64u << 20) /* one that is no stream; a text out of a stream */
#define LIMIT_CALLS           16384       /* requests at a time */

/* The store of a server. */
#define LIMIT_FILE_BYTES    (512u << 20) /* one uploaded file */
#define LIMIT_FILE_NAME     255u         /* bytes of what a client calls a file */
#define LIMIT_MIME_BYTES    127u         /* a media type */
#define LIMIT_JSONL_LINE    (64u << 20)  /* one line of a .jsonl file */
#define LIMIT_JSONL_LINES   100000000u   /* lines of one */
#define LIMIT_JOB_LINES     1000000u     /* requests of one batch job */
#define LIMIT_JOB_INPUTS    64u          /* files of one */
#define LIMIT_JOB_MESSAGES  64u          /* different errors that one reports */
#define LIMIT_METADATA      16u          /* entries of a job */
#define LIMIT_METADATA_TEXT 512u         /* characters of one, either half */
#define LIMIT_PAGE_SIZE     1000u        /* entries of a list that one request gets */
#define LIMIT_FIXED_KEYS    64u          /* API keys that the store does not have */
#define LIMIT_KEYS          100000u      /* API keys of one store */

/* The machine. */
#define LIMIT_THREADS      1024
#define LIMIT_CPUS         8192   /* processors that are told apart; a multiple of 64 */
#define LIMIT_NODES        64     /* of memory */
#define LIMIT_MAPPED_FILES 16384u /* by all models of a process together */

#endif
