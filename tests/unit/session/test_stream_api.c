/* SPDX-License-Identifier: Apache-2.0 */
/* Public streams, events and buffers: what they do, and what they refuse. */
#include "test_main.h"

#include "backend/sim/sim.h"
#include "crowd.h"
#include "expect.h"
#include "session_rig.h"

#define MS UINT64_C(1000000)

static trib_stream *acquire(trib_device *device)
{
        trib_stream *stream = NULL;
        trib_error   err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_stream_acquire(device, 0, &stream, &err), &err);
        assert_non_null(stream);
        return stream;
}

static trib_device *open_device(const char *name, uint32_t streams)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_device        *device;
        trib_error          err = TRIB_ERROR_INIT;

        options.max_streams = streams;
        EXPECT_OK(trib_device_open(name, &options, &device, &err), &err);
        return device;
}

static void stream_carries_bytes_there_and_back(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };

        (void)state;
        for (size_t d = 0; d < 2; d++) {
                trib_device *device = open_device(devices[d], 2);
                trib_stream *a = acquire(device), *b = acquire(device);
                trib_event   event;
                trib_buffer  buffer;
                char         sent[100], got[40] = { 0 };
                void        *address;
                uint64_t     bytes;
                trib_error   err = TRIB_ERROR_INIT;

                for (int i = 0; i < 100; i++)
                        sent[i] = (char)i;
                EXPECT_OK(trib_buffer_create(a, 100, &buffer, &err), &err);
                EXPECT_OK(trib_buffer_address(device, buffer, &address, &bytes, &err), &err);
                assert_int_equal(bytes, 100);
                assert_int_equal((uintptr_t)address % 64, 0);
                EXPECT_OK(trib_buffer_address(device, buffer, NULL, NULL, &err), &err);
                EXPECT_OK(trib_stream_upload(a, buffer, 0, sent, 100, &err), &err);
                EXPECT_OK(trib_stream_record(a, &event, &err), &err);
                EXPECT_OK(trib_stream_wait_event(b, event, TRIB_NO_LIMIT, &err), &err);
                EXPECT_OK(trib_buffer_use(buffer, b, &err), &err);
                EXPECT_OK(trib_stream_download(b, got, buffer, 30, 40, &err), &err);
                EXPECT_OK(trib_stream_record(b, &event, &err), &err);
                EXPECT_OK(trib_event_wait(event, TRIB_NO_LIMIT, &err), &err);
                EXPECT_OK(trib_event_query(event, &err), &err);
                assert_memory_equal(got, sent + 30, 40);
                EXPECT_OK(trib_buffer_retain(device, buffer, &err), &err);
                EXPECT_OK(trib_buffer_release(device, buffer, &err), &err);
                EXPECT_OK(trib_buffer_release(device, buffer, &err), &err);
                EXPECT_FAILS(trib_buffer_release(device, buffer, &err), TRIB_STALE, &err,
                             "released before");
                trib_stream_release(a);
                trib_stream_release(b);
                trib_device_close(device);
        }
}

static void buffer_calls_refuse_what_is_wrong(void **state)
{
        trib_device *device = open_device("cpu:0", 2);
        trib_stream *stream = acquire(device);
        trib_buffer  buffer, none = { 0 };
        char         host[8];
        void        *address;
        uint64_t     bytes;
        trib_error   err;

        (void)state;
        EXPECT_FAILS(trib_buffer_create(NULL, 1, &buffer, &err), TRIB_INVALID_ARGUMENT, &err,
                     "stream is NULL");
        EXPECT_FAILS(trib_buffer_create(stream, 1, NULL, &err), TRIB_INVALID_ARGUMENT, &err,
                     "out is NULL");
        EXPECT_FAILS(trib_buffer_create(stream, 0, &buffer, &err), TRIB_INVALID_ARGUMENT, &err,
                     "0 bytes");
        EXPECT_FAILS(trib_buffer_create(stream, UINT64_MAX, &buffer, &err), TRIB_OVERFLOW, &err,
                     "18446744073709551615");
        EXPECT_FAILS(trib_buffer_create(stream, UINT64_C(1) << 60, &buffer, &err),
                     TRIB_OUT_OF_MEMORY, &err, "1152921504606846976");
        assert_int_equal(buffer.id, 0);
        EXPECT_OK(trib_buffer_create(stream, 8, &buffer, &err), &err);
        EXPECT_FAILS(trib_stream_upload(stream, buffer, 1, host, 8, &err), TRIB_INVALID_ARGUMENT,
                     &err, "8 bytes at offset 1 of a buffer of 8 bytes");
        EXPECT_FAILS(trib_stream_upload(stream, buffer, UINT64_MAX, host, 8, &err),
                     TRIB_INVALID_ARGUMENT, &err, "offset");
        EXPECT_FAILS(trib_stream_download(stream, host, buffer, 9, 0, &err),
                     TRIB_INVALID_ARGUMENT, &err, "offset 9");
        EXPECT_OK(trib_stream_download(stream, host, buffer, 8, 0, &err), &err);
        EXPECT_FAILS(trib_stream_upload(stream, buffer, 0, NULL, 8, &err), TRIB_INVALID_ARGUMENT,
                     &err, "source is NULL");
        EXPECT_FAILS(trib_stream_download(stream, NULL, buffer, 0, 8, &err),
                     TRIB_INVALID_ARGUMENT, &err, "target is NULL");
        EXPECT_FAILS(trib_stream_upload(NULL, buffer, 0, host, 8, &err), TRIB_INVALID_ARGUMENT,
                     &err, "stream is NULL");
        EXPECT_FAILS(trib_stream_download(NULL, host, buffer, 0, 8, &err), TRIB_INVALID_ARGUMENT,
                     &err, "stream is NULL");
        EXPECT_FAILS(trib_stream_upload(stream, none, 0, host, 8, &err), TRIB_INVALID_ARGUMENT,
                     &err, "buffer 0 is none");
        EXPECT_FAILS(trib_buffer_use(buffer, NULL, &err), TRIB_INVALID_ARGUMENT, &err,
                     "stream is NULL");
        EXPECT_FAILS(trib_buffer_retain(NULL, buffer, &err), TRIB_INVALID_ARGUMENT, &err,
                     "device is NULL");
        EXPECT_FAILS(trib_buffer_release(NULL, buffer, &err), TRIB_INVALID_ARGUMENT, &err,
                     "device is NULL");
        EXPECT_FAILS(trib_buffer_address(NULL, buffer, &address, &bytes, &err),
                     TRIB_INVALID_ARGUMENT, &err, "device is NULL");
        EXPECT_OK(trib_buffer_release(device, buffer, &err), &err);
        EXPECT_FAILS(trib_stream_upload(stream, buffer, 0, host, 8, &err), TRIB_STALE, &err, "");
        EXPECT_FAILS(trib_stream_download(stream, host, buffer, 0, 8, &err), TRIB_STALE, &err,
                     "");
        EXPECT_FAILS(trib_buffer_use(buffer, stream, &err), TRIB_STALE, &err, "");
        EXPECT_FAILS(trib_buffer_retain(device, buffer, &err), TRIB_STALE, &err, "");
        EXPECT_FAILS(trib_buffer_address(device, buffer, &address, &bytes, &err), TRIB_STALE,
                     &err, "");
        trib_stream_release(stream);
        trib_device_close(device);
}

static void stream_calls_refuse_what_is_wrong(void **state)
{
        trib_device *device = open_device("sim:fast", 2), *other = open_device("sim:fast", 1);
        trib_stream *stream = acquire(device), *foreign = acquire(other), *none = NULL;
        trib_event   event, nothing = { NULL, 0, 0 };
        trib_error   err;

        (void)state;
        EXPECT_FAILS(trib_stream_acquire(NULL, 0, &none, &err), TRIB_INVALID_ARGUMENT, &err,
                     "device is NULL");
        EXPECT_FAILS(trib_stream_acquire(device, 0, NULL, &err), TRIB_INVALID_ARGUMENT, &err,
                     "out is NULL");
        EXPECT_FAILS(trib_stream_acquire(other, 0, &none, &err), TRIB_NO_STREAM, &err,
                     "all 1 streams");
        EXPECT_FAILS(trib_stream_acquire(other, 2 * MS, &none, &err), TRIB_NO_STREAM, &err,
                     "for 2 ms");
        assert_null(none);
        EXPECT_FAILS(trib_stream_record(NULL, &event, &err), TRIB_INVALID_ARGUMENT, &err, "NULL");
        EXPECT_FAILS(trib_stream_record(stream, NULL, &err), TRIB_INVALID_ARGUMENT, &err, "NULL");
        EXPECT_FAILS(trib_event_query(nothing, &err), TRIB_INVALID_ARGUMENT, &err, "event is NULL");
        EXPECT_FAILS(trib_event_wait(nothing, 0, &err), TRIB_INVALID_ARGUMENT, &err, "event");
        EXPECT_OK(trib_stream_record(foreign, &event, &err), &err);
        EXPECT_FAILS(trib_stream_wait_event(stream, event, 0, &err), TRIB_INVALID_ARGUMENT, &err,
                     "another device");
        EXPECT_FAILS(trib_stream_wait_event(NULL, event, 0, &err), TRIB_INVALID_ARGUMENT, &err,
                     "stream is NULL");
        EXPECT_FAILS(trib_stream_wait_event(stream, nothing, 0, &err), TRIB_INVALID_ARGUMENT,
                     &err, "event is NULL");
        trib_stream_release(NULL);
        trib_stream_release(foreign);
        trib_stream_release(stream);
        trib_device_close(other);
        trib_device_close(device);
}

/* Events on a device whose clock stands still. */
static void event_is_pending_until_its_stream_gets_there(void **state)
{
        trib_device *device = open_device("sim:clock=scripted", 2);
        trib_stream *a = acquire(device), *b = acquire(device);
        trib_buffer  buffer;
        trib_event   first, second;
        char         sent[8] = "seven..", got[8] = { 0 };
        trib_error   err = TRIB_ERROR_INIT;

        (void)state;
        EXPECT_OK(trib_stream_record(a, &first, &err), &err);
        EXPECT_OK(trib_event_query(first, &err), &err); /* nothing is before it */
        EXPECT_OK(trib_buffer_create(a, 8, &buffer, &err), &err);
        EXPECT_OK(trib_stream_upload(a, buffer, 0, sent, 8, &err), &err);
        EXPECT_OK(trib_stream_record(a, &first, &err), &err);
        EXPECT_FAILS(trib_event_query(first, &err), TRIB_PENDING, &err, "not reached");
        EXPECT_FAILS(trib_event_wait(first, 0, &err), TRIB_TIMED_OUT, &err, "in time");
        EXPECT_FAILS(trib_event_wait(first, MS, &err), TRIB_TIMED_OUT, &err, "in time");
        /* b's download runs only after a's upload, though b was free all the time. */
        EXPECT_OK(trib_stream_wait_event(b, first, 0, &err), &err);
        EXPECT_OK(trib_stream_download(b, got, buffer, 0, 8, &err), &err);
        EXPECT_OK(trib_stream_record(b, &second, &err), &err);
        (void)trib__sim_run_until_idle(trib__device_backend(device));
        EXPECT_OK(trib_event_query(first, &err), &err);
        EXPECT_OK(trib_event_query(second, &err), &err);
        assert_memory_equal(got, sent, 8);
        trib_stream_release(a);
        trib_stream_release(b);
        /* An event never expires while the device is open. */
        EXPECT_OK(trib_event_query(first, &err), &err);
        EXPECT_OK(trib_buffer_release(device, buffer, &err), &err);
        trib_device_close(device);
}

static void event_of_a_lost_device_says_so(void **state)
{
        trib_device *device = open_device("sim:clock=scripted", 1);
        trib_stream *stream = acquire(device);
        trib_buffer  buffer;
        trib_event   event;
        char         host[8] = { 0 };
        trib_error   err = TRIB_ERROR_INIT;

        (void)state;
        EXPECT_OK(trib_buffer_create(stream, 8, &buffer, &err), &err);
        EXPECT_OK(trib_stream_upload(stream, buffer, 0, host, 8, &err), &err);
        EXPECT_OK(trib_stream_record(stream, &event, &err), &err);
        trib__sim_lose(trib__device_backend(device));
        EXPECT_FAILS(trib_event_query(event, &err), TRIB_DEVICE_LOST, &err, "lost");
        EXPECT_FAILS(trib_event_wait(event, TRIB_NO_LIMIT, &err), TRIB_DEVICE_LOST, &err, "lost");
        EXPECT_FAILS(trib_stream_upload(stream, buffer, 0, host, 8, &err), TRIB_DEVICE_LOST,
                     &err, "lost");
        trib_stream_release(stream);
        trib_device_close(device);
}

/* The stream of requests and the acquired one are two, and neither waits for the other. */
static void stream_acquired_leaves_requests_alone(void **state)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        struct session_rig  rig;
        struct zoo_job      job;
        trib_stream        *stream;
        trib_event          event;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        options.max_streams = 2;
        session_rig_open_on(&rig, "cpu:0", &options, ZOO_RELU, NULL);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
        stream = acquire(rig.device);
        for (int i = 0; i < 3; i++)
                EXPECT_OK(zoo_job_infer(&job, rig.session, &err), &err);
        EXPECT_OK(trib_stream_record(stream, &event, &err), &err);
        assert_int_equal(event.value, 0); /* none of the requests ran here */
        trib_stream_release(stream);
        session_rig_close(&rig);
}

/* The stream keeps the device open. */
static void stream_outlives_the_callers_device(void **state)
{
        trib_device *device = open_device("sim:fast", 1);
        trib_stream *stream = acquire(device);
        trib_buffer  buffer;
        trib_event   event;
        char         host[8] = { 0 };
        trib_error   err = TRIB_ERROR_INIT;

        (void)state;
        trib_device_close(device);
        EXPECT_OK(trib_buffer_create(stream, 8, &buffer, &err), &err);
        EXPECT_OK(trib_stream_upload(stream, buffer, 0, host, 8, &err), &err);
        EXPECT_OK(trib_stream_record(stream, &event, &err), &err);
        EXPECT_OK(trib_event_wait(event, TRIB_NO_LIMIT, &err), &err);
        trib_stream_release(stream); /* with it goes the device, and the buffer */
}

static void wait_for_stream(struct crowd_member *me)
{
        trib_stream *stream;

        me->status = trib_stream_acquire(me->context, TRIB_NO_LIMIT, &stream, &me->err);
        if (me->status == TRIB_OK)
                trib_stream_release(stream);
}

static void stream_acquire_waits_for_one_to_come_back(void **state)
{
        trib_device        *device = open_device("cpu:0", 1);
        trib_stream        *stream = acquire(device);
        struct crowd_member waiter;

        (void)state;
        crowd_start(&waiter, wait_for_stream, device, 0);
        crowd_wait_asleep(&waiter);
        trib_stream_release(stream);
        crowd_join(&waiter);
        EXPECT_OK(waiter.status, &waiter.err);
        trib_device_close(device);
}

/* A copy that was accepted and failed later is told by the events behind it, as often as they are
 * asked; and not by those behind a later record. */
static void event_tells_of_a_copy_that_failed(void **state)
{
        trib_device *device;
        trib_stream *stream;
        trib_buffer  buffer;
        trib_event   first, second;
        char         bytes[16] = "";
        trib_error   err = TRIB_ERROR_INIT;

        (void)state;
        EXPECT_OK(trib_device_open("sim:fast,fail_at=2", NULL, &device, &err), &err);
        EXPECT_OK(trib_stream_acquire(device, 0, &stream, &err), &err);
        EXPECT_OK(trib_buffer_create(stream, 16, &buffer, &err), &err);
        for (int i = 0; i < 3; i++)
                EXPECT_OK(trib_stream_upload(stream, buffer, 0, bytes, 16, &err), &err);
        EXPECT_OK(trib_stream_record(stream, &first, &err), &err);
        EXPECT_OK(trib_stream_upload(stream, buffer, 0, bytes, 16, &err), &err);
        EXPECT_OK(trib_stream_record(stream, &second, &err), &err);
        EXPECT_OK(trib_event_wait(second, UINT64_MAX, &err), &err);
        EXPECT_FAILS(trib_event_wait(first, UINT64_MAX, &err), TRIB_DEVICE_ERROR, &err, "work 2");
        EXPECT_FAILS(trib_event_query(first, &err), TRIB_DEVICE_ERROR, &err, "work 2");
        EXPECT_OK(trib_event_query(second, &err), &err);
        EXPECT_OK(trib_buffer_release(device, buffer, &err), &err);
        trib_stream_release(stream);
        trib_device_close(device);
}

TRIB_TEST_MAIN(TRIB_TEST(stream_carries_bytes_there_and_back),
               TRIB_TEST(buffer_calls_refuse_what_is_wrong),
               TRIB_TEST(stream_calls_refuse_what_is_wrong),
               TRIB_TEST(event_is_pending_until_its_stream_gets_there),
               TRIB_TEST(event_of_a_lost_device_says_so),
               TRIB_TEST(stream_acquired_leaves_requests_alone),
               TRIB_TEST(stream_outlives_the_callers_device),
               TRIB_TEST(stream_acquire_waits_for_one_to_come_back),
               TRIB_TEST(event_tells_of_a_copy_that_failed))
