/* SPDX-License-Identifier: Apache-2.0 */
/* held_out.c: see held_out.h. */
#include "held_out.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/measurements.h"
#include "analysis/resources.h"
#include "base/random.h"

/* A layer of the workloads below: its operations (with an activation behind it, those, too) and
 * bytes, and a request's input or output. */
#define LAYER_FLOPS 2112.0
#define ACTIVATED_FLOPS 2176.0
#define LAYER_BYTES 1600.0
#define PORT_BYTES 256.0

/* How far apart rounds on a machine are: the relative standard deviation. */
#define QUIETEST 0.002
#define LOUDEST 0.03

static bool happens(struct trib__random *random, double probability)
{
        return trib__random_unit(random) < probability;
}

/* Even on a logarithmic scale. */
static double between(struct trib__random *random, double low, double high)
{
        return low * exp(trib__random_unit(random) * log(high / low));
}

static void make_steps(struct trib__random *random, bool is_plain, struct loop_machine *out)
{
        double all_us = between(random, 200, 2500), moving_us = 0;
        bool   are_serial = happens(random, 0.15);

        out->n_steps = happens(random, 0.5) ? 1 : 3;
        if (happens(random, 0.4))
                moving_us = all_us * between(random, 0.3, 2);
        if (!is_plain)
                out->n_steps = 2 + trib__random_below(random, 10);
        for (unsigned i = 0; i < out->n_steps; i++) {
                double part = i + 1 < out->n_steps ? ACTIVATED_FLOPS / LAYER_FLOPS : 1;

                out->steps[i].compute_us = all_us / out->n_steps
                                           * (is_plain ? part : between(random, 0.3, 3));
                out->steps[i].bytes = LAYER_BYTES;
                out->steps[i].is_serial = is_plain ? are_serial : happens(random, 0.15);
        }
        out->bandwidth = moving_us > 0 ? LAYER_BYTES * out->n_steps / moving_us : 1e6;
        if (moving_us > 0 && happens(random, 0.8))
                out->total_bandwidth = out->bandwidth * between(random, 1, 6);
}

void held_out_machine(uint64_t seed, struct loop_machine *out)
{
        static const unsigned executors[] = { 1, 2, 3, 4, 6, 8, 12, 16, 32 };
        struct trib__random   random = { seed * UINT64_C(0x9E3779B97F4A7C15) + 17 };
        bool                  is_plain = seed % 2 == 0;

        memset(out, 0, sizeof(*out));
        out->executors = executors[trib__random_below(&random, 9)];
        out->launch_us = between(&random, 2, 30);
        out->resume_us = between(&random, 20, 80);
        if (happens(&random, 0.3))
                out->launch_us = between(&random, 50, 500);
        if (happens(&random, 0.3))
                out->lock_us = between(&random, 30, 500);
        if (happens(&random, 0.3)) {
                out->host_us = between(&random, 100, 1000);
                out->host_cores = 1 + trib__random_below(&random, 8);
        }
        if (happens(&random, 0.3))
                out->copy_us = between(&random, 30, 400);
        if (happens(&random, 0.3))
                out->wake_us = between(&random, 100, 2000);
        make_steps(&random, is_plain, out);
        if (!is_plain)
                out->spread = between(&random, 0.02, 0.6);
}

bool held_out_device(const struct loop_machine *m, char *name, unsigned size,
                     const char **workload)
{
        int length;

        *workload = m->n_steps == 1 ? "16x16x4" : "mlp:16x16x16x4";
        if (m->spread > 0)
                return false;
        length = snprintf(name, size,
                          "sim:compute=none,queues=%u,flops=%.6g,bandwidth=%.6g,launch_us=%.3f,"
                          "lock_us=%.3f,host_us=%.3f,host_cores=%u,wake_us=%.3f",
                          m->executors, LAYER_FLOPS * 1e6 / m->steps[m->n_steps - 1].compute_us,
                          m->bandwidth * 1e6, m->launch_us, m->lock_us, m->host_us, m->host_cores,
                          m->wake_us);
        if (length > 0 && (unsigned)length < size && m->copy_us > 0)
                length += snprintf(name + length, size - (unsigned)length,
                                   ",transfers=1,copy_bandwidth=%.6g",
                                   PORT_BYTES * 1e6 / m->copy_us);
        if (length > 0 && (unsigned)length < size && m->total_bandwidth > 0)
                length += snprintf(name + length, size - (unsigned)length,
                                   ",total_bandwidth=%.6g", m->total_bandwidth * 1e6);
        if (length > 0 && (unsigned)length < size && m->steps[0].is_serial)
                length += snprintf(name + length, size - (unsigned)length, ",serial=linear");
        return length > 0 && (unsigned)length < size;
}

static bool compare_one(const struct held_out *held, const struct trib__sweep *sweep,
                        uint64_t seed, unsigned index, struct held_out *out)
{
        struct loop_plan        plan = { .threads = held_out_threads[index], .rounds = 1,
                                         .requests = 400, .seed = seed * 977 + index };
        struct trib__prediction prediction;
        struct loop_run         run;

        trib__sweep_predict(sweep, plan.threads, &prediction);
        if (!(prediction.ops_per_s > 0))
                return false;
        loop_measure(&held->machine, &plan, &run);
        out->at[index].threads = plan.threads;
        out->at[index].truth = run.ops_per_s;
        out->at[index].predicted = prediction.ops_per_s;
        out->at[index].low = prediction.ci95[0];
        out->at[index].high = prediction.ci95[1];
        out->at[index].error = prediction.ops_per_s / run.ops_per_s - 1;
        out->at[index].is_covered = run.ops_per_s >= prediction.ci95[0]
                                    && run.ops_per_s <= prediction.ci95[1];
        return true;
}

bool held_out_run(uint64_t seed, struct held_out *out)
{
        static const unsigned few[] = { 1, 2, 3, 4 };
        struct loop_plan      plan = { .rounds = 5, .requests = 40, .seed = seed };
        struct trib__random   random = { ~seed };
        struct trib__results *results;
        bool                  is_predicted;

        memset(out, 0, sizeof(*out));
        plan.noise = between(&random, QUIETEST, LOUDEST);
        held_out_machine(seed, &out->machine);
        results = loop_results(&out->machine, few, 4, &plan);
        is_predicted = results != NULL && trib__results_conclude(results, NULL) == TRIB_OK;
        for (unsigned i = 0; i < HELD_OUT_COUNT && is_predicted; i++)
                is_predicted = compare_one(out, results->sweeps[0], seed, i, out);
        if (is_predicted)
                memcpy(out->primary, results->sweeps[0]->bottleneck.primary, sizeof(out->primary));
        trib__results_destroy(results);
        return is_predicted;
}
