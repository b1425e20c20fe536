/* SPDX-License-Identifier: Apache-2.0 */
/* test_load_sweep.c: a point under a stated load is judged by what it is: never as a closed loop,
 * never as a curve, and what held it back is told apart. */
#include <math.h>

#include "measured.h"

/* Poisson arrivals of 1,000/s, answered as they come, on 4 threads. */
static struct trib__load *healthy(struct trib__results *results, struct trib__point **point)
{
        struct trib__sweep *sweep;
        struct trib__load  *load;

        assert_int_equal(trib__results_add_sweep(results, &sweep, NULL), TRIB_OK);
        assert_true(trib__workload_parse("2048x1024x32", &sweep->workload));
        assert_int_equal(trib__sweep_set_load(sweep, &load, NULL), TRIB_OK);
        assert_int_equal(trib__sweep_add_point(sweep, 4, point, NULL), TRIB_OK);
        (*point)->ops_per_s = 995;
        (*point)->requests = 2500;
        (*point)->latency_us = (struct trib__latency_us){ 200, 180, 300, 500, 700, 900 };
        (void)snprintf(load->arrivals, sizeof(load->arrivals), "poisson");
        load->rate = 1000;
        load->intended = 2500;
        load->closed_ops_per_s = 20000;
        load->late_us = (struct trib__delays_us){ 3, 1, 20, 60 };
        load->own_part = 0.01;
        return load;
}

static void open_loop_is_not_judged_as_a_closed_one(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__point   *point;
        struct trib__load    *load = healthy(results, &point);

        (void)state;
        /* 0.2 requests in flight, not 4. */
        measured_conclude(results);
        assert_int_equal(results->finding_count, 0);
        assert_false(trib__sweep_is_closed_loop(results->sweeps[0]));
        assert_false(results->sweeps[0]->fit.is_present);
        assert_int_equal(results->sweeps[0]->saturation_threads, 0);
        assert_int_equal(results->latency.threads, 0);
        assert_true(point->speedup <= 0);
        /* The same numbers as a closed loop are wrong. */
        (void)snprintf(load->arrivals, sizeof(load->arrivals), "closed");
        load->rate = 0;
        measured_conclude(results);
        assert_true(trib__sweep_is_closed_loop(results->sweeps[0]));
        assert_finding(results, "latency-mismatch", "0.199 requests in flight, not 4");
        /* And right again as queries of 8, whose latency is not a sample's. */
        load->samples_per_query = 8;
        measured_conclude(results);
        assert_no_finding(results, "latency-mismatch");
        trib__results_destroy(results);
}

static void loads_do_not_disturb_a_sweep_of_threads(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__point   *point;

        (void)state;
        (void)MEASURED_SWEEP(results, TRIB__SWEEP_THREADS,
                             { { 1, 5000 }, { 2, 9900 }, { 3, 14500 }, { 4, 18800 } });
        (void)healthy(results, &point);
        point->threads = 1;
        measured_conclude(results);
        assert_no_finding(results, "baseline-mismatch");
        assert_ptr_equal(trib__results_advised_sweep(results), results->sweeps[0]);
        assert_true(results->batch.threads > 0);
        trib__results_destroy(results);
}

static void what_held_an_open_loop_back_is_told_apart(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__point   *point;
        struct trib__load    *load = healthy(results, &point);

        (void)state;
        load->rate = 3000;
        load->is_backlogged = true;
        load->unfinished = 4000;
        load->backlog_max = 4200;
        load->closed_ops_per_s = 1010;
        measured_conclude(results);
        assert_finding(results, "overload", "4,000 never began");
        assert_finding(results, "overload", "they were the limit, not the load generator");
        assert_no_finding(results, "generator-limit");
        load->own_part = 0.4;
        measured_conclude(results);
        assert_finding(results, "overload", "See generator-limit");
        assert_finding(results, "generator-limit", "40 %");
        /* A generator that took its time and kept up was no limit. */
        load->is_backlogged = false;
        load->unfinished = 0;
        load->rate = 1000;
        measured_conclude(results);
        assert_int_equal(results->finding_count, 0);
        load->late_us = (struct trib__delays_us){ 30, 1, 140, 600 };
        measured_conclude(results);
        assert_finding(results, "late-generator", "30.0 us on average and 140 us at p99");
        trib__results_destroy(results);
}

static void more_answers_than_arrivals_are_refuted(void **state)
{
        struct trib__results *results = measured_new();
        struct trib__point   *point;
        struct trib__load    *load = healthy(results, &point);

        (void)state;
        load->rate = 800;
        measured_conclude(results);
        assert_finding(results, "rate-mismatch", "995");
        trib__results_destroy(results);
}

static void service_level_says_how_its_search_ended(void **state)
{
        static const struct {
                const char *end, *code, *text;
        } ends[] = { { "none", "slo-not-kept", "at the lowest tried, 50/s, it is 7.00 ms" },
                     { "ceiling", "slo-ceiling", "the threads (or the load generator) limit" },
                     { "no-time", "slo-no-time", "needs 662 requests or more; it would take "
                                                 "about 91 s" } };
        struct trib__results       *results = measured_new();
        struct trib__point         *point;
        struct trib__load          *load = healthy(results, &point);
        struct trib__service_level *slo = &load->slo;

        (void)state;
        slo->is_present = true;
        slo->bound_count = 1;
        slo->bounds[0].quantile = 0.99;
        slo->bounds[0].us = 5000;
        slo->seconds = 20;
        slo->seconds_needed = 90.2;
        slo->requests_needed = 662;
        slo->trial_count = 2;
        slo->trials[0] = (struct trib__rate_trial){ 900, "broken", 700, 0.05, 9000 };
        slo->trials[1] = (struct trib__rate_trial){ 50, "broken", 700, 0.04, 7000 };
        (void)snprintf(slo->end, sizeof(slo->end), "found");
        load->is_backlogged = true; /* no overload: the search went there on purpose */
        measured_conclude(results);
        assert_int_equal(results->finding_count, 0);
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                (void)snprintf(slo->end, sizeof(slo->end), "%s", ends[i].end);
                measured_conclude(results);
                assert_finding(results, ends[i].code, ends[i].text);
                assert_finding(results, ends[i].code, "p99 of 5.00 ms");
                assert_int_equal(results->finding_count, 1);
        }
        /* Kept and later broken, at no higher rate. */
        (void)snprintf(slo->end, sizeof(slo->end), "found");
        (void)snprintf(slo->trials[0].verdict, sizeof(slo->trials[0].verdict), "kept");
        measured_conclude(results);
        assert_finding(results, "restless-trials", "900/s was kept and later 50/s was not");
        trib__results_destroy(results);
}

static void scenarios_have_their_metric_and_say_that_they_are_short(void **state)
{
        static const struct {
                const char *name, *metric;
                double      value;
        } scenarios[] = { { "single-stream", "p90_us", 300 },
                          { "multi-stream", "p99_us", 500 },
                          { "server", "rate", 800 },
                          { "offline", "ops_per_s", 995 } };
        struct trib__results *results = measured_new();
        struct trib__point   *point;
        struct trib__load    *load = healthy(results, &point);

        (void)state;
        load->slo.kept_rate = 800;
        load->measured_seconds = 2.5;
        for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
                (void)snprintf(load->scenario, sizeof(load->scenario), "%s", scenarios[i].name);
                measured_conclude(results);
                assert_string_equal(load->metric, scenarios[i].metric);
                assert_near(load->metric_value, scenarios[i].value, 1e-9);
                assert_finding(results, "short-run", "2.5 s, where MLPerf Inference asks for 600");
        }
        assert_finding(results, "short-run", "24,576 samples");
        load->measured_seconds = 601;
        load->intended = 24576;
        measured_conclude(results);
        assert_no_finding(results, "short-run");
        trib__results_destroy(results);
}

/* ---- files ---- */

static trib_status read_text(struct trib__results *results, const char *text, trib_error *err)
{
        const struct trib__read_input input = { .name = "dir/m.json", .data = text,
                                                .size = strlen(text) };

        return text[0] == '{' ? trib__read_json(&input, results, err)
                              : trib__read_csv(&input, results, err);
}

#define FILE_WITH(load)                                                                   \
        "{\"schema\": 1, \"sweeps\": [{\"workload\": {\"kind\": \"linear\"}, \"kind\": "  \
        "\"load\", \"points\": [{\"threads\": 2, \"ops_per_s\": 10}], \"load\": " load "}]}"

static void malformed_loads_are_refused_with_their_place(void **state)
{
        static const struct {
                const char *text, *place;
        } bad[] = {
                { FILE_WITH("7"), "sweeps[0].load" },
                { FILE_WITH("{\"arrivals\": \"burst\"}"), "sweeps[0].load.arrivals" },
                { FILE_WITH("{\"arrivals\": 5}"), "sweeps[0].load.arrivals" },
                { FILE_WITH("{\"rate\": -1}"), "sweeps[0].load.rate" },
                { FILE_WITH("{\"rate\": \"fast\"}"), "sweeps[0].load.rate" },
                { FILE_WITH("{\"intended\": 1.5}"), "sweeps[0].load.intended" },
                { FILE_WITH("{\"samples_per_query\": 70000}"), "samples_per_query" },
                { FILE_WITH("{\"generator_part\": 2}"), "generator_part" },
                { FILE_WITH("{\"late_us\": []}"), "late_us" },
                { FILE_WITH("{\"late_us\": {\"p50\": -4}}"), "p50" },
                { FILE_WITH("{\"scenario\": {\"name\": \"edge\"}}"), "name" },
                { FILE_WITH("{\"slo\": 5}"), "slo" },
                { FILE_WITH("{\"slo\": {\"end\": \"soon\"}}"), "end" },
                { FILE_WITH("{\"slo\": {\"bounds\": 5}}"), "bounds" },
                { FILE_WITH("{\"slo\": {\"bounds\": [5]}}"), "bounds" },
                { FILE_WITH("{\"slo\": {\"bounds\": [{}, {}, {}, {}, {}]}}"), "bounds" },
                { FILE_WITH("{\"slo\": {\"bounds\": [{\"percentile\": 101}]}}"), "percentile" },
                { FILE_WITH("{\"slo\": {\"trials\": [{\"over\": 2}]}}"), "over" },
                { FILE_WITH("{\"slo\": {\"trials\": [{\"verdict\": \"maybe\"}]}}"), "verdict" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct trib__results *results = measured_new();
                trib_error            err = TRIB_ERROR_INIT;

                if (read_text(results, bad[i].text, &err) != TRIB_MALFORMED)
                        fail_msg("taken: %s", bad[i].text);
                if (strstr(err.message, bad[i].place) == NULL)
                        fail_msg("'%s' is not in '%s'", bad[i].place, err.message);
                assert_int_equal(results->sweep_count, 0);
                trib__results_destroy(results);
        }
}

static void empty_loads_are_read_and_concluded_from(void **state)
{
        static const char *const texts[] = { FILE_WITH("{}"), FILE_WITH("null"),
                                             FILE_WITH("{\"slo\": {}}"),
                                             FILE_WITH("{\"slo\": {\"bounds\": [{}], \"trials\": "
                                                       "[{}]}, \"scenario\": {}}") };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct trib__results *results = measured_new();

                assert_int_equal(read_text(results, texts[i], NULL), TRIB_OK);
                assert_int_equal(results->sweep_count, 1);
                measured_conclude(results);
                trib__results_destroy(results);
        }
}

static void table_of_an_open_loop_is_one(void **state)
{
        struct trib__results *results = measured_new();
        trib_error            err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(read_text(results, "threads,ops_per_s,mean_us,arrivals,rate,sweep\n"
                                            "4,995,200,poisson,1000,0\n"
                                            "4,1990,210,poisson,2000,1\n"
                                            "4,19000,210,,,2\n", &err), TRIB_OK);
        measured_conclude(results);
        assert_int_equal(results->sweep_count, 3);
        assert_int_equal(results->sweeps[0]->kind, TRIB__SWEEP_LOAD);
        assert_near(results->sweeps[1]->load->rate, 2000, 1e-12);
        assert_null(results->sweeps[2]->load);
        assert_no_finding(results, "latency-mismatch");
        trib__results_destroy(results);
        results = measured_new();
        assert_int_equal(read_text(results, "threads,ops_per_s,arrivals\n4,995,burst\n", &err),
                         TRIB_MALFORMED);
        assert_non_null(strstr(err.message, "'constant', 'poisson'"));
        assert_int_equal(read_text(results, "threads,ops_per_s,arrivals,rate\n4,995,poisson,1000\n"
                                            "2,995,poisson,2000\n", &err), TRIB_MALFORMED);
        assert_non_null(strstr(err.message, "column 'sweep'"));
        trib__results_destroy(results);
}

TRIB_TEST_MAIN(TRIB_TEST(open_loop_is_not_judged_as_a_closed_one),
               TRIB_TEST(loads_do_not_disturb_a_sweep_of_threads),
               TRIB_TEST(what_held_an_open_loop_back_is_told_apart),
               TRIB_TEST(more_answers_than_arrivals_are_refuted),
               TRIB_TEST(service_level_says_how_its_search_ended),
               TRIB_TEST(scenarios_have_their_metric_and_say_that_they_are_short),
               TRIB_TEST(malformed_loads_are_refused_with_their_place),
               TRIB_TEST(empty_loads_are_read_and_concluded_from),
               TRIB_TEST(table_of_an_open_loop_is_one))
