/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_text.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "data/utf8.h"

enum { NATURAL_BYTES = 4000000, HOSTILE_CHARS = 1000000, ONE_IN = 16 };

/* Lewis Carroll, 1865. */
static const char english[] =
    "Alice was beginning to get very tired of sitting by her sister on the\n"
    "bank, and of having nothing to do: once or twice she had peeped into the\n"
    "book her sister was reading, but it had no pictures or conversations in\n"
    "it, 'and what is the use of a book,' thought Alice 'without pictures or\n"
    "conversations?'\n"
    "\n"
    "So she was considering in her own mind (as well as she could, for the\n"
    "hot day made her feel very sleepy and stupid), whether the pleasure\n"
    "of making a daisy-chain would be worth the trouble of getting up and\n"
    "picking the daisies, when suddenly a White Rabbit with pink eyes ran\n"
    "close by her.\n"
    "\n"
    "There was nothing so VERY remarkable in that; nor did Alice think it so\n"
    "VERY much out of the way to hear the Rabbit say to itself, 'Oh dear!\n"
    "Oh dear! I shall be late!' (when she thought it over afterwards, it\n"
    "occurred to her that she ought to have wondered at this, but at the time\n"
    "it all seemed quite natural); but when the Rabbit actually TOOK A WATCH\n"
    "OUT OF ITS WAISTCOAT-POCKET, and looked at it, and then hurried on,\n"
    "Alice started to her feet, for it flashed across her mind that she had\n"
    "never before seen a rabbit with either a waistcoat-pocket, or a watch\n"
    "to take out of it, and burning with curiosity, she ran across the field\n"
    "after it, and fortunately was just in time to see it pop down a large\n"
    "rabbit-hole under the hedge.\n";

static const char code[] =
    "static void heap_push(struct bpe *bpe, struct bpe_pair pair)\n"
    "{\n"
    "    struct bpe_pair *heap = bpe->heap;\n"
    "    size_t i = bpe->n_heap++;\n"
    "    while (i && pair.key < heap[(i - 1) / 2].key) {\n"
    "        heap[i] = heap[(i - 1) / 2];\n"
    "        i = (i - 1) / 2;\n"
    "    }\n"
    "    heap[i] = pair;\n"
    "}\n"
    "\n"
    "static struct bpe_pair heap_pop(struct bpe *bpe)\n"
    "{\n"
    "    struct bpe_pair *heap = bpe->heap, top = heap[0], last = heap[--bpe->n_heap];\n"
    "    size_t i = 0;\n"
    "    for (size_t child; (child = 2 * i + 1) < bpe->n_heap; i = child) {\n"
    "        if (child + 1 < bpe->n_heap && heap[child + 1].key < heap[child].key)\n"
    "            child++;\n"
    "        if (last.key <= heap[child].key)\n"
    "            break;\n"
    "        heap[i] = heap[child];\n"
    "    }\n"
    "    heap[i] = last;\n"
    "    return top;\n"
    "}\n";

/* The Analects, chapter 1. */
static const char chinese[] = "子曰：「學而時習之，不亦說乎？有朋自遠方"
                              "來，不亦樂乎？人不知而不慍，不亦君子乎？"
                              "」有子曰：「其為人也孝弟，而好犯上者，鮮"
                              "矣；不好犯上，而好作亂者，未之有也。君子"
                              "務本，本立而道生。孝弟也者，其為仁之本與"
                              "！」子曰：「巧言令色，鮮矣仁！」曾子曰："
                              "「吾日三省吾身：為人謀而不忠乎？與朋友交"
                              "而不信乎？傳不習乎？」子曰：「道千乘之國"
                              "：敬事而信，節用而愛人，使民以時。」子曰"
                              "：「弟子入則孝，出則弟，謹而信，汎愛眾，"
                              "而親仁。行有餘力，則以學文。」";

static uint32_t below(uint64_t *state, uint32_t n)
{
    assert(n > 0);
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % n);
}

/* Returns where the unit ends that starts at s[i]: a word with the white space behind it, or
 * one character that is not ASCII. */
static size_t unit_end(const char *s, size_t n, size_t i)
{
    uint32_t code_point;
    size_t len;
    if ((uint8_t)s[i] >= 0x80) {
        (void)utf8_decode(s + i, n - i, &code_point, &len);
        return i + len;
    }
    while (i < n && (uint8_t)s[i] < 0x80 && !strchr(" \n", s[i]))
        i++;
    while (i < n && strchr(" \n", s[i]))
        i++;
    return i;
}

/* Two to four syllables and a space, or any Chinese character.  Returns the length. */
static size_t make_up(uint64_t *state, bool is_chinese, char *out)
{
    static const char starts[] = "bcdfghjklmnprstvwz", vowels[] = "aeiou", ends[] = "nrstlm";
    size_t n = 0;
    if (is_chinese)
        return utf8_encode(0x4E00 + below(state, 0x5200), out);
    for (uint32_t k = 2 + below(state, 3); k; k--) {
        out[n++] = starts[below(state, sizeof starts - 1)];
        out[n++] = vowels[below(state, sizeof vowels - 1)];
        if (!below(state, 3))
            out[n++] = ends[below(state, sizeof ends - 1)];
    }
    out[n++] = ' ';
    return n;
}

static bool add_natural(const char *passage, struct buf *out, struct err *err)
{
    enum { MAX_UNITS = 1024 };
    size_t at[MAX_UNITS + 1] = {0}, n = strlen(passage), n_units = 0, n_word;
    bool is_chinese = (uint8_t)passage[0] >= 0x80, ok = true;
    uint64_t state = 1;
    while (n_units < MAX_UNITS && at[n_units] < n) {
        at[n_units + 1] = unit_end(passage, n, at[n_units]);
        n_units++;
    }
    while (ok && out->len < NATURAL_BYTES) {
        char word[16];
        uint32_t unit = below(&state, (uint32_t)n_units);
        if (below(&state, ONE_IN)) {
            ok = buf_add(out, passage + at[unit], at[unit + 1] - at[unit], err);
        } else {
            n_word = make_up(&state, is_chinese, word);
            ok = buf_add(out, word, n_word, err);
        }
    }
    return ok;
}

static bool add_repeated(const char *unit, struct buf *out, struct err *err)
{
    for (int i = 0; i < HOSTILE_CHARS; i++)
        if (!buf_add(out, unit, strlen(unit), err))
            return false;
    return true;
}

/* One word: the English text without what is no letter. */
static bool add_joined(struct buf *out, struct err *err)
{
    uint64_t state = 1;
    bool ok = true;
    while (ok && out->len < HOSTILE_CHARS) {
        char c = english[below(&state, sizeof english - 1)] | 0x20;
        if (c >= 'a' && c <= 'z')
            ok = buf_add(out, &c, 1, err);
    }
    return ok;
}

const char *bench_text(int i, struct buf *out, struct err *err)
{
    static const struct {
        const char *name, *passage, *unit;
    } texts[BENCH_TEXTS] = {
        {"English", english, NULL},  {"code", code, NULL},     {"Chinese", chinese, NULL},
        {"one letter", NULL, "a"},   {"spaces", NULL, " "},    {"digits", NULL, "7"},
        {"marks", NULL, "\xcc\x81"}, {"one word", NULL, NULL},
    };
    bool ok = texts[i].passage ? add_natural(texts[i].passage, out, err)
              : texts[i].unit  ? add_repeated(texts[i].unit, out, err)
                               : add_joined(out, err);
    return ok ? texts[i].name : NULL;
}
