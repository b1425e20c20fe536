/* SPDX-License-Identifier: Apache-2.0 */
/* load_options.c: the options of a stated load, and what of them goes together. */
#include <string.h>

#include "host_facts.h"
#include "measuring_load.h"

#define REQUESTS_MIN 10.0
#define SEARCH_SECONDS_QUICK 6.0

static const char *const scenario_names[] = { "", "single-stream", "multi-stream", "server",
                                              "offline" };

static void take_scenario(struct trib_app_args *args, struct trib_load_settings *settings)
{
        const char *text = trib_app_value(args);

        if (text == NULL)
                return;
        for (int i = TRIB_SCENARIO_SINGLE_STREAM; i <= TRIB_SCENARIO_OFFLINE; i++) {
                if (strcmp(text, scenario_names[i]) != 0)
                        continue;
                settings->scenario = (trib_scenario)i;
                return;
        }
        trib_app_misuse(args, "--scenario: '%.40s' is not single-stream, multi-stream, server or "
                              "offline", text);
}

bool trib_load_take(struct trib_app_args *args, struct trib_load_settings *settings)
{
        trib_error  err = TRIB_ERROR_INIT;
        const char *text;

        if (trib_app_is(args, "--scenario")) {
                take_scenario(args, settings);
        } else if (trib_app_is(args, "--arrivals")) {
                text = trib_app_value(args);
                settings->has_arrivals = true;
                if (text != NULL && !trib__arrivals_parse(text, &settings->arrivals))
                        trib_app_misuse(args, "--arrivals: '%.40s' is not constant or poisson",
                                        text);
        } else if (trib_app_is(args, "--rate")) {
                text = trib_app_value(args);
                if (text != NULL
                    && trib__arrivals_parse_rate(text, &settings->rate, &err) != TRIB_OK)
                        trib_app_misuse(args, "--rate: %s", err.message);
        } else if (trib_app_is(args, "--slo")) {
                text = trib_app_value(args);
                if (text != NULL && trib__slo_parse(text, &settings->slo, &err) != TRIB_OK)
                        trib_app_misuse(args, "--slo: %s", err.message);
        } else {
                return false;
        }
        return true;
}

bool trib_load_is_asked(const struct trib_load_settings *settings)
{
        return settings->scenario != TRIB_SCENARIO_NONE || settings->has_arrivals
               || settings->rate > 0 || settings->slo.count > 0;
}

static void check_scenario(struct trib_app_args *args, const struct trib_load_settings *settings,
                           unsigned threads, bool has_threads)
{
        const char *name = scenario_names[settings->scenario];
        bool        is_server = settings->scenario == TRIB_SCENARIO_SERVER;

        if (settings->has_arrivals || settings->rate > 0)
                trib_app_misuse(args, "--scenario %s says how requests come: leave out --arrivals "
                                      "and --rate", name);
        else if (is_server && settings->slo.count == 0)
                trib_app_misuse(args, "--scenario server needs a bound, such as --slo p99=5ms");
        else if (!is_server && settings->slo.count > 0)
                trib_app_misuse(args, "--slo goes with --scenario server, not with %s", name);
        else if (settings->scenario == TRIB_SCENARIO_SINGLE_STREAM && has_threads && threads != 1)
                trib_app_misuse(args, "--scenario single-stream has one request at a time: leave "
                                      "out --threads");
}

void trib_load_check(struct trib_app_args *args, struct trib_load_settings *settings,
                     const struct trib_measure_options *measure, unsigned threads,
                     bool has_threads)
{
        double seconds = measure->has_seconds ? measure->seconds
                         : measure->is_quick  ? 1.0
                                              : measure->seconds;

        if (args->has_failed || !trib_load_is_asked(settings))
                return;
        if (settings->scenario != TRIB_SCENARIO_NONE)
                check_scenario(args, settings, threads, has_threads);
        else if (settings->slo.count > 0 && settings->rate > 0)
                trib_app_misuse(args, "--slo searches for the rate: leave out --rate");
        else if (settings->slo.count == 0 && !(settings->rate > 0))
                trib_app_misuse(args, "--arrivals needs --rate, or --slo to search for one");
        else if (settings->rate > 0 && settings->rate * seconds < REQUESTS_MIN)
                trib_app_misuse(args, "--rate %g gives %.3g requests in %g s, fewer than %.0f: "
                                      "measure for %.0f s or more (--seconds)",
                                settings->rate, settings->rate * seconds, seconds, REQUESTS_MIN,
                                REQUESTS_MIN / settings->rate + 1);
        if (!args->has_failed && settings->slo.count > 0 && measure->has_rounds)
                trib_app_misuse(args, "--rounds does not go with --slo, which looks until it "
                                      "knows");
        settings->search_seconds = measure->has_seconds ? measure->seconds
                                   : measure->is_quick  ? SEARCH_SECONDS_QUICK
                                                        : 0;
}

unsigned trib_load_threads(const struct trib_load_settings *settings)
{
        struct trib__machine machine;

        memset(&machine, 0, sizeof(machine));
        if (settings->scenario == TRIB_SCENARIO_SINGLE_STREAM)
                return 1;
        trib_host_describe(&machine);
        if (machine.logical_cores < 1)
                return 1;
        return machine.logical_cores < TRIB__LOAD_THREADS_MAX ? machine.logical_cores
                                                              : TRIB__LOAD_THREADS_MAX;
}
