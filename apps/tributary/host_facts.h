/* SPDX-License-Identifier: Apache-2.0 */
/* host_facts.h: what the machine is that we measure on. */
#ifndef TRIB_APPS_HOST_FACTS_H
#define TRIB_APPS_HOST_FACTS_H

#include "analysis/measurements.h"

/* Fill in what the system tells; the rest stays empty or 0. */
void trib_host_describe(struct trib__machine *machine);

/* Nanoseconds since this process was started; 0 = not known. Exact to about 10 ms. */
uint64_t trib_host_process_age(void);

#endif
