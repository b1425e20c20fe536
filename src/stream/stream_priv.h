/* SPDX-License-Identifier: Apache-2.0 */
/* stream_priv.h: the static table of bindings. */
#ifndef TRIB_STREAM_STREAM_PRIV_H
#define TRIB_STREAM_STREAM_PRIV_H

#include "stream/stream_pool.h"

#define TRIB__MAX_DEVICES 16
#define TRIB__NO_HOME UINT32_MAX

/* A place in the static table, taken by a pool while it lives. */
trib_status trib__binding_open(uint32_t *place, uint32_t *epoch, trib_error *err) TRIB_MUST_USE;
void        trib__binding_close(uint32_t place, uint32_t epoch, uint32_t n_streams);

/* The calling thread's home in {place, epoch}, or TRIB__NO_HOME. No atomic operation. */
uint32_t trib__binding_home(uint32_t place, uint32_t epoch);
/* Take a home that nobody has, below n_streams; TRIB__NO_HOME if all are taken, or if the thread's
 * end could not be noticed. */
uint32_t trib__binding_take(uint32_t place, uint32_t epoch, uint32_t n_streams);
/* Give the calling thread's home back. */
void trib__binding_drop(uint32_t place, uint32_t epoch);

/* For policy wait: sleep until some home of the place may have been given back since *seen was
 * read by ..._generation. False at the deadline. */
uint32_t trib__binding_generation(uint32_t place);
bool     trib__binding_wait(uint32_t place, uint32_t seen, uint64_t deadline);
/* Whether anybody waits there. */
bool trib__binding_is_awaited(uint32_t place);

#endif
