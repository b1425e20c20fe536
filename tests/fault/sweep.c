/* SPDX-License-Identifier: Apache-2.0 */
/* sweep.c: see sweep.h. */
#include "sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "crowd.h"
#include "expect.h"

#define MOST_SITES 512

/* What a run must leave as it was. */
static struct {
        uint32_t       threads, files;
        uint64_t       pieces; /* of host memory */
        trib_device   *device;
        trib_model    *model;
        trib_session  *session;
        struct zoo_job golden;
} base;

/* Over all sweeps of the process. */
static uint64_t n_runs, n_failed, n_unnoticed;
static uint64_t unnoticed[MOST_SITES];

trib_device *sweep_witness(void)
{
        return base.device;
}

void sweep_rebase(void)
{
        base.threads = crowd_thread_count();
        base.files = crowd_file_count();
        base.pieces = trib__live_allocations();
}

void sweep_open(const char *device)
{
        trib_error err = TRIB_ERROR_INIT;

        scenario_learn(device);
        EXPECT_OK(trib_device_open(device, NULL, &base.device, &err), &err);
        EXPECT_OK(zoo_build(base.device, ZOO_MLP, &base.model, &err), &err);
        EXPECT_OK(trib_session_open(base.model, NULL, &base.session, &err), &err);
        zoo_job_init(&base.golden, ZOO_MLP, 4, 7);
        EXPECT_OK(zoo_job_infer(&base.golden, base.session, &err), &err);
        sweep_rebase();
}

void sweep_close(void)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(trib_session_close(base.session, &err), &err);
        trib_model_close(base.model);
        trib_device_close(base.device);
        base.device = NULL;
        assert_int_equal(trib__live_allocations(), 0);
}

static const char *last_name(void)
{
        const struct trib__fault_site *site = trib__fault_last();

        return site != NULL ? site->name : "?";
}

/* ---- the four checks -------------------------------------------------------------------- */

/* What an error of a class is, and one of the words that its message has (with commas between). */
static const struct fitting {
        uint64_t    statuses;
        const char *words;
} fitting[TRIB__FAULT_CLASSES] = {
        [TRIB__FAULT_ALLOCATION] = { 1u << TRIB_OUT_OF_MEMORY, "memory" },
        [TRIB__FAULT_THREAD] = { 1u << TRIB_SYSTEM, "lock,condition,thread" },
        [TRIB__FAULT_DEVICE] = { 1u << TRIB_DEVICE_ERROR | 1u << TRIB_OUT_OF_MEMORY,
                                 "queue ,device,bytes" },
        [TRIB__FAULT_SYSTEM] = { 1u << TRIB_IO | 1u << TRIB_SYSTEM, "/,fork,the output,kernel" },
        [TRIB__FAULT_LIBRARY] = { 1u << TRIB_DEVICE_ERROR | 1u << TRIB_OUT_OF_MEMORY |
                                          1u << TRIB_UNSUPPORTED | 1u << TRIB_NOT_FOUND,
                                  "onednn,lapack,memory" },
        [TRIB__FAULT_WAKE] = { 0, "" },
};

static bool has_word(const char *message, const char *words)
{
        while (*words != '\0') {
                size_t length = strcspn(words, ",");
                char   word[32];

                (void)snprintf(word, sizeof(word), "%.*s", (int)length, words);
                if (strstr(message, word) != NULL)
                        return true;
                words += length + (words[length] == ',');
        }
        return false;
}

/* C1. */
static void check_said(const struct trib__fault_plan *plan, trib_status status,
                       const trib_error *err)
{
        const struct trib__fault_site *site = trib__fault_last();
        bool is_single = !plan->is_persistent && plan->second == 0;
        bool is_clear = err->status == status && err->message[0] != '\0' &&
                        strchr(err->message, '\n') == NULL &&
                        err->message[strlen(err->message) - 1] != '.' && status != TRIB_INTERNAL;

        if (status == TRIB_OK) {
                size_t count;

                n_unnoticed += site != NULL;
                if (site != NULL)
                        unnoticed[site - trib__fault_sites(&count)]++;
                return;
        }
        if (is_clear && is_single && site != NULL)
                is_clear = (fitting[site->kind].statuses >> status & 1) != 0 &&
                           has_word(err->message, fitting[site->kind].words);
        if (!is_clear)
                fail_msg("k = %llu%s at %s (%s:%u): gave %s, said %s \"%s\"",
                         (unsigned long long)plan->first, plan->is_persistent ? " and on" : "",
                         last_name(), site != NULL ? site->file : "?",
                         site != NULL ? site->line : 0, trib_status_name(status),
                         trib_status_name(err->status), err->message);
}

/* C2, as far as the process shows it, and C3. */
static void check_baseline(const struct sweep *sweep)
{
        struct zoo_job job;
        trib_error     err = TRIB_ERROR_INIT;

        crowd_wait_threads(base.threads);
        assert_int_equal(crowd_file_count(), base.files);
        if (sweep->leaves_nothing && trib__live_allocations() != base.pieces)
                fail_msg("%llu pieces of host memory are held, were %llu; last fault at %s",
                         (unsigned long long)trib__live_allocations(),
                         (unsigned long long)base.pieces, last_name());
        zoo_job_init(&job, ZOO_MLP, 4, 7);
        EXPECT_OK(zoo_job_infer(&job, base.session, &err), &err);
        assert_true(zoo_job_is_right(&job, &base.golden));
}

/* ---- runs ------------------------------------------------------------------------------- */

static void check_right(const struct scenario *s, const struct trib__fault_plan *plan)
{
        if (s->wrong != 0)
                fail_msg("k = %llu, %llu: %llu wrong results or refused closes at %s",
                         (unsigned long long)plan->first, (unsigned long long)plan->second,
                         (unsigned long long)s->wrong, last_name());
}

/* C4. */
static void run_again(const struct sweep *sweep, struct scenario *s,
                      const struct trib__fault_plan *plan)
{
        trib_error err = TRIB_ERROR_INIT;

        EXPECT_OK(sweep->run(s, sweep->device, &err), &err);
        check_right(s, plan);
}

bool sweep_one(const struct sweep *sweep, struct scenario *s,
               const struct trib__fault_plan *plan)
{
        trib_error  err = TRIB_ERROR_INIT;
        uint64_t    failed;
        trib_status status;

        trib__fault_arm_plan(plan);
        status = sweep->run(s, sweep->device, &err);
        (void)trib__fault_disarm(&failed);
        n_runs++;
        n_failed += failed != 0;
        if (failed == 0 && status != TRIB_OK)
                fail_msg("k = %llu: nothing failed, but: %s", (unsigned long long)plan->first,
                         err.message);
        check_said(plan, status, &err);
        check_right(s, plan);
        check_baseline(sweep);
        if (sweep->check != NULL)
                sweep->check(s, sweep->device);
        if (failed != 0 && sweep->is_repeated && !plan->is_persistent)
                run_again(sweep, s, plan);
        return failed == 0;
}

void sweep_all(const struct sweep *sweep, struct scenario *s)
{
        for (int is_persistent = 0; is_persistent < 2; is_persistent++) {
                struct trib__fault_plan plan = { .first = 1,
                                                 .is_persistent = is_persistent != 0,
                                                 .classes = sweep->classes };

                while (!sweep_one(sweep, s, &plan))
                        plan.first += sweep->is_sampled && plan.first >= 8 ? plan.first : 1;
        }
}

void sweep_sites(const struct sweep *sweep, struct scenario *s, const char *const *sites)
{
        for (; *sites != NULL; sites++) {
                struct trib__fault_plan plan = { .first = 1, .site = *sites };

                assert_false(sweep_one(sweep, s, &plan));
                plan.is_persistent = true;
                assert_false(sweep_one(sweep, s, &plan));
        }
}

void sweep_pairs(const struct sweep *sweep, struct scenario *s, uint64_t count, uint64_t seed)
{
        struct trib__fault_plan plan = { .classes = sweep->classes };
        trib_error              err = TRIB_ERROR_INIT;
        uint64_t                passes;

        trib__fault_arm_plan(&plan);
        EXPECT_OK(sweep->run(s, sweep->device, &err), &err);
        passes = trib__fault_disarm(NULL);
        for (uint64_t i = 0; i < count; i++) {
                struct trib__random random = { seed + i };

                plan.first = 1 + trib__random_below(&random, (uint32_t)passes);
                plan.second = 1 + trib__random_below(&random, (uint32_t)passes);
                (void)sweep_one(sweep, s, &plan);
                if (sweep->is_repeated)
                        run_again(sweep, s, &plan);
        }
}

/* ---- the table -------------------------------------------------------------------------- */

struct row {
        uint64_t sites, hit, passes, failures, unnoticed;
};

static void print_row(const char *name, const struct row *row)
{
        print_message("%-12s %6llu %6llu %12llu %10llu %10llu\n", name,
                      (unsigned long long)row->sites, (unsigned long long)row->hit,
                      (unsigned long long)row->passes, (unsigned long long)row->failures,
                      (unsigned long long)row->unnoticed);
}

static void add(struct row *row, uint64_t hits, uint64_t failures, uint64_t passed_over)
{
        row->sites++;
        row->hit += hits != 0;
        row->passes += hits;
        row->failures += failures;
        row->unnoticed += passed_over;
}

void sweep_print(bool must_hit_all)
{
        struct row               rows[TRIB__FAULT_CLASSES] = { { 0 } }, sum = { 0 };
        size_t                   count;
        struct trib__fault_site *sites = trib__fault_sites(&count);

        assert_true(count <= MOST_SITES);
        for (size_t i = 0; i < count; i++) {
                /* Relaxed, both: at rest. */
                uint64_t hits = trib__load_relaxed_u64(&sites[i].hits);
                uint64_t failures = trib__load_relaxed_u64(&sites[i].failures);

                add(&rows[sites[i].kind], hits, failures, unnoticed[i]);
                add(&sum, hits, failures, unnoticed[i]);
                print_message("%9llu %6llu %5llu  %-10s %-24s %s:%u\n", (unsigned long long)hits,
                              (unsigned long long)failures, (unsigned long long)unnoticed[i],
                              trib__fault_class_name((enum trib__fault_class)sites[i].kind),
                              sites[i].name, sites[i].file, sites[i].line);
        }
        print_message("%-12s %6s %6s %12s %10s %10s\n", "class", "sites", "hit", "passes",
                      "failures", "unnoticed");
        for (int kind = 0; kind < TRIB__FAULT_CLASSES; kind++)
                print_row(trib__fault_class_name((enum trib__fault_class)kind), &rows[kind]);
        print_row("all", &sum);
        print_message("%llu runs, %llu with a fault, %llu of them unnoticed\n",
                      (unsigned long long)n_runs, (unsigned long long)n_failed,
                      (unsigned long long)n_unnoticed);
        if (must_hit_all && sum.hit != sum.sites)
                fail_msg("%llu of %llu fault points were never reached (0 above)",
                         (unsigned long long)(sum.sites - sum.hit),
                         (unsigned long long)sum.sites);
}
