/* SPDX-License-Identifier: Apache-2.0 */
/* test_npy_header.c: every way in which a header can be right or wrong, each with the message. */
#include "test_main.h"

#include <stdlib.h>

#include "tensor/npy_priv.h"

/* Parse a text at the end of its own memory, so that a sanitizer sees a read past it. */
static trib_status parse(const char *text, size_t size, struct trib__npy_header *header,
                         trib_error *err)
{
        char       *memory = malloc(size != 0 ? size : 1);
        trib_status status;

        assert_non_null(memory);
        memcpy(memory, text, size);
        memset(header, 0, sizeof(*header));
        header->prefix_bytes = 10;
        header->text_bytes = size;
        status = trib__npy_read_text(memory, header, err);
        free(memory);
        return status;
}

static void header_of_numpy_is_read(void **state)
{
        struct trib__npy_header header;
        const char *text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 64), }      \n";

        (void)state;
        assert_int_equal(parse(text, strlen(text), &header, NULL), TRIB_OK);
        assert_int_equal(header.dtype, TRIB_F32);
        assert_false(header.is_fortran);
        assert_int_equal(header.rank, 2);
        assert_true(header.shape[0] == 2 && header.shape[1] == 64);
}

static void keys_come_in_any_order_and_quotes(void **state)
{
        static const char *const texts[] = {
                "{'shape': (3,), 'descr': '|i1', 'fortran_order': True}\n",
                "{\"fortran_order\": True, \"shape\": (3,), \"descr\": \"|i1\"}\n",
                "{'fortran_order':True,'descr':'<i1','shape':(3,)}\n",
                "  { 'shape' : ( 3 , ) , 'descr' : '=i1' , 'fortran_order' : True , }  \n",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct trib__npy_header header;

                assert_int_equal(parse(texts[i], strlen(texts[i]), &header, NULL), TRIB_OK);
                assert_int_equal(header.dtype, TRIB_I8);
                assert_true(header.is_fortran);
                assert_true(header.rank == 1 && header.shape[0] == 3);
        }
}

static void shapes_are_tuples_of_up_to_eight(void **state)
{
        static const struct {
                const char *shape;
                int         rank;
                int64_t     first;
        } cases[] = {
                { "()", 0, 0 },
                { "( )", 0, 0 },
                { "(0,)", 1, 0 },
                { "(9223372036854775807,)", 1, INT64_MAX },
                { "(7, 5)", 2, 7 },
                { "(7, 5,)", 2, 7 },
                { "(1, 2, 3, 4, 5, 6, 7, 8)", 8, 1 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct trib__npy_header header;
                char                    text[200];

                (void)snprintf(text, sizeof(text),
                               "{'descr': '<f4', 'fortran_order': False, 'shape': %s}\n",
                               cases[i].shape);
                assert_int_equal(parse(text, strlen(text), &header, NULL), TRIB_OK);
                assert_int_equal(header.rank, cases[i].rank);
                if (header.rank > 0)
                        assert_true(header.shape[0] == cases[i].first);
        }
}

#define D "'descr': '<f4'"
#define F "'fortran_order': False"
#define S "'shape': (1,)"

static const struct {
        const char *text;
        trib_status status;
        const char *message;
} wrong[] = {
        { "", TRIB_MALFORMED, "offset 10: the header must start with '{'" },
        { "\n", TRIB_MALFORMED, "offset 10: the header must start with '{'" },
        { "[" D "]\n", TRIB_MALFORMED, "offset 10: the header must start with '{'" },
        { "{", TRIB_MALFORMED, "offset 11: expected a quoted string" },
        { "{}\n", TRIB_MALFORMED, "lacks one of descr, fortran_order, shape" },
        { "{" D ", " F "}\n", TRIB_MALFORMED, "lacks one of" },
        { "{" D ", " S "}\n", TRIB_MALFORMED, "lacks one of" },
        { "{" F ", " S "}\n", TRIB_MALFORMED, "lacks one of" },
        { "{" D ", " F ", " S, TRIB_MALFORMED, "expected ',' or '}' after a value" },
        { "{" D ", " F ", " S "}", TRIB_MALFORMED, "must end in spaces and one newline" },
        { "{" D ", " F ", " S "}  ", TRIB_MALFORMED, "must end in spaces and one newline" },
        { "{" D ", " F ", " S "}\n\n", TRIB_MALFORMED, "must end in spaces and one newline" },
        { "{" D ", " F ", " S "}x\n", TRIB_MALFORMED, "must end in spaces and one newline" },
        { "{" D ", " F ", " S "}\n ", TRIB_MALFORMED, "must end in spaces and one newline" },
        { "{" D ", " F ", " S "}\t\n", TRIB_MALFORMED, "must end in spaces and one newline" },
        { "{" D " " F ", " S "}\n", TRIB_MALFORMED, "expected ',' or '}' after a value" },
        { "{" D ",, " F ", " S "}\n", TRIB_MALFORMED, "offset 26: expected a quoted string" },
        { "{, " D ", " F ", " S "}\n", TRIB_MALFORMED, "offset 11: expected a quoted string" },
        { "{" D ", " D ", " F ", " S "}\n", TRIB_MALFORMED, "offset 27: the header has a key tw" },
        { "{" D ", " F ", " S ", 'x': 1}\n", TRIB_MALFORMED, "a key that it must not have" },
        { "{'descr_': '<f4'}\n", TRIB_MALFORMED, "offset 11: the header has a key that it must" },
        { "{'descr' '<f4'}\n", TRIB_MALFORMED, "expected ':' after a key" },
        { "{'descr: '<f4'}\n", TRIB_MALFORMED, "a key that it must not have" },
        { "{'descr", TRIB_MALFORMED, "offset 17: a string has a byte" },
        { "{'de\\scr': '<f4'}\n", TRIB_MALFORMED, "a string has a byte" },
        { "{'descr\": '<f4'}\n", TRIB_MALFORMED, "a key that it must not have" },
        { "{descr: '<f4'}\n", TRIB_MALFORMED, "offset 11: expected a quoted string" },
        { "{'descr': <f4}\n", TRIB_MALFORMED, "offset 20: expected a quoted string" },
        { "{'descr': '<f\xc3\xa9'}\n", TRIB_MALFORMED, "a string has a byte" },
        { "{'descr': [('a', '<f4')]}\n", TRIB_UNSUPPORTED, "offset 20: elements are records" },
        { "{'descr': '>f4'}\n", TRIB_UNSUPPORTED, "offset 20: elements are '>f4', only little" },
        { "{'descr': '=f4'}\n", TRIB_UNSUPPORTED, "elements are '=f4'" },
        { "{'descr': '|f4'}\n", TRIB_UNSUPPORTED, "elements are '|f4'" },
        { "{'descr': '<u2'}\n", TRIB_UNSUPPORTED, "elements are '<u2'" },
        { "{'descr': '<f3'}\n", TRIB_UNSUPPORTED, "elements are '<f3'" },
        { "{'descr': '<c8'}\n", TRIB_UNSUPPORTED, "elements are '<c8'" },
        { "{'descr': '|O'}\n", TRIB_UNSUPPORTED, "elements are '|O'" },
        { "{'descr': '<f44'}\n", TRIB_UNSUPPORTED, "elements are '<f44'" },
        { "{'descr': 'f4'}\n", TRIB_UNSUPPORTED, "elements are 'f4'" },
        { "{'descr': ''}\n", TRIB_UNSUPPORTED, "elements are ''" },
        { "{'descr': '%n%n%s'}\n", TRIB_UNSUPPORTED, "elements are '%n%n%s'" },
        { "{'descr': '<U1234567890123456789012345678901234567890'}\n", TRIB_UNSUPPORTED,
          "elements are '<U123456789012345678901'" },
        { "{'fortran_order': 0}\n", TRIB_MALFORMED, "fortran_order must be True or False" },
        { "{'fortran_order': true}\n", TRIB_MALFORMED, "fortran_order must be True or False" },
        { "{'fortran_order': Tru", TRIB_MALFORMED, "fortran_order must be True or False" },
        { "{'fortran_order': Truex}\n", TRIB_MALFORMED, "expected ',' or '}' after a value" },
        { "{'shape': 3}\n", TRIB_MALFORMED, "shape must be a tuple" },
        { "{'shape': [3]}\n", TRIB_MALFORMED, "shape must be a tuple" },
        { "{'shape': (3)}\n", TRIB_MALFORMED, "a tuple of one dimension needs a comma" },
        { "{'shape': (3", TRIB_MALFORMED, "expected ',' or ')' after a dimension" },
        { "{'shape': (3,", TRIB_MALFORMED, "expected a dimension or ')'" },
        { "{'shape': (", TRIB_MALFORMED, "expected a dimension or ')'" },
        { "{'shape': (,)}\n", TRIB_MALFORMED, "expected a dimension or ')'" },
        { "{'shape': (3,,4)}\n", TRIB_MALFORMED, "expected a dimension or ')'" },
        { "{'shape': (3 4)}\n", TRIB_MALFORMED, "expected ',' or ')' after a dimension" },
        { "{'shape': (-3,)}\n", TRIB_MALFORMED, "offset 21: expected a dimension or ')'" },
        { "{'shape': (+3,)}\n", TRIB_MALFORMED, "expected a dimension or ')'" },
        { "{'shape': (3.0,)}\n", TRIB_MALFORMED, "expected ',' or ')' after a dimension" },
        { "{'shape': (0x3,)}\n", TRIB_MALFORMED, "expected ',' or ')' after a dimension" },
        { "{'shape': (3L,)}\n", TRIB_MALFORMED, "expected ',' or ')' after a dimension" },
        { "{'shape': (03,)}\n", TRIB_MALFORMED, "offset 21: a dimension starts with 0" },
        { "{'shape': (None,)}\n", TRIB_MALFORMED, "expected a dimension or ')'" },
        { "{'shape': (9223372036854775808,)}\n", TRIB_MALFORMED, "does not fit in 63 bits" },
        { "{'shape': (99999999999999999999999,)}\n", TRIB_MALFORMED, "does not fit in 63 bits" },
        { "{'shape': (1,1,1,1,1,1,1,1,1)}\n", TRIB_UNSUPPORTED, "more than 8 dimensions" },
};

#undef D
#undef F
#undef S

static void every_wrong_header_gets_its_message(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct trib__npy_header header;
                trib_error              err = TRIB_ERROR_INIT;
                trib_status status = parse(wrong[i].text, strlen(wrong[i].text), &header, &err);

                if (status != wrong[i].status || strstr(err.message, wrong[i].message) == NULL)
                        fail_msg("%s gave %d: %s", wrong[i].text, status, err.message);
        }
}

static void headers_cut_anywhere_are_refused(void **state)
{
        const char *text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 64), }      \n";

        (void)state;
        for (size_t size = 0; size < strlen(text); size++) {
                struct trib__npy_header header;

                assert_int_equal(parse(text, size, &header, NULL), TRIB_MALFORMED);
        }
}

static void headers_with_any_byte_changed_are_judged(void **state)
{
        const char *text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 64), }   \n";
        size_t      size = strlen(text);
        char        changed[128];

        (void)state;
        for (size_t at = 0; at < size; at++)
                for (int byte = 0; byte < 256; byte++) {
                        struct trib__npy_header header;
                        trib_status             status;

                        memcpy(changed, text, size);
                        changed[at] = (char)byte;
                        status = parse(changed, size, &header, NULL);
                        assert_true(status == TRIB_OK || status == TRIB_MALFORMED ||
                                    status == TRIB_UNSUPPORTED);
                        assert_true(status != TRIB_OK || header.dtype != TRIB_DTYPE_NONE);
                }
}

static void prefix_is_checked_field_by_field(void **state)
{
        static const struct {
                const char *bytes;
                size_t      size;
                trib_status status;
                const char *message;
        } cases[] = {
                { "\x93NUMPY\1\0\x76\0", 10, TRIB_OK, "" },
                { "\x93NUMPY\2\0\x76\0\0\0", 12, TRIB_OK, "" },
                { "\x93NUMPY\3\0\x76\0\0\0", 12, TRIB_OK, "" },
                { "\x93NUMPY\2\0\0\0\1\0", 12, TRIB_OK, "" },
                { "\x93NUMPY\2\0\1\0\1\0", 12, TRIB_MALFORMED, "header of 65537 bytes" },
                { "\x93NUMPY\2\0\xff\xff\xff\xff", 12, TRIB_MALFORMED, "4294967295 bytes" },
                { "\x93NUMPY\2\0\x76\0\0", 11, TRIB_MALFORMED, "ends inside the header length" },
                { "\x93NUMPY\1\0\x76", 9, TRIB_MALFORMED, "ends inside the header length" },
                { "\x93NUMPY\1", 7, TRIB_MALFORMED, "offset 0: no .npy file" },
                { "", 0, TRIB_MALFORMED, "offset 0: no .npy file" },
                { "\x93NUMPX\1\0\x76\0", 10, TRIB_MALFORMED, "offset 0: no .npy file" },
                { "PK\3\4\0\0\0\0\0\0", 10, TRIB_MALFORMED, "offset 0: no .npy file" },
                { "\x93NUMPY\0\0\x76\0", 10, TRIB_UNSUPPORTED, "offset 6: format 0.0" },
                { "\x93NUMPY\4\0\x76\0", 10, TRIB_UNSUPPORTED, "offset 6: format 4.0" },
                { "\x93NUMPY\1\1\x76\0", 10, TRIB_UNSUPPORTED, "offset 6: format 1.1" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct trib__npy_header header = { 0 };
                trib_error              err = TRIB_ERROR_INIT;

                assert_int_equal(trib__npy_read_prefix((const unsigned char *)cases[i].bytes,
                                                       cases[i].size, &header, &err),
                                 cases[i].status);
                assert_non_null(strstr(err.message, cases[i].message));
                if (cases[i].status == TRIB_OK)
                        assert_int_equal(header.prefix_bytes, cases[i].size);
        }
}

static void written_headers_read_back(void **state)
{
        static const int64_t shape[8] = { INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
                                          INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX };

        (void)state;
        for (int rank = 0; rank <= 8; rank++)
                for (int d = TRIB_F32; d <= TRIB_BOOL; d++) {
                        trib_tensor view = trib_tensor_from((trib_dtype)d, NULL, rank, shape);
                        char        bytes[TRIB__NPY_WRITTEN_MAX];
                        size_t      size = trib__npy_write_header(&view, bytes);
                        struct trib__npy_header header = { 0 };

                        assert_int_equal(size % 64, 0);
                        assert_int_equal(
                                trib__npy_read_prefix((unsigned char *)bytes, 10, &header, NULL),
                                TRIB_OK);
                        assert_int_equal(header.prefix_bytes + header.text_bytes, size);
                        if (d == TRIB_BF16)
                                continue;
                        assert_int_equal(trib__npy_read_text(bytes + 10, &header, NULL), TRIB_OK);
                        assert_int_equal(header.dtype, d);
                        assert_int_equal(header.rank, rank);
                        assert_memory_equal(header.shape, shape, sizeof(int64_t) * (size_t)rank);
                }
}

TRIB_TEST_MAIN(TRIB_TEST(header_of_numpy_is_read), TRIB_TEST(keys_come_in_any_order_and_quotes),
               TRIB_TEST(shapes_are_tuples_of_up_to_eight),
               TRIB_TEST(every_wrong_header_gets_its_message),
               TRIB_TEST(headers_cut_anywhere_are_refused),
               TRIB_TEST(headers_with_any_byte_changed_are_judged),
               TRIB_TEST(prefix_is_checked_field_by_field), TRIB_TEST(written_headers_read_back))
