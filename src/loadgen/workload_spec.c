/* SPDX-License-Identifier: Apache-2.0 */
/* workload_spec.c: the texts that name a built-in workload. Pure functions. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "loadgen/workload.h"

#define SIZE_MAX_EACH INT64_C(2147483647)
#define SIZES_MAX 4
#define WHOLE INT64_C(1000000) /* a density of 100 % */

/* One number of a text, and where it goes. */
struct size_field {
        const char *name;
        size_t      at; /* in struct trib__load_spec */
        int64_t     most;
};

/* A kind of workload: "NAME:" and its sizes, with 'x' between; the last `optional` may be left out
 * and are then 1. A density is a number with '%' behind it. */
struct grammar {
        const char       *name;
        const char       *form;
        int               count, optional;
        struct size_field sizes[SIZES_MAX];
};

#define FIELD(text, member, most) { text, offsetof(struct trib__load_spec, member), most }

static const struct grammar grammars[] = {
        [TRIB__LOAD_LINEAR] = { "linear", "INxOUTxBATCH", 3, 0,
                                { FIELD("in_features", in_features, SIZE_MAX_EACH),
                                  FIELD("out_features", out_features, SIZE_MAX_EACH),
                                  FIELD("batch", batch, SIZE_MAX_EACH) } },
        [TRIB__LOAD_MLP] = { "mlp", "INxHIDDENxOUTxBATCH", 4, 0,
                             { FIELD("in_features", in_features, SIZE_MAX_EACH),
                               FIELD("hidden", hidden, SIZE_MAX_EACH),
                               FIELD("out_features", out_features, SIZE_MAX_EACH),
                               FIELD("batch", batch, SIZE_MAX_EACH) } },
        [TRIB__LOAD_NOOP] = { "noop", "", 0, 0, { { NULL, 0, 0 } } },
        [TRIB__LOAD_LU] = { "lu", "ROWSxCOLUMNS[xBATCH]", 3, 1,
                            { FIELD("rows", out_features, TRIB__LOAD_LU_MAX),
                              FIELD("columns", in_features, TRIB__LOAD_LU_MAX),
                              FIELD("batch", batch, SIZE_MAX_EACH) } },
        [TRIB__LOAD_SPARSE] = { "sparse", "ROWSxCOLUMNSxDENSITY%xWIDTH", 4, 0,
                                { FIELD("rows", out_features, SIZE_MAX_EACH),
                                  FIELD("columns", in_features, SIZE_MAX_EACH),
                                  FIELD("density", density, WHOLE),
                                  FIELD("width", batch, SIZE_MAX_EACH) } },
        [TRIB__LOAD_TRANSFORMER] = { "transformer", "ROWSxWIDTHxHEADS[xBATCH]", 4, 1,
                                     { FIELD("rows", rows, SIZE_MAX_EACH),
                                       FIELD("width", in_features, SIZE_MAX_EACH),
                                       FIELD("heads", heads, SIZE_MAX_EACH),
                                       FIELD("batch", batch, SIZE_MAX_EACH) } },
        [TRIB__LOAD_CONV] = { "conv", "CHANNELSxROWSxCOLUMNS[xBATCH]", 4, 1,
                              { FIELD("channels", in_features, SIZE_MAX_EACH),
                                FIELD("rows", rows, SIZE_MAX_EACH),
                                FIELD("columns", columns, SIZE_MAX_EACH),
                                FIELD("batch", batch, SIZE_MAX_EACH) } },
};

#define N_KINDS (sizeof(grammars) / sizeof(grammars[0]))

const char *trib__load_kind_name(trib__load_kind kind)
{
        return grammars[kind].name;
}

static int64_t *field(struct trib__load_spec *spec, const struct size_field *size)
{
        return (int64_t *)(void *)((char *)spec + size->at);
}

static bool is_density(const struct size_field *size)
{
        return size->at == offsetof(struct trib__load_spec, density);
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* A decimal number; larger ones than fit stick above the limit. NULL where there is none. */
static const char *read_number(const char *text, int64_t *out)
{
        int64_t value = 0;

        if (!is_digit(*text))
                return NULL;
        for (; is_digit(*text); text++)
                if (value <= SIZE_MAX_EACH)
                        value = value * 10 + (*text - '0');
        *out = value;
        return text;
}

/* Percent with at most four decimals and '%', in millionths. */
static const char *read_density(const char *text, int64_t *out)
{
        int64_t unit = WHOLE / 100;

        text = read_number(text, out);
        if (text == NULL)
                return NULL;
        *out *= unit;
        if (*text == '.' && is_digit(text[1])) {
                for (text++; is_digit(*text) && unit >= 10; text++) {
                        unit /= 10;
                        *out += unit * (*text - '0');
                }
        }
        return *text == '%' ? text + 1 : NULL;
}

static trib_status refuse_form(const char *whole, const struct grammar *grammar, trib_error *err)
{
        if (strncmp(whole, grammar->name, strlen(grammar->name)) == 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT, "'%.80s' is not %s:%s", whole,
                                  grammar->name, grammar->form);
        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                          "'%.80s' is not INxOUTxBATCH (such as 2048x1024x32), "
                          "mlp:INxHIDDENxOUTxBATCH, transformer:ROWSxWIDTHxHEADS, "
                          "conv:CHANNELSxROWSxCOLUMNS, lu:ROWSxCOLUMNS, "
                          "sparse:ROWSxCOLUMNSxDENSITY%%xWIDTH or noop", whole);
}

static trib_status refuse_size(const char *whole, const char *number,
                               const struct size_field *size, trib_error *err)
{
        int length = (int)strspn(number, "0123456789.%");

        if (is_density(size))
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "'%.80s': density is %.*s, must be 0.0001%% .. 100%%", whole,
                                  length > 40 ? 40 : length, number);
        return trib__fail(err, TRIB_INVALID_ARGUMENT,
                          "'%.80s': %s is %.*s, must be 1 .. %" PRId64, whole, size->name,
                          length > 40 ? 40 : length, number, size->most);
}

static trib_status read_sizes(const char *whole, const char *text, const struct grammar *grammar,
                              struct trib__load_spec *out, trib_error *err)
{
        for (int i = 0; i < grammar->count; i++) {
                const struct size_field *size = &grammar->sizes[i];
                const char              *number = text;
                bool                     may_end = i + 1 + grammar->optional >= grammar->count;
                bool                     may_go_on = i + 1 < grammar->count;

                text = is_density(size) ? read_density(text, field(out, size))
                                        : read_number(text, field(out, size));
                if (text == NULL || !((may_go_on && *text == 'x') || (may_end && *text == '\0')))
                        return refuse_form(whole, grammar, err);
                if (*field(out, size) < 1 || *field(out, size) > size->most)
                        return refuse_size(whole, number, size, err);
                if (*text == '\0')
                        break;
                text++;
        }
        return TRIB_OK;
}

trib_status trib__load_spec_parse(const char *text, struct trib__load_spec *out, trib_error *err)
{
        const char *sizes = text;

        trib_status status;

        *out = (struct trib__load_spec){ .kind = TRIB__LOAD_LINEAR, .in_features = 1,
                                         .out_features = 1, .batch = 1 };
        for (size_t kind = 0; kind < N_KINDS; kind++) {
                size_t length = strlen(grammars[kind].name);

                if (strncmp(text, grammars[kind].name, length) != 0 ||
                    text[length] != (grammars[kind].count == 0 ? '\0' : ':'))
                        continue;
                out->kind = (trib__load_kind)kind;
                sizes = text + length + (text[length] == ':');
        }
        status = read_sizes(text, sizes, &grammars[out->kind], out, err);
        if (out->kind == TRIB__LOAD_TRANSFORMER || out->kind == TRIB__LOAD_CONV)
                out->out_features = out->in_features;
        if (status == TRIB_OK && out->kind == TRIB__LOAD_TRANSFORMER &&
            out->in_features % out->heads != 0)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "'%.80s': the width must be a multiple of the heads", text);
        return status;
}

const char *trib__load_spec_text(const struct trib__load_spec *spec, char *buffer, size_t size)
{
        const struct grammar  *grammar = &grammars[spec->kind];
        struct trib__load_spec copy = *spec;
        int used = snprintf(buffer, size, "%s%s",
                            spec->kind == TRIB__LOAD_LINEAR ? "" : grammar->name,
                            spec->kind == TRIB__LOAD_LINEAR || grammar->count == 0 ? "" : ":");

        for (int i = 0; i < grammar->count && used >= 0 && (size_t)used < size; i++) {
                int64_t     value = *field(&copy, &grammar->sizes[i]);
                const char *between = i > 0 ? "x" : "";
                char       *end = buffer + used;
                size_t      room = size - (size_t)used;

                if (i + grammar->optional >= grammar->count && value == 1)
                        break;
                if (is_density(&grammar->sizes[i]))
                        used += snprintf(end, room, "%s%g%%", between, (double)value * 1e-4);
                else
                        used += snprintf(end, room, "%s%" PRId64, between, value);
        }
        return buffer;
}
