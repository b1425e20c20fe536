/* SPDX-License-Identifier: Apache-2.0 */
/* One case for each kind of fault that a device, its memory or its neighbours can have, and how
 * long it took to recover. The figures are printed; only deadlines that are promised fail a case,
 * and those generously, because the machine may be busy. */
#include "test_main.h"

#include <sched.h>

#include "backend/sim/sim.h"
#include "base/clock.h"
#include "base/fault.h"
#include "crowd.h"
#include "expect.h"
#include "neighbour.h"
#include "recount.h"
#include "session/session_priv.h"

#define MS UINT64_C(1000000)
#define CROWD 64
#define ENOUGH_NS (UINT64_C(60) * TRIB__NS_PER_SECOND)

static void print_time(const char *what, uint64_t ns, const char *promise)
{
        print_message("recovery: %-46s %9.3f ms (promised: %s)\n", what, (double)ns * 1e-6,
                      promise);
}

/* A device, a model on it and a session. */
struct lab {
        trib_device   *device;
        trib_model    *model;
        trib_session  *session;
        struct zoo_job golden;
};

static trib__device *inner(const struct lab *lab)
{
        return trib__device_backend(lab->device);
}

static void lab_open(struct lab *lab, const char *device,
                     const trib_device_options *device_options,
                     const trib_session_options *options)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_device_open(device, device_options, &lab->device, &err), &err);
        EXPECT_OK(zoo_build(lab->device, ZOO_MLP, &lab->model, &err), &err);
        EXPECT_OK(trib_session_open(lab->model, options, &lab->session, &err), &err);
        zoo_job_init(&lab->golden, ZOO_MLP, 4, 5);
        EXPECT_OK(zoo_job_infer(&lab->golden, lab->session, &err), &err);
}

static void lab_close(struct lab *lab)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_session_close(lab->session, &err), &err);
        trib_model_close(lab->model);
        trib_device_close(lab->device);
}

/* One request; right, if it ends well. */
static trib_status ask(struct lab *lab, trib_error *err)
{
        struct zoo_job job;
        trib_status    status;

        zoo_job_init(&job, ZOO_MLP, 4, 5);
        status = zoo_job_infer(&job, lab->session, err);
        if (status == TRIB_OK && !zoo_job_is_right(&job, &lab->golden))
                return TRIB_INTERNAL;
        return status;
}

/* ---- device calls that fail for a moment -------------------------------------------------- */

static void device_call_that_fails_costs_that_request_only(void **state)
{
        static const struct {
                const char *device, *site;
        } rows[] = { { "cpu:0", "cpu.launch" }, { "sim:fast", "sim.launch" },
                     { "sim:fast", "sim.work" } };

        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct trib__fault_plan plan = { .first = 1, .site = rows[i].site };
                struct lab              lab;
                trib_error              err = TRIB_ERROR_INIT;
                uint64_t                failed, before, worst = 0;

                lab_open(&lab, rows[i].device, NULL, NULL);
                for (int turn = 0; turn < 20; turn++) {
                        trib__fault_arm_plan(&plan);
                        EXPECT_FAILS(ask(&lab, &err), TRIB_DEVICE_ERROR, &err, "queue ");
                        (void)trib__fault_disarm(&failed);
                        assert_int_equal(failed, 1);
                        before = trib__now();
                        EXPECT_OK(ask(&lab, &err), &err);
                        before = trib__now() - before;
                        worst = before > worst ? before : worst;
                }
                print_time(rows[i].site, worst, "10 ms, longest of 20");
                recount_session(lab.session, 41);
                lab_close(&lab);
        }
}

static void bits_that_flip_are_seen_by_comparing(void **state)
{
        struct lab     lab;
        struct zoo_job job;
        trib_error     err = TRIB_ERROR_INIT;

        (void)state;
        lab_open(&lab, "sim:fast", NULL, NULL);
        for (uint64_t bit = 0; bit < 32; bit++) {
                assert_true(trib__sim_fault(inner(&lab), trib__sim_works(inner(&lab)) + 1,
                                            TRIB__SIM_FAULT_FLIP, bit));
                zoo_job_init(&job, ZOO_MLP, 4, 5);
                EXPECT_OK(zoo_job_infer(&job, lab.session, &err), &err);
                assert_false(zoo_job_is_right(&job, &lab.golden));
                EXPECT_OK(ask(&lab, &err), &err);
        }
        lab_close(&lab);
}

/* ---- device lost ------------------------------------------------------------------------ */

struct pending {
        struct lab *lab;
        uint64_t    ended; /* trib__now */
};

static void ask_once(struct crowd_member *me)
{
        struct pending *pending = me->context;

        me->status = ask(pending[me->index].lab, &me->err);
        pending[me->index].ended = trib__now();
}

static void lost_device_ends_all_that_is_pending_and_refuses_the_rest(void **state)
{
        struct crowd_member  members[8];
        struct pending       pending[8];
        trib_request        *requests[16];
        struct zoo_job       jobs[16];
        trib_request_options options;
        struct lab           lab;
        trib_stream         *stream;
        trib_buffer          buffer;
        trib_error           err = TRIB_ERROR_INIT;
        uint64_t             lost, works, last = 0;
        char                 bytes[16] = "";

        (void)state;
        lab_open(&lab, "sim:fast", NULL, NULL);
        EXPECT_OK(trib_stream_acquire(lab.device, 0, &stream, &err), &err);
        EXPECT_OK(trib_buffer_create(stream, 16, &buffer, &err), &err);
        /* What comes now starts in a minute. */
        works = trib__sim_works(inner(&lab));
        for (uint64_t i = 1; i <= 24; i++)
                assert_true(trib__sim_fault(inner(&lab), trib__sim_works(inner(&lab)) + i,
                                            TRIB__SIM_FAULT_DELAY, ENOUGH_NS));
        for (uint32_t i = 0; i < 8; i++) {
                pending[i].lab = &lab;
                crowd_start(&members[i], ask_once, pending, i);
        }
        for (int i = 0; i < 16; i++) {
                zoo_job_init(&jobs[i], ZOO_MLP, 4, 5);
                zoo_job_options(&jobs[i], &options);
                EXPECT_OK(trib_submit(lab.session, &options, &requests[i], &err), &err);
        }
        while (trib__sim_works(inner(&lab)) < works + 8)
                (void)sched_yield();
        lost = trib__now();
        trib__sim_lose(inner(&lab));
        for (uint32_t i = 0; i < 8; i++) {
                crowd_join(&members[i]);
                assert_int_equal(members[i].status, TRIB_DEVICE_LOST);
                last = pending[i].ended > last ? pending[i].ended : last;
        }
        for (int i = 0; i < 16; i++) {
                EXPECT_FAILS(trib_wait(requests[i], ENOUGH_NS, &err), TRIB_DEVICE_LOST, &err, "");
                trib_request_release(requests[i]);
        }
        last = trib__now() > last ? trib__now() : last;
        print_time("device lost: last of 24 pending requests", last - lost, "1000 ms");
        assert_true(last - lost < 10 * TRIB__NS_PER_SECOND);
        lost = trib__now();
        EXPECT_FAILS(ask(&lab, &err), TRIB_DEVICE_LOST, &err, "lost");
        print_time("device lost: a later request refused", trib__now() - lost, "at once");
        EXPECT_FAILS(trib_stream_upload(stream, buffer, 0, bytes, 16, &err), TRIB_DEVICE_LOST,
                     &err, "lost");
        EXPECT_OK(trib_buffer_release(lab.device, buffer, &err), &err);
        trib_stream_release(stream);
        lab_close(&lab);
}

/* A second session on the lab's model, of requests with 20 ms each; 50 ms to close. */
static void hasty_open(struct lab *hasty, const struct lab *lab)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_error           err = TRIB_ERROR_INIT;
        struct zoo_job       job;

        *hasty = *lab;
        options.timeout_ns = 20 * MS;
        options.close_timeout_ns = 50 * MS;
        EXPECT_OK(trib_session_open(lab->model, &options, &hasty->session, &err), &err);
        zoo_job_init(&job, ZOO_MLP, 4, 5);
        EXPECT_OK(trib_session_prepare(hasty->session, &job.input, 1, NULL, &err), &err);
}

/* The next work takes 300 ms. */
static void slow_next(const struct lab *lab)
{
        assert_true(trib__sim_fault(inner(lab), trib__sim_works(inner(lab)) + 1,
                                    TRIB__SIM_FAULT_DELAY, 300 * MS));
}

/* ---- slow, and hung ----------------------------------------------------------------------- */

static void slow_kernel_costs_its_caller_the_deadline_and_others_nothing(void **state)
{
        struct neighbour neighbour;
        struct lab       lab, hasty;
        trib_error       err = TRIB_ERROR_INIT;
        uint64_t         before;

        (void)state;
        lab_open(&lab, "sim:fast", NULL, NULL);
        hasty_open(&hasty, &lab);
        slow_next(&lab);
        before = trib__now();
        EXPECT_FAILS(ask(&hasty, &err), TRIB_TIMED_OUT, &err, "queue ");
        print_time("slow kernel: the caller's deadline of 20 ms", trib__now() - before, "120 ms");
        neighbour_start(&neighbour, lab.device, NULL, ZOO_GATED);
        neighbour_await(&neighbour, 20);
        neighbour_stop(&neighbour);
        /* The slow stream comes back by itself when it has passed the work. */
        for (uint32_t i = 0; i < 20; i++)
                EXPECT_OK(ask(&lab, &err), &err);
        while (trib_session_close(hasty.session, &err) != TRIB_OK)
                assert_int_equal(err.status, TRIB_BUSY); /* until the slow work has ended */
        lab_close(&lab);
}

static void memory_that_a_slow_copy_still_uses_is_in_limbo(void **state)
{
        struct lab        lab;
        trib_memory_stats memory;
        trib_stream      *stream;
        trib_buffer       buffer;
        trib_event        event;
        trib_error        err = TRIB_ERROR_INIT;
        char              bytes[4096] = "";

        (void)state;
        lab_open(&lab, "sim:fast", NULL, NULL);
        EXPECT_OK(trib_stream_acquire(lab.device, 0, &stream, &err), &err);
        EXPECT_OK(trib_buffer_create(stream, sizeof(bytes), &buffer, &err), &err);
        assert_true(trib__sim_hang(inner(&lab), stream->index));
        EXPECT_OK(trib_stream_upload(stream, buffer, 0, bytes, sizeof(bytes), &err), &err);
        EXPECT_OK(trib_stream_record(stream, &event, &err), &err);
        EXPECT_OK(trib_buffer_release(lab.device, buffer, &err), &err);
        EXPECT_OK(trib_device_get_memory(lab.device, &memory, &err), &err);
        assert_true(memory.limbo >= sizeof(bytes));
        assert_true(trib__sim_unhang(inner(&lab), stream->index));
        EXPECT_OK(trib_event_wait(event, TRIB_NO_LIMIT, &err), &err);
        EXPECT_OK(trib_device_get_memory(lab.device, &memory, &err), &err);
        assert_int_equal(memory.limbo, 0);
        trib_stream_release(stream);
        lab_close(&lab);
}

static void hung_stream_is_out_of_use_until_it_comes_back(void **state)
{
        trib_device_options device_options = TRIB_DEVICE_OPTIONS_INIT;
        struct lab          lab, hasty;
        struct recount      count;
        trib_stream        *first, *second;
        trib_error          err = TRIB_ERROR_INIT;
        uint64_t            before;

        (void)state;
        device_options.max_streams = 2;
        lab_open(&lab, "sim:fast", &device_options, NULL);
        hasty_open(&hasty, &lab);
        assert_true(trib__sim_hang(inner(&lab), 0));
        before = trib__now();
        EXPECT_FAILS(ask(&hasty, &err), TRIB_TIMED_OUT, &err, "queue 0");
        print_time("hang: quarantined, deadline of 20 ms", trib__now() - before, "120 ms");
        /* One stream less, and said so. */
        EXPECT_OK(ask(&lab, &err), &err);
        EXPECT_OK(trib_stream_acquire(lab.device, 0, &first, &err), &err);
        EXPECT_FAILS(trib_stream_acquire(lab.device, 0, &second, &err), TRIB_NO_STREAM, &err, "2");
        trib_stream_release(first);
        before = trib__now();
        EXPECT_FAILS(trib_session_close(hasty.session, &err), TRIB_BUSY, &err, "close it again");
        print_time("hang: close with a deadline of 50 ms", trib__now() - before, "150 ms");
        assert_true(trib__sim_unhang(inner(&lab), 0));
        before = trib__now();
        EXPECT_OK(trib_session_close(hasty.session, &err), &err);
        recount_device(lab.device, true, &count);
        print_time("hang over: both streams leased again", trib__now() - before, "-");
        assert_int_equal(count.streams, 2);
        lab_close(&lab);
}

/* A completion that never comes is a hang. One that came twice or early would show as a number
 * that goes back or ahead. */
struct watch {
        trib__queue           *queue;
        struct trib__timeline *timeline;
        atomic_uint            must_stop;
};

static void watch_numbers(struct crowd_member *me)
{
        struct watch *watch = me->context;
        uint64_t      last = 0;

        while (atomic_load(&watch->must_stop) == 0) {
                uint64_t now = trib__sim_backend.completed(watch->queue);
                /* Acquire: what was submitted when the completion was seen, or more. */
                uint64_t submitted = trib__load_acquire_u64(&watch->timeline->submitted);

                me->wrong += now < last || now > submitted;
                me->done += now != last;
                last = now;
        }
}

static void completion_numbers_go_neither_back_nor_ahead(void **state)
{
        trib_device_options device_options = TRIB_DEVICE_OPTIONS_INIT;
        struct crowd_member member;
        struct watch        watch = { 0 };
        struct lab          lab;
        trib_stream        *stream;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        device_options.max_streams = 1;
        lab_open(&lab, "sim:fast", &device_options, NULL);
        EXPECT_OK(trib_stream_acquire(lab.device, 0, &stream, &err), &err);
        watch.queue = stream->queue;
        watch.timeline = stream->timeline;
        trib_stream_release(stream);
        crowd_start(&member, watch_numbers, &watch, 0);
        for (int i = 0; i < 200; i++) {
                if (i % 3 == 0)
                        assert_true(trib__sim_fault(inner(&lab), trib__sim_works(inner(&lab)) + 1,
                                                    TRIB__SIM_FAULT_FAIL, 0));
                EXPECT(ask(&lab, &err), i % 3 == 0 ? TRIB_DEVICE_ERROR : TRIB_OK, &err);
        }
        atomic_store(&watch.must_stop, 1);
        crowd_join(&member);
        assert_int_equal(member.wrong, 0);
        lab_close(&lab);
}

/* ---- memory that neighbours have ---------------------------------------------------------- */

#define PIECE (UINT64_C(256) << 10)
#define PIECES 8

struct hungry {
        trib_device  *device;
        trib__atomic_u64 got, refused;
};

/* Each wants two pieces at once, and gives back what it has when it gets no more. */
static void eat(struct crowd_member *me)
{
        struct hungry *hungry = me->context;

        for (int turn = 0; turn < 20; turn++) {
                trib_stream *stream;
                trib_buffer  buffers[2] = { { 0 } };

                me->status = trib_stream_acquire(hungry->device, ENOUGH_NS, &stream, &me->err);
                if (me->status != TRIB_OK)
                        return;
                for (int i = 0; i < 2; i++) {
                        trib_status status = trib_buffer_create(stream, PIECE, &buffers[i],
                                                                &me->err);

                        me->wrong += status != TRIB_OK && status != TRIB_OUT_OF_MEMORY;
                        /* Relaxed, both: counts. */
                        (void)trib__fetch_add_relaxed_u64(
                                status == TRIB_OK ? &hungry->got : &hungry->refused, 1);
                        (void)sched_yield();
                }
                for (int i = 0; i < 2; i++) {
                        if (buffers[i].id != 0 &&
                            trib_buffer_release(hungry->device, buffers[i], NULL) != TRIB_OK)
                                me->wrong++;
                }
                trib_stream_release(stream);
                me->done++;
        }
}

static void threads_at_the_limit_end_and_none_hangs(void **state)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        struct crowd_member members[CROWD];
        struct hungry       hungry = { 0 };
        struct recount      count;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        options.memory_limit = PIECES * PIECE;
        options.max_streams = 32;
        EXPECT_OK(trib_device_open("sim:fast", &options, &hungry.device, &err), &err);
        crowd_run_all(members, CROWD, eat, &hungry);
        for (int i = 0; i < CROWD; i++) {
                EXPECT_OK(members[i].status, &members[i].err);
                assert_int_equal(members[i].done, 20);
                assert_int_equal(members[i].wrong, 0);
        }
        /* Relaxed, both: at rest. */
        print_message("at the limit: %llu pieces got, %llu refused, by %d threads\n",
                      (unsigned long long)trib__load_relaxed_u64(&hungry.got),
                      (unsigned long long)trib__load_relaxed_u64(&hungry.refused), CROWD);
        assert_true(trib__load_relaxed_u64(&hungry.got) > 0); /* Relaxed: at rest. */
        recount_device(hungry.device, true, &count);
        assert_int_equal(count.memory.requested, 0);
        assert_true(count.memory.reserved_peak <= options.memory_limit);
        trib_device_close(hungry.device);
}

static void request_succeeds_when_the_pressure_is_gone(void **state)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        struct lab          lab;
        trib_stream        *stream;
        trib_buffer         buffer;
        struct zoo_job      big;
        trib_error          err = TRIB_ERROR_INIT;
        trib_memory_stats   memory;
        uint64_t            before;

        (void)state;
        options.memory_limit = UINT64_C(4) << 20;
        options.max_streams = 2;
        lab_open(&lab, "sim:fast", &options, NULL);
        EXPECT_OK(trib_stream_acquire(lab.device, 0, &stream, &err), &err);
        /* The largest piece that there is, found by halves. */
        for (uint64_t bytes = options.memory_limit; bytes >= 512; bytes /= 2) {
                if (trib_buffer_create(stream, bytes, &buffer, &err) == TRIB_OK)
                        break;
                assert_int_equal(err.status, TRIB_OUT_OF_MEMORY);
                assert_non_null(strstr(err.message, "bytes"));
        }
        EXPECT_OK(trib_device_get_memory(lab.device, &memory, &err), &err);
        assert_true(memory.out_of_memory > 0);
        zoo_job_init(&big, ZOO_MLP, ZOO_MAX_ROWS, 1);
        before = trib__now();
        EXPECT_OK(trib_buffer_release(lab.device, buffer, &err), &err);
        EXPECT_OK(zoo_job_infer(&big, lab.session, &err), &err);
        print_time("memory pressure gone: next request", trib__now() - before, "50 ms");
        trib_stream_release(stream);
        lab_close(&lab);
}

/* The device gives nothing any more: each step of the ladder that is left serves in its turn, and
 * the counters say which it was. */
static void device_without_memory_is_asked_last(void **state)
{
        struct trib__fault_plan plan = { .first = 1, .is_persistent = true, .site = "sim.alloc" };
        trib_memory_stats       before, after;
        trib_device            *device;
        trib_stream            *stream;
        trib_buffer             own, other;
        trib_error              err = TRIB_ERROR_INIT;
        uint64_t                failed;

        (void)state;
        EXPECT_OK(trib_device_open("sim:fast", NULL, &device, &err), &err);
        EXPECT_OK(trib_stream_acquire(device, 0, &stream, &err), &err);
        EXPECT_OK(trib_buffer_create(stream, 1000, &own, &err), &err);
        EXPECT_OK(trib_device_get_memory(device, &before, &err), &err);
        assert_int_equal(before.from_device, 1);
        EXPECT_OK(trib_buffer_release(device, own, &err), &err);
        trib__fault_arm_plan(&plan);
        EXPECT_OK(trib_buffer_create(stream, 1000, &own, &err), &err);
        EXPECT_OK(trib_device_get_memory(device, &after, &err), &err);
        assert_int_equal(after.from_central + after.from_device, before.from_central +
                                                                         before.from_device);
        EXPECT_OK(trib_buffer_create(stream, 3000, &other, &err), &err);
        EXPECT_OK(trib_device_get_memory(device, &after, &err), &err);
        assert_int_equal(after.from_central, before.from_central + 1);
        EXPECT_OK(trib_buffer_release(device, other, &err), &err);
        EXPECT_FAILS(trib_buffer_create(stream, UINT64_C(200) << 20, &other, &err),
                     TRIB_OUT_OF_MEMORY, &err, "bytes");
        (void)trib__fault_disarm(&failed);
        assert_true(failed >= 1);
        EXPECT_OK(trib_device_get_memory(device, &after, &err), &err);
        assert_int_equal(after.out_of_memory, 1);
        EXPECT_OK(trib_buffer_create(stream, UINT64_C(2) << 20, &other, &err), &err);
        EXPECT_OK(trib_device_get_memory(device, &after, &err), &err);
        assert_int_equal(after.from_device, before.from_device + 1);
        EXPECT_OK(trib_buffer_release(device, other, &err), &err);
        EXPECT_OK(trib_buffer_release(device, own, &err), &err);
        trib_stream_release(stream);
        trib_device_close(device);
}

/* ---- a thread that ends inside a request ---------------------------------------------------- */

static atomic_ullong died;

static int die_once(void *context, const trib_tensor *inputs, int n_inputs,
                    const trib_tensor *output)
{
        unsigned long long never = 0;

        (void)context;
        (void)n_inputs;
        if (atomic_compare_exchange_strong(&died, &never, trib__now()))
                pthread_exit(NULL);
        memcpy(output->data, inputs[0].data, (size_t)output->shape[0] * sizeof(float));
        return 0;
}

static trib_status ask_deadly(trib_session *session, trib_error *err)
{
        const float       x[4] = { 1, 2, 3, 4 };
        float             y[4] = { 0 };
        const trib_tensor in = trib_tensor_from_f32(x, 1, (int64_t[]){ 4 });
        const trib_tensor out = trib_tensor_from_f32(y, 1, (int64_t[]){ 4 });
        trib_status       status = trib_infer(session, &in, 1, &out, 1, err);

        if (status == TRIB_OK && memcmp(x, y, sizeof(x)) != 0)
                return TRIB_INTERNAL;
        return status;
}

static void ask_and_die(struct crowd_member *me)
{
        me->done = 1;
        me->status = ask_deadly(me->context, &me->err);
        me->done = 2;
}

static void stream_of_a_thread_that_died_in_a_request_comes_back(void **state)
{
        trib_device_options device_options = TRIB_DEVICE_OPTIONS_INIT;
        trib_operator       op = TRIB_OPERATOR_INIT;
        struct crowd_member member;
        trib_model_builder *b;
        trib_model         *model;
        trib_session       *session;
        trib_device        *device;
        trib_value          x;
        trib_error          err = TRIB_ERROR_INIT;

        (void)state;
        device_options.max_streams = 1;
        EXPECT_OK(trib_device_open("cpu:0", &device_options, &device, &err), &err);
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        op.name = "die once";
        op.run = die_once;
        x = trib_model_input(b, "x", TRIB_F32, 1, (int64_t[]){ 4 });
        trib_model_output(b, "y", trib_model_operator(b, &op, &x, 1));
        EXPECT_OK(trib_model_build(b, device, &model, &err), &err);
        trib_model_builder_destroy(b);
        EXPECT_OK(trib_session_open(model, NULL, &session, &err), &err);
        crowd_start(&member, ask_and_die, session, 0);
        crowd_join(&member);
        assert_int_equal(member.done, 1);
        EXPECT_OK(ask_deadly(session, &err), &err);
        print_time("thread death: its stream serves again", trib__now() - atomic_load(&died),
                   "100 ms");
        EXPECT_OK(trib_session_close(session, &err), &err);
        trib_model_close(model);
        trib_device_close(device);
}

/* ---- plans -------------------------------------------------------------------------------- */

static void failed_build_is_told_to_all_who_wait_and_the_next_call_builds(void **state)
{
        struct trib__fault_plan plan = { .first = 1, .site = "plan.plan" };
        struct crowd_member     members[8];
        struct pending          pending[8];
        struct zoo_job          job;
        struct lab              lab;
        trib_error              err = TRIB_ERROR_INIT;
        uint64_t                failed;
        uint32_t                n_failed = 0;

        (void)state;
        lab_open(&lab, "cpu:0", NULL, NULL);
        EXPECT_OK(trib_session_close(lab.session, &err), &err);
        EXPECT_OK(trib_session_open(lab.model, NULL, &lab.session, &err), &err);
        for (uint32_t i = 0; i < 8; i++)
                pending[i].lab = &lab;
        trib__fault_arm_plan(&plan);
        crowd_run_all(members, 8, ask_once, pending);
        (void)trib__fault_disarm(&failed);
        assert_int_equal(failed, 1);
        for (uint32_t i = 0; i < 8; i++) {
                n_failed += members[i].status == TRIB_OUT_OF_MEMORY;
                assert_true(members[i].status == TRIB_OUT_OF_MEMORY ||
                            members[i].status == TRIB_OK);
        }
        print_message("a build failed: %u of 8 threads were told, the others built it again\n",
                      n_failed);
        assert_true(n_failed >= 1);
        zoo_job_init(&job, ZOO_MLP, 4, 5);
        EXPECT_OK(ask(&lab, &err), &err);
        recount_session(lab.session, 9);
        lab_close(&lab);
}

/* ---- closing while all are busy ----------------------------------------------------------- */

static void close_with_busy_threads_ends(void **state)
{
        struct crowd_member members[CROWD];
        struct pending      pending[CROWD];
        struct lab          lab;
        trib_error          err = TRIB_ERROR_INIT;
        uint64_t            before, works;

        (void)state;
        lab_open(&lab, "sim:queues=64,delay_us=50000,flops=1e18,bandwidth=1e18,launch_us=0", NULL,
                 NULL);
        works = trib__sim_works(inner(&lab));
        for (uint32_t i = 0; i < CROWD; i++) {
                pending[i].lab = &lab;
                crowd_start(&members[i], ask_once, pending, i);
        }
        while (trib__sim_works(inner(&lab)) < works + CROWD)
                (void)sched_yield();
        before = trib__now();
        EXPECT_OK(trib_session_close(lab.session, &err), &err);
        print_time("close with 64 busy threads", trib__now() - before, "2000 ms");
        for (uint32_t i = 0; i < CROWD; i++) {
                crowd_join(&members[i]);
                EXPECT_OK(members[i].status, &members[i].err);
        }
        trib_model_close(lab.model);
        trib_device_close(lab.device);
}

/* ---- isolation ---------------------------------------------------------------------------- */

#define FAULTS_PER_SECOND 100

/* One stream fails a hundred times a second: what its neighbour then gets done is printed. */
static void one_failing_stream_leaves_its_neighbour_alone(void **state)
{
        struct trib__fault_plan plan = { .first = 1, .is_persistent = true, .site = "cpu.launch" };
        struct neighbour        neighbour;
        struct lab              lab;
        trib_error              err = TRIB_ERROR_INIT;
        uint64_t                rates[2] = { 0 };

        (void)state;
        lab_open(&lab, "cpu:0", NULL, NULL);
        neighbour_start(&neighbour, lab.device, NULL, ZOO_GATED);
        for (int turn = 0; turn < 10; turn++) {
                for (int is_failing = 0; is_failing < 2; is_failing++) {
                        uint64_t end = trib__now() + 20 * MS, answers;
                        uint64_t from = neighbour_requests(&neighbour);

                        while (trib__now() < end) {
                                trib__atomic_u32 nobody = { 0 };

                                if (is_failing != 0)
                                        trib__fault_arm_plan(&plan);
                                answers = ask(&lab, &err) == TRIB_OK;
                                if (is_failing != 0)
                                        (void)trib__fault_disarm(NULL);
                                assert_int_equal(answers, is_failing == 0);
                                (void)trib__word_wait(&nobody, 0, trib__now() +
                                                              TRIB__NS_PER_SECOND /
                                                                      FAULTS_PER_SECOND);
                        }
                        rates[is_failing] += neighbour_requests(&neighbour) - from;
                }
        }
        print_message("isolation: neighbour's answers beside a failing stream: %llu, beside a "
                      "healthy one %llu (promised: 90 %%)\n",
                      (unsigned long long)rates[1], (unsigned long long)rates[0]);
        neighbour_stop(&neighbour);
        lab_close(&lab);
}

TRIB_TEST_MAIN(TRIB_TEST(device_call_that_fails_costs_that_request_only),
               TRIB_TEST(bits_that_flip_are_seen_by_comparing),
               TRIB_TEST(lost_device_ends_all_that_is_pending_and_refuses_the_rest),
               TRIB_TEST(slow_kernel_costs_its_caller_the_deadline_and_others_nothing),
               TRIB_TEST(memory_that_a_slow_copy_still_uses_is_in_limbo),
               TRIB_TEST(hung_stream_is_out_of_use_until_it_comes_back),
               TRIB_TEST(completion_numbers_go_neither_back_nor_ahead),
               TRIB_TEST(threads_at_the_limit_end_and_none_hangs),
               TRIB_TEST(request_succeeds_when_the_pressure_is_gone),
               TRIB_TEST(device_without_memory_is_asked_last),
               TRIB_TEST(stream_of_a_thread_that_died_in_a_request_comes_back),
               TRIB_TEST(failed_build_is_told_to_all_who_wait_and_the_next_call_builds),
               TRIB_TEST(close_with_busy_threads_ends),
               TRIB_TEST(one_failing_stream_leaves_its_neighbour_alone))
