/* SPDX-License-Identifier: Apache-2.0 */
/* measured.h: results built from tables of numbers, for the tests of analysis and report. */
#ifndef TRIB_TESTS_MEASURED_H
#define TRIB_TESTS_MEASURED_H

#include <stdlib.h>

#include "test_main.h"

#include "analysis/measurements.h"
#include "analysis/read.h"

__attribute__((unused)) static struct trib__results *measured_new(void)
{
        struct trib__results *results;

        assert_int_equal(trib__results_create(&results, NULL), TRIB_OK);
        return results;
}

/* A sweep of Linear 2048->1024, batch 32, with the given points and no rounds. */
__attribute__((unused)) static struct trib__sweep *
measured_sweep(struct trib__results *results, trib__sweep_kind kind, size_t count,
               const double (*rows)[2])
{
        struct trib__sweep *sweep;

        assert_int_equal(trib__results_add_sweep(results, &sweep, NULL), TRIB_OK);
        assert_true(trib__workload_parse("2048x1024x32", &sweep->workload));
        sweep->kind = kind;
        for (size_t i = 0; i < count; i++) {
                struct trib__point *point;

                assert_int_equal(
                        trib__sweep_add_point(sweep, (unsigned)rows[i][0], &point, NULL),
                        TRIB_OK);
                point->ops_per_s = rows[i][1];
        }
        return sweep;
}

#define MEASURED_SWEEP(results, kind, ...)                                            \
        measured_sweep((results), (kind),                                             \
                       sizeof((const double[][2]) __VA_ARGS__) / sizeof(double[2]),   \
                       (const double[][2]) __VA_ARGS__)

__attribute__((unused)) static void measured_rounds(struct trib__sweep *sweep, unsigned threads,
                                                    size_t count, const double *rounds)
{
        for (size_t i = 0; i < count; i++)
                assert_int_equal(trib__point_add_round(trib__sweep_find_point(sweep, threads),
                                                       rounds[i], NULL), TRIB_OK);
}

#define MEASURED_ROUNDS(sweep, threads, ...)                                               \
        measured_rounds((sweep), (threads),                                                \
                        sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double),          \
                        (const double[]){ __VA_ARGS__ })

__attribute__((unused)) static void measured_conclude(struct trib__results *results)
{
        trib_error err = TRIB_ERROR_INIT;

        assert_int_equal(trib__results_conclude(results, &err), TRIB_OK);
}

/* The text of the first finding of that code, or NULL. */
__attribute__((unused)) static const char *measured_finding(const struct trib__results *results,
                                                            const char *code)
{
        for (size_t i = 0; i < results->finding_count; i++)
                if (strcmp(results->findings[i].code, code) == 0)
                        return results->findings[i].text;
        return NULL;
}

#define assert_finding(results, code, part)                                           \
        do {                                                                          \
                const char *found_text = measured_finding((results), (code));         \
                if (found_text == NULL)                                               \
                        fail_msg("no finding %s", (code));                            \
                else if (strstr(found_text, (part)) == NULL)                          \
                        fail_msg("'%s' is not in '%s'", (part), found_text);          \
        } while (0)

#define assert_no_finding(results, code)                                              \
        do {                                                                          \
                const char *found_text = measured_finding((results), (code));         \
                if (found_text != NULL)                                               \
                        fail_msg("unexpected %s: %s", (code), found_text);            \
        } while (0)

#define assert_near(actual, expected, relative)                                       \
        do {                                                                          \
                double near_a = (actual), near_e = (expected);                        \
                if (!(fabs(near_a - near_e) <= (relative) * fabs(near_e)))            \
                        fail_msg("%s is %.12g, not %.12g", #actual, near_a, near_e);  \
        } while (0)

/* A file of the project. */
__attribute__((unused)) static const char *measured_path(const char *path)
{
        static char buffer[4096];
        const char *root = getenv("TRIB_SOURCE_DIR");

        (void)snprintf(buffer, sizeof(buffer), "%s/%s", root != NULL ? root : ".", path);
        return buffer;
}

__attribute__((unused)) static void measured_read(struct trib__results *results, const char *path)
{
        trib_error err = TRIB_ERROR_INIT;

        if (trib__read_file(measured_path(path), NULL, results, &err) != TRIB_OK)
                fail_msg("%s", err.message);
}

#endif
