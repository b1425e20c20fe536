/* SPDX-License-Identifier: Apache-2.0 */
/* H21, H22: streams run out. Who waits is served in order, and for one stream one thread wakes. */
#include "test_main.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crowd.h"
#include "expect.h"
#include "scale.h"
#include "session_rig.h"

/* The library wakes threads by syscall(); this one, in the program, comes before the C library's.
 * It counts, as the kernel says it, how many threads woke. Relaxed, so that it adds no order. */
static atomic_ulong woken;

typedef long system_call(long number, ...);

static system_call *real_syscall(void)
{
        static _Atomic(system_call *) real;
        system_call                  *found = atomic_load_explicit(&real, memory_order_relaxed);

        if (found == NULL) {
                *(void **)&found = dlsym(RTLD_NEXT, "syscall");
                atomic_store_explicit(&real, found, memory_order_relaxed);
        }
        return found;
}

long syscall(long number, ...)
{
        va_list list;
        long    a[6], result;

        va_start(list, number);
        for (int i = 0; i < 6; i++)
                a[i] = va_arg(list, long);
        va_end(list);
        result = real_syscall()(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAKE && result > 0)
                atomic_fetch_add_explicit(&woken, (unsigned long)result, memory_order_relaxed);
        return result;
}

/* ---- waiting in line -------------------------------------------------------------------- */

#define IN_LINE 8

/* Takes a stream, says so, and keeps it until told. */
struct holder {
        struct crowd_member member;
        trib_device        *device;
        sem_t              *leased;
        sem_t               go;
        uint32_t           *order, *n_order; /* who got it, in turn; ordered by the lease itself */
};

static void hold_stream(struct crowd_member *me)
{
        struct holder *holder = me->context;
        trib_stream   *stream;

        me->status = trib_stream_acquire(holder->device, TRIB_NO_LIMIT, &stream, &me->err);
        if (me->status == TRIB_OK)
                holder->order[(*holder->n_order)++] = me->index;
        (void)sem_post(holder->leased);
        (void)sem_wait(&holder->go);
        trib_stream_release(stream);
}

/* It gives its stream back and ends; the wakes that it makes are counted by then. */
static void let_go(struct holder *holder)
{
        (void)sem_post(&holder->go);
        crowd_join(&holder->member);
        EXPECT_OK(holder->member.status, &holder->member.err);
}

static void check_line(uint64_t *wakes_each)
{
        struct holder       holders[IN_LINE];
        uint32_t            order[IN_LINE], n_order = 0;
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_device        *device;
        trib_stream        *stream;
        sem_t               leased;
        trib_error          err = TRIB_ERROR_INIT;

        options.max_streams = 1;
        EXPECT_OK(trib_device_open("sim:clock=scripted", &options, &device, &err), &err);
        EXPECT_OK(trib_stream_acquire(device, 0, &stream, &err), &err);
        assert_int_equal(sem_init(&leased, 0, 0), 0);
        for (uint32_t i = 0; i < IN_LINE; i++) {
                holders[i].device = device;
                holders[i].leased = &leased;
                holders[i].order = order;
                holders[i].n_order = &n_order;
                assert_int_equal(sem_init(&holders[i].go, 0, 0), 0);
                crowd_start(&holders[i].member, hold_stream, &holders[i], i);
                crowd_wait_asleep(&holders[i].member);
        }
        for (uint32_t i = 0; i < IN_LINE; i++) {
                unsigned long before = atomic_load(&woken);

                if (i == 0)
                        trib_stream_release(stream);
                else
                        let_go(&holders[order[i - 1]]);
                (void)sem_wait(&leased);
                assert_int_equal(n_order, i + 1);
                assert_int_equal(order[i], i);
                wakes_each[i] = atomic_load(&woken) - before;
                crowd_wait_asleep(&holders[order[i]].member);
        }
        let_go(&holders[order[IN_LINE - 1]]);
        trib_device_close(device);
}

static void H21_who_waits_is_served_in_order_of_arrival(void **state)
{
        uint64_t wakes[IN_LINE];

        (void)state;
        check_line(wakes);
}

static void H22_one_thread_wakes_for_one_stream(void **state)
{
        uint64_t wakes[IN_LINE];

        (void)state;
        check_line(wakes);
        for (int i = 0; i < IN_LINE; i++)
                assert_int_equal(wakes[i], 1);
}

/* The same for requests that wait for a stream: never more threads wake than streams come free. */
static void infer_once(struct crowd_member *me)
{
        struct zoo_job job;

        zoo_job_init(&job, ZOO_RELU, 2, me->index);
        me->status = zoo_job_infer(&job, me->context, &me->err);
}

static void H22_one_request_wakes_for_one_that_ends(void **state)
{
        struct session_rig  rig = { 0 };
        struct crowd_member members[IN_LINE];
        struct door        *door = door_make();
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        unsigned long       before;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        options.max_streams = 1;
        EXPECT_OK(trib_device_open("cpu:0", &options, &rig.device, &err), &err);
        EXPECT_OK(door_build(door, rig.device, &rig.model, &err), &err);
        EXPECT_OK(trib_session_open(rig.model, NULL, &rig.session, &err), &err);
        crowd_start(&members[0], infer_once, rig.session, 0);
        door_wait_entered(door);
        for (uint32_t i = 1; i < IN_LINE; i++) {
                crowd_start(&members[i], infer_once, rig.session, i);
                crowd_wait_asleep(&members[i]);
        }
        before = atomic_load(&woken);
        for (uint32_t i = 1; i < IN_LINE; i++) {
                door_let_go(door);
                door_wait_entered(door);
                assert_true(atomic_load(&woken) - before <= i);
        }
        door_let_go(door);
        for (int i = 0; i < IN_LINE; i++) {
                crowd_join(&members[i]);
                EXPECT_OK(members[i].status, &members[i].err);
        }
        session_rig_close(&rig);
        door_free(door);
}

/* ---- many ------------------------------------------------------------------------------- */

struct churn {
        trib_device *device;
        uint64_t     rounds;
        struct {
                _Alignas(64) uint64_t inside; /* plain: of the holder */
        } alone[TRIB__MAX_STREAMS];
        _Alignas(64) atomic_ullong turns; /* leases given so far */
        _Alignas(64) atomic_ullong longest;
};

#define RELAXED_LOAD(word) atomic_load_explicit((word), memory_order_relaxed)
#define RELAXED_ADD(word) atomic_fetch_add_explicit((word), 1, memory_order_relaxed)

/* How many leases were given to others while one waited: the longest over all. */
static void note_wait(struct churn *churn, unsigned long long turns)
{
        unsigned long long longest = RELAXED_LOAD(&churn->longest);

        while (turns > longest &&
               !atomic_compare_exchange_weak_explicit(&churn->longest, &longest, turns,
                                                      memory_order_relaxed, memory_order_relaxed))
                continue;
}

static void take_and_give_back(struct crowd_member *me)
{
        struct churn *churn = me->context;

        for (uint64_t i = 0; i < churn->rounds; i++) {
                unsigned long long start = RELAXED_LOAD(&churn->turns);
                trib_stream       *stream;

                me->status = trib_stream_acquire(churn->device, TRIB_NO_LIMIT, &stream, &me->err);
                if (me->status != TRIB_OK)
                        return;
                note_wait(churn, RELAXED_ADD(&churn->turns) - start);
                me->wrong += churn->alone[stream->index].inside++ != 0;
                me->wrong += --churn->alone[stream->index].inside != 0;
                trib_stream_release(stream);
                me->done++;
        }
}

static void check_churn(uint32_t threads, uint32_t streams, uint64_t rounds)
{
        static struct crowd_member members[200];
        static struct churn        churn;
        trib_device_options        options = TRIB_DEVICE_OPTIONS_INIT;
        trib_error                 err = TRIB_ERROR_INIT;

        memset(&churn, 0, sizeof(churn));
        churn.rounds = rounds / threads + 1;
        options.max_streams = streams;
        EXPECT_OK(trib_device_open("cpu:0", &options, &churn.device, &err), &err);
        crowd_run_all(members, threads, take_and_give_back, &churn);
        for (uint32_t i = 0; i < threads; i++) {
                EXPECT_OK(members[i].status, &members[i].err);
                assert_int_equal(members[i].wrong, 0);
                assert_int_equal(members[i].done, churn.rounds);
        }
        print_message("%u threads on %u streams, %llu leases: at most %llu went to others while "
                      "one waited\n",
                      threads, streams, (unsigned long long)(churn.rounds * threads),
                      (unsigned long long)atomic_load(&churn.longest));
        trib_device_close(churn.device);
}

/* None is lost, none is held by two. */
static void H21_streams_last_through_a_million_leases(void **state)
{
        (void)state;
        check_churn(4, 2, test_scale(1000000, 1000000));
        check_churn(200, 32, test_scale(200000, 1000000));
}

/* A stream belongs to its thread and goes with it: with policy fail, a stream that a dead thread
 * kept is one that the next thread misses. */
static void H21_a_lease_dies_with_its_thread(void **state)
{
        const uint64_t       threads = test_scale(20000, 100000);
        trib_device_options  options = TRIB_DEVICE_OPTIONS_INIT;
        struct session_rig   rig;

        (void)state;
        options.max_streams = 2;
        options.stream_policy = TRIB_STREAMS_FAIL;
        session_rig_open_on(&rig, "cpu:0", &options, ZOO_RELU, NULL);
        for (uint64_t i = 0; i < threads; i += 2) {
                struct crowd_member members[2];

                for (uint32_t m = 0; m < 2; m++)
                        crowd_start(&members[m], infer_once, rig.session, m);
                for (uint32_t m = 0; m < 2; m++) {
                        crowd_join(&members[m]);
                        EXPECT_OK(members[m].status, &members[m].err);
                }
        }
        session_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(H21_who_waits_is_served_in_order_of_arrival),
               TRIB_TEST(H21_streams_last_through_a_million_leases),
               TRIB_TEST(H21_a_lease_dies_with_its_thread),
               TRIB_TEST(H22_one_thread_wakes_for_one_stream),
               TRIB_TEST(H22_one_request_wakes_for_one_that_ends))
