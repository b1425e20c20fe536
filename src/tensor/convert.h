/* SPDX-License-Identifier: Apache-2.0 */
/* convert.h: one element of any dtype to and from double, and f16 and bf16 in software.
 *
 * Widening is exact but for i64 beyond 2^53. Narrowing rounds once, to nearest even; what is too
 * large becomes infinity, and NaN stays NaN: quiet, with the sign and the top bits of its payload,
 * as the instructions of x86 and Arm do it. */
#ifndef TRIB_TENSOR_CONVERT_H
#define TRIB_TENSOR_CONVERT_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tributary/tensor.h>

static inline uint64_t trib__f64_bits(double value)
{
        uint64_t bits;

        memcpy(&bits, &value, sizeof(bits));
        return bits;
}

static inline double trib__f64_from_bits(uint64_t bits)
{
        double value;

        memcpy(&value, &bits, sizeof(value));
        return value;
}

/* A 16-bit format with a sign, 15 - mantissa_bits bits of exponent, and mantissa_bits: f16 has 10,
 * bf16 has 7. */
static inline uint16_t trib__narrow_f64(double value, int mantissa_bits)
{
        uint64_t bits = trib__f64_bits(value);
        uint16_t sign = (uint16_t)(bits >> 48 & 0x8000);
        int      exponent = (int)(bits >> 52 & 0x7ff) - 1023;
        uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
        int      bias = (1 << (14 - mantissa_bits)) - 1;
        int      smallest = 1 - bias; /* exponent of the smallest normal number */
        int      shift = 52 - mantissa_bits;
        uint32_t infinity = (uint32_t)(2 * bias + 1) << mantissa_bits;
        uint64_t significand, rest, half;
        uint32_t magnitude;

        if (exponent == 1024 && fraction != 0)
                return (uint16_t)(sign | infinity | 1u << (mantissa_bits - 1) | fraction >> shift);
        if (exponent > bias)
                return (uint16_t)(sign | infinity);
        if (exponent < smallest)
                shift += smallest - exponent;
        if (shift > 54)
                return sign; /* less than half of the smallest subnormal number */
        significand = fraction | UINT64_C(1) << 52;
        rest = significand & ((UINT64_C(1) << shift) - 1);
        half = UINT64_C(1) << (shift - 1);
        magnitude = (uint32_t)(significand >> shift);
        if (rest > half || (rest == half && (magnitude & 1) != 0))
                magnitude++;
        /* The leading bit of the significand adds the last 1 of the exponent, and a carry out of
         * the rounding goes on into it, up to infinity. */
        if (exponent >= smallest)
                magnitude += (uint32_t)(exponent + bias - 1) << mantissa_bits;
        return (uint16_t)(sign | magnitude);
}

static inline uint16_t trib__f16_from_f64(double value)
{
        return trib__narrow_f64(value, 10);
}

static inline uint16_t trib__bf16_from_f64(double value)
{
        return trib__narrow_f64(value, 7);
}

static inline double trib__f16_to_f64(uint16_t half)
{
        uint64_t sign = (uint64_t)(half & 0x8000) << 48;
        uint64_t exponent = half >> 10 & 0x1f;
        uint64_t fraction = half & 0x3ff;

        if (exponent == 0x1f)
                return trib__f64_from_bits(sign | UINT64_C(0x7ff) << 52 | fraction << 42);
        if (exponent == 0)
                return trib__f64_from_bits(sign | trib__f64_bits((double)fraction * 0x1.0p-24));
        return trib__f64_from_bits(sign | (exponent + 1023 - 15) << 52 | fraction << 42);
}

static inline float trib__bf16_to_f32(uint16_t half)
{
        uint32_t bits = (uint32_t)half << 16;
        float    value;

        memcpy(&value, &bits, sizeof(value));
        return value;
}

static inline uint16_t trib__bf16_from_f32(float value)
{
        uint32_t bits;

        memcpy(&bits, &value, sizeof(bits));
        if ((bits & 0x7fffffff) > 0x7f800000)
                return (uint16_t)(bits >> 16 | 0x40);
        return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float trib__f16_to_f32(uint16_t half)
{
        return (float)trib__f16_to_f64(half);
}

static inline uint16_t trib__f16_from_f32(float value)
{
        return trib__f16_from_f64((double)value);
}

/* To a whole number in low..high: nearest, ties to even; clamped; NaN gives 0. */
static inline int64_t trib__round_f64(double value, int64_t low, int64_t high)
{
        double nearest = rint(value);

        if (nearest != nearest)
                return 0;
        if (nearest <= (double)low)
                return low;
        if (nearest >= (double)high)
                return high;
        return (int64_t)nearest;
}

/* Element i of an array of a dtype of TRIB_DTYPE_LIST, aligned to its size; 0 for any other. */
static inline double trib__load_as_f64(trib_dtype dtype, const void *base, size_t i)
{
        switch (dtype) {
        case TRIB_F32:
                return (double)((const float *)base)[i];
        case TRIB_F64:
                return ((const double *)base)[i];
        case TRIB_F16:
                return trib__f16_to_f64(((const uint16_t *)base)[i]);
        case TRIB_BF16:
                return (double)trib__bf16_to_f32(((const uint16_t *)base)[i]);
        case TRIB_I8:
                return ((const int8_t *)base)[i];
        case TRIB_U8:
                return ((const uint8_t *)base)[i];
        case TRIB_I32:
                return ((const int32_t *)base)[i];
        case TRIB_I64:
                return (double)((const int64_t *)base)[i];
        case TRIB_BOOL:
                return ((const uint8_t *)base)[i] != 0 ? 1.0 : 0.0;
        case TRIB_DTYPE_NONE:
                break;
        }
        return 0.0;
}

/* The reverse, by the rules of trib_tensor_copy; does nothing for any other dtype. */
static inline void trib__store_from_f64(trib_dtype dtype, void *base, size_t i, double value)
{
        switch (dtype) {
        case TRIB_F32:
                ((float *)base)[i] = (float)value;
                break;
        case TRIB_F64:
                ((double *)base)[i] = value;
                break;
        case TRIB_F16:
                ((uint16_t *)base)[i] = trib__f16_from_f64(value);
                break;
        case TRIB_BF16:
                ((uint16_t *)base)[i] = trib__bf16_from_f64(value);
                break;
        case TRIB_I8:
                ((int8_t *)base)[i] = (int8_t)trib__round_f64(value, INT8_MIN, INT8_MAX);
                break;
        case TRIB_U8:
                ((uint8_t *)base)[i] = (uint8_t)trib__round_f64(value, 0, UINT8_MAX);
                break;
        case TRIB_I32:
                ((int32_t *)base)[i] = (int32_t)trib__round_f64(value, INT32_MIN, INT32_MAX);
                break;
        case TRIB_I64:
                ((int64_t *)base)[i] = trib__round_f64(value, INT64_MIN, INT64_MAX);
                break;
        case TRIB_BOOL:
                ((uint8_t *)base)[i] = value != 0.0;
                break;
        case TRIB_DTYPE_NONE:
                break;
        }
}

/* f32, f64, f16, bf16. */
static inline int trib__dtype_is_float(trib_dtype dtype)
{
        return dtype == TRIB_F32 || dtype == TRIB_F64 || dtype == TRIB_F16 || dtype == TRIB_BF16;
}

#endif
