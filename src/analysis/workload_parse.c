/* SPDX-License-Identifier: Apache-2.0 */
/* workload_parse.c: workloads written by people: "Linear 2048->1024, batch 32, fp32" in a comment,
 * "2048x1024x32" on a command line. Holds no state, takes no lock. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "analysis/analysis_priv.h"
#include "analysis/read.h"

#define FEATURES_MAX INT64_C(2147483647)

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
        return isalnum((unsigned char)c) || c == '_';
}

/* Digits at text[*at], 1..2^31-1; moves *at behind them. */
static bool take_number(const char *text, size_t length, size_t *at, int64_t *out)
{
        int64_t value = 0;
        size_t  i = *at;

        while (i < length && is_digit(text[i]) && value <= FEATURES_MAX)
                value = value * 10 + (text[i++] - '0');
        if (i == *at || value == 0 || value > FEATURES_MAX)
                return false;
        *at = i;
        *out = value;
        return true;
}

/* The short name of a dtype however it is written; NULL for a word that is none. */
static const char *dtype_of(const char *word, size_t length)
{
        static const struct {
                const char *written, *name;
        } names[] = { { "fp32", "f32" },     { "f32", "f32" },   { "float32", "f32" },
                      { "fp16", "f16" },     { "f16", "f16" },   { "float16", "f16" },
                      { "bf16", "bf16" },    { "bfloat16", "bf16" }, { "fp64", "f64" },
                      { "f64", "f64" },      { "float64", "f64" }, { "int8", "i8" },
                      { "i8", "i8" } };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strlen(names[i].written) == length
                    && strncmp(names[i].written, word, length) == 0)
                        return names[i].name;
        return NULL;
}

/* The word before text[at], in lower case; "linear" when there is none. */
static void take_kind(const char *text, size_t at, struct trib__workload *out)
{
        size_t end = at, begin, used = 0;

        while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t'))
                end--;
        begin = end;
        while (begin > 0 && is_word(text[begin - 1]))
                begin--;
        (void)snprintf(out->kind, sizeof(out->kind), "linear");
        if (begin == end || end - begin >= sizeof(out->kind) || is_digit(text[begin]))
                return;
        for (size_t i = begin; i < end; i++)
                out->kind[used++] = (char)tolower((unsigned char)text[i]);
        out->kind[used] = '\0';
}

/* ", batch 32" and ", fp32" after the sizes, in any order, anywhere behind. */
static void take_rest(const char *text, size_t length, size_t at, struct trib__workload *out)
{
        while (at < length) {
                size_t begin, end;

                while (at < length && !is_word(text[at]))
                        at++;
                begin = at;
                while (at < length && is_word(text[at]))
                        at++;
                end = at;
                if (end - begin == 5 && strncmp(text + begin, "batch", 5) == 0) {
                        while (at < length && (text[at] == ' ' || text[at] == '='))
                                at++;
                        if (out->batch == 0)
                                (void)take_number(text, length, &at, &out->batch);
                } else if (out->dtype[0] == '\0') {
                        const char *dtype = dtype_of(text + begin, end - begin);

                        if (dtype != NULL)
                                (void)snprintf(out->dtype, sizeof(out->dtype), "%s", dtype);
                }
        }
}

bool trib__workload_find(const char *text, size_t length, struct trib__workload *out)
{
        for (size_t i = 0; i < length; i++) {
                size_t at = i;

                if (!is_digit(text[i]) || (i > 0 && is_word(text[i - 1])))
                        continue;
                memset(out, 0, sizeof(*out));
                if (!take_number(text, length, &at, &out->in_features))
                        continue;
                if (length - at < 2 || text[at] != '-' || text[at + 1] != '>')
                        continue;
                at += 2;
                if (!take_number(text, length, &at, &out->out_features))
                        continue;
                take_kind(text, i, out);
                take_rest(text, length, at, out);
                return true;
        }
        memset(out, 0, sizeof(*out));
        return false;
}

bool trib__workload_parse(const char *text, struct trib__workload *out)
{
        size_t length = strlen(text), at = 0;

        memset(out, 0, sizeof(*out));
        (void)snprintf(out->kind, sizeof(out->kind), "linear");
        if (take_number(text, length, &at, &out->in_features) && at < length && text[at++] == 'x'
            && take_number(text, length, &at, &out->out_features) && at < length
            && text[at++] == 'x' && take_number(text, length, &at, &out->batch) && at == length)
                return true;
        memset(out, 0, sizeof(*out));
        return false;
}
