/* SPDX-License-Identifier: Apache-2.0 */
/* planned.c: see planned.h. */
#include "planned.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "closed_loop.h"

#define TAIL_SLACK 0.03
#define REQUESTS 200

static const unsigned threads[] = { 1, 2, 3, 4, 6, 8, 12, 16 };
static const double   batches[] = { 1, 4, 16, 64 };

static double between(struct trib__random *random, double low, double high)
{
        return low + (high - low) * trib__random_unit(random);
}

/* Even in the logarithm. */
static double scale(struct trib__random *random, double low, double high)
{
        return exp(between(random, log(low), log(high)));
}

static bool happens(struct trib__random *random)
{
        return trib__random_below(random, 2) == 0;
}

static double normal(struct trib__random *random)
{
        double radius = sqrt(-2 * log(1 - trib__random_unit(random)));

        return radius * cos(6.283185307179586 * trib__random_unit(random));
}

/* Times in us of one request; `each` is per sample of its batch. */
struct costs {
        double executors, step, step_each, medium; /* medium: kind 1 takes so much of step_each */
        double submission, lock, copy, copy_each, wake, host, host_cores;
        double coherency;  /* USL's kappa */
        double sharpness;  /* of the bend at the ceiling */
        double tail;       /* p99 above the mean, of a request that only waits */
        double spread;     /* of service times */
};

static struct costs costs_of(struct trib__random *random)
{
        struct costs costs;

        costs.executors = 1 + trib__random_below(random, 16);
        costs.step = scale(random, 5, 100);
        costs.step_each = scale(random, 0.1, 10);
        costs.medium = between(random, 0.4, 0.9);
        costs.submission = scale(random, 0.5, 20);
        costs.lock = happens(random) ? scale(random, 1, 20) : 0;
        costs.copy = scale(random, 0.5, 5);
        costs.copy_each = scale(random, 0.01, 1);
        costs.wake = scale(random, 1, 60);
        costs.host_cores = 2 + trib__random_below(random, 31);
        costs.host = scale(random, 1, 20);
        costs.coherency = happens(random) ? scale(random, 1e-4, 5e-3) : 0;
        costs.sharpness = between(random, 3, 12);
        costs.tail = between(random, 0.1, 1);
        costs.spread = happens(random) ? between(random, 0, 0.5) : 0;
        return costs;
}

/* Requests per second, and in *tail p99 / mean latency. */
static double by_network(const struct costs *costs, const struct trib__setting *setting,
                         double *tail)
{
        double n = setting->threads, sum = 0, rate, alone, ceilings[6];
        double step = costs->step
                      + costs->step_each * setting->batch
                                * (setting->kind > 0 ? costs->medium : 1);
        double copy = costs->copy + costs->copy_each * setting->batch;

        alone = step + costs->submission + costs->lock + copy + costs->wake + costs->host;
        ceilings[0] = n / alone;
        ceilings[1] = costs->executors / step;
        ceilings[2] = 1 / costs->submission;
        ceilings[3] = costs->lock > 0 ? 1 / costs->lock : 1e9;
        ceilings[4] = 1 / copy;
        ceilings[5] = costs->host_cores / costs->host;
        for (int i = 0; i < 6; i++)
                sum += pow(ceilings[i], -costs->sharpness);
        rate = pow(sum, -1 / costs->sharpness) / (1 + costs->coherency * n * (n - 1));
        *tail = 1.03 + costs->tail * (1 - rate * alone / n);
        return 1e6 * rate;
}

/* The same of the discrete-event model, and p90 / mean latency. */
static double by_events(const struct costs *costs, const struct trib__setting *setting,
                        uint64_t seed, double *tail)
{
        struct loop_machine machine = {
                .executors = (unsigned)costs->executors,
                .host_cores = (unsigned)costs->host_cores,
                .host_us = costs->host,
                .lock_us = costs->lock,
                .launch_us = costs->submission,
                .copy_us = (costs->copy + costs->copy_each * setting->batch) / 2,
                .wake_us = costs->wake,
                .resume_us = 2,
                .bandwidth = 1e6,
                .spread = costs->spread,
                .n_steps = 1,
        };
        struct loop_plan plan = { .threads = setting->threads, .rounds = 1, .requests = REQUESTS,
                                  .seed = seed };
        struct loop_run  run;

        machine.steps[0].compute_us = costs->step
                                      + costs->step_each * setting->batch
                                                * (setting->kind > 0 ? costs->medium : 1);
        loop_measure(&machine, &plan, &run);
        *tail = fmax(1, run.latency_p90_us / run.latency_us);
        return run.ops_per_s;
}

static double tail_us(const struct planned_case *planned, size_t i)
{
        const struct trib__setting *setting = &planned->settings[i];

        return 1e6 * setting->threads * setting->batch
               * exp(planned->log_tail[i] - planned->log_rate[i]);
}

void planned_fill(struct planned_case *planned)
{
        struct trib__random random = { planned->seed };
        struct costs        costs = costs_of(&random);
        double              low = (double)INFINITY, high = 0;
        size_t              count = planned->kinds * planned->batches * 8;

        for (size_t i = 0; i < count; i++) {
                struct trib__setting *setting = &planned->settings[i];
                double                tail, rate;

                *setting = (struct trib__setting){ threads[i % 8],
                                                   batches[i / 8 % planned->batches],
                                                   (unsigned)(i / 8 / planned->batches) };
                rate = planned->truth == PLANNED_NETWORK
                               ? by_network(&costs, setting, &tail)
                               : by_events(&costs, setting, planned->seed, &tail);
                planned->log_rate[i] = log(rate * setting->batch);
                planned->log_tail[i] = log(tail);
                low = fmin(low, tail_us(planned, i));
                high = fmax(high, tail_us(planned, i));
        }
        planned->surface = (struct trib__surface){ planned->settings, count, planned->log_rate,
                                                   planned->log_tail,
                                                   low * pow(high / low,
                                                             between(&random, 0.2, 0.8)) };
        planned->scatter = between(&random, 0.003, 0.02);
        planned->tail_scatter = 0.05;
}

static double loss_of(const struct planned_case *planned, trib__goal goal, size_t choice)
{
        struct trib__surface strict = planned->surface;
        size_t               best = trib__goal_pick(goal, &planned->surface);
        double               loss = trib__goal_loss(goal, &planned->surface, best, choice);

        if (goal != TRIB__GOAL_SLO
            || tail_us(planned, choice) > (1 + TAIL_SLACK) * strict.slo_us)
                return loss;
        strict.slo_us *= 1 - TAIL_SLACK;
        best = trib__goal_pick(goal, &strict);
        /* Better than the best that keeps the stricter one: nothing is lost. */
        return fmin(loss, fmax(0, -expm1(planned->log_rate[choice] - planned->log_rate[best])));
}

static void answer(const struct planned_case *planned, struct trib__planner *planner,
                   struct planned_score *out)
{
        struct trib__random random = { planned->seed + 1000003 };
        bool                is_seen[PLANNED_SETTINGS_MAX] = { false };
        size_t              at;

        while (trib__planner_next(planner, &at)) {
                const struct trib__setting *setting = &planned->settings[at];
                double rate = exp(planned->log_rate[at] + planned->scatter * normal(&random))
                              / setting->batch;
                double tail = planned->log_tail[at] + planned->tail_scatter * normal(&random);
                struct trib__seen seen = {
                        .setting = at,
                        .ops_per_s = rate,
                        .p99_us = 1e6 * setting->threads / rate * exp(tail),
                        .seconds = PLANNED_WINDOW_S + (is_seen[at] ? 0 : PLANNED_SETUP_S),
                };

                out->settings += !is_seen[at];
                out->windows++;
                is_seen[at] = true;
                trib__planner_add(planner, &seen);
        }
}

bool planned_run(const struct planned_case *planned, double part, struct planned_score *out)
{
        double grid = (double)planned->surface.count
                      * (PLANNED_SETUP_S + PLANNED_WINDOWS * PLANNED_WINDOW_S);
        struct trib__planner_options options = {
                planned->settings, planned->surface.count, PLANNED_WINDOWS, PLANNED_WINDOW_S,
                PLANNED_SETUP_S, part * grid, planned->surface.slo_us, planned->seed,
        };
        struct trib__planner *planner;

        memset(out, 0, sizeof(*out));
        if (trib__planner_create(&options, &planner, NULL) != TRIB_OK)
                return false;
        answer(planned, planner, out);
        out->part = trib__planner_spent(planner) / grid;
        for (int g = 0; g < TRIB__GOALS; g++) {
                struct trib__choice choice;

                out->loss[g] = 1;
                if (trib__planner_choose(planner, (trib__goal)g, &choice))
                        out->loss[g] = loss_of(planned, (trib__goal)g, choice.setting);
        }
        trib__planner_destroy(planner);
        return true;
}
