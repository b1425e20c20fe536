/* SPDX-License-Identifier: Apache-2.0 */
/* 10^3 processes for each way to end one without closing anything: each must end with exit code 0.
 * The test itself never uses the library; its children do. */
#include "test_main.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "crowd.h"
#include "expect.h"
#include "figures.h"
#include "zoo.h"

#define WHOLE 1000
#define AT_ONCE 4
#define BUSY 3
#define CHILD_SECONDS 60
#define CHILD_IS_WRONG 9

/* Of a child. What is still open when it ends is found here, so it is not lost. */
static struct world {
        trib_device    *device;
        trib_model     *model;
        trib_session   *session;
        struct zoo_job  golden;
        atomic_int      busy;
        pthread_t       threads[BUSY];
        struct zoo_job  jobs[BUSY + 1];
} world;

#if defined(__SANITIZE_THREAD__)
/* The sanitizer sleeps for a second in exit, to see what other threads still do. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
        return "atexit_sleep_ms=0";
}
#endif

/* Checks of cmocka are for the test's own process. */
static void need(bool is_fine)
{
        if (!is_fine)
                _exit(CHILD_IS_WRONG);
}

static void open_world(const char *device)
{
        need(trib_device_open(device, NULL, &world.device, NULL) == TRIB_OK);
        need(zoo_build(world.device, ZOO_GATED, &world.model, NULL) == TRIB_OK);
        need(trib_session_open(world.model, NULL, &world.session, NULL) == TRIB_OK);
        zoo_job_init(&world.golden, ZOO_GATED, 2, 1);
        need(zoo_job_infer(&world.golden, world.session, NULL) == TRIB_OK);
}

static void infer_one(struct zoo_job *job)
{
        zoo_job_init(job, ZOO_GATED, 2, 1);
        need(zoo_job_infer(job, world.session, NULL) == TRIB_OK);
        need(zoo_job_is_right(job, &world.golden));
}

static void submit_one(struct zoo_job *job)
{
        trib_request_options options;
        trib_request        *request;

        zoo_job_init(job, ZOO_GATED, 2, 1);
        zoo_job_options(job, &options);
        need(trib_submit(world.session, &options, &request, NULL) == TRIB_OK);
        need(trib_wait(request, TRIB_NO_LIMIT, NULL) == TRIB_OK);
        need(zoo_job_is_right(job, &world.golden));
        trib_request_release(request);
}

static void *work_for_ever(void *argument)
{
        struct zoo_job *job = argument;

        for (uint64_t i = 0;; i++) {
                if (job == &world.jobs[0])
                        submit_one(job);
                else
                        infer_one(job);
                if (i == 0)
                        atomic_fetch_add(&world.busy, 1);
        }
        return NULL;
}

/* Threads in the middle of their requests. */
static void get_busy(void)
{
        for (int i = 0; i < BUSY; i++)
                need(pthread_create(&world.threads[i], NULL, work_for_ever, &world.jobs[i]) == 0);
        while (atomic_load(&world.busy) < BUSY)
                (void)sched_yield();
}

static void infer_at_exit(void)
{
        infer_one(&world.jobs[BUSY]);
        submit_one(&world.jobs[BUSY]);
}

static void close_at_exit(void)
{
        need(trib_session_close(world.session, NULL) == TRIB_OK);
        trib_model_close(world.model);
        trib_device_close(world.device);
}

static void *exit_in_thread(void *unused)
{
        (void)unused;
        infer_one(&world.jobs[BUSY]);
        exit(0);
}

/* ---- the ways ------------------------------------------------------------------------------- */

static void end_idle(const char *device)
{
        open_world(device);
        submit_one(&world.jobs[BUSY]);
        exit(0);
}

static void end_in_a_thread(const char *device)
{
        pthread_t thread;

        open_world(device);
        need(pthread_create(&thread, NULL, exit_in_thread, NULL) == 0);
        (void)pthread_join(thread, NULL);
}

static void end_while_busy(const char *device)
{
        open_world(device);
        get_busy();
        exit(0);
}

static void end_quickly_while_busy(const char *device)
{
        open_world(device);
        get_busy();
        quick_exit(0);
}

static void end_with_requests_in_the_handler(const char *device)
{
        open_world(device);
        need(atexit(infer_at_exit) == 0);
        exit(0);
}

static void end_with_close_in_the_handler(const char *device)
{
        open_world(device);
        submit_one(&world.jobs[BUSY]);
        need(atexit(close_at_exit) == 0);
        exit(0);
}

static void *infer_and_return(void *unused)
{
        (void)unused;
        submit_one(&world.jobs[BUSY]);
        /* The last thread of the program ends it: workers of the library would keep it. */
        need(trib_session_close(world.session, NULL) == TRIB_OK);
        exit(0);
}

static void end_behind_the_first_thread(const char *device)
{
        pthread_t thread;

        open_world(device);
        need(pthread_create(&thread, NULL, infer_and_return, NULL) == 0);
        pthread_exit(NULL);
}

/* ---- counting ------------------------------------------------------------------------------- */

static pid_t start(void (*end)(const char *), const char *device)
{
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
                (void)alarm(CHILD_SECONDS);
                end(device);
                _exit(CHILD_IS_WRONG);
        }
        return child;
}

static void check_one(const char *way, const char *device, void (*end)(const char *))
{
        static const struct figures_bounds bounds = { 1 << 20, 64 << 10, 0 };
        uint64_t       count = figures_scaled(WHOLE, 4), done = 0, began = trib__now();
        struct figures warm, now;
        struct figures_line line;
        char           name[80];

        (void)fflush(NULL);
        figures_take(NULL, NULL, &warm);
        while (done < count) {
                pid_t children[AT_ONCE];
                int   n = count - done < AT_ONCE ? (int)(count - done) : AT_ONCE, ended;

                for (int i = 0; i < n; i++)
                        children[i] = start(end, device);
                for (int i = 0; i < n; i++, done++) {
                        assert_int_equal(waitpid(children[i], &ended, 0), children[i]);
                        if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0)
                                fail_msg("%s, %s: process %llu ended with %s %d", way, device,
                                         (unsigned long long)done,
                                         WIFSIGNALED(ended) ? "signal" : "code",
                                         WIFSIGNALED(ended) ? WTERMSIG(ended)
                                                            : WEXITSTATUS(ended));
                }
        }
        figures_take(NULL, &warm, &now);
        (void)snprintf(name, sizeof(name), "%.3s, exit %s", device, way);
        line = (struct figures_line){ name, done, 0, trib__now() - began, NULL };
        figures_print(&line, &warm, &now);
        figures_expect_flat(&warm, &now, &bounds);
}

static void check(const char *way, void (*end)(const char *))
{
        check_one(way, "cpu:0", end);
        check_one(way, "sim:fast", end);
}

static void exit_idle(void **state)
{
        (void)state;
        check("idle", end_idle);
}

static void exit_in_another_thread(void **state)
{
        (void)state;
        check("in another thread", end_in_a_thread);
}

static void exit_while_threads_infer(void **state)
{
        (void)state;
        check("while threads infer", end_while_busy);
}

static void quick_exit_while_threads_infer(void **state)
{
        (void)state;
        check("quick, while threads infer", end_quickly_while_busy);
}

static void exit_with_requests_in_a_handler(void **state)
{
        (void)state;
        check("with requests in a handler", end_with_requests_in_the_handler);
}

static void exit_with_close_in_a_handler(void **state)
{
        (void)state;
        check("with close in a handler", end_with_close_in_the_handler);
}

static void exit_behind_the_first_thread(void **state)
{
        (void)state;
#if defined(__SANITIZE_ADDRESS__)
        /* What the test program itself keeps on the first thread's stack counts as lost. */
        skip();
#endif
        check("behind the first thread", end_behind_the_first_thread);
}

TRIB_TEST_MAIN(TRIB_TEST(exit_idle), TRIB_TEST(exit_in_another_thread),
               TRIB_TEST(exit_while_threads_infer), TRIB_TEST(quick_exit_while_threads_infer),
               TRIB_TEST(exit_with_requests_in_a_handler),
               TRIB_TEST(exit_with_close_in_a_handler),
               TRIB_TEST(exit_behind_the_first_thread))
