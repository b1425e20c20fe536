/* SPDX-License-Identifier: Apache-2.0 */
/* The library with a defect built in: the checker of traces must notice each by name.
 *
 * The linker puts the functions below (__wrap_NAME) between parts of the library (--wrap), so the
 * defects are in the running code and none of its text. A device whose clock stands still until
 * the test moves it makes each of them show. */
#include "test_main.h"

#include "backend/sim/sim.h"
#include "expect.h"
#include "session/session_priv.h"
#include "trace_rig.h"
#include "zoo.h"

#define STOPPED "sim:fast,clock=scripted"
#define MIB (UINT64_C(1) << 20)

enum defect {
        SOUND,
        USE_UNNOTED,      /* a stream's use of a buffer is not recorded        */
        FENCES_IGNORED,   /* what a stream still uses counts as passed         */
        DEVICE_TOO_EARLY, /* a device tells of work that has not happened      */
        OUT_TWICE,        /* a cache gives the block that it gave last         */
        CAP_IGNORED,      /* memory is taken without being reserved            */
        CAP_KEPT,         /* what goes back to the device stays reserved       */
        RETURNED_TWICE,   /* a stream's lease is ended twice                   */
        HUNG_SERVES,      /* a hung stream counts as recovered                 */
        WRONG_OUTPUT      /* a worker takes another request's memory           */
};

static enum defect defect;
static void       *last_block; /* that a cache gave */

bool        __real_trib__fences_are_past(const struct trib__memory *, const void *, uint64_t);
bool        __wrap_trib__fences_are_past(const struct trib__memory *, const void *, uint64_t);
void       *__real_trib__cache_take(struct trib__memory *, uint32_t, uint32_t, uint64_t);
void       *__wrap_trib__cache_take(struct trib__memory *, uint32_t, uint32_t, uint64_t);
bool        __real_trib__cap_reserve(struct trib__memory *, uint64_t);
bool        __wrap_trib__cap_reserve(struct trib__memory *, uint64_t);
void        __real_trib__piece_give(struct trib__memory *, void *, uint64_t);
void        __wrap_trib__piece_give(struct trib__memory *, void *, uint64_t);
trib_status __real_trib__memory_use(struct trib__memory *, uint64_t, uint32_t, trib_error *);
trib_status __wrap_trib__memory_use(struct trib__memory *, uint64_t, uint32_t, trib_error *);
uint64_t    __real_trib__sim_completed(trib__queue *);
uint64_t    __wrap_trib__sim_completed(trib__queue *);
void        __real_trib__stream_return(struct trib_stream *, bool);
void        __wrap_trib__stream_return(struct trib_stream *, bool);
bool        __real_trib__stream_recover(void *, struct trib_stream *, bool);
bool        __wrap_trib__stream_recover(void *, struct trib_stream *, bool);
trib_status __real_trib__session_run(struct session_call *, const struct run_args *, trib_error *);
trib_status __wrap_trib__session_run(struct session_call *, const struct run_args *, trib_error *);

bool __wrap_trib__fences_are_past(const struct trib__memory *memory, const void *block,
                                  uint64_t streams)
{
        return defect == FENCES_IGNORED || __real_trib__fences_are_past(memory, block, streams);
}

void *__wrap_trib__cache_take(struct trib__memory *memory, uint32_t stream, uint32_t list,
                              uint64_t size)
{
        if (defect != OUT_TWICE || last_block == NULL)
                last_block = __real_trib__cache_take(memory, stream, list, size);
        return last_block;
}

bool __wrap_trib__cap_reserve(struct trib__memory *memory, uint64_t bytes)
{
        return defect == CAP_IGNORED || __real_trib__cap_reserve(memory, bytes);
}

void __wrap_trib__piece_give(struct trib__memory *memory, void *address, uint64_t size)
{
        __real_trib__piece_give(memory, address, size);
        if (defect == CAP_KEPT)
                (void)__real_trib__cap_reserve(memory, size);
}

trib_status __wrap_trib__memory_use(struct trib__memory *memory, uint64_t handle, uint32_t stream,
                                    trib_error *err)
{
        if (defect != USE_UNNOTED)
                return __real_trib__memory_use(memory, handle, stream, err);
        TRIB__TRACE(USE, memory, (uint32_t)handle - 1, handle >> 32, stream);
        return TRIB_OK;
}

uint64_t __wrap_trib__sim_completed(trib__queue *queue)
{
        return __real_trib__sim_completed(queue) + (defect == DEVICE_TOO_EARLY ? 1 : 0);
}

void __wrap_trib__stream_return(struct trib_stream *stream, bool is_hung)
{
        __real_trib__stream_return(stream, is_hung);
        if (defect == RETURNED_TWICE)
                __real_trib__stream_return(stream, is_hung);
}

bool __wrap_trib__stream_recover(void *pool, struct trib_stream *stream, bool was_orphan)
{
        return __real_trib__stream_recover(pool, stream, was_orphan) || defect == HUNG_SERVES;
}

trib_status __wrap_trib__session_run(struct session_call *call, const struct run_args *args,
                                     trib_error *err)
{
        static struct zoo_job other;
        struct run_args       wrong = *args;

        if (defect != WRONG_OUTPUT)
                return __real_trib__session_run(call, args, err);
        zoo_job_init(&other, ZOO_RELU, 1, 7);
        wrong.outputs = other.outputs;
        return __real_trib__session_run(call, &wrong, err);
}

static const char bytes[4096];

static trib_device *open_device(const char *name, uint64_t limit)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_device        *device;
        trib_error          err = TRIB_ERROR_INIT;

        options.max_streams = 2;
        options.memory_limit = limit;
        options.memory_timeout_ns = 1;
        EXPECT_OK(trib_device_open(name, &options, &device, &err), &err);
        return device;
}

static trib_buffer create(trib_stream *stream)
{
        trib_buffer buffer;
        trib_error  err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_buffer_create(stream, sizeof(bytes), &buffer, &err), &err);
        return buffer;
}

/* A buffer of stream 0, used by stream 1 and released while that still works, then another one on
 * stream 0; and a trim in the middle of it. */
static void move_buffers(void)
{
        trib_device *device = open_device(STOPPED, 0);
        trib_stream *streams[2];
        trib_buffer  buffer, second;
        trib_error   err = TRIB_ERROR_INIT;

        for (int i = 0; i < 2; i++)
                EXPECT_OK(trib_stream_acquire(device, 0, &streams[i], &err), &err);
        buffer = create(streams[0]);
        EXPECT_OK(trib_stream_upload(streams[1], buffer, 0, bytes, 64, &err), &err);
        EXPECT_OK(trib_buffer_release(device, buffer, &err), &err);
        buffer = create(streams[0]);
        second = create(streams[0]);
        for (int i = 0; i < 2; i++) {
                /* With a defect the two may be one. */
                (void)trib_buffer_release(device, buffer, NULL);
                (void)trib_buffer_release(device, second, NULL);
                (void)trib__sim_run_until_idle(trib__device_backend(device));
                if (i == 0) {
                        buffer = create(streams[0]);
                        second = create(streams[0]);
                }
        }
        EXPECT_OK(trib_device_trim(device, NULL, &err), &err);
        for (int i = 0; i < 2; i++)
                trib_stream_release(streams[i]);
        trib_device_close(device);
}

/* A request that is given up, and another one on its stream; then one through the queue. */
static void run_requests(void)
{
        trib_device         *device = open_device("sim:fast", 0);
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_request_options wanted;
        trib_model          *model;
        trib_session        *session;
        trib_request        *request;
        struct zoo_job       job;
        trib_error           err = TRIB_ERROR_INIT;

        options.timeout_ns = 50 * UINT64_C(1000000);
        EXPECT_OK(zoo_build(device, ZOO_RELU, &model, &err), &err);
        EXPECT_OK(trib_session_open(model, &options, &session, &err), &err);
        zoo_job_init(&job, ZOO_RELU, 1, 1);
        for (int i = 0; i < 2; i++)
                assert_true(trib__sim_fault(trib__device_backend(device),
                                            trib__sim_works(trib__device_backend(device)) + 1 +
                                                    (uint64_t)i,
                                            TRIB__SIM_FAULT_DELAY, 100 * UINT64_C(1000000)));
        /* Two streams: the third request has one of those that the first two were given up on. */
        for (int i = 0; i < 3; i++)
                (void)zoo_job_infer(&job, session, NULL);
        zoo_job_options(&job, &wanted);
        wanted.timeout_ns = TRIB_NO_LIMIT;
        EXPECT_OK(trib_submit(session, &wanted, &request, &err), &err);
        assert_int_not_equal(trib_wait(request, TRIB_NO_LIMIT, NULL), TRIB_PENDING);
        trib_request_release(request);
        EXPECT_OK(trib_session_close(session, &err), &err);
        trib_model_close(model);
        trib_device_close(device);
}

/* The scenario with the defect. The checker is content if that property is violated; NULL: none. */
static void show(enum defect which, const char *property, void (*scenario)(void))
{
        struct trace_rig rig;

        trace_begin_expecting(&rig, property);
        defect = which;
        last_block = NULL;
        scenario();
        defect = SOUND;
        assert_int_equal(trace_end(&rig), 0);
}

#define DEFECT(name, which, property, scenario) \
        static void name(void **state)          \
        {                                       \
                (void)state;                    \
                show(which, property, scenario); \
        }

DEFECT(trace_of_buffers_without_a_defect_is_right, SOUND, NULL, move_buffers)
DEFECT(trace_of_requests_without_a_defect_is_right, SOUND, NULL, run_requests)
DEFECT(trace_shows_a_use_that_is_not_noted, USE_UNNOTED, "S1", move_buffers)
DEFECT(trace_shows_fences_that_are_ignored, FENCES_IGNORED, "S1", move_buffers)
DEFECT(trace_shows_a_device_that_tells_too_early, DEVICE_TOO_EARLY, "S1", move_buffers)
DEFECT(trace_shows_a_block_handed_out_twice, OUT_TWICE, "S2", move_buffers)
DEFECT(trace_shows_memory_that_is_not_reserved, CAP_IGNORED, "S9", move_buffers)
DEFECT(trace_shows_memory_that_stays_reserved, CAP_KEPT, "S5", move_buffers)
DEFECT(trace_shows_a_stream_returned_twice, RETURNED_TWICE, "S7", move_buffers)
DEFECT(trace_shows_a_hung_stream_that_serves, HUNG_SERVES, "S10", run_requests)
DEFECT(trace_shows_a_request_with_wrong_memory, WRONG_OUTPUT, "B2", run_requests)

TRIB_TEST_MAIN(TRIB_TEST(trace_of_buffers_without_a_defect_is_right),
               TRIB_TEST(trace_of_requests_without_a_defect_is_right),
               TRIB_TEST(trace_shows_a_use_that_is_not_noted),
               TRIB_TEST(trace_shows_fences_that_are_ignored),
               TRIB_TEST(trace_shows_a_device_that_tells_too_early),
               TRIB_TEST(trace_shows_a_block_handed_out_twice),
               TRIB_TEST(trace_shows_memory_that_is_not_reserved),
               TRIB_TEST(trace_shows_memory_that_stays_reserved),
               TRIB_TEST(trace_shows_a_stream_returned_twice),
               TRIB_TEST(trace_shows_a_hung_stream_that_serves),
               TRIB_TEST(trace_shows_a_request_with_wrong_memory))
