/* SPDX-License-Identifier: Apache-2.0 */
/* "format" of strings, each as the standard that defines it has it.  Leap seconds are where UTC
 * has them, for offsets of whole quarters of an hour.  Labels of host names that begin like
 * Punycode are left out: whether they are such no regular expression can tell. */
#include <stdio.h>
#include <string.h>

#include "text/regex.h"
#include "text/schema_int.h"

#define OCTET "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define IPV4  OCTET "(?:\\." OCTET "){3}"
#define H16   "[0-9A-Fa-f]{1,4}"
#define LS32  "(?:" H16 ":" H16 "|" IPV4 ")"
#define IPV6                                                                                       \
    "(?:(?:" H16 ":){6}" LS32 "|::(?:" H16 ":){5}" LS32 "|(?:" H16 ")?::(?:" H16 ":){4}" LS32      \
    "|(?:(?:" H16 ":){0,1}" H16 ")?::(?:" H16 ":){3}" LS32 "|(?:(?:" H16 ":){0,2}" H16             \
    ")?::(?:" H16 ":){2}" LS32 "|(?:(?:" H16 ":){0,3}" H16 ")?::" H16 ":" LS32 "|(?:(?:" H16       \
    ":){0,4}" H16 ")?::" LS32 "|(?:(?:" H16 ":){0,5}" H16 ")?::" H16 "|(?:(?:" H16 ":){0,6}" H16   \
    ")?::)"

#define DATE                                                                                       \
    "(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)" \
    "|02-(?:0[1-9]|1\\d|2[0-8]))"                                                                  \
    "|(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
#define SECONDS "(?:\\.\\d{1,32})?"
#define TIME                                                                                       \
    "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d" SECONDS "(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)"

#define COUNT          "\\d{1,120}"
#define DURATION_MIN   COUNT "M(?:" COUNT "S)?"
#define DURATION_TIME  "T(?:" COUNT "H(?:" DURATION_MIN ")?|" DURATION_MIN "|" COUNT "S)"
#define DURATION_MONTH COUNT "M(?:" COUNT "D)?"
#define DURATION                                                                                   \
    "P(?:" COUNT "W|" DURATION_TIME "|(?:" COUNT "Y(?:" DURATION_MONTH ")?|" DURATION_MONTH        \
    "|" COUNT "D)(?:" DURATION_TIME ")?)"

#define ATEXT "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
#define LOCAL "(?:" ATEXT "+(?:\\." ATEXT "+)*|\"(?:[ !#-\\[\\]-~]|\\\\[ -~])*\")"

#define POINTER "(?:/(?:[^~/]|~[01])*)*"
#define HEX4    "[0-9A-Fa-f]{4}"

static uint32_t parse(struct regex_set *set, const char *pattern)
{
    struct err ignored = {0};
    return regex_parse(set, pattern, strlen(pattern), REGEX_WHOLE, &ignored);
}

static uint32_t at_most(struct regex_set *set, uint32_t language, uint32_t n)
{
    return regex_and(set, language, regex_text_length(set, 0, n));
}

/* hh:mm:60 where it is 23:59 in UTC. */
static uint32_t leap_second(struct regex_set *set)
{
    enum { MOST = 95 }; /* quarters of an hour */
    uint32_t all[2 * MOST + 1], n = 0, seconds = parse(set, ":60" SECONDS);
    for (int offset = -MOST; offset <= MOST; offset++) {
        char local[8], zone[8];
        int minutes = 15 * offset, size = minutes < 0 ? -minutes : minutes;
        int here = (23 * 60 + 59 + minutes + 24 * 60) % (24 * 60);
        snprintf(local, sizeof local, "%02d:%02d", here / 60, here % 60);
        snprintf(zone, sizeof zone, "%02d:%02d", size / 60, size % 60);
        uint32_t sign = regex_byte(set, minutes < 0 ? '-' : '+');
        if (!minutes)
            sign = regex_or(set, sign, regex_byte(set, '-'));
        uint32_t named = regex_cat(set, sign, regex_literal(set, zone, 5));
        if (!minutes)
            named = regex_or(set, named, parse(set, "[Zz]"));
        all[n++] = regex_cat(set, regex_literal(set, local, 5), regex_cat(set, seconds, named));
    }
    return regex_or_all(set, all, n);
}

static uint32_t time_of_day(struct regex_set *set)
{
    return regex_or(set, parse(set, TIME), leap_second(set));
}

static uint32_t date(struct regex_set *set)
{
    return parse(set, DATE);
}

static uint32_t date_time(struct regex_set *set)
{
    return regex_cat(set, date(set), regex_cat(set, parse(set, "[Tt]"), time_of_day(set)));
}

static uint32_t duration(struct regex_set *set)
{
    return parse(set, DURATION);
}

static uint32_t hostname(struct regex_set *set)
{
    uint32_t label = parse(set, "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?");
    label = regex_and(set, label, regex_text_not(set, parse(set, "..--.*")));
    uint32_t more = regex_cat(set, regex_byte(set, '.'), label);
    return at_most(set, regex_cat(set, label, regex_repeat(set, more, 0, REGEX_FOREVER)), 253);
}

static uint32_t email(struct regex_set *set)
{
    uint32_t place = regex_or(set, hostname(set), parse(set, "\\[(?:" IPV4 "|IPv6:" IPV6 ")\\]"));
    return regex_cat(set, at_most(set, parse(set, LOCAL), 64),
                     regex_cat(set, regex_byte(set, '@'), place));
}

static uint32_t ipv4(struct regex_set *set)
{
    return parse(set, IPV4);
}

static uint32_t ipv6(struct regex_set *set)
{
    return parse(set, IPV6);
}

static uint32_t uuid(struct regex_set *set)
{
    return parse(set, "[0-9A-Fa-f]{8}-" HEX4 "-" HEX4 "-" HEX4 "-[0-9A-Fa-f]{12}");
}

static uint32_t json_pointer(struct regex_set *set)
{
    return parse(set, POINTER);
}

static uint32_t relative_pointer(struct regex_set *set)
{
    return parse(set, "(?:0|[1-9]\\d*)(?:#|" POINTER ")");
}

/* RFC 3986, and RFC 3987 where more characters are allowed. */
#define UCS                                                                                        \
    "\\u{A0}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFEF}\\u{10000}-\\u{1FFFD}"                 \
    "\\u{20000}-\\u{2FFFD}\\u{30000}-\\u{3FFFD}\\u{40000}-\\u{4FFFD}\\u{50000}-\\u{5FFFD}"         \
    "\\u{60000}-\\u{6FFFD}\\u{70000}-\\u{7FFFD}\\u{80000}-\\u{8FFFD}\\u{90000}-\\u{9FFFD}"         \
    "\\u{A0000}-\\u{AFFFD}\\u{B0000}-\\u{BFFFD}\\u{C0000}-\\u{CFFFD}\\u{D0000}-\\u{DFFFD}"         \
    "\\u{E1000}-\\u{EFFFD}"
#define UCS_PRIVATE "\\u{E000}-\\u{F8FF}\\u{F0000}-\\u{FFFFD}\\u{100000}-\\u{10FFFD}"

struct uri_parts {
    struct regex_set *set;
    uint32_t pchar, segment, slash, authority, tail;
};

/* Any number of characters of a class, or percent signs with two digits. */
static uint32_t chars(struct regex_set *set, const char *more, const char *extra, uint32_t lo,
                      uint32_t hi)
{
    char pattern[1024];
    snprintf(pattern, sizeof pattern, "(?:[A-Za-z0-9._~!$&'()*+,;=%s%s-]|%%[0-9A-Fa-f]{2})", more,
             extra);
    return regex_repeat(set, parse(set, pattern), lo, hi);
}

/* Each part has a bound: cheaper than one for the whole, and a URI must end, too. */
static struct uri_parts uri_parts(struct regex_set *set, bool is_iri)
{
    struct uri_parts p = {.set = set};
    const char *extra = is_iri ? UCS : "";
    uint32_t user = regex_cat(set, chars(set, ":", extra, 0, 256), regex_byte(set, '@'));
    uint32_t literal =
        parse(set, "\\[(?:" IPV6 "|[vV][0-9A-Fa-f]{1,8}\\.[A-Za-z0-9._~!$&'()*+,;=:-]{1,64})\\]");
    uint32_t host = regex_or(set, literal, chars(set, "", extra, 0, 256));
    p.authority = regex_cat(set, parse(set, "//"),
                            regex_cat(set, regex_optional(set, user),
                                      regex_cat(set, host, parse(set, "(?::\\d{0,9})?"))));
    p.segment = chars(set, ":@", extra, 0, 256);
    p.pchar = chars(set, ":@", extra, 1, 256);
    p.slash = regex_repeat(set, regex_cat(set, regex_byte(set, '/'), p.segment), 0, 64);
    uint32_t query = chars(set, ":@/?", is_iri ? UCS UCS_PRIVATE : "", 0, 1024);
    uint32_t fragment = chars(set, ":@/?", extra, 0, 1024);
    p.tail = regex_cat(set, regex_optional(set, regex_cat(set, regex_byte(set, '?'), query)),
                       regex_optional(set, regex_cat(set, regex_byte(set, '#'), fragment)));
    return p;
}

/* Paths that do not begin with two slashes, the first part being one of those given. */
static uint32_t path(const struct uri_parts *p, uint32_t first)
{
    struct regex_set *set = p->set;
    uint32_t rootless = regex_cat(set, first, p->slash);
    uint32_t absolute = regex_cat(set, regex_byte(set, '/'),
                                  regex_optional(set, regex_cat(set, p->pchar, p->slash)));
    return regex_optional(set, regex_or(set, rootless, absolute));
}

static uint32_t absolute_uri(const struct uri_parts *p)
{
    struct regex_set *set = p->set;
    uint32_t place = regex_or(set, regex_cat(set, p->authority, p->slash), path(p, p->pchar));
    return regex_cat(set, parse(set, "[A-Za-z][A-Za-z0-9+.-]{0,63}:"),
                     regex_cat(set, place, p->tail));
}

static uint32_t any_uri(struct regex_set *set, bool is_iri, bool is_reference)
{
    struct uri_parts p = uri_parts(set, is_iri);
    uint32_t all = absolute_uri(&p);
    if (is_reference) {
        uint32_t first = chars(set, "@", is_iri ? UCS : "", 1, 256);
        uint32_t place = regex_or(set, regex_cat(set, p.authority, p.slash), path(&p, first));
        all = regex_or(set, all, regex_cat(set, place, p.tail));
    }
    return all;
}

static uint32_t uri(struct regex_set *set)
{
    return any_uri(set, false, false);
}

static uint32_t uri_reference(struct regex_set *set)
{
    return any_uri(set, false, true);
}

static uint32_t iri(struct regex_set *set)
{
    return any_uri(set, true, false);
}

static uint32_t iri_reference(struct regex_set *set)
{
    return any_uri(set, true, true);
}

/* RFC 6570. */
static uint32_t uri_template(struct regex_set *set)
{
#define VARCHAR "(?:[A-Za-z0-9_]|%[0-9A-Fa-f]{2})"
#define VARSPEC VARCHAR "(?:\\.?" VARCHAR "){0,64}(?::[1-9]\\d{0,3}|\\*)?"
    uint32_t all = parse(set, "(?:[!#$&-;=?-\\[\\]_a-z~" UCS UCS_PRIVATE "]|%[0-9A-Fa-f]{2}|"
                              "\\{[+#./;?&=,!@|]?" VARSPEC "(?:," VARSPEC "){0,32}\\}){0,1024}");
    return all;
}

#define REGEX_LEVELS 4 /* of groups inside groups; ranges and counts are common ones only */

/* A part of ECMA-262 patterns. */
static uint32_t pattern(struct regex_set *set)
{
#define CODE "c[A-Za-z]|x[0-9A-Fa-f]{2}|u[0-9A-CEFa-cef][0-9A-Fa-f]{3}"
    uint32_t count = parse(
        set, "(?:(?:[*+?]|\\{\\d{1,3}\\}|\\{\\d{1,3},\\}|\\{0,\\d{1,3}\\}|\\{1,[1-9]\\d{0,2}\\})\\?"
             "?)?");
    uint32_t atom = parse(set, "[^\\^$\\\\.*+?()\\[\\]{}|]|\\.|"
                               "\\\\(?:[dDwWsSfnrtv^$\\\\.*+?()\\[\\]{}|/]|" CODE ")|"
                               "\\[\\^?-?(?:[a-z]|[A-Z]|[0-9]|a-z|A-Z|0-9|a-f|A-F|"
                               "[^\\\\\\]\\[\\^a-zA-Z0-9-]|"
                               "\\\\(?:[dDwWsSbfnrtv^$\\\\.*+?()\\[\\]{}|/-]|" CODE "))*-?\\]");
    uint32_t edge = parse(set, "\\^|\\$|\\\\b|\\\\B");
    uint32_t all = REGEX_EPSILON;
    for (int level = 0; level < REGEX_LEVELS; level++) {
        uint32_t group = REGEX_NOTHING, look = REGEX_NOTHING;
        if (level) {
            uint32_t inner = regex_cat(set, all, regex_byte(set, ')'));
            group = regex_cat(set, parse(set, "\\((?:\\?:)?"), inner);
            look = regex_cat(set, parse(set, "\\(\\?<?[=!]"), inner);
        }
        uint32_t term = regex_or(set, regex_cat(set, regex_or(set, atom, group), count),
                                 regex_or(set, edge, look));
        uint32_t terms = regex_repeat(set, term, 0, REGEX_FOREVER);
        uint32_t more = regex_cat(set, regex_byte(set, '|'), terms);
        all = regex_cat(set, terms, regex_repeat(set, more, 0, REGEX_FOREVER));
    }
    return all;
}

uint32_t schema_format(struct regex_set *set, struct span name, enum format_trust *trust)
{
    static const struct {
        const char *name;
        uint32_t (*make)(struct regex_set *set);
        enum format_trust trust;
    } formats[] = {
        {"date-time", date_time, FORMAT_PART},
        {"date", date, FORMAT_EXACT},
        {"time", time_of_day, FORMAT_PART},
        {"duration", duration, FORMAT_PART},
        {"email", email, FORMAT_PART},
        {"hostname", hostname, FORMAT_COARSE},
        {"ipv4", ipv4, FORMAT_EXACT},
        {"ipv6", ipv6, FORMAT_EXACT},
        {"uuid", uuid, FORMAT_EXACT},
        {"uri", uri, FORMAT_PART},
        {"uri-reference", uri_reference, FORMAT_PART},
        {"iri", iri, FORMAT_PART},
        {"iri-reference", iri_reference, FORMAT_PART},
        {"uri-template", uri_template, FORMAT_PART},
        {"json-pointer", json_pointer, FORMAT_EXACT},
        {"relative-json-pointer", relative_pointer, FORMAT_EXACT},
        {"regex", pattern, FORMAT_PART},
        {"idn-email", NULL, FORMAT_UNTOLD},
        {"idn-hostname", NULL, FORMAT_UNTOLD},
    };
    *trust = FORMAT_FREE;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!span_is(name, formats[i].name))
            continue;
        *trust = formats[i].trust;
        return formats[i].make ? formats[i].make(set) : REGEX_FAILED;
    }
    return REGEX_FAILED;
}
