/* SPDX-License-Identifier: Apache-2.0 */
/* machine.h: what machine this is. */
#ifndef TRIB_BASE_MACHINE_H
#define TRIB_BASE_MACHINE_H

#include <stdint.h>

/* Cores that this process may use (its affinity mask is what counts), at least 1. */
unsigned trib__cpu_count(void);

/* The processor's own name, "unknown processor" if it does not say. */
void trib__cpu_name(char *name, unsigned size);

/* Physical memory; 0 if unknown. */
uint64_t trib__memory_bytes(void);

#endif
