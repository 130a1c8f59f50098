/* SPDX-License-Identifier: Apache-2.0 */
/* bise.h - run a model of the Mistral family inside your own program.
 *
 *     struct bise_error error;
 *     struct bise_model *model = bise_model_open("path/to/model", NULL, &error);
 *     struct bise_answer *answer = bise_answer_open(model, "Once upon a time", NULL, &error);
 *     struct bise_piece piece = {0};
 *     while (!piece.is_last && bise_answer_next(answer, &piece, &error) == BISE_OK)
 *         fwrite(piece.text, 1, piece.n_text, stdout);
 *     bise_answer_close(answer);
 *     bise_model_close(model);
 *
 * Build with: cc story.c $(pkg-config --cflags --libs bise)
 *
 * Errors: a function that can fail fills *error, when error is not NULL, and touches it only
 * then.  A NULL where something was needed is BISE_ERROR_ARGUMENT.  Nothing in the library
 * prints, ends the process or changes a signal, but for bise_guard_files().
 * Threads: a model and its answers belong to one thread at a time; different models may be
 * used by different threads.  A model's file must not change while the model is open: see
 * bise_guard_files().
 * Text is UTF-8.  What goes in may hold any bytes, the ill-formed become U+FFFD; what comes
 * out is well formed, piece by piece.
 * Unset is default: options that are all zero, or NULL, ask for what is written behind each. */
#ifndef BISE_H
#define BISE_H

#include <stddef.h>
#include <stdint.h>

#define BISE_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

enum bise_code {
    BISE_OK,
    BISE_ERROR_ARGUMENT,    /* an option or argument is out of range */
    BISE_ERROR_NOT_FOUND,   /* no such file, or no model in it */
    BISE_ERROR_LIMIT,       /* out of memory or context */
    BISE_ERROR_FORMAT,      /* a file is damaged, or is not what it says */
    BISE_ERROR_UNSUPPORTED, /* valid, but this build or machine cannot */
    BISE_ERROR_SYSTEM       /* the operating system refused */
};

struct bise_error {
    enum bise_code code;
    char text[1040]; /* one line for a person */
};

/* Returns the library's version, "MAJOR.MINOR.PATCH".  Static. */
BISE_API const char *bise_version(void);

/* Weights are mapped files: when one is cut short or its disk fails, reading it raises SIGBUS,
 * which ends the process.  After this call the answer fails instead, with BISE_ERROR_SYSTEM, file
 * and offset, and so does every later one of that model: close it, restore the file, open it again.
 * Other bytes written into the file are not noticed.
 * It handles SIGBUS for the whole process; what is no fault in a file of this library goes to the
 * handler that was there before: install your own first.  Once is enough; from any thread. */
BISE_API void bise_guard_files(void);

struct bise_adapter {
    const char *path; /* a LoRA adapter for the model: PEFT folder, lora.safetensors or GGUF */
    double scale;     /* from -1000 to 1000, multiplies its own, or 0: 1 */
};

struct bise_model_options {
    const char *cpu; /* "c", "avx2", "avx512", or NULL: the best that this machine has */
    int n_threads;   /* compute threads, or 0: one for each processor the process may use */
    int exact;       /* not 0: all arithmetic in float32, slower */
    const struct bise_adapter *adapters; /* n_adapters, at most 16, whose changes add up */
    size_t n_adapters;
};

/* Opens a model: a folder with params.json or config.json and safetensors files, or a GGUF
 * file.  Weights are mapped, not read: this takes milliseconds.  Returns NULL on failure,
 * else a model to be closed with bise_model_close() after all its answers. */
BISE_API struct bise_model *bise_model_open(const char *path,
                                            const struct bise_model_options *options,
                                            struct bise_error *error);
BISE_API void bise_model_close(struct bise_model *model); /* NULL is fine */

/* Facts: token ids are 0..bise_model_vocabulary()-1, and the model was made
 * for sequences of up to bise_model_context() of them.  model: not NULL. */
BISE_API int32_t bise_model_vocabulary(const struct bise_model *model);
BISE_API uint32_t bise_model_context(const struct bise_model *model);

/* Writes the ids of n_text bytes of text, at most max of them, to ids (NULL if max is 0).
 * No start or end token is added, and no text yields a control token.
 * Returns how many ids the text has, which may exceed max, or -1 on failure. */
BISE_API int64_t bise_tokenize(const struct bise_model *model, const char *text, size_t n_text,
                               int32_t *ids, size_t max, struct bise_error *error);

/* Writes the text of n ids, at most max bytes of it and no NUL, to text (NULL if max is 0).
 * Control tokens have no text; an id outside the vocabulary is BISE_ERROR_ARGUMENT.  Returns how
 * many bytes the text has, or -1 on failure. */
BISE_API int64_t bise_detokenize(const struct bise_model *model, const int32_t *ids, size_t n,
                                 char *text, size_t max, struct bise_error *error);

struct bise_render_options {
    int version;         /* of the prompt format, 1, 2, 3, 7, 11, 13 or 15; or 0: the model's */
    int openai;          /* not 0: "developer" is a role, and ids of calls may have any form */
    uint32_t max_tokens; /* drop the oldest turns of a chat until the prompt has no more, besides
                            its start token; from version 7; 0: keep all */
};

/* Writes the ids of the prompt that a request becomes, as bise_tokenize() does.  request:
 * n_request bytes of JSON, a chat completion with "messages" and maybe "tools", or "prompt" and
 * "suffix" to fill in the middle.  The prompt is complete, with its start token; no text in the
 * request yields a control token.  A request that this model cannot be asked is
 * BISE_ERROR_ARGUMENT, what is no JSON BISE_ERROR_FORMAT; BISE_ERROR_UNSUPPORTED is a model without
 * a prompt format, and what this version does not read, such as a picture. Returns how many ids the
 * prompt has, or -1 on failure. */
BISE_API int64_t bise_render(const struct bise_model *model, const char *request, size_t n_request,
                             const struct bise_render_options *options, int32_t *ids, size_t max,
                             struct bise_error *error);

struct bise_answer_options {
    float temperature;        /* (0, 100], or 0: always the likeliest token */
    uint32_t top_k;           /* draw among so many tokens only, or 0: all */
    float top_p;              /* (0, 1]: among the likeliest with this sum, or 0: all */
    float min_p;              /* (0, 1]: of at least this share of the likeliest, or 0: all */
    float repetition_penalty; /* (0, 10], or 0: none (which is 1) */
    float presence_penalty;   /* [-2, 2], or 0: none */
    float frequency_penalty;  /* [-2, 2], or 0: none */
    uint64_t seed;            /* of the draw: the same seed gives the same answer */
    uint32_t max_tokens;      /* of the answer, or 0: until the context is full */
    uint32_t context;         /* tokens to keep memory for, or 0: the model's, at most 32768 */
    const char *const *stop;  /* n_stop strings that end the answer and are not part of it; */
    size_t n_stop;            /* at most 16 of 1 to 256 bytes; copied */
    int ignore_end;           /* not 0: go on after the model's end token */
    int allow_loops;          /* not 0: go on although the model repeats itself without end */
};

/* Starts to continue prompt, a NUL-terminated text; it is computed here.  Returns NULL on
 * failure, else an answer to be closed with bise_answer_close() before its model. */
BISE_API struct bise_answer *bise_answer_open(struct bise_model *model, const char *prompt,
                                              const struct bise_answer_options *options,
                                              struct bise_error *error);

/* The same from n > 0 token ids, taken as they are: a start token is not added. */
BISE_API struct bise_answer *bise_answer_from_ids(struct bise_model *model, const int32_t *ids,
                                                  size_t n,
                                                  const struct bise_answer_options *options,
                                                  struct bise_error *error);

/* The same from a request, with its options, see bise_render().  Only a bise_reply tells text
 * from thinking and calls in what the model then says.  A request with the places of pictures or
 * sound is BISE_ERROR_UNSUPPORTED: nothing would stand in them. */
BISE_API struct bise_answer *bise_answer_from_request(struct bise_model *model, const char *request,
                                                      size_t n_request,
                                                      const struct bise_render_options *render,
                                                      const struct bise_answer_options *options,
                                                      struct bise_error *error);
BISE_API void bise_answer_close(struct bise_answer *answer); /* NULL is fine */

struct bise_piece {
    int32_t id;       /* the token, or -1 in the last piece */
    const char *text; /* n_text bytes that are now certain, maybe none, and a NUL behind them;
                         valid until the next call for this answer */
    size_t n_text;
    int is_last; /* the answer is over; this piece may still have text */
};

/* Computes the next token.  After the last piece it repeats an empty last piece. */
BISE_API enum bise_code bise_answer_next(struct bise_answer *answer, struct bise_piece *piece,
                                         struct bise_error *error);

enum bise_finish {
    BISE_FINISH_NONE,   /* not over yet */
    BISE_FINISH_STOP,   /* the model's end token, or a stop string */
    BISE_FINISH_LENGTH, /* max_tokens, or the context is full */
    BISE_FINISH_LOOP    /* the model repeats itself without end */
};

/* Says why the answer ended.  answer: not NULL. */
BISE_API enum bise_finish bise_answer_finish(const struct bise_answer *answer);

/* A reply understands what a model said, from its ids: text, thinking, calls of tools.
 *
 *     answer = bise_answer_from_request(model, request, n_request, NULL, NULL, &error);
 *     reply = bise_reply_open(model, 0, &error);
 *     until the last piece: bise_answer_next(answer, &piece, &error);
 *         bise_reply_add(reply, piece.id, &error);
 *         while (bise_reply_next(reply, &event)) ...
 *     bise_reply_end(reply, bise_answer_finish(answer) == BISE_FINISH_STOP, &error);
 *         while (bise_reply_next(reply, &event)) ... */
enum bise_event_kind {
    BISE_EVENT_TEXT,           /* text of the answer */
    BISE_EVENT_THINKING_BEGIN, /* a thought begins */
    BISE_EVENT_THINKING,       /* text of it */
    BISE_EVENT_THINKING_END,   /* it is complete; missing when the output ends before that */
    BISE_EVENT_CALL,           /* a call of a tool begins: name, and id if it is known by now */
    BISE_EVENT_ARGUMENTS,      /* text, a piece of its arguments */
    BISE_EVENT_CALL_END,       /* id; its arguments are a JSON object, or an error came before */
    BISE_EVENT_ERROR,          /* text: one sentence, what could not be understood */
    BISE_EVENT_END             /* the last event */
};

/* Texts are whole characters without a NUL behind them, NULL where there is none, and valid until
 * the next call for this reply but bise_reply_next().  No text is lost: what began like a call and
 * is none comes as text, behind an error. */
struct bise_event {
    enum bise_event_kind kind;
    int stopped;   /* BISE_EVENT_END: not 0 if the model ended its output itself */
    uint32_t call; /* number of the call, from 0 */
    const char *text, *name, *id;
    size_t n_text, n_name, n_id;
};

/* Starts to understand one output.  version as in bise_render_options.  Returns NULL on
 * failure, else a reply to be closed with bise_reply_close() before its model. */
BISE_API struct bise_reply *bise_reply_open(const struct bise_model *model, int version,
                                            struct bise_error *error);
BISE_API void bise_reply_close(struct bise_reply *reply); /* NULL is fine */

/* Takes the next id; events that were not taken wait.  An id that is not in the
 * vocabulary, as -1, says nothing. */
BISE_API enum bise_code bise_reply_add(struct bise_reply *reply, int32_t id,
                                       struct bise_error *error);

/* Takes the end.  stopped: not 0 if the model ended the output itself, as its end token does. */
BISE_API enum bise_code bise_reply_end(struct bise_reply *reply, int stopped,
                                       struct bise_error *error);

/* Writes the next event to *event.  Returns 0 when there is none until more ids come.
 * reply, event: not NULL. */
BISE_API int bise_reply_next(struct bise_reply *reply, struct bise_event *event);

#ifdef __cplusplus
}
#endif

#endif
