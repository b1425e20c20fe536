/* SPDX-License-Identifier: Apache-2.0 */
/* npy_header.c: reads and writes the header of a .npy file. The text is the printed form of a
 * Python dict; we take exactly its three keys, in any order, each once. Anything else is refused
 * with the offset in the file. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "tensor/npy_priv.h"

struct reader {
        const char *text;
        size_t      at, size;
        size_t      file_offset; /* of text[0] */
        trib_error *err;
};

enum { KEY_DESCR = 1, KEY_ORDER = 2, KEY_SHAPE = 4, KEY_ALL = 7 };

trib_status trib__npy_read_prefix(const unsigned char *bytes, size_t size,
                                  struct trib__npy_header *header, trib_error *err)
{
        uint32_t length = 0;

        if (size < 8 || memcmp(bytes, "\x93NUMPY", 6) != 0)
                return trib__fail(err, TRIB_MALFORMED,
                                  "npy: offset 0: no .npy file (the magic is missing)");
        if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "npy: offset 6: format %d.%d, only 1.0, 2.0 and 3.0 can be read",
                                  bytes[6], bytes[7]);
        header->prefix_bytes = bytes[6] == 1 ? 10 : 12;
        if (size < header->prefix_bytes)
                return trib__fail(err, TRIB_MALFORMED,
                                  "npy: offset 8: the file ends inside the header length");
        for (size_t i = header->prefix_bytes; i > 8; i--)
                length = length << 8 | bytes[i - 1];
        if (length > TRIB__NPY_HEADER_LIMIT)
                return trib__fail(err, TRIB_MALFORMED,
                                  "npy: offset 8: a header of %u bytes, at most %d are read",
                                  (unsigned)length, TRIB__NPY_HEADER_LIMIT);
        header->text_bytes = length;
        return TRIB_OK;
}

static trib_status malformed(const struct reader *in, const char *what)
{
        return trib__fail(in->err, TRIB_MALFORMED, "npy: offset %zu: %s",
                          in->file_offset + in->at, what);
}

/* The next byte, or 0 at the end (a 0 in the text fits nothing either). */
static char peek(const struct reader *in)
{
        return in->at < in->size ? in->text[in->at] : '\0';
}

static void skip_spaces(struct reader *in)
{
        while (peek(in) == ' ')
                in->at++;
}

/* Skips spaces, then takes `wanted` if it comes next. */
static bool take(struct reader *in, char wanted)
{
        skip_spaces(in);
        if (peek(in) != wanted)
                return false;
        in->at++;
        return true;
}

static bool take_word(struct reader *in, const char *word)
{
        size_t length = strlen(word);

        skip_spaces(in);
        if (in->size - in->at < length || memcmp(in->text + in->at, word, length) != 0)
                return false;
        in->at += length;
        return true;
}

/* A quoted string without escapes, into `out`, cut to its size. */
static trib_status read_string(struct reader *in, char *out, size_t out_size)
{
        size_t used = 0;
        char   quote;

        skip_spaces(in);
        quote = peek(in);
        if (quote != '\'' && quote != '"')
                return malformed(in, "expected a quoted string");
        for (in->at++; peek(in) != quote; in->at++) {
                char c = peek(in);

                if (c < ' ' || c > '~' || c == '\\')
                        return malformed(in, "a string has a byte that it must not have");
                if (used + 1 < out_size)
                        out[used++] = c;
        }
        in->at++;
        out[used] = '\0';
        return TRIB_OK;
}

static trib_dtype dtype_of(const char *descr)
{
        trib_dtype dtype = TRIB_DTYPE_NONE;

#define MATCH_DESCR(name, value, bytes, npy, text)                                           \
        if ((descr[0] == (npy)[0] || ((bytes) == 1 && descr[0] != '\0' &&                    \
                                      strchr("<>=", descr[0]) != NULL)) &&                   \
            strcmp(descr + 1, (npy) + 1) == 0)                                               \
                dtype = TRIB_##name;
        TRIB_DTYPE_LIST(MATCH_DESCR)
#undef MATCH_DESCR
        /* Sixteen bits of anything: only whoever wrote them knows that they are bf16. */
        return dtype == TRIB_BF16 ? TRIB_DTYPE_NONE : dtype;
}

static trib_status read_descr(struct reader *in, struct trib__npy_header *header)
{
        char   descr[24];
        size_t start;

        skip_spaces(in);
        start = in->at;
        if (peek(in) == '[')
                return trib__fail(in->err, TRIB_UNSUPPORTED,
                                  "npy: offset %zu: elements are records, only plain numbers can "
                                  "be read", in->file_offset + start);
        if (read_string(in, descr, sizeof(descr)) != TRIB_OK)
                return TRIB_MALFORMED;
        header->dtype = dtype_of(descr);
        if (header->dtype == TRIB_DTYPE_NONE)
                return trib__fail(in->err, TRIB_UNSUPPORTED,
                                  "npy: offset %zu: elements are '%s', only little-endian f2, f4, "
                                  "f8, i1, u1, i4, i8 and b1 can be read",
                                  in->file_offset + start, descr);
        return TRIB_OK;
}

static trib_status read_order(struct reader *in, struct trib__npy_header *header)
{
        header->is_fortran = take_word(in, "True");
        if (!header->is_fortran && !take_word(in, "False"))
                return malformed(in, "fortran_order must be True or False");
        return TRIB_OK;
}

static trib_status read_dimension(struct reader *in, int64_t *dimension)
{
        size_t start;

        skip_spaces(in);
        start = in->at;
        *dimension = 0;
        while (peek(in) >= '0' && peek(in) <= '9') {
                if (__builtin_mul_overflow(*dimension, 10, dimension) ||
                    __builtin_add_overflow(*dimension, peek(in) - '0', dimension)) {
                        in->at = start;
                        return malformed(in, "a dimension does not fit in 63 bits");
                }
                in->at++;
        }
        if (in->at == start)
                return malformed(in, "expected a dimension or ')'");
        if (in->text[start] == '0' && in->at - start > 1) {
                in->at = start;
                return malformed(in, "a dimension starts with 0");
        }
        return TRIB_OK;
}

static trib_status read_shape(struct reader *in, struct trib__npy_header *header)
{
        bool has_comma = true;

        header->rank = 0;
        if (!take(in, '('))
                return malformed(in, "shape must be a tuple");
        while (!take(in, ')')) {
                int64_t     dimension;
                trib_status status;

                if (!has_comma)
                        return malformed(in, "expected ',' or ')' after a dimension");
                status = read_dimension(in, &dimension);
                if (status != TRIB_OK)
                        return status;
                if (header->rank == TRIB_MAX_RANK)
                        return trib__fail(in->err, TRIB_UNSUPPORTED,
                                          "npy: offset %zu: more than %d dimensions",
                                          in->file_offset + in->at, TRIB_MAX_RANK);
                header->shape[header->rank++] = dimension;
                has_comma = take(in, ',');
        }
        /* (5) is the number 5 in brackets, not a tuple. */
        if (header->rank == 1 && !has_comma)
                return malformed(in, "a tuple of one dimension needs a comma");
        return TRIB_OK;
}

static trib_status read_entry(struct reader *in, struct trib__npy_header *header, int *seen)
{
        char        name[16];
        size_t      start;
        int         key;
        trib_status status;

        skip_spaces(in);
        start = in->at;
        status = read_string(in, name, sizeof(name));
        if (status != TRIB_OK)
                return status;
        key = strcmp(name, "descr") == 0           ? KEY_DESCR
              : strcmp(name, "fortran_order") == 0 ? KEY_ORDER
              : strcmp(name, "shape") == 0         ? KEY_SHAPE
                                                   : 0;
        if (key == 0 || (*seen & key) != 0) {
                in->at = start;
                return malformed(in, key == 0 ? "the header has a key that it must not have"
                                              : "the header has a key twice");
        }
        *seen |= key;
        if (!take(in, ':'))
                return malformed(in, "expected ':' after a key");
        if (key == KEY_DESCR)
                return read_descr(in, header);
        return key == KEY_ORDER ? read_order(in, header) : read_shape(in, header);
}

trib_status trib__npy_read_text(const char *text, struct trib__npy_header *header,
                                trib_error *err)
{
        struct reader in = { text, 0, header->text_bytes, header->prefix_bytes, err };
        int           seen = 0;
        bool          has_comma = true;

        if (!take(&in, '{'))
                return malformed(&in, "the header must start with '{'");
        while (!take(&in, '}')) {
                trib_status status;

                if (!has_comma)
                        return malformed(&in, "expected ',' or '}' after a value");
                status = read_entry(&in, header, &seen);
                if (status != TRIB_OK)
                        return status;
                has_comma = take(&in, ',');
        }
        if (seen != KEY_ALL)
                return malformed(&in, "the header lacks one of descr, fortran_order, shape");
        skip_spaces(&in);
        if (in.at + 1 != in.size || in.text[in.at] != '\n')
                return malformed(&in, "the header must end in spaces and one newline");
        return TRIB_OK;
}

static const char *descr_of(trib_dtype dtype)
{
        switch (dtype) {
#define DESCR(name, value, bytes, npy, text) \
        case TRIB_##name:                    \
                return npy;
                TRIB_DTYPE_LIST(DESCR)
#undef DESCR
        case TRIB_DTYPE_NONE:
                break;
        }
        return "";
}

size_t trib__npy_write_header(const trib_tensor *tensor, char out[TRIB__NPY_WRITTEN_MAX])
{
        size_t used = 10, length;

        /* At most 10 + 60 + 8 * 21 bytes, so nothing is cut. */
        used += (size_t)snprintf(out + used, TRIB__NPY_WRITTEN_MAX - used,
                                 "{'descr': '%s', 'fortran_order': False, 'shape': (",
                                 descr_of(tensor->dtype));
        for (int d = 0; d < tensor->rank; d++)
                used += (size_t)snprintf(out + used, TRIB__NPY_WRITTEN_MAX - used, "%s%lld%s",
                                         d == 0 ? "" : " ", (long long)tensor->shape[d],
                                         d + 1 < tensor->rank || d == 0 ? "," : "");
        used += (size_t)snprintf(out + used, TRIB__NPY_WRITTEN_MAX - used, "), }");
        while ((used + 1) % 64 != 0)
                out[used++] = ' ';
        out[used++] = '\n';
        length = used - 10;
        memcpy(out, "\x93NUMPY\x01", 8); /* with the 0 at its end: format 1.0 */
        out[8] = (char)(length & 0xff);
        out[9] = (char)(length >> 8);
        return used;
}
