/* SPDX-License-Identifier: Apache-2.0 */
/* os_linux.c: what only Linux offers: waiting on a word (futex), the cores that we may use, and
 * the page that is wiped at fork. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/machine.h"
#include "base/sync.h"

/* Read by the kernel, so it must be the atomic's own word. */
_Static_assert(sizeof(trib__atomic_u32) == 4, "a futex word is 32 bits");

trib__atomic_ptr trib__fork_page;

static uint32_t *futex_word(trib__atomic_u32 *word)
{
        return (uint32_t *)(void *)word;
}

bool trib__word_wait(trib__atomic_u32 *word, uint32_t expected, uint64_t deadline)
{
        struct timespec  until;
        struct timespec *limit = NULL;
        long             result;

        trib__thread_counts()->waits++;
        if (TRIB__FAULT(WAKE, "base.word_wait"))
                return true;
        if (deadline != TRIB__NEVER) {
                until.tv_sec = (time_t)(deadline / TRIB__NS_PER_SECOND);
                until.tv_nsec = (long)(deadline % TRIB__NS_PER_SECOND);
                limit = &until;
        }
        /* No site: it fails by waking, as the one above does, or at the deadline. */
        result = syscall(SYS_futex, futex_word(word), FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG,
                         expected, limit, NULL, FUTEX_BITSET_MATCH_ANY);
        return !(result != 0 && errno == ETIMEDOUT);
}

void trib__word_wake(trib__atomic_u32 *word, uint32_t count)
{
        /* No site: a wake of a valid word cannot fail. */
        (void)syscall(SYS_futex, futex_word(word), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL,
                      NULL, 0);
}

unsigned trib__cpu_count(void)
{
        cpu_set_t cores[16]; /* one holds 1,024 cores, and the kernel refuses too short a set */
        int       count;

        if (TRIB__FAULT(SYSTEM, "base.affinity") ||
            sched_getaffinity(0, sizeof(cores), cores) != 0)
                return 1;
        count = CPU_COUNT_S(sizeof(cores), cores);
        return count > 0 ? (unsigned)count : 1;
}

void trib__cpu_name(char *name, unsigned size)
{
        char  line[256];
        FILE *file = TRIB__FAULT(SYSTEM, "base.cpuinfo") ? NULL : fopen("/proc/cpuinfo", "re");

        (void)snprintf(name, size, "unknown processor");
        while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
                char *colon = strchr(line, ':');

                if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
                        colon[strcspn(colon, "\n")] = '\0';
                        (void)snprintf(name, size, "%s", colon + (colon[1] == ' ' ? 2 : 1));
                        break;
                }
        }
        if (file != NULL)
                (void)fclose(file);
}

uint64_t trib__memory_bytes(void)
{
        /* No site: the second never fails. */
        long pages = TRIB__FAULT(SYSTEM, "base.memory") ? -1 : sysconf(_SC_PHYS_PAGES);
        long size = sysconf(_SC_PAGESIZE);

        return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

trib_status trib__fork_guard_init(trib_error *err)
{
        void     *expected = NULL;
        uint32_t *page;
        long      size = sysconf(_SC_PAGESIZE); /* No site: it never fails. */

        /* Acquire: pairs with the release half of the CAS below; the page holds 1 by then. */
        if (trib__load_acquire_ptr(&trib__fork_page) != NULL)
                return TRIB_OK;
        if (TRIB__FAULT(SYSTEM, "base.fork_page"))
                return trib__fail(err, TRIB_SYSTEM, "no memory for the fork guard page");
        page = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
                return trib__fail(err, TRIB_SYSTEM, "no memory for the fork guard page");
        if (TRIB__FAULT(SYSTEM, "base.fork_advice") ||
            madvise(page, (size_t)size, MADV_WIPEONFORK) != 0) {
                (void)munmap(page, (size_t)size);
                return trib__fail(err, TRIB_SYSTEM,
                                  "the kernel has no MADV_WIPEONFORK: Linux 4.14 or newer is "
                                  "needed");
        }
        *page = 1;
        /* AcqRel: the release publishes the 1 to trib__is_forked; when another thread was first,
         * its page is used and ours goes. */
        if (!trib__cas_acqrel_ptr(&trib__fork_page, &expected, page))
                (void)munmap(page, (size_t)size);
        return TRIB_OK;
}
