/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_prompt.h"

#include <math.h>
#include <string.h>

/* Of four letters and more: shorter ones are often parts of others. */
static const char *const common[] = {
    "about",     "after",      "again",    "against",  "along",       "already",   "also",
    "always",    "among",      "animal",   "another",  "answer",      "around",    "away",
    "back",      "because",    "become",   "before",   "began",       "behind",    "being",
    "below",     "best",       "better",   "between",  "black",       "body",      "book",
    "both",      "bring",      "building", "business", "call",        "came",      "care",
    "case",      "center",     "central",  "certain",  "change",      "child",     "children",
    "city",      "class",      "clear",    "close",    "cold",        "color",     "come",
    "common",    "company",    "control",  "could",    "country",     "course",    "dark",
    "data",      "days",       "death",    "deep",     "development", "different", "does",
    "done",      "door",       "down",     "each",     "early",       "earth",     "east",
    "education", "effect",     "else",     "enough",   "even",        "ever",      "every",
    "example",   "experience", "face",     "fact",     "family",      "feel",      "feet",
    "field",     "figure",     "final",    "find",     "fire",        "first",     "five",
    "follow",    "food",       "form",     "found",    "four",        "free",      "friend",
    "from",      "full",       "game",     "general",  "girl",        "give",      "going",
    "good",      "government", "great",    "green",    "ground",      "group",     "half",
    "hand",      "hard",       "have",     "head",     "health",      "hear",      "heart",
    "held",      "help",       "here",     "high",     "history",     "hold",      "home",
    "hope",      "hour",       "house",    "human",    "idea",        "important", "into",
    "just",      "keep",       "kind",     "knew",     "know",        "land",      "large",
    "last",      "late",       "later",    "learn",    "least",       "leave",     "left",
    "less",      "letter",     "level",    "life",     "light",       "like",      "line",
    "list",      "little",     "live",     "local",    "long",        "look",      "made",
    "main",      "make",       "many",     "market",   "matter",      "mean",      "might",
    "mind",      "money",      "month",    "more",     "morning",     "most",      "mother",
    "move",      "much",       "music",    "must",     "name",        "national",  "nature",
    "near",      "need",       "never",    "next",     "night",       "north",     "nothing",
    "number",    "often",      "once",     "only",     "open",        "order",     "other",
    "over",      "page",       "paper",    "part",     "past",        "people",    "period",
    "person",    "picture",    "place",    "plan",     "play",        "point",     "political",
    "position",  "power",      "present",  "problem",  "process",     "program",   "public",
    "question",  "quite",      "rather",   "read",     "real",        "reason",    "report",
    "research",  "rest",       "result",   "right",    "river",       "road",      "room",
    "said",      "same",       "school",   "science",  "second",      "service",   "several",
    "short",     "should",     "show",     "side",     "since",       "small",     "social",
    "some",      "sound",      "south",    "special",  "stand",       "start",     "state",
    "still",     "story",      "street",   "strong",   "study",       "such",      "sure",
    "system",    "take",       "table",    "talk",     "tell",        "than",      "that",
    "their",     "them",       "then",     "there",    "these",       "they",      "thing",
    "think",     "this",       "those",    "though",   "thought",     "three",     "through",
    "time",      "today",      "together", "told",     "toward",      "town",      "tree",
    "true",      "turn",       "under",    "until",    "upon",        "used",      "very",
    "voice",     "want",       "water",    "week",     "well",        "went",      "were",
    "west",      "what",       "when",     "where",    "which",       "while",     "white",
    "whole",     "will",       "with",     "without",  "word",        "work",      "world",
    "would",     "write",      "year",     "young",    "your",
};

enum { N_COMMON = sizeof common / sizeof *common };

#define GUESS_BESIDE   8.0 /* where a server does not count */
#define GUESS_PER_WORD 1.1

uint64_t load_random(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void load_fit_add(struct load_fit *fit, uint32_t words, uint32_t tokens)
{
    if (!fit->n++) {
        fit->words0 = words;
        fit->tokens0 = tokens;
        return;
    }
    /* A server may cut texts, or count none. */
    if (words <= fit->words0 || tokens <= fit->tokens0)
        return;
    fit->per_word = (tokens - fit->tokens0) / (words - fit->words0);
    fit->beside = fit->tokens0 - fit->per_word * fit->words0;
}

struct load_words load_words_for(const struct load_fit *fit, uint32_t n_tokens, uint32_t n_shared,
                                 uint64_t seed)
{
    bool known = fit->per_word > 0;
    double per_word = known ? fit->per_word : GUESS_PER_WORD;
    double beside = known ? fit->beside : GUESS_BESIDE;
    double all = round((n_tokens - beside) / per_word), shared = ceil(n_shared / per_word);
    all = all < 1 ? 1 : all;
    shared = shared > all ? all : shared;
    return (struct load_words){
        .seed = seed, .shared = (uint32_t)shared, .own = (uint32_t)(all - shared)};
}

static bool write_words(uint64_t seed, uint32_t n, struct buf *out, struct err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *word = common[load_random(seed, i) % N_COMMON];
        if ((out->len && !buf_add(out, " ", 1, err)) || !buf_add(out, word, strlen(word), err))
            return false;
    }
    return true;
}

bool load_words_write(const struct load_words *words, uint64_t index, struct buf *out,
                      struct err *err)
{
    return write_words(words->seed, words->shared, out, err) &&
           write_words(load_random(words->seed, index), words->own, out, err);
}
