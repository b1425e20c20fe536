/* SPDX-License-Identifier: Apache-2.0 */
/* H15, H18, H19, H24: how processes and threads begin and end. Each scene is a process of its own;
 * this program's first one never uses the library, or its children could not. */
#include "test_main.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "child.h"
#include "crowd.h"
#include "scale.h"
#include "session_rig.h"

static void infer_once(struct crowd_member *me)
{
        struct zoo_job job;

        zoo_job_init(&job, ZOO_NORM, 2, me->index);
        me->status = zoo_job_infer(&job, me->context, &me->err);
        me->wrong = !zoo_job_is_right(&job, NULL);
}

/* ---- H15 -------------------------------------------------------------------------------- */

/* Reachable, so that what is left behind on purpose is no leak to a sanitizer. */
static struct session_rig  rig;
static struct crowd_member members[4];
static struct door        *door;
static const char         *device;
static atomic_int          rounds;

static void open_and_infer(void)
{
        session_rig_open(&rig, device, ZOO_NORM, NULL);
        crowd_run_all(members, 2, infer_once, rig.session);
        for (int i = 0; i < 2; i++)
                CHILD_CHECK(members[i].status == TRIB_OK && members[i].wrong == 0);
}

static void exit_from_main(void *unused)
{
        (void)unused;
        open_and_infer();
        exit(0);
}

static void *leave(void *unused)
{
        struct crowd_member me = { .context = rig.session };

        (void)unused;
        infer_once(&me);
        CHILD_CHECK(me.status == TRIB_OK);
        exit(0);
}

static void exit_from_a_thread(void *unused)
{
        pthread_t thread;

        (void)unused;
        open_and_infer();
        CHILD_CHECK(pthread_create(&thread, NULL, leave, NULL) == 0);
        for (;;)
                (void)pause();
}

/* The whole life of a session once more, behind main. */
static void use_late(void)
{
        struct crowd_member me = { .context = rig.session };

        infer_once(&me);
        CHILD_CHECK(me.status == TRIB_OK && me.wrong == 0);
        CHILD_CHECK(trib_session_close(rig.session, NULL) == TRIB_OK);
        trib_model_close(rig.model);
        trib_device_close(rig.device);
        session_rig_open(&rig, device, ZOO_NORM, NULL);
}

/* A handler that is older than the first opened device runs after oneDNN has ended itself: such a
 * one must not use the CPU (docs/reliability.md). */
static void exit_with_a_handler(void *unused)
{
        (void)unused;
        if (strcmp(device, "cpu:0") != 0)
                CHILD_CHECK(atexit(use_late) == 0);
        open_and_infer();
        CHILD_CHECK(atexit(use_late) == 0);
        exit(0);
}

static void infer_for_ever(struct crowd_member *me)
{
        for (;;) {
                infer_once(me);
                CHILD_CHECK(me->status == TRIB_OK && me->wrong == 0);
                atomic_fetch_add(&rounds, 1);
        }
}

static void exit_during_infer(void *unused)
{
        (void)unused;
        open_and_infer();
        for (uint32_t i = 0; i < 4; i++)
                crowd_start(&members[i], infer_for_ever, rig.session, i);
        while (atomic_load(&rounds) < 20)
                (void)sched_yield();
        exit(0);
}

/* Main is inside an operator, others wait for their streams and requests. */
static void exit_while_others_wait(void *unused)
{
        trib_device_options  options = TRIB_DEVICE_OPTIONS_INIT;
        trib_request_options one;
        static struct zoo_job job;
        static trib_request  *request;

        (void)unused;
        options.max_streams = 1;
        door = door_make();
        CHILD_CHECK(trib_device_open("cpu:0", &options, &rig.device, NULL) == TRIB_OK);
        CHILD_CHECK(door_build(door, rig.device, &rig.model, NULL) == TRIB_OK);
        CHILD_CHECK(trib_session_open(rig.model, NULL, &rig.session, NULL) == TRIB_OK);
        zoo_job_init(&job, ZOO_RELU, 2, 1);
        zoo_job_options(&job, &one);
        CHILD_CHECK(trib_submit(rig.session, &one, &request, NULL) == TRIB_OK);
        door_wait_entered(door);
        for (uint32_t i = 0; i < 3; i++) {
                crowd_start(&members[i], infer_once, rig.session, i);
                crowd_wait_asleep(&members[i]);
        }
        exit(0);
}

static void *infer_after_main(void *unused)
{
        struct crowd_member me = { .context = rig.session };

        (void)unused;
        for (int i = 0; i < 20; i++) {
                infer_once(&me);
                CHILD_CHECK(me.status == TRIB_OK && me.wrong == 0);
        }
#if defined(__SANITIZE_ADDRESS__)
        _exit(0); /* what the test framework had on the first thread's stack is a leak by now */
#endif
        exit(0);
}

static void main_ends_before_its_threads(void *unused)
{
        pthread_t thread;

        (void)unused;
        open_and_infer();
        CHILD_CHECK(pthread_create(&thread, NULL, infer_after_main, NULL) == 0);
        pthread_exit(NULL);
}

static void H15_a_process_may_exit_anyhow_without_closing(void **state)
{
        static const struct {
                const char *what;
                void (*run)(void *);
        } scenes[] = {
                { "exit from main", exit_from_main },
                { "exit from a thread", exit_from_a_thread },
                { "use in an exit handler", exit_with_a_handler },
                { "exit during infer", exit_during_infer },
                { "exit while others wait", exit_while_others_wait },
                { "main ends before its threads", main_ends_before_its_threads },
        };
        static const char *const devices[] = { "cpu:0", "sim:fast" };
        const uint64_t           runs = test_scale(30, 1000);

        (void)state;
        for (size_t s = 0; s < sizeof(scenes) / sizeof(scenes[0]); s++) {
                for (uint64_t run = 0; run < runs; run++) {
                        device = devices[run % 2];
                        child_must_succeed(scenes[s].run, NULL, scenes[s].what);
                }
        }
}

/* ---- H18 -------------------------------------------------------------------------------- */

/* The thread sanitizer ends its own record of a thread in the last round, that of gcc 14 before it:
 * nothing that it looks at may run after that. */
#if defined(__SANITIZE_THREAD__)
#define LATE_ROUNDS (PTHREAD_DESTRUCTOR_ITERATIONS - 2)
#else
#define LATE_ROUNDS PTHREAD_DESTRUCTOR_ITERATIONS
#endif

/* Destructors of the program's, made before and after the library's own, infer in every round that
 * there is. */
static pthread_key_t early, late;
static atomic_uint   infers;

static void infer_late(void *session, pthread_key_t key)
{
        static _Thread_local int calls; /* of both keys together */
        struct crowd_member      me = { .context = session };

        if (++calls > 2 * LATE_ROUNDS)
                return;
        infer_once(&me);
        CHILD_CHECK((me.status == TRIB_OK && me.wrong == 0) || me.status == TRIB_NO_STREAM);
        atomic_fetch_add(&infers, 1);
        (void)pthread_setspecific(key, session);
}

static void infer_early_key(void *session)
{
        infer_late(session, early);
}

static void infer_late_key(void *session)
{
        infer_late(session, late);
}

static void infer_and_set_keys(struct crowd_member *me)
{
        infer_once(me);
        (void)pthread_setspecific(early, me->context);
        (void)pthread_setspecific(late, me->context);
}

static void end_threads_late(void *argument)
{
        const uint64_t      threads = *(const uint64_t *)argument;
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;

        options.max_streams = 2;
        options.stream_policy = TRIB_STREAMS_FAIL;
        CHILD_CHECK(pthread_key_create(&early, infer_early_key) == 0);
        session_rig_open_on(&rig, "cpu:0", &options, ZOO_NORM, NULL);
        CHILD_CHECK(pthread_key_create(&late, infer_late_key) == 0);
        for (uint64_t i = 0; i < threads; i++) {
                crowd_start(&members[0], infer_and_set_keys, rig.session, 0);
                crowd_join(&members[0]);
                /* A stream that one of them kept would be missing here after two. */
                CHILD_CHECK(members[0].status == TRIB_OK && members[0].wrong == 0);
        }
        CHILD_CHECK(atomic_load(&infers) == 2 * LATE_ROUNDS * threads);
        session_rig_close(&rig);
}

static void H18_a_thread_may_infer_in_every_round_of_its_destructors(void **state)
{
        uint64_t threads = test_scale(1000, 100000);

        (void)state;
        child_must_succeed(end_threads_late, &threads, "late destructors");
}

/* Threads that end when the device is gone, and when another one has its place. */
static pthread_barrier_t lingering;

static void infer_and_linger(struct crowd_member *me)
{
        infer_once(me);
        (void)pthread_barrier_wait(&lingering);
        (void)pthread_barrier_wait(&lingering);
}

static void end_threads_after_the_device(void *argument)
{
        const uint64_t times = *(const uint64_t *)argument;

        CHILD_CHECK(pthread_barrier_init(&lingering, NULL, 5) == 0);
        for (uint64_t i = 0; i < times; i++) {
                struct session_rig next;

                session_rig_open(&rig, "cpu:0", ZOO_NORM, NULL);
                for (uint32_t m = 0; m < 4; m++)
                        crowd_start(&members[m], infer_and_linger, rig.session, m);
                (void)pthread_barrier_wait(&lingering);
                session_rig_close(&rig);
                if (i % 2 == 0)
                        session_rig_open(&next, "cpu:0", ZOO_NORM, NULL);
                (void)pthread_barrier_wait(&lingering);
                for (uint32_t m = 0; m < 4; m++) {
                        crowd_join(&members[m]);
                        CHILD_CHECK(members[m].status == TRIB_OK && members[m].wrong == 0);
                }
                if (i % 2 == 0)
                        session_rig_close(&next);
        }
}

static void H18_a_thread_may_end_after_its_device(void **state)
{
        uint64_t times = test_scale(300, 10000);

        (void)state;
        child_must_succeed(end_threads_after_the_device, &times, "threads that outlive a device");
}

/* ---- H19 -------------------------------------------------------------------------------- */

#define LOADED(X)                                                                              \
        X(trib_device_open) X(trib_model_builder_create) X(trib_model_input) X(trib_model_relu) \
        X(trib_model_output) X(trib_model_build) X(trib_model_builder_destroy)                  \
        X(trib_session_open) X(trib_infer) X(trib_session_close) X(trib_model_close)            \
        X(trib_device_close) X(trib_tensor_from_f32)

static struct {
#define MEMBER(name) __typeof__(name) *name;
        LOADED(MEMBER)
} loaded;

static pthread_barrier_t unloading;

static void *infer_loaded(void *unused)
{
        trib_device        *opened;
        trib_model_builder *b;
        trib_model         *model;
        trib_session       *session;
        trib_value          x;
        trib_tensor         in, out;
        float               from[4] = { -1, 2, -3, 4 }, to[4];

        (void)unused;
        CHILD_CHECK(loaded.trib_device_open("cpu:0", NULL, &opened, NULL) == TRIB_OK);
        CHILD_CHECK(loaded.trib_model_builder_create(&b, NULL) == TRIB_OK);
        x = loaded.trib_model_input(b, "x", TRIB_F32, 1, (int64_t[]){ 4 });
        loaded.trib_model_output(b, "y", loaded.trib_model_relu(b, x));
        CHILD_CHECK(loaded.trib_model_build(b, opened, &model, NULL) == TRIB_OK);
        loaded.trib_model_builder_destroy(b);
        CHILD_CHECK(loaded.trib_session_open(model, NULL, &session, NULL) == TRIB_OK);
        in = loaded.trib_tensor_from_f32(from, 1, (int64_t[]){ 4 });
        out = loaded.trib_tensor_from_f32(to, 1, (int64_t[]){ 4 });
        CHILD_CHECK(loaded.trib_infer(session, &in, 1, &out, 1, NULL) == TRIB_OK);
        CHILD_CHECK(to[0] == 0 && to[1] == 2 && to[2] == 0 && to[3] == 4);
        CHILD_CHECK(loaded.trib_session_close(session, NULL) == TRIB_OK);
        loaded.trib_model_close(model);
        loaded.trib_device_close(opened);
        (void)pthread_barrier_wait(&unloading);
        (void)pthread_barrier_wait(&unloading);
        return NULL; /* its destructors are of a library that the program has closed */
}

static void close_library_under_a_thread(void *path)
{
        void     *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        pthread_t thread;

        if (library == NULL)
                (void)fprintf(stderr, "%s\n", dlerror());
        CHILD_CHECK(library != NULL);
#define LOAD(name) *(void **)&loaded.name = dlsym(library, #name);
        LOADED(LOAD)
        CHILD_CHECK(loaded.trib_tensor_from_f32 != NULL && loaded.trib_infer != NULL);
        CHILD_CHECK(loaded.trib_infer != trib_infer);
        CHILD_CHECK(pthread_barrier_init(&unloading, NULL, 2) == 0);
        CHILD_CHECK(pthread_create(&thread, NULL, infer_loaded, NULL) == 0);
        (void)pthread_barrier_wait(&unloading);
        CHILD_CHECK(dlclose(library) == 0);
        (void)pthread_barrier_wait(&unloading);
        CHILD_CHECK(pthread_join(thread, NULL) == 0);
        CHILD_CHECK(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == library);
}

static void H19_the_library_stays_when_it_is_closed_under_its_threads(void **state)
{
        (void)state;
        for (int i = 0; i < 5; i++)
                child_must_succeed(close_library_under_a_thread, TRIB_TEST_LIBRARY, "dlclose");
}

/* ---- H24 -------------------------------------------------------------------------------- */

#define STARTERS 64
#define OPENERS 12 /* of the 16 devices that a process may have */

/* How many of them open the CPU, and so build with oneDNN, which is not instrumented: the order
 * that its own cache has between two builders of one primitive is hidden from a thread
 * sanitizer. */
#if defined(__SANITIZE_THREAD__)
#define CPU_OPENERS 1
#else
#define CPU_OPENERS 6
#endif

/* The first calls that a process makes, all at once. */
static void start_everything(struct crowd_member *me)
{
        struct session_rig mine = { 0 };
        struct zoo_job     job;
        trib_device_probe  probe;
        bool               is_opener = me->index < OPENERS;

        zoo_job_init(&job, ZOO_MLP, 2, me->index);
        if (!is_opener) {
                me->wrong += trib_device_probe_at(me->index % 2, &probe, &me->err) != TRIB_OK;
                me->wrong += !probe.is_available;
                return;
        }
        me->status = trib_device_open(me->index < CPU_OPENERS ? "cpu:0" : "sim:fast", NULL,
                                      &mine.device, &me->err);
        if (me->status == TRIB_OK)
                me->status = zoo_build(mine.device, ZOO_MLP, &mine.model, &me->err);
        if (me->status == TRIB_OK)
                me->status = trib_session_open(mine.model, NULL, &mine.session, &me->err);
        if (me->status == TRIB_OK)
                me->status = zoo_job_infer(&job, mine.session, &me->err);
        me->wrong += !zoo_job_is_right(&job, NULL);
        if (mine.session != NULL && trib_session_close(mine.session, &me->err) != TRIB_OK)
                me->wrong++;
        trib_model_close(mine.model);
        trib_device_close(mine.device);
}

static void start_all(void *unused)
{
        static struct crowd_member starters[STARTERS];

        (void)unused;
        crowd_run_all(starters, STARTERS, start_everything, NULL);
        for (int i = 0; i < STARTERS; i++) {
                if (starters[i].status != TRIB_OK)
                        (void)fprintf(stderr, "%s\n", starters[i].err.message);
                CHILD_CHECK(starters[i].status == TRIB_OK && starters[i].wrong == 0);
        }
}

static void H24_what_is_made_once_is_made_once_by_64_threads(void **state)
{
        const uint64_t processes = test_scale(40, 10000);

        (void)state;
        for (uint64_t i = 0; i < processes; i++)
                child_must_succeed(start_all, NULL, "64 threads that start at once");
}

TRIB_TEST_MAIN(TRIB_TEST(H15_a_process_may_exit_anyhow_without_closing),
               TRIB_TEST(H18_a_thread_may_infer_in_every_round_of_its_destructors),
               TRIB_TEST(H18_a_thread_may_end_after_its_device),
               TRIB_TEST(H19_the_library_stays_when_it_is_closed_under_its_threads),
               TRIB_TEST(H24_what_is_made_once_is_made_once_by_64_threads))
