/* SPDX-License-Identifier: Apache-2.0 */
/* H12 to H14: what has finished, and how long a wait lasts. The device is simulated; its clock
 * stands still unless the test moves it. spy.h checks H12 and H13 in all the other tests, too. */
#include "test_main.h"

#include <sched.h>

#include "backend/sim/sim.h"
#include "base/clock.h"
#include "base/random.h"
#include "buffers.h"
#include "crowd.h"
#include "expect.h"
#include "session_rig.h"

#define MS UINT64_C(1000000)

static struct buffers rig;

static trib__device *sim_of(trib_device *device)
{
        return trib__device_backend(device);
}

/* ---- H12 -------------------------------------------------------------------------------- */

/* Work behind work, from 200 below the largest number on. */
static void H12_fences_hold_up_to_the_end_of_the_numbers(void **state)
{
        (void)state;
        for (int a = 0; a < BUFFERS_ALLOCATORS; a++) {
                trib_buffer buffer;
                trib_event  last = { 0 };

                buffers_open(&rig, "sim:clock=scripted", buffers_allocators[a], 0);
                for (int i = 0; i < BUFFERS_STREAMS; i++)
                        rig.streams[i]->submitted = rig.streams[i]->recorded = UINT64_MAX - 200;
                for (int round = 0; round < 90; round++) {
                        unsigned char *block, *other;
                        trib_event     first;

                        buffer = buffers_create(&rig, 0, 4096);
                        block = buffers_address(&rig, buffer);
                        first = buffers_upload(&rig, 1, buffer);
                        last = buffers_upload(&rig, 1, buffer);
                        assert_true(first.value < last.value);
                        buffers_release(&rig, buffer);
                        buffer = buffers_create(&rig, 0, 4096);
                        other = buffers_address(&rig, buffer);
                        assert_true(other + 4096 <= block || block + 4096 <= other);
                        assert_false(buffers_is_reached(first) || buffers_is_reached(last));
                        buffers_run(&rig);
                        assert_true(buffers_is_reached(first) && buffers_is_reached(last));
                        buffers_release(&rig, buffer);
                        assert_int_equal(buffers_stats(&rig).limbo, 0);
                }
                assert_true(last.value > UINT64_MAX - 50);
                buffers_close(&rig);
        }
}

/* A fence of an earlier life of the stream says what it said, whatever came after. */
static void H12_a_fence_is_never_used_again(void **state)
{
        trib_event  old[100];
        trib_buffer buffer;
        trib_error  err = TRIB_ERROR_INIT;

        (void)state;
        buffers_open(&rig, "sim:clock=scripted", 0, 0);
        buffer = buffers_create(&rig, 0, 4096);
        for (int life = 0; life < 100; life++) {
                old[life] = buffers_upload(&rig, 0, buffer);
                trib_stream_release(rig.streams[0]);
                EXPECT_OK(trib_stream_acquire(rig.device, 0, &rig.streams[0], &err), &err);
                assert_false(buffers_is_reached(old[life]));
                for (int i = 0; i < life; i++) {
                        assert_true(buffers_is_reached(old[i]));
                        assert_false(old[i].stream == old[life].stream &&
                                     old[i].value == old[life].value);
                }
                buffers_run(&rig);
        }
        buffers_release(&rig, buffer);
        buffers_close(&rig);
}

/* ---- H13 -------------------------------------------------------------------------------- */

#define WORKS 12

/* What the device says that it has done, worked out from its own events: the value of a stream is
 * reached when the last piece of its work has ended. */
static void check_answers(trib_event events[BUFFERS_STREAMS][WORKS],
                          const uint32_t done[BUFFERS_STREAMS], bool was[BUFFERS_STREAMS][WORKS])
{
        for (uint32_t s = 0; s < BUFFERS_STREAMS; s++) {
                for (uint32_t w = 0; w < WORKS; w++) {
                        bool is_reached = buffers_is_reached(events[s][w]);

                        assert_int_equal(is_reached, w < done[s]);
                        assert_true(is_reached || !was[s][w]);
                        was[s][w] = is_reached;
                }
        }
}

static void H13_a_status_query_tells_the_truth_before_at_and_after_each_step(void **state)
{
        (void)state;
        for (uint32_t seed = 0; seed < 20; seed++) {
                static bool            was[BUFFERS_STREAMS][WORKS];
                trib_event             events[BUFFERS_STREAMS][WORKS];
                trib_buffer            buffers[BUFFERS_STREAMS];
                uint32_t               done[BUFFERS_STREAMS] = { 0 };
                struct trib__sim_event event;
                char                   name[64];

                (void)snprintf(name, sizeof(name), "sim:clock=scripted,reorder=%u", seed + 1);
                buffers_open(&rig, name, 0, 0);
                memset(was, 0, sizeof(was));
                for (uint32_t s = 0; s < BUFFERS_STREAMS; s++)
                        buffers[s] = buffers_create(&rig, s, 4096);
                for (uint32_t w = 0; w < WORKS; w++) {
                        for (uint32_t s = 0; s < BUFFERS_STREAMS; s++)
                                events[s][w] = buffers_upload(&rig, s, buffers[s]);
                }
                check_answers(events, done, was);
                while (trib__sim_step(sim_of(rig.device), &event)) {
                        for (uint32_t s = 0; s < BUFFERS_STREAMS; s++)
                                done[s] += event.kind == TRIB__SIM_END &&
                                           event.queue == rig.streams[s]->index;
                        check_answers(events, done, was);
                }
                for (uint32_t s = 0; s < BUFFERS_STREAMS; s++) {
                        assert_int_equal(done[s], WORKS);
                        buffers_release(&rig, buffers[s]);
                }
                buffers_close(&rig);
        }
}

/* Many ask while one moves the device: no answer is taken back, and what was downloaded is there
 * when the answer is yes. The bytes are plain. */
struct asked {
        trib_event    events[64];
        unsigned char source[64][64], target[64][64];
        atomic_uint   submitted;
};

static void ask(struct crowd_member *me)
{
        struct asked *asked = me->context;

        for (uint32_t i = 0; i < 64;) {
                if (i >= atomic_load(&asked->submitted) ||
                    trib_event_query(asked->events[i], NULL) != TRIB_OK) {
                        (void)sched_yield();
                        continue;
                }
                for (uint32_t j = 0; j <= i; j++)
                        me->wrong += trib_event_query(asked->events[j], NULL) != TRIB_OK ||
                                     memcmp(asked->target[j], asked->source[j], 64) != 0;
                i++;
        }
}

static void H13_an_answer_is_never_taken_back_and_the_bytes_are_there(void **state)
{
        static struct asked asked;
        struct crowd_member members[4];
        trib_buffer         buffer;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        buffers_open(&rig, "sim:fast", 0, 0);
        buffer = buffers_create(&rig, 0, 4096);
        for (uint32_t i = 0; i < 4; i++)
                crowd_start(&members[i], ask, &asked, i);
        for (uint32_t i = 0; i < 64; i++) {
                memset(asked.source[i], (int)i + 1, 64);
                EXPECT_OK(trib_stream_upload(rig.streams[0], buffer, 0, asked.source[i], 64, &err),
                          &err);
                EXPECT_OK(trib_stream_download(rig.streams[0], asked.target[i], buffer, 0, 64,
                                               &err),
                          &err);
                EXPECT_OK(trib_stream_record(rig.streams[0], &asked.events[i], &err), &err);
                atomic_store(&asked.submitted, i + 1);
        }
        for (int i = 0; i < 4; i++) {
                crowd_join(&members[i]);
                assert_int_equal(members[i].wrong, 0);
        }
        buffers_release(&rig, buffer);
        buffers_close(&rig);
}

/* ---- H14 -------------------------------------------------------------------------------- */

/* Every wait that there is, on a device that never gets on. Each must end with its error, and not
 * before its time; that it ends at all is the deadline of the test. */
struct wait {
        const char *what;
        trib_status (*wait)(struct session_rig *rig, uint64_t ns, trib_error *err);
        trib_status expected;
        const char *said;
};

static struct zoo_job   job;
static trib_stream     *held;
static trib_event       never;
static struct door     *door;

static trib_status wait_for_device(struct session_rig *with, uint64_t ns, trib_error *err)
{
        (void)ns; /* the session's */
        return zoo_job_infer(&job, with->session, err);
}

static trib_status wait_for_event(struct session_rig *with, uint64_t ns, trib_error *err)
{
        (void)with;
        return trib_event_wait(never, ns, err);
}

static trib_status wait_for_stream(struct session_rig *with, uint64_t ns, trib_error *err)
{
        trib_stream *stream;

        return trib_stream_acquire(with->device, ns, &stream, err);
}

static trib_status wait_for_request(struct session_rig *with, uint64_t ns, trib_error *err)
{
        trib_request_options options;
        trib_request        *request;
        trib_status          status;

        zoo_job_options(&job, &options);
        options.timeout_ns = 300 * MS; /* the wait ends first, the request on its own */
        EXPECT_OK(trib_submit(with->session, &options, &request, err), err);
        status = trib_wait(request, ns, err);
        assert_int_equal(trib_wait(request, TRIB_NO_LIMIT, err), TRIB_TIMED_OUT);
        trib_request_release(request);
        return status;
}

static trib_status wait_for_close(struct session_rig *with, uint64_t ns, trib_error *err)
{
        (void)ns; /* the session's close_timeout_ns */
        return trib_session_close(with->session, err);
}

static void H14_every_wait_ends_at_its_deadline_and_says_for_what(void **state)
{
        static const struct wait waits[] = {
                { "trib_infer, a hung device", wait_for_device, TRIB_TIMED_OUT, "queue " },
                { "trib_event_wait", wait_for_event, TRIB_TIMED_OUT, "queue " },
                { "trib_infer, all streams taken", wait_for_device, TRIB_TIMED_OUT, "streams" },
                { "trib_stream_acquire", wait_for_stream, TRIB_NO_STREAM, "2 streams" },
                { "trib_wait", wait_for_request, TRIB_PENDING, "10 ms" },
                { "trib_session_close", wait_for_close, TRIB_BUSY, "10 ms" },
        };
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_device_options  device = TRIB_DEVICE_OPTIONS_INIT;
        struct session_rig   with;
        trib_buffer          buffer;
        char                 bytes[64] = { 0 };
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        options.timeout_ns = 20 * MS;
        options.close_timeout_ns = 10 * MS;
        device.max_streams = 2;
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        session_rig_open_on(&with, "sim:clock=scripted", &device, ZOO_RELU, &options);
        EXPECT_OK(trib_stream_acquire(with.device, 0, &held, &err), &err);
        EXPECT_OK(trib_buffer_create(held, 64, &buffer, &err), &err);
        EXPECT_OK(trib_stream_upload(held, buffer, 0, bytes, 64, &err), &err);
        EXPECT_OK(trib_stream_record(held, &never, &err), &err);
        for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
                uint64_t    start = trib__now();
                trib_status status;

                err = (trib_error)TRIB_ERROR_INIT;
                status = waits[i].wait(&with, 10 * MS, &err);
                if (status != waits[i].expected)
                        fail_msg("%s: %s: %s", waits[i].what, trib_status_name(status),
                                 err.message);
                if (waits[i].wait != wait_for_request && strstr(err.message, waits[i].said) == NULL)
                        fail_msg("%s: said %s", waits[i].what, err.message);
                assert_true(trib__now() - start >= 10 * MS);
                print_message("%s: asked for 10 or 20 ms, took %.1f ms: %s\n", waits[i].what,
                              (double)(trib__now() - start) / 1e6, err.message);
        }
        (void)trib__sim_run_until_idle(sim_of(with.device));
        EXPECT_OK(trib_buffer_release(with.device, buffer, &err), &err);
        trib_stream_release(held);
        session_rig_close(&with);
}

static void infer_job(struct crowd_member *me)
{
        struct zoo_job own;

        zoo_job_init(&own, ZOO_RELU, 2, me->index);
        me->status = zoo_job_infer(&own, me->context, &me->err);
}

/* Waiting for a serial operator that another request is inside of, and for a plan that another one
 * builds, has the request's deadline as well. */
static void H14_a_wait_for_another_request_has_a_deadline_too(void **state)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        struct session_rig   with = { 0 };
        struct crowd_member  first, second;
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        door = door_make_serial();
        EXPECT_OK(trib_device_open("cpu:0", NULL, &with.device, &err), &err);
        EXPECT_OK(door_build(door, with.device, &with.model, &err), &err);
        options.timeout_ns = 20 * MS;
        EXPECT_OK(trib_session_open(with.model, &options, &with.session, &err), &err);
        crowd_start(&first, infer_job, with.session, 0);
        door_wait_entered(door);
        crowd_start(&second, infer_job, with.session, 1);
        crowd_join(&second);
        assert_int_equal(second.status, TRIB_TIMED_OUT);
        assert_true(second.err.message[0] != '\0');
        door_let_go(door);
        crowd_join(&first);
        EXPECT_OK(first.status, &first.err); /* it computed on its own thread: late, and right */
        session_rig_close(&with);
        door_free(door);
}

TRIB_TEST_MAIN(TRIB_TEST(H12_fences_hold_up_to_the_end_of_the_numbers),
               TRIB_TEST(H12_a_fence_is_never_used_again),
               TRIB_TEST(H13_a_status_query_tells_the_truth_before_at_and_after_each_step),
               TRIB_TEST(H13_an_answer_is_never_taken_back_and_the_bytes_are_there),
               TRIB_TEST(H14_every_wait_ends_at_its_deadline_and_says_for_what),
               TRIB_TEST(H14_a_wait_for_another_request_has_a_deadline_too))
