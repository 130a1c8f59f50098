/* SPDX-License-Identifier: Apache-2.0 */
/* story.c - a whole program on libbise: opens a model and lets it go on with a text.
 *
 *     cc -o story story.c $(pkg-config --cflags --libs bise)
 *     ./story /usr/local/share/bise/models/stories260K.gguf "Once upon a time" */
#include <stdio.h>

#include <bise.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: story MODEL PROMPT\n");
        return 2;
    }
    struct bise_error error;
    struct bise_answer *answer = NULL;
    struct bise_answer_options options = {.max_tokens = 60};
    enum bise_code code = BISE_ERROR_SYSTEM;

    struct bise_model *model = bise_model_open(argv[1], NULL, &error);
    if (model)
        answer = bise_answer_open(model, argv[2], &options, &error);
    if (answer) {
        struct bise_piece piece = {0};
        fputs(argv[2], stdout);
        do {
            code = bise_answer_next(answer, &piece, &error);
            fwrite(piece.text, 1, piece.n_text, stdout);
            fflush(stdout); /* word by word, as it comes */
        } while (code == BISE_OK && !piece.is_last);
        putchar('\n');
    }
    if (code != BISE_OK)
        fprintf(stderr, "story: %s\n", error.text);
    bise_answer_close(answer);
    bise_model_close(model);
    return code != BISE_OK;
}
