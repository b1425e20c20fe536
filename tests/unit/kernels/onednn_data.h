/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_data.h: tensors with known values, and the comparison with a wanted result, for the tests
 * of kernels/cpu/onednn*.c. Where no oneDNN is installed, a case skips itself in open_or_skip. */
#ifndef TRIB_TEST_ONEDNN_DATA_H
#define TRIB_TEST_ONEDNN_DATA_H

#include <math.h>
#include <stdlib.h>

#include "kernels/cpu/onednn.h"
#include "test_main.h"

#define MOST 40000 /* elements of the largest tensor here */

static uint32_t seed = 12345;

static inline float next_random(void)
{
        seed = seed * 1664525u + 1013904223u;
        return (float)(seed >> 8) / 8388608.0f - 1.0f;
}

/* A tensor in the dtype under test, and its values as the operator sees them. */
struct data {
        trib_dtype dtype;
        size_t     count;
        double    *value;
        void      *bytes;
};

static inline double f16_value(uint16_t bits)
{
        const int    exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
        const double size = exponent == 0 ? ldexp(fraction, -24)
                                          : ldexp(fraction + 1024, exponent - 25);

        return (bits & 0x8000) != 0 ? -size : size;
}

static inline double bf16_value(uint16_t bits)
{
        uint32_t wide = (uint32_t)bits << 16;
        float    value;

        memcpy(&value, &wide, sizeof(value));
        return (double)value;
}

static inline double read_element(trib_dtype dtype, const void *bytes, size_t i)
{
        if (dtype == TRIB_F32)
                return (double)((const float *)bytes)[i];
        if (dtype == TRIB_BF16)
                return bf16_value(((const uint16_t *)bytes)[i]);
        return f16_value(((const uint16_t *)bytes)[i]);
}

/* Small multiples of 1/64 in (-1, 1) are exact in all three types. */
static inline void write_element(trib_dtype dtype, void *bytes, size_t i, float wanted)
{
        const float sixtyfourths = roundf(wanted * 63.0f) / 64.0f;
        uint32_t    wide;
        uint16_t    bits = 0;
        int         exponent;
        double      fraction;

        if (dtype == TRIB_F32) {
                ((float *)bytes)[i] = wanted;
                return;
        }
        memcpy(&wide, &sixtyfourths, sizeof(wide));
        fraction = frexp(fabs((double)sixtyfourths), &exponent);
        if (dtype == TRIB_BF16)
                bits = (uint16_t)(wide >> 16);
        else if (sixtyfourths != 0.0f)
                bits = (uint16_t)((signbit(sixtyfourths) ? 0x8000u : 0u) |
                                  (unsigned)(exponent + 14) << 10 |
                                  ((unsigned)(fraction * 2048.0) & 0x3ffu));
        ((uint16_t *)bytes)[i] = bits;
}

static inline struct data make_data(trib_dtype dtype, int64_t count)
{
        struct data d = { dtype, (size_t)count, NULL, NULL };

        assert_true(count <= MOST);
        d.value = malloc(d.count * sizeof(double));
        d.bytes = aligned_alloc(64, (d.count * 4 + 63) / 64 * 64);
        assert_non_null(d.value);
        assert_non_null(d.bytes);
        for (size_t i = 0; i < d.count; i++) {
                write_element(dtype, d.bytes, i, next_random());
                d.value[i] = read_element(dtype, d.bytes, i);
        }
        return d;
}

static inline void free_data(struct data *d)
{
        free(d->value);
        free(d->bytes);
}

/* |got - want| <= absolute[i], where the allowance also holds half a unit of the output's type. */
static inline void check_near(const struct data *got, const double *want, const double *allowed)
{
        const double unit = got->dtype == TRIB_F32 ? 0x1p-23
                            : got->dtype == TRIB_F16 ? 0x1p-10
                                                     : 0x1p-7;

        for (size_t i = 0; i < got->count; i++) {
                const double value = read_element(got->dtype, got->bytes, i);
                const double limit = allowed[i] + unit * (fabs(want[i]) + 1e-3);

                if (!(fabs(value - want[i]) <= limit))
                        fail_msg("element %zu is %.9g, want %.9g within %.3g", i, value, want[i],
                                 limit);
        }
}

static inline struct trib__onednn *open_or_skip(void)
{
        struct trib__onednn *lib;
        trib_error           err = TRIB_ERROR_INIT;
        trib_status          status = trib__onednn_open(&lib, &err);

        if (status == TRIB_NOT_FOUND)
                skip();
        if (status != TRIB_OK)
                fail_msg("open: %s", err.message);
        return lib;
}

/* Bind, run once and unbind. */
static inline void run_once(const struct trib__onednn_prim *prim, const void *const *inputs,
                            void *output)
{
        const size_t              bytes = trib__onednn_prim_info(prim)->scratch_bytes;
        void                     *scratch = aligned_alloc(64, bytes + 64);
        struct trib__onednn_exec *exec;
        trib_error                err = TRIB_ERROR_INIT;

        assert_int_equal(bytes % 64, 0);
        assert_int_equal(trib__onednn_exec_create(prim, &exec, &err), TRIB_OK);
        assert_int_equal(trib__onednn_exec_run(exec, inputs, output, scratch, &err), TRIB_OK);
        trib__onednn_exec_destroy(exec);
        free(scratch);
}

static inline double activate(enum trib__onednn_activation activation, double x)
{
        switch (activation) {
        case TRIB__ONEDNN_RELU: return x > 0 ? x : 0;
        case TRIB__ONEDNN_GELU_ERF: return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
        case TRIB__ONEDNN_GELU_TANH:
                return 0.5 * x * (1.0 + tanh(sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
        case TRIB__ONEDNN_TANH: return tanh(x);
        case TRIB__ONEDNN_SIGMOID: return 1.0 / (1.0 + exp(-x));
        case TRIB__ONEDNN_NONE: break;
        }
        return x;
}

static const trib_dtype all_dtypes[] = { TRIB_F32, TRIB_BF16, TRIB_F16 };

#define DTYPE_COUNT 3

/* A dtype that this version or processor lacks is fine, except f32. True: go on with it. */
static inline bool is_usable(trib_status status, trib_dtype dtype, const trib_error *err)
{
        if (status == TRIB_UNSUPPORTED && dtype != TRIB_F32)
                return false;
        if (status != TRIB_OK)
                fail_msg("%s: %s", trib_status_name(status), err->message);
        return true;
}

#endif
