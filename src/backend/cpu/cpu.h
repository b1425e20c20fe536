/* SPDX-License-Identifier: Apache-2.0 */
/* cpu.h: the CPU as a device: the embedded default.
 *
 * A launch runs inline, on the caller's core, before it returns; then the queue's timeline is
 * raised. Kernels come from oneDNN where it is installed and has the operator for the dtype, else
 * from the reference. No launch allocates or locks, but the first of a program on a queue, which
 * binds oneDNN's memory objects to that queue. */
#ifndef TRIB_BACKEND_CPU_H
#define TRIB_BACKEND_CPU_H

#include "backend/backend.h"

extern const struct trib__backend trib__cpu_backend;

#endif
