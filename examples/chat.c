/* SPDX-License-Identifier: Apache-2.0 */
/* chat.c - asks a model one question and prints its answer, its thoughts and its calls of tools.
 *
 *     cc -o chat chat.c $(pkg-config --cflags --libs bise)
 *     ./chat ~/models/Ministral-3-8B-Reasoning "How many r are in strawberry?" */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bise.h>

/* The request is JSON, so the question's own quotes are escaped. */
static char *make_request(const char *question)
{
    char *request = NULL;
    size_t n;
    FILE *out = open_memstream(&request, &n);
    if (!out)
        return NULL;
    fputs("{\"messages\": [{\"role\": \"user\", \"content\": \"", out);
    for (const char *c = question; *c; c++)
        fprintf(out, (unsigned char)*c < 0x20 || *c == '"' || *c == '\\' ? "\\u%04x" : "%c", *c);
    fputs("\"}]}", out);
    return fclose(out) == 0 ? request : NULL;
}

static void print_events(struct bise_reply *reply)
{
    static const char *const before[] = {[BISE_EVENT_THINKING_BEGIN] = "[thinks: ",
                                         [BISE_EVENT_THINKING_END] = "]\n",
                                         [BISE_EVENT_CALL] = "\n[calls ",
                                         [BISE_EVENT_CALL_END] = "]",
                                         [BISE_EVENT_ERROR] = "\n[not understood: ",
                                         [BISE_EVENT_END] = "\n"};
    struct bise_event event;
    while (bise_reply_next(reply, &event)) {
        fputs(before[event.kind] ? before[event.kind] : "", stdout);
        fwrite(event.name ? event.name : "", 1, event.n_name, stdout);
        fwrite(event.text ? event.text : "", 1, event.n_text, stdout);
        fputs(event.kind == BISE_EVENT_CALL    ? ": "
              : event.kind == BISE_EVENT_ERROR ? "]"
                                               : "",
              stdout);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct bise_error error = {BISE_ERROR_SYSTEM, "out of memory"};
    enum bise_code code = BISE_ERROR_SYSTEM;
    struct bise_piece piece = {0};
    struct bise_answer *answer = NULL;
    struct bise_reply *reply = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: chat MODEL QUESTION\n");
        return 2;
    }
    char *request = make_request(argv[2]);
    struct bise_model *model = request ? bise_model_open(argv[1], NULL, &error) : NULL;
    if (model)
        reply = bise_reply_open(model, 0, &error);
    if (reply)
        answer = bise_answer_from_request(model, request, strlen(request), NULL, NULL, &error);
    if (answer)
        code = BISE_OK;
    while (code == BISE_OK && !piece.is_last) {
        code = bise_answer_next(answer, &piece, &error);
        if (code == BISE_OK)
            code = bise_reply_add(reply, piece.id, &error);
        if (code == BISE_OK && piece.is_last)
            code = bise_reply_end(reply, bise_answer_finish(answer) == BISE_FINISH_STOP, &error);
        if (code == BISE_OK)
            print_events(reply);
    }
    if (code != BISE_OK)
        fprintf(stderr, "chat: %s\n", error.text);
    bise_answer_close(answer);
    bise_reply_close(reply);
    bise_model_close(model);
    free(request);
    return code != BISE_OK;
}
