/* SPDX-License-Identifier: Apache-2.0 */
/* H23, H35 to H37 and H39: numbers that name nothing, lists that change under a reader, signals,
 * settings, and bits. */
#include "test_main.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/sim/sim.h"
#include "base/random.h"
#include "buffers.h"
#include "child.h"
#include "crowd.h"
#include "expect.h"
#include "scale.h"
#include "session_rig.h"

/* ---- H23 -------------------------------------------------------------------------------- */

/* Calls `check` for -2, -1, all of [0, dense), and around every power of two up to 2^63. */
static void for_ids(uint64_t dense, void (*check)(int64_t id))
{
        check(-2);
        check(-1);
        for (uint64_t id = 0; id < dense; id++)
                check((int64_t)id);
        for (int power = 0; power < 63; power++) {
                for (int64_t near = -1; near <= 1; near++)
                        check((INT64_C(1) << power) + near);
        }
        check(INT64_MAX);
        check(INT64_MIN);
}

static struct buffers rig;
static trib_buffer    live;

static void check_buffer_id(int64_t id)
{
        trib_buffer buffer = { (uint64_t)id };
        trib_status status;

        if (buffer.id == live.id)
                return;
        status = trib_buffer_address(rig.device, buffer, NULL, NULL, NULL);
        if (status != TRIB_INVALID_ARGUMENT && status != TRIB_STALE)
                fail_msg("buffer %lld: %s", (long long)id, trib_status_name(status));
        status = trib_buffer_release(rig.device, buffer, NULL);
        if (status != TRIB_INVALID_ARGUMENT && status != TRIB_STALE)
                fail_msg("release of buffer %lld: %s", (long long)id, trib_status_name(status));
}

static void H23_a_buffer_that_was_never_given_is_an_error(void **state)
{
        trib_memory_stats before, after;

        (void)state;
        for (int a = 0; a < BUFFERS_ALLOCATORS; a++) {
                buffers_open(&rig, "sim:fast", buffers_allocators[a], 0);
                live = buffers_create(&rig, 0, 4096);
                before = buffers_stats(&rig);
                for_ids(test_scale(100000, UINT64_C(1) << 31), check_buffer_id);
                after = buffers_stats(&rig);
                assert_memory_equal(&before, &after, sizeof(before));
                buffers_release(&rig, live);
                buffers_close(&rig);
        }
}

static void check_value_id(int64_t id)
{
        trib_model_builder *b;
        trib_model         *model;
        trib_value          x, y;
        trib_error          err = TRIB_ERROR_INIT;

        if (id > INT32_MAX || id < INT32_MIN || id == 0)
                return; /* no trib_value; or the input, which there is */
        EXPECT_OK(trib_model_builder_create(&b, &err), &err);
        x = trib_model_input(b, "x", TRIB_F32, 1, (int64_t[]){ 4 });
        assert_int_equal(x, 0);
        y = trib_model_relu(b, (trib_value)id);
        assert_true(y < 0);
        trib_model_output(b, "y", x);
        EXPECT_FAILS(trib_model_build(b, rig.device, &model, &err), TRIB_INVALID_ARGUMENT, &err,
                     "");
        trib_model_builder_destroy(b);
}

static void check_device_id(int64_t id)
{
        trib_device_probe probe;
        trib_device      *device;
        char              name[64];
        trib_error        err;

        (void)snprintf(name, sizeof(name), "cpu:%lld", (long long)id);
        if (id != 0)
                EXPECT_FAILS(trib_device_open(name, NULL, &device, &err), TRIB_NOT_FOUND, &err,
                             name);
        if (id > 1 && id <= UINT32_MAX)
                EXPECT_FAILS(trib_device_probe_at((uint32_t)id, &probe, &err), TRIB_NOT_FOUND,
                             &err, "");
}

static struct session_rig counted;

static void check_count(int64_t id)
{
        struct zoo_job       job;
        trib_request_options options;
        trib_request        *request;
        trib_error           err;

        if (id > INT32_MAX || id < INT32_MIN || id == 1)
                return;
        zoo_job_init(&job, ZOO_RELU, 1, 1);
        EXPECT_FAILS(trib_infer(counted.session, &job.input, (int)id, job.outputs, 1, &err),
                     TRIB_INVALID_ARGUMENT, &err, "");
        EXPECT_FAILS(trib_infer(counted.session, &job.input, 1, job.outputs, (int)id, &err),
                     TRIB_INVALID_ARGUMENT, &err, "");
        zoo_job_options(&job, &options);
        options.n_inputs = (int)id;
        EXPECT_FAILS(trib_submit(counted.session, &options, &request, &err),
                     TRIB_INVALID_ARGUMENT, &err, "");
}

static void H23_values_devices_and_counts_that_are_none_are_errors(void **state)
{
        (void)state;
        buffers_open(&rig, "sim:fast", 0, 0);
        for_ids(2000, check_value_id);
        buffers_close(&rig);
        for_ids(20, check_device_id);
        session_rig_open(&counted, "cpu:0", ZOO_RELU, NULL);
        for_ids(2000, check_count);
        session_rig_close(&counted);
}

/* ---- H35 -------------------------------------------------------------------------------- */

struct scanned {
        trib_device *device;
        uint64_t     rounds;
        atomic_uint  at_work;
};

/* Allocate and free at random, against a cap that is met now and then. */
static void allocate_and_free(struct crowd_member *me)
{
        struct scanned    *scanned = me->context;
        struct trib__random random = { me->index };
        trib_buffer         kept[16] = { 0 };
        trib_stream        *stream;

        me->status = trib_stream_acquire(scanned->device, 0, &stream, &me->err);
        for (uint64_t i = 0; me->status == TRIB_OK && i < scanned->rounds; i++) {
                trib_buffer *buffer = &kept[trib__random_below(&random, 16)];
                uint64_t     bytes = 1 + trib__random_below(&random, 40000);
                trib_status  status;

                if (buffer->id != 0)
                        me->wrong += trib_buffer_release(scanned->device, *buffer, &me->err) !=
                                     TRIB_OK;
                status = trib_buffer_create(stream, bytes, buffer, &me->err);
                me->wrong += status != TRIB_OK && status != TRIB_OUT_OF_MEMORY;
                me->done += status == TRIB_OK;
        }
        for (int i = 0; i < 16; i++) {
                if (kept[i].id != 0)
                        me->wrong += trib_buffer_release(scanned->device, kept[i], &me->err) !=
                                     TRIB_OK;
        }
        trib_stream_release(stream);
        atomic_fetch_sub(&scanned->at_work, 1);
}

/* Walk all that the others are changing, and take away what is free. */
static void scan_and_trim(struct crowd_member *me)
{
        struct scanned *scanned = me->context;
        static char     text[1 << 16];
        size_t          needed;

        do {
                trib_memory_stats stats;

                me->wrong += trib_device_get_memory(scanned->device, &stats, &me->err) != TRIB_OK;
                me->wrong += stats.limit != 0 && stats.reserved > stats.limit;
                me->wrong += trib_device_describe_memory(scanned->device, text, sizeof(text),
                                                         &needed, &me->err) != TRIB_OK;
                me->wrong += trib_device_trim(scanned->device, NULL, &me->err) != TRIB_OK;
                me->done++;
        } while (atomic_load(&scanned->at_work) > 0);
}

static void change_or_scan(struct crowd_member *me)
{
        if (me->index == 0)
                scan_and_trim(me);
        else
                allocate_and_free(me);
}

static void H35_lists_may_be_walked_while_they_change(void **state)
{
        (void)state;
        for (int a = 0; a < BUFFERS_ALLOCATORS; a++) {
                struct scanned      scanned = { .rounds = test_scale(3000, 300000) };
                trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
                struct crowd_member members[4];
                trib_memory_stats   stats;
                trib_error          err = TRIB_ERROR_INIT;

                options.allocator_shards = buffers_allocators[a];
                options.memory_limit = 1 << 20;
                options.memory_timeout_ns = 1000 * 1000;
                EXPECT_OK(trib_device_open("sim:fast", &options, &scanned.device, &err), &err);
                atomic_store(&scanned.at_work, 3);
                crowd_run_all(members, 4, change_or_scan, &scanned);
                for (int i = 0; i < 4; i++) {
                        EXPECT_OK(members[i].status, &members[i].err);
                        assert_int_equal(members[i].wrong, 0);
                        assert_true(members[i].done > 0);
                }
                EXPECT_OK(trib_device_get_memory(scanned.device, &stats, &err), &err);
                assert_int_equal(stats.allocated, 0);
                trib_device_close(scanned.device);
        }
}

/* Each callback releases its own request, cancels the next and queues another. */
struct chain {
        trib_session   *session;
        struct zoo_job  jobs[64];
        trib_request   *_Atomic requests[64];
        atomic_uint     calls, more;
};

struct link {
        struct chain *chain;
        uint32_t      index;
};

static struct link links[64];

static void count_more(void *context, trib_request *request, trib_status status)
{
        struct chain *chain = context;

        (void)request;
        (void)status;
        atomic_fetch_add(&chain->calls, 1);
}

static void release_and_cancel_the_next(void *context, trib_request *request, trib_status status)
{
        struct link         *link = context;
        struct chain        *chain = link->chain;
        trib_request        *next = NULL;
        trib_request_options options;

        (void)status;
        (void)request;
        if (link->index + 1 < 64)
                next = atomic_load(&chain->requests[link->index + 1]);
        if (next != NULL)
                (void)trib_cancel(next, NULL);
        zoo_job_options(&chain->jobs[link->index], &options);
        options.done = count_more;
        options.context = chain;
        if (trib_submit(chain->session, &options, NULL, NULL) == TRIB_OK)
                atomic_fetch_add(&chain->more, 1);
        atomic_fetch_add(&chain->calls, 1);
}

static void H35_callbacks_may_change_the_queue_that_is_being_emptied(void **state)
{
        const uint64_t turns = test_scale(50, 5000);

        (void)state;
        for (uint64_t turn = 0; turn < turns; turn++) {
                static struct chain  chain;
                trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
                struct session_rig   with;
                trib_error           err = TRIB_ERROR_INIT;

                memset(&chain, 0, sizeof(chain));
                options.workers = 1 + (uint32_t)turn % 3;
                session_rig_open(&with, turn % 2 == 0 ? "cpu:0" : "sim:fast", ZOO_RELU, &options);
                chain.session = with.session;
                for (uint32_t i = 0; i < 64; i++) {
                        trib_request_options one;
                        trib_request        *request;

                        links[i] = (struct link){ &chain, i };
                        zoo_job_init(&chain.jobs[i], ZOO_RELU, 1, i);
                        zoo_job_options(&chain.jobs[i], &one);
                        one.done = release_and_cancel_the_next;
                        one.context = &links[i];
                        EXPECT_OK(trib_submit(with.session, &one, &request, &err), &err);
                        atomic_store(&chain.requests[i], request);
                }
                session_rig_close(&with);
                for (int i = 0; i < 64; i++)
                        trib_request_release(atomic_load(&chain.requests[i]));
                assert_int_equal(atomic_load(&chain.calls), 64 + atomic_load(&chain.more));
        }
}

/* ---- H36 -------------------------------------------------------------------------------- */

/* Which threads a handler ran on. */
#define MAX_HIT 16
static atomic_int  hit[MAX_HIT];
static atomic_uint signals_seen;

static void count_signal(int number)
{
        int me = gettid();

        (void)number;
        atomic_fetch_add(&signals_seen, 1);
        for (int i = 0; i < MAX_HIT; i++) {
                int nobody = 0;

                if (atomic_compare_exchange_strong(&hit[i], &nobody, me) || nobody == me)
                        return;
        }
        _exit(4);
}

/* Whether the handler ran on the first thread and these members only; starts anew. */
static bool were_hit(const struct crowd_member *members, int count)
{
        bool are_ours = true;

        for (int i = 0; i < MAX_HIT; i++) {
                int  tid = atomic_exchange(&hit[i], 0);
                bool is_ours = tid == 0 || tid == getpid();

                for (int m = 0; m < count; m++)
                        is_ours = is_ours || tid == atomic_load(&members[m].tid);
                are_ours = are_ours && is_ours;
        }
        return are_ours;
}

struct stormed {
        trib_session  *session;
        struct zoo_job golden;
        uint64_t       rounds;
        atomic_uint    at_work;
};

static void infer_in_the_storm(struct crowd_member *me)
{
        struct stormed      *stormed = me->context;
        struct zoo_job       job;
        trib_request_options options;
        trib_request        *request;

        zoo_job_init(&job, ZOO_NORM, stormed->golden.rows, stormed->golden.seed);
        zoo_job_options(&job, &options);
        for (uint64_t i = 0; me->status == TRIB_OK && i < stormed->rounds; i++) {
                zoo_job_reset(&job);
                if (i % 2 == 0) {
                        me->status = zoo_job_infer(&job, stormed->session, &me->err);
                } else {
                        me->status = trib_submit(stormed->session, &options, &request, &me->err);
                        if (me->status != TRIB_OK)
                                break;
                        me->status = trib_wait(request, TRIB_NO_LIMIT, &me->err);
                        trib_request_release(request);
                }
                me->wrong += !zoo_job_is_right(&job, &stormed->golden);
        }
        atomic_fetch_sub(&stormed->at_work, 1);
}

/* A signal to the process while this thread, the only one beside the library's, blocks it: it stays
 * pending until it is let in here. */
static void only_the_library_could_take_it(void)
{
        sigset_t term, before, pending;

        (void)sigemptyset(&term);
        (void)sigaddset(&term, SIGTERM);
        assert_int_equal(pthread_sigmask(SIG_BLOCK, &term, &before), 0);
        for (int i = 0; i < 100; i++) {
                assert_int_equal(kill(getpid(), SIGTERM), 0);
                (void)sched_yield();
                assert_int_equal(sigpending(&pending), 0);
                assert_int_equal(sigismember(&pending, SIGTERM), 1);
        }
        assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
        assert_true(were_hit(NULL, 0));
}

/* Signals to the process and to each caller, all the while; calls that were interrupted go on. */
static void H36_a_storm_of_signals_changes_nothing(void **state)
{
        static const char *const devices[] = { "cpu:0", "sim:fast" };
        struct sigaction         action = { .sa_handler = count_signal };

        (void)state;
        assert_int_equal(sigaction(SIGTERM, &action, NULL), 0);
        for (int d = 0; d < 2; d++) {
                static struct stormed stormed;
                trib_device_options   options = TRIB_DEVICE_OPTIONS_INIT;
                struct session_rig    with;
                struct crowd_member   members[4];
                trib_error            err = TRIB_ERROR_INIT;

                options.max_streams = 2;
                session_rig_open_on(&with, devices[d], &options, ZOO_NORM, NULL);
                stormed.session = with.session;
                stormed.rounds = test_scale(2000, 200000);
                zoo_job_init(&stormed.golden, ZOO_NORM, 4, 1);
                EXPECT_OK(zoo_job_infer(&stormed.golden, with.session, &err), &err);
                atomic_store(&stormed.at_work, 4);
                for (uint32_t i = 0; i < 4; i++)
                        crowd_start(&members[i], infer_in_the_storm, &stormed, i);
                while (atomic_load(&stormed.at_work) > 0) {
                        assert_int_equal(kill(getpid(), SIGTERM), 0);
                        for (int i = 0; i < 4; i++)
                                (void)pthread_kill(members[i].thread, SIGTERM);
                        (void)usleep(50);
                }
                for (int i = 0; i < 4; i++) {
                        crowd_join(&members[i]);
                        EXPECT_OK(members[i].status, &members[i].err);
                        assert_int_equal(members[i].wrong, 0);
                }
                assert_true(were_hit(members, 4));
                only_the_library_could_take_it();
                session_rig_close(&with);
        }
        assert_true(atomic_load(&signals_seen) > 0);
}

static void H36_the_library_installs_no_handler(void **state)
{
        static struct sigaction before[65], after;
        struct session_rig      with;
        struct zoo_job          job;
        trib_error              err = TRIB_ERROR_INIT;
        trib_request_options    options;
        trib_request           *request;

        (void)state;
        for (int number = 1; number <= 64; number++)
                (void)sigaction(number, NULL, &before[number]);
        for (int d = 0; d < 2; d++) {
                session_rig_open(&with, d == 0 ? "cpu:0" : "sim:fast", ZOO_MLP, NULL);
                zoo_job_init(&job, ZOO_MLP, 2, 1);
                zoo_job_options(&job, &options);
                EXPECT_OK(trib_submit(with.session, &options, &request, &err), &err);
                EXPECT_OK(trib_wait(request, TRIB_NO_LIMIT, &err), &err);
                trib_request_release(request);
                session_rig_close(&with);
        }
        for (int number = 1; number <= 64; number++) {
                memset(&after, 0, sizeof(after));
                if (sigaction(number, NULL, &after) != 0)
                        continue;
                assert_ptr_equal((void *)(uintptr_t)after.sa_handler,
                                 (void *)(uintptr_t)before[number].sa_handler);
                assert_int_equal(after.sa_flags, before[number].sa_flags);
        }
}

/* ---- H37 -------------------------------------------------------------------------------- */

static const char *setting;

static void open_with_setting(void *unused)
{
        trib_device *device;
        trib_error   err = TRIB_ERROR_INIT;
        trib_status  status;

        (void)unused;
        CHILD_CHECK(setenv("TRIB_ONEDNN", setting, 1) == 0);
        status = trib_device_open("cpu:0", NULL, &device, &err);
        if (status != TRIB_INVALID_ARGUMENT || strstr(err.message, "TRIB_ONEDNN") == NULL)
                (void)fprintf(stderr, "'%s': %s: %s\n", setting, trib_status_name(status),
                              err.message);
        CHILD_CHECK(status == TRIB_INVALID_ARGUMENT);
        CHILD_CHECK(strstr(err.message, "TRIB_ONEDNN") != NULL && device == NULL);
}

static void open_without_library(void *unused)
{
        trib_device     *device;
        trib_device_info info;

        (void)unused;
        CHILD_CHECK(setenv("TRIB_ONEDNN", setting, 1) == 0);
        CHILD_CHECK(trib_device_open("cpu:0", NULL, &device, NULL) == TRIB_OK);
        CHILD_CHECK(trib_device_get_info(device, &info, NULL) == TRIB_OK);
        CHILD_CHECK(strstr(info.note, "TRIB_ONEDNN") != NULL); /* said, not silent */
        trib_device_close(device);
}

static void H37_a_bad_setting_of_the_environment_is_refused(void **state)
{
        static const char *const refused[] = { "",     "on",   "1",    "OFF", "off ", " off",
                                               "0",    "true", "./x",  "libdnnl.so.2", "\xff" };
        static const char *const missing[] = { "off", "/", "/no/such/file", "/dev/null",
                                               "/etc/passwd" };

        (void)state;
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                setting = refused[i];
                child_must_succeed(open_with_setting, NULL, refused[i]);
        }
        for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
                setting = missing[i];
                child_must_succeed(open_without_library, NULL, missing[i]);
        }
}

static void H37_a_bad_device_name_is_refused(void **state)
{
        static const char *const names[] = {
                "",           ":",          "cpu:",        "cpu:00",      "cpu:0x0",   "cpu:+0",
                "cpu:0 ",     " cpu:0",     "CPU:0",       "gpu",         "cpu:1e0",   "sim:queues",
                "sim:=",      "sim:queues=", "sim:queues=0", "sim:queues=65", "sim:queues=-1",
                "sim:queues=1.5", "sim:queues=4294967297", "sim:queues=1e99", "sim:launch_us=nan",
                "sim:launch_us=inf", "sim:launch_us=-1", "sim:launch_us=1e400", "sim:memory=0x10",
                "sim:clock=maybe", "sim:clock=", "sim:unified=2", "sim:fail_at=-1",
                "sim:fail_at=99999999999999999999", "sim:compute=some", "sim:,", "sim:nosuch=1",
                "sim:queues=4;launch_us=1", "sim:queues=4x", "sim:serial=nosuch",
        };
        trib_device *device;
        trib_error   err;

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                trib_status status;

                if (strcmp(names[i], "cpu:") == 0)
                        continue; /* the documented default */
                err = (trib_error)TRIB_ERROR_INIT;
                status = trib_device_open(names[i], NULL, &device, &err);
                if ((status != TRIB_INVALID_ARGUMENT && status != TRIB_NOT_FOUND) ||
                    device != NULL || err.message[0] == '\0')
                        fail_msg("'%s' gave %s: %s", names[i], trib_status_name(status),
                                 err.message);
        }
}

static void device_option_is_refused(const trib_device_options *options, const char *part)
{
        trib_device *device;
        trib_error   err;

        EXPECT_FAILS(trib_device_open("sim:fast", options, &device, &err), TRIB_INVALID_ARGUMENT,
                     &err, part);
        assert_null(device);
}

static void H37_a_bad_option_is_refused_at_open(void **state)
{
        static const uint32_t        streams[] = { 65, 1000, UINT32_MAX };
        static const uint32_t        shards[] = { 2, 7, 9, 64, UINT32_MAX };
        static const size_t          sizes[] = { 0, 1, 7, 4097, SIZE_MAX };
        const trib_device_options    good = TRIB_DEVICE_OPTIONS_INIT;
        const trib_session_options   sound = TRIB_SESSION_OPTIONS_INIT;
        trib_device_options          options = good;
        trib_session_options         session_options;
        struct session_rig           with;
        trib_session                *session;
        trib_error                   err;

        (void)state;
        for (int i = 0; i < 3; i++, options = good) {
                options.max_streams = streams[i];
                device_option_is_refused(&options, "max_streams");
        }
        for (int i = 0; i < 5; i++, options = good) {
                options.allocator_shards = shards[i];
                device_option_is_refused(&options, "allocator_shards");
        }
        for (int i = 0; i < 5; i++, options = good) {
                options.struct_size = sizes[i];
                device_option_is_refused(&options, "struct_size");
        }
        options.stream_policy = (trib_stream_policy)3;
        device_option_is_refused(&options, "stream_policy");
        options.stream_policy = (trib_stream_policy)-1;
        device_option_is_refused(&options, "stream_policy");
        session_rig_open(&with, "sim:fast", ZOO_RELU, NULL);
        for (int i = 0; i < 5; i++) {
                session_options = sound;
                session_options.struct_size = sizes[i];
                EXPECT_FAILS(trib_session_open(with.model, &session_options, &session, &err),
                             TRIB_INVALID_ARGUMENT, &err, "struct_size");
        }
        session_options = sound;
        session_options.workers = UINT32_MAX;
        EXPECT_FAILS(trib_session_open(with.model, &session_options, &session, &err),
                     TRIB_INVALID_ARGUMENT, &err, "workers");
        session_options = sound;
        session_options.policy = (trib_policy)2; /* batching, when it comes */
        EXPECT_FAILS(trib_session_open(with.model, &session_options, &session, &err),
                     TRIB_UNSUPPORTED, &err, "policy 2");
        session_options = sound;
        session_options.precision = (trib_precision)7;
        EXPECT_FAILS(trib_session_open(with.model, &session_options, &session, &err),
                     TRIB_INVALID_ARGUMENT, &err, "precision");
        session_rig_close(&with);
}

/* ---- H39 -------------------------------------------------------------------------------- */

#define KINDS (ZOO_COUNT)

struct numeric {
        trib_session  *sessions[KINDS];
        struct zoo_job golden[KINDS][ZOO_MAX_ROWS];
        uint64_t       rounds;
};

static void compare_bits(struct crowd_member *me)
{
        struct numeric *numeric = me->context;
        struct zoo_job  job;

        for (uint64_t i = 0; i < numeric->rounds && me->status == TRIB_OK; i++) {
                uint64_t kind = (i + me->index) % KINDS, row = i * 3 % ZOO_MAX_ROWS;

                zoo_job_init(&job, (enum zoo_kind)kind, (int64_t)row + 1, 5);
                me->status = zoo_job_infer(&job, numeric->sessions[kind], &me->err);
                me->wrong += !zoo_job_is_right(&job, &numeric->golden[kind][row]);
        }
}

static void check_numeric(const char *name)
{
        static struct numeric numeric;
        trib_model           *models[KINDS];
        trib_device          *device;
        struct crowd_member   members[8];
        trib_error            err = TRIB_ERROR_INIT;

        numeric.rounds = test_scale(1000, 100000);
        EXPECT_OK(trib_device_open(name, NULL, &device, &err), &err);
        for (int k = 0; k < KINDS; k++) {
                EXPECT_OK(zoo_build(device, (enum zoo_kind)k, &models[k], &err), &err);
                EXPECT_OK(trib_session_open(models[k], NULL, &numeric.sessions[k], &err), &err);
                for (int row = 0; row < ZOO_MAX_ROWS; row++) {
                        zoo_job_init(&numeric.golden[k][row], (enum zoo_kind)k, row + 1, 5);
                        EXPECT_OK(zoo_job_infer(&numeric.golden[k][row], numeric.sessions[k],
                                                &err),
                                  &err);
                }
        }
        crowd_run_all(members, 8, compare_bits, &numeric);
        for (int i = 0; i < 8; i++) {
                EXPECT_OK(members[i].status, &members[i].err);
                assert_int_equal(members[i].wrong, 0);
        }
        for (int k = 0; k < KINDS; k++) {
                EXPECT_OK(trib_session_close(numeric.sessions[k], &err), &err);
                trib_model_close(models[k]);
        }
        trib_device_close(device);
}

static void H39_threads_change_no_bit_of_any_operator(void **state)
{
        (void)state;
        check_numeric("cpu:0");
        check_numeric("sim:fast");
        assert_int_equal(setenv("TRIB_ONEDNN", "off", 1), 0);
        check_numeric("cpu:0");
        assert_int_equal(unsetenv("TRIB_ONEDNN"), 0);
}

TRIB_TEST_MAIN(TRIB_TEST(H37_a_bad_setting_of_the_environment_is_refused),
               TRIB_TEST(H23_a_buffer_that_was_never_given_is_an_error),
               TRIB_TEST(H23_values_devices_and_counts_that_are_none_are_errors),
               TRIB_TEST(H35_lists_may_be_walked_while_they_change),
               TRIB_TEST(H35_callbacks_may_change_the_queue_that_is_being_emptied),
               TRIB_TEST(H36_a_storm_of_signals_changes_nothing),
               TRIB_TEST(H36_the_library_installs_no_handler),
               TRIB_TEST(H37_a_bad_device_name_is_refused),
               TRIB_TEST(H37_a_bad_option_is_refused_at_open),
               TRIB_TEST(H39_threads_change_no_bit_of_any_operator))
