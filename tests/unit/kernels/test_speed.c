/* SPDX-License-Identifier: Apache-2.0 */
/* test_speed.c: the loops that measure a core compute what they say, with every instruction set
 * that this processor has. */
#include "test_main.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/speed_loops.h"

static const struct trib__speed_set *set_of(enum trib__isa isa)
{
#if defined(__x86_64__)
        if (isa > trib__isa_choose())
                return NULL;
        if (isa == TRIB__ISA_AVX512_BF16)
                return &trib__speed_avx512bf16;
        if (isa == TRIB__ISA_AVX512)
                return &trib__speed_avx512;
        if (isa == TRIB__ISA_AVX2)
                return &trib__speed_avx2;
#endif
        return isa == TRIB__ISA_PLAIN ? &trib__speed_plain : NULL;
}

/* x -> x / 2 + 1 / 2 goes to 1 in every chain; a pair 1, -1 times equal numbers adds nothing. */
static void loops_do_all_their_multiply_adds(void **state)
{
        double start = 0;

        (void)state;
        for (int i = 0; i < TRIB__SPEED_CHAINS; i++)
                start += i;
        for (int isa = TRIB__ISA_PLAIN; isa <= TRIB__ISA_AVX512_BF16; isa++) {
                const struct trib__speed_set *set = set_of((enum trib__isa)isa);

                if (set == NULL)
                        continue;
                assert_true(fabs(set->f32(0) - 0.5 * start) < 1e-6);
                assert_true(fabs(set->f64(0) - 0.5 * start) < 1e-12);
                assert_true(fabs(set->f32(1) - (0.25 * start + 6)) < 1e-6);
                assert_true(fabs(set->f64(100) - TRIB__SPEED_CHAINS) < 1e-12);
                assert_true(set->f32_flops == 2 * set->f64_flops);
                if (set->bf16 != NULL)
                        assert_true(fabs(set->bf16(1000) - start) < 1e-6);
        }
        assert_non_null(trib__speed_choose()->f32);
}

static void reader_reads_every_word_once(void **state)
{
        const size_t size = 16 * TRIB__SPEED_READ, count = size / sizeof(uint64_t);
        uint64_t    *words = aligned_alloc(64, size);

        (void)state;
        assert_non_null(words);
        for (int isa = TRIB__ISA_PLAIN; isa <= TRIB__ISA_AVX512_BF16; isa++) {
                const struct trib__speed_set *set = set_of((enum trib__isa)isa);
                uint64_t                      before;

                if (set == NULL)
                        continue;
                memset(words, 0, size);
                before = set->read(words, size);
                assert_int_equal(before, 0);
                /* What it gives is the first lane of the sum: of every vector one word. */
                for (size_t i = 0; i < count; i++)
                        words[i] = 1;
                assert_true(set->read(words, size) * sizeof(uint64_t) >= size / 8);
        }
        free(words);
}

TRIB_TEST_MAIN(TRIB_TEST(loops_do_all_their_multiply_adds), TRIB_TEST(reader_reads_every_word_once))
