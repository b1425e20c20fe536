/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.h: threads of a test. A member runs a function, and notes what went wrong as plain data
 * that the test reads after the join; checks of cmocka are for the test's own thread only. */
#ifndef TRIB_TESTS_CROWD_H
#define TRIB_TESTS_CROWD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tributary/status.h>

struct crowd_member {
        /* Set by crowd_start. */
        void (*run)(struct crowd_member *member);
        void    *context;
        uint32_t index;

        /* Written by the member's thread, read after the join. */
        trib_status status;
        trib_error  err;
        uint64_t    done;
        uint64_t    wrong;

        pthread_t  thread;
        atomic_int tid;
};

/* Every failure of these fails the test. */
void crowd_start(struct crowd_member *member, void (*run)(struct crowd_member *), void *context,
                 uint32_t index);
void crowd_join(struct crowd_member *member);

/* Until the member's thread sleeps in the kernel. For members whose only sleep is the one that
 * the test is about. */
void crowd_wait_asleep(struct crowd_member *member);

/* All members start `run` at the same moment. */
void crowd_run_all(struct crowd_member *members, uint32_t count,
                   void (*run)(struct crowd_member *), void *context);

/* How many threads and open files this process has. */
uint32_t crowd_thread_count(void);
uint32_t crowd_file_count(void);
/* Until this process has `count` threads: a thread that was joined may still be on the list. */
void crowd_wait_threads(uint32_t count);

#endif
