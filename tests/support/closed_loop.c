/* SPDX-License-Identifier: Apache-2.0 */
/* closed_loop.c: see closed_loop.h.
 *
 * A request is a list of phases. A phase needs units (one of the cores, the lock, ...) for its
 * time, or none. Who has to wait stands in one line, in order of arrival; whenever units are given
 * back, the first in line whose units are all free goes on, and so on. Steps move their bytes at a
 * rate that all that move share; so the next event is the earliest of all ends of times and of
 * bytes, and between two events the rate is constant. */
#include "closed_loop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/measurements.h"
#include "base/random.h"

enum unit { CORE, LOCK, PATH, COPIER, EXECUTOR, SERIAL, UNITS };

#define NEEDS(unit) (1u << (unit))
#define PHASES_MAX (LOOP_STEPS_MAX + 8)
#define WARM_REQUESTS 20 /* of each thread */
#define TINY 1e-9

/* Where a phase's time goes. */
enum part {
        DESCHEDULED, LOCKED, SUBMISSION, QUEUED, SERIALISED, COPY, DEVICE, NOTIFICATION, PARTS
};

struct phase {
        unsigned  needs;
        double    us;
        double    bytes;
        enum part busy, waiting;
};

/* One thread and its request. */
struct client {
        unsigned phase;
        bool     is_waiting;
        double   since;   /* it waits, or runs */
        double   ends;    /* its time          */
        double   left;    /* bytes to move     */
        double   began;   /* the request       */
        double   parts[PARTS];
};

struct loop {
        const struct loop_machine *machine;
        struct phase       phases[PHASES_MAX];
        unsigned           n_phases;
        unsigned           free[UNITS];
        unsigned           line[LOOP_THREADS_MAX]; /* clients that wait */
        unsigned           n_line;
        struct client      clients[LOOP_THREADS_MAX];
        unsigned           n_clients;
        unsigned           moving;
        double             now;
        struct trib__random random;
        /* Since they were last set to 0: */
        uint64_t           done;
        double             parts[PARTS], latency;
        double            *latencies; /* the first so many are kept */
        uint64_t           latencies_max;
};

static double gaussian(struct trib__random *random)
{
        double u = 1 - trib__random_unit(random), v = trib__random_unit(random);

        return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

/* Lognormal, of mean 1. */
static double factor(struct trib__random *random, double spread)
{
        double sigma = sqrt(log(1 + spread * spread));

        return spread > 0 ? exp(sigma * gaussian(random) - sigma * sigma / 2) : 1;
}

/* ---- what a request is ------------------------------------------------------------------ */

static void add_phase(struct loop *loop, unsigned needs, double us, enum part busy,
                      enum part waiting)
{
        if (us > 0)
                loop->phases[loop->n_phases++] = (struct phase){ needs, us, 0, busy, waiting };
}

static void make_phases(struct loop *loop)
{
        const struct loop_machine *m = loop->machine;

        add_phase(loop, m->host_cores > 0 ? NEEDS(CORE) : 0, m->host_us, SUBMISSION, DESCHEDULED);
        add_phase(loop, NEEDS(LOCK), m->lock_us, SUBMISSION, LOCKED);
        add_phase(loop, NEEDS(PATH), m->launch_us, SUBMISSION, SUBMISSION);
        add_phase(loop, NEEDS(COPIER), m->copy_us, COPY, COPY);
        for (unsigned i = 0; i < m->n_steps; i++) {
                const struct loop_step *step = &m->steps[i];

                loop->phases[loop->n_phases++] = (struct phase){
                        NEEDS(EXECUTOR) | (step->is_serial ? NEEDS(SERIAL) : 0), step->compute_us,
                        step->bytes, DEVICE, step->is_serial ? SERIALISED : QUEUED };
        }
        add_phase(loop, NEEDS(COPIER), m->copy_us, COPY, COPY);
        add_phase(loop, 0, m->wake_us + m->resume_us, NOTIFICATION, NOTIFICATION);
}

/* ---- events ----------------------------------------------------------------------------- */

/* Bytes per us of each of those that move some. */
static double rate_of(const struct loop *loop)
{
        const struct loop_machine *m = loop->machine;

        if (loop->moving == 0 || m->total_bandwidth <= 0)
                return m->bandwidth;
        return fmin(m->bandwidth, m->total_bandwidth / loop->moving);
}

static bool has_units(const struct loop *loop, unsigned needs)
{
        for (unsigned unit = 0; unit < UNITS; unit++)
                if ((needs & NEEDS(unit)) != 0 && loop->free[unit] == 0)
                        return false;
        return true;
}

static void take_units(struct loop *loop, unsigned needs, unsigned sign)
{
        for (unsigned unit = 0; unit < UNITS; unit++)
                if ((needs & NEEDS(unit)) != 0)
                        loop->free[unit] += sign;
}

static void start(struct loop *loop, struct client *client)
{
        const struct phase *phase = &loop->phases[client->phase];
        double              scale = factor(&loop->random, loop->machine->spread);

        take_units(loop, phase->needs, UINT32_MAX); /* less one */
        client->parts[phase->waiting] += loop->now - client->since;
        client->is_waiting = false;
        client->since = loop->now;
        client->ends = loop->now + phase->us * scale;
        client->left = phase->bytes * scale;
        loop->moving += client->left > 0;
}

static void serve_line(struct loop *loop)
{
        unsigned kept = 0;

        for (unsigned i = 0; i < loop->n_line; i++) {
                struct client *client = &loop->clients[loop->line[i]];

                if (has_units(loop, loop->phases[client->phase].needs))
                        start(loop, client);
                else
                        loop->line[kept++] = loop->line[i];
        }
        loop->n_line = kept;
}

static void count_request(struct loop *loop, struct client *client)
{
        double latency = loop->now - client->began;

        if (loop->done < loop->latencies_max)
                loop->latencies[loop->done] = latency;
        loop->done++;
        loop->latency += latency;
        for (unsigned part = 0; part < PARTS; part++)
                loop->parts[part] += client->parts[part];
        memset(client->parts, 0, sizeof(client->parts));
        client->began = loop->now;
        client->phase = 0;
}

static void finish(struct loop *loop, unsigned index)
{
        struct client      *client = &loop->clients[index];
        const struct phase *phase = &loop->phases[client->phase];

        take_units(loop, phase->needs, 1);
        client->parts[phase->busy] += loop->now - client->since;
        client->since = loop->now;
        client->is_waiting = true;
        if (++client->phase == loop->n_phases)
                count_request(loop, client);
        loop->line[loop->n_line++] = index;
}

/* Go to the next end of a time or of bytes. */
static void next_event(struct loop *loop)
{
        double   rate = rate_of(loop), at = (double)INFINITY;
        unsigned first = 0;

        for (unsigned i = 0; i < loop->n_clients; i++) {
                const struct client *client = &loop->clients[i];
                double ends = client->left > 0 ? loop->now + client->left / rate : client->ends;

                if (!client->is_waiting && ends < at) {
                        at = ends;
                        first = i;
                }
        }
        for (unsigned i = 0; i < loop->n_clients && loop->moving > 0; i++) {
                struct client *client = &loop->clients[i];

                if (client->left <= 0)
                        continue;
                client->left -= (at - loop->now) * rate;
                if (client->left > TINY && i != first)
                        continue;
                client->left = 0;
                client->ends = fmax(client->ends, at);
                loop->moving--;
        }
        loop->now = at;
        if (loop->clients[first].left <= 0 && loop->clients[first].ends <= at + TINY)
                finish(loop, first);
        serve_line(loop);
}

static void run_requests(struct loop *loop, uint64_t requests)
{
        loop->done = 0;
        loop->latency = 0;
        memset(loop->parts, 0, sizeof(loop->parts));
        while (loop->done < requests)
                next_event(loop);
}

/* ---- measuring -------------------------------------------------------------------------- */

static void set_up(struct loop *loop, const struct loop_machine *machine,
                   const struct loop_plan *plan)
{
        memset(loop, 0, sizeof(*loop));
        loop->machine = machine;
        loop->random.state = plan->seed;
        loop->n_clients = plan->threads < LOOP_THREADS_MAX ? plan->threads : LOOP_THREADS_MAX;
        make_phases(loop);
        loop->free[CORE] = machine->host_cores;
        loop->free[LOCK] = loop->free[PATH] = loop->free[COPIER] = loop->free[SERIAL] = 1;
        loop->free[EXECUTOR] = machine->executors;
        for (unsigned i = 0; i < loop->n_clients; i++) {
                loop->clients[i].is_waiting = true;
                loop->line[loop->n_line++] = i;
        }
        serve_line(loop);
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static void add_shares(const struct loop *loop, double scale, struct loop_shares *out)
{
        out->descheduled += loop->parts[DESCHEDULED] * scale;
        out->lock += loop->parts[LOCKED] * scale;
        out->submission += loop->parts[SUBMISSION] * scale;
        out->queue += loop->parts[QUEUED] * scale;
        out->serial += loop->parts[SERIALISED] * scale;
        out->copy += loop->parts[COPY] * scale;
        out->device += loop->parts[DEVICE] * scale;
        out->notification += loop->parts[NOTIFICATION] * scale;
}

void loop_measure(const struct loop_machine *machine, const struct loop_plan *plan,
                  struct loop_run *out)
{
        static const struct loop_run none;
        struct loop         loop;
        struct trib__random noise = { plan->seed ^ 0x5eed };
        uint64_t            in_round, all;
        double              began;

        *out = none;
        set_up(&loop, machine, plan);
        in_round = (uint64_t)plan->requests * loop.n_clients;
        all = in_round * plan->rounds;
        run_requests(&loop, (uint64_t)WARM_REQUESTS * loop.n_clients);
        loop.latencies = malloc((in_round + 1) * sizeof(*loop.latencies));
        began = loop.now;
        for (unsigned i = 0; i < plan->rounds && i < LOOP_ROUNDS_MAX; i++) {
                double before = loop.now;

                loop.latencies_max = i == 0 && loop.latencies != NULL ? in_round : 0;
                run_requests(&loop, in_round);
                out->rounds[out->round_count++] = (double)in_round * 1e6 / (loop.now - before)
                                                  * factor(&noise, plan->noise);
                out->latency_us += loop.latency / (double)all;
                add_shares(&loop, 1 / (double)all, &out->shares);
        }
        out->ops_per_s = (double)all * 1e6 / (loop.now - began);
        if (loop.latencies != NULL) {
                qsort(loop.latencies, in_round, sizeof(*loop.latencies), compare);
                out->latency_p50_us = loop.latencies[in_round / 2];
                out->latency_p90_us = loop.latencies[in_round * 9 / 10];
        }
        free(loop.latencies);
}

/* ---- as results ------------------------------------------------------------------------- */

/* Operations per us of an executor; any would do. */
#define FLOPS_PER_US 1e6
/* Bytes of the inputs, and again of the outputs. */
#define COPIED_BYTES 256.0

static void fill_facts(const struct loop_machine *m, struct trib__results *results)
{
        struct trib__device_facts *device = &results->device;
        struct trib__peaks        *peaks = &device->peaks;

        (void)snprintf(device->name, sizeof(device->name), "sim:model");
        device->host_cores = m->host_cores;
        results->machine.logical_cores = results->machine.physical_cores = 2;
        peaks->parallel_units = m->executors;
        peaks->flops_per_s_unit = peaks->unit_flops_f32 = FLOPS_PER_US * 1e6;
        peaks->flops_per_s = peaks->flops_f32 = peaks->flops_per_s_unit * m->executors;
        peaks->unit_bytes_per_s = m->bandwidth * 1e6;
        peaks->bytes_per_s = peaks->unit_bytes_per_s * m->executors;
        if (m->total_bandwidth > 0) {
                peaks->bytes_per_s = fmin(peaks->bytes_per_s, m->total_bandwidth * 1e6);
                peaks->unit_bytes_per_s = fmin(peaks->unit_bytes_per_s, peaks->bytes_per_s);
        }
        if (m->launch_us > 0)
                peaks->submissions_per_s = 1e6 / m->launch_us;
        if (m->copy_us > 0)
                peaks->copy_bytes_per_s = COPIED_BYTES * 1e6 / m->copy_us;
        peaks->wake_us = m->wake_us;
}

static void fill_workload(const struct loop_machine *m, struct trib__workload *out)
{
        (void)snprintf(out->kind, sizeof(out->kind), "mlp");
        (void)snprintf(out->dtype, sizeof(out->dtype), "f32");
        out->in_features = out->out_features = out->batch = 8;
        out->submissions_per_op = 1;
        for (unsigned i = 0; i < m->n_steps; i++) {
                out->flops_per_op += m->steps[i].compute_us * FLOPS_PER_US;
                out->bytes_per_op += m->steps[i].bytes;
                out->serial_steps += m->steps[i].is_serial;
        }
}

/* What the device tells of a request, without waiting. */
static void fill_demands(const struct loop_machine *m, struct trib__demands_us *out)
{
        out->cores = m->host_us;
        out->lock = m->lock_us;
        out->submission = m->launch_us;
        out->copy = 2 * m->copy_us;
        for (unsigned i = 0; i < m->n_steps; i++)
                if (m->steps[i].is_serial)
                        out->serial += fmax(m->steps[i].compute_us,
                                            m->steps[i].bytes / m->bandwidth);
}

static trib_status fill_point(const struct loop_machine *machine, const struct loop_run *run,
                              struct trib__point *point)
{
        const struct loop_shares *shares = &run->shares;
        const struct {
                const char *name;
                double      us;
        } parts[] = { { "lock", shares->lock },         { "submission", shares->submission },
                      { "queue", shares->queue },       { "device", shares->device },
                      { "serial", shares->serial },     { "copy", shares->copy },
                      { "notification", shares->notification },
                      { "descheduled", shares->descheduled } };
        trib_status status = TRIB_OK;

        point->latency_us.mean = run->latency_us;
        point->latency_us.p50 = run->latency_p50_us;
        point->latency_us.p90 = run->latency_p90_us;
        for (unsigned i = 0; i < run->round_count && status == TRIB_OK; i++)
                status = trib__point_add_round(point, run->rounds[i], NULL);
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && status == TRIB_OK; i++)
                status = trib__point_add_share(point, parts[i].name, parts[i].us, NULL);
        fill_demands(machine, &point->demands_us);
        point->demands_us.device = shares->device;
        return status;
}

struct trib__results *loop_results(const struct loop_machine *machine, const unsigned *threads,
                                   unsigned count, const struct loop_plan *plan)
{
        struct trib__results *results = NULL;
        struct trib__sweep   *sweep = NULL;
        trib_status           status = trib__results_create(&results, NULL);

        if (status == TRIB_OK)
                status = trib__results_add_sweep(results, &sweep, NULL);
        if (status == TRIB_OK) {
                fill_facts(machine, results);
                fill_workload(machine, &sweep->workload);
                (void)snprintf(sweep->policy, sizeof(sweep->policy), "direct");
        }
        for (unsigned i = 0; i < count && status == TRIB_OK; i++) {
                struct loop_plan    one = *plan;
                struct loop_run     run;
                struct trib__point *point;

                one.threads = threads[i];
                one.seed = plan->seed * 64 + i;
                loop_measure(machine, &one, &run);
                status = trib__sweep_add_point(sweep, threads[i], &point, NULL);
                if (status == TRIB_OK)
                        status = fill_point(machine, &run, point);
        }
        if (status == TRIB_OK)
                return results;
        trib__results_destroy(results);
        return NULL;
}
