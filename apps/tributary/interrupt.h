/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt.h: ending a measurement cleanly on Ctrl-C. */
#ifndef TRIB_APPS_INTERRUPT_H
#define TRIB_APPS_INTERRUPT_H

#include "base/atomic.h"

/* From now on the first SIGINT and the first SIGTERM set the flag; the second of each ends the
 * process as if nothing had been caught. A signal that is ignored stays so. */
void trib_interrupt_catch(void);

/* Not 0 once a signal came. */
const trib__atomic_u32 *trib_interrupt_flag(void);

#endif
