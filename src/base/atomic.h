/* SPDX-License-Identifier: Apache-2.0 */
/* atomic.h: the only door to atomic operations. The order is part of each name, so that a reader
 * sees it, and every use gives its reason (checked by tools/check_atomics.py).
 *
 * The types are structs, so that a plain read or write of an atomic word does not compile. */
#ifndef TRIB_BASE_ATOMIC_H
#define TRIB_BASE_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TRIB__CACHE_LINE 64

typedef struct trib__atomic_u32 {
        _Atomic(uint32_t) word;
} trib__atomic_u32;

typedef struct trib__atomic_u64 {
        _Atomic(uint64_t) word;
} trib__atomic_u64;

typedef struct trib__atomic_ptr {
        _Atomic(void *) word;
} trib__atomic_ptr;

#define TRIB__ATOMIC_FUNCTIONS(tag, type, value)                                              \
        static inline value trib__load_relaxed_##tag(const type *a)                           \
        {                                                                                     \
                return atomic_load_explicit(&((type *)(uintptr_t)a)->word,                    \
                                            memory_order_relaxed);                            \
        }                                                                                     \
        static inline value trib__load_acquire_##tag(const type *a)                           \
        {                                                                                     \
                return atomic_load_explicit(&((type *)(uintptr_t)a)->word,                    \
                                            memory_order_acquire);                            \
        }                                                                                     \
        static inline value trib__load_seqcst_##tag(const type *a)                            \
        {                                                                                     \
                return atomic_load_explicit(&((type *)(uintptr_t)a)->word,                    \
                                            memory_order_seq_cst);                            \
        }                                                                                     \
        static inline void trib__store_relaxed_##tag(type *a, value v)                        \
        {                                                                                     \
                atomic_store_explicit(&a->word, v, memory_order_relaxed);                     \
        }                                                                                     \
        static inline void trib__store_release_##tag(type *a, value v)                        \
        {                                                                                     \
                atomic_store_explicit(&a->word, v, memory_order_release);                     \
        }                                                                                     \
        static inline void trib__store_seqcst_##tag(type *a, value v)                         \
        {                                                                                     \
                atomic_store_explicit(&a->word, v, memory_order_seq_cst);                     \
        }                                                                                     \
        static inline value trib__exchange_acqrel_##tag(type *a, value v)                     \
        {                                                                                     \
                return atomic_exchange_explicit(&a->word, v, memory_order_acq_rel);           \
        }                                                                                     \
        static inline bool trib__cas_acquire_##tag(type *a, value *expected, value v)         \
        {                                                                                     \
                return atomic_compare_exchange_strong_explicit(                               \
                        &a->word, expected, v, memory_order_acquire, memory_order_relaxed);   \
        }                                                                                     \
        static inline bool trib__cas_release_##tag(type *a, value *expected, value v)         \
        {                                                                                     \
                return atomic_compare_exchange_strong_explicit(                               \
                        &a->word, expected, v, memory_order_release, memory_order_relaxed);   \
        }                                                                                     \
        static inline bool trib__cas_acqrel_##tag(type *a, value *expected, value v)          \
        {                                                                                     \
                return atomic_compare_exchange_strong_explicit(                               \
                        &a->word, expected, v, memory_order_acq_rel, memory_order_acquire);   \
        }                                                                                     \
        static inline bool trib__cas_seqcst_##tag(type *a, value *expected, value v)          \
        {                                                                                     \
                return atomic_compare_exchange_strong_explicit(                               \
                        &a->word, expected, v, memory_order_seq_cst, memory_order_acquire);   \
        }

TRIB__ATOMIC_FUNCTIONS(u32, trib__atomic_u32, uint32_t)
TRIB__ATOMIC_FUNCTIONS(u64, trib__atomic_u64, uint64_t)
TRIB__ATOMIC_FUNCTIONS(ptr, trib__atomic_ptr, void *)

#define TRIB__ATOMIC_ADD(tag, type, value)                                                    \
        static inline value trib__fetch_add_relaxed_##tag(type *a, value v)                   \
        {                                                                                     \
                return atomic_fetch_add_explicit(&a->word, v, memory_order_relaxed);          \
        }                                                                                     \
        static inline value trib__fetch_add_acqrel_##tag(type *a, value v)                    \
        {                                                                                     \
                return atomic_fetch_add_explicit(&a->word, v, memory_order_acq_rel);          \
        }                                                                                     \
        static inline value trib__fetch_add_seqcst_##tag(type *a, value v)                    \
        {                                                                                     \
                return atomic_fetch_add_explicit(&a->word, v, memory_order_seq_cst);          \
        }                                                                                     \
        static inline value trib__fetch_sub_release_##tag(type *a, value v)                   \
        {                                                                                     \
                return atomic_fetch_sub_explicit(&a->word, v, memory_order_release);          \
        }                                                                                     \
        static inline value trib__fetch_sub_acqrel_##tag(type *a, value v)                    \
        {                                                                                     \
                return atomic_fetch_sub_explicit(&a->word, v, memory_order_acq_rel);          \
        }                                                                                     \
        static inline value trib__fetch_or_relaxed_##tag(type *a, value v)                    \
        {                                                                                     \
                return atomic_fetch_or_explicit(&a->word, v, memory_order_relaxed);           \
        }                                                                                     \
        static inline value trib__fetch_or_release_##tag(type *a, value v)                    \
        {                                                                                     \
                return atomic_fetch_or_explicit(&a->word, v, memory_order_release);           \
        }

TRIB__ATOMIC_ADD(u32, trib__atomic_u32, uint32_t)
TRIB__ATOMIC_ADD(u64, trib__atomic_u64, uint64_t)

/* Tell the core that we spin. */
static inline void trib__cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ __volatile__("yield");
#endif
}

#endif
