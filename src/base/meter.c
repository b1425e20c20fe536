/* SPDX-License-Identifier: Apache-2.0 */
/* meter.c: the calling thread's account of its waits.
 * Every thread has its own, so there are no locks. */
#include "base/meter.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

/* The thread's record of run delay. */
enum record_state { RECORD_UNTRIED, RECORD_OPEN, RECORD_NONE };

static _Thread_local struct trib__meter meter;
static _Thread_local enum record_state  record;
static _Thread_local int                record_file;

struct trib__meter *trib__meter(void)
{
        return &meter;
}

/* The second of the record's numbers, "ran waited times\n". */
static bool read_delay(uint64_t *out)
{
        char    text[80];
        ssize_t length, at = 0;

        *out = 0;
        /* No site: where it fails, the time is not told. */
        length = pread(record_file, text, sizeof(text), 0);
        while (at < length && text[at] != ' ')
                at++;
        if (at + 1 >= length)
                return false;
        for (at++; at < length && text[at] >= '0' && text[at] <= '9'; at++)
                *out = *out * 10 + (uint64_t)(text[at] - '0');
        return true;
}

/* Whether files of the program's own can still be opened beside this one, and many. */
static bool has_room(int file)
{
        struct rlimit files;

        /* No site: it cannot fail for this process. */
        return getrlimit(RLIMIT_NOFILE, &files) == 0 && (rlim_t)file < files.rlim_cur / 2;
}

bool trib__run_delay_open(void)
{
        uint64_t ignored;

        if (record != RECORD_UNTRIED)
                return record == RECORD_OPEN;
        record = RECORD_NONE;
        /* No site: where there is no such file, the time is not told. */
        record_file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
        if (record_file < 0)
                return false;
        record = RECORD_OPEN;
        if (!has_room(record_file) || !read_delay(&ignored))
                trib__run_delay_close();
        return record == RECORD_OPEN;
}

void trib__run_delay_close(void)
{
        if (record == RECORD_OPEN)
                (void)close(record_file);
        record = RECORD_NONE;
}

bool trib__run_delay_is_open(void)
{
        return record == RECORD_OPEN;
}

uint64_t trib__run_delay(void)
{
        uint64_t delay = 0;

        if (record == RECORD_OPEN)
                (void)read_delay(&delay);
        return delay;
}

struct trib__metered_wait trib__meter_wait_begin(void)
{
        struct trib__metered_wait wait;

        wait.delay = trib__run_delay();
        wait.began = trib__now();
        return wait;
}

void trib__meter_wait_end(struct trib__meter *waiter, const struct trib__metered_wait *wait,
                          uint64_t *asleep)
{
        uint64_t waited = trib__now() - wait->began;
        uint64_t delay = trib__run_delay() - wait->delay;

        if (delay > waited)
                delay = waited;
        *asleep += waited - delay;
        waiter->delay_ns += delay;
}
