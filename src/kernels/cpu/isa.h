/* SPDX-License-Identifier: Apache-2.0 */
/* isa.h: which of the instruction sets that kernels are written for this processor has, and this
 * system keeps the registers of. */
#ifndef TRIB_KERNELS_CPU_ISA_H
#define TRIB_KERNELS_CPU_ISA_H

/* Each has all that those before it have. */
enum trib__isa {
        TRIB__ISA_PLAIN,
        TRIB__ISA_AVX2,        /* with fused multiply-add */
        TRIB__ISA_AVX512,      /* F, DQ, BW, VL           */
        TRIB__ISA_AVX512_BF16
};

/* Takes microseconds on a virtual machine: not for the request path. Threads: any. */
enum trib__isa trib__isa_choose(void);

#endif
