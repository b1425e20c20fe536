/* SPDX-License-Identifier: Apache-2.0 */
/* recount.h: a device's books, added up again from what it holds. At rest only. */
#ifndef TRIB_TESTS_RECOUNT_H
#define TRIB_TESTS_RECOUNT_H

#include <tributary/tributary.h>

struct recount {
        uint64_t holds;     /* on the device, the caller's own included     */
        uint64_t streams;   /* that could all be leased at once             */
        uint64_t slabs;     /* bytes that streams asked for                 */
        uint64_t staging;   /* bytes that streams hold for host and device  */
        trib_memory_stats memory;
};

/* Lease every stream that the device may have, look, give all back; fail the case where a sum is
 * not what was counted. `is_sim`: the device's own sum is looked at as well. */
void recount_device(trib_device *device, bool is_sim, struct recount *out);

/* The session's requests are those that the caller has counted. */
void recount_session(trib_session *session, uint64_t requests);

#endif
