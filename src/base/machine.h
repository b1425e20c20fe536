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

/* The data caches of the cores that this process may use. */
struct trib__caches {
        uint64_t private_bytes; /* next to last level, a core's part of it; 0: none or unknown */
        uint64_t shared_bytes;  /* last level: one of them; 0: unknown                      */
        uint32_t shared_count;  /* how many of those there are                              */
        uint32_t last_level;    /* 3 for an L3                                              */
};

/* From the system's folder for processors, usually "/sys/devices/system/cpu" (NULL: that). Under a
 * virtual machine: what its host shows. */
void trib__caches_of_cpus(const char *folder, struct trib__caches *out);

#endif
