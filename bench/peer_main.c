/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main program of every contestant: a co-process that obeys lines on standard input.
 *
 *   load IN OUT BATCH [high|medium]  ->  ok name="..." version="..." error=E of_tolerance=T
 *   run THREADS MILLISECONDS         ->  result ops=N seconds=S p50_ns=.. p99_ns=..
 *                                        mismatches=0 cpu_ns_per_op=..
 *   quit
 *
 * It answers each but quit with one line on standard output; `error TEXT` when it could not. E is
 * the root mean square error against float64 over the root mean square result, T the largest error
 * over its tolerance. The word `medium` on the command line makes that the default precision.
 *
 * How a run is measured. THREADS threads each send one request after the other. When every thread
 * is ready, the window [t0, t1) is fixed by the clock, some warm-up time ahead; requests that end
 * inside the window count, whenever they began. A thread reads the clock once per request: one
 * request's end is the next one's beginning.
 *
 * How results are checked. The data are random but the same for every contestant. At load, the
 * whole output of one request is compared with a float64 reference. From then on every thread's
 * result must equal that output to the bit: all requests of the warm-up are checked, while the
 * other threads run, and each thread's last request.
 *
 * Tolerance, for S = sum_i |in[i] * weights[i]| + |bias| of the element: high 8 * 2^-24 * S,
 * medium 8 * 2^-8 * S / sqrt(IN) (rounding errors of bf16 products add up as a random walk).
 *
 * Locks: none; two barriers order the threads. A struct lane is its thread's own between them.
 */
#include "peer.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
        MAX_THREADS = 1024,
        MAX_MILLISECONDS = 600000,
        SUB_BITS = 8, /* 256 buckets an octave: each is 0.4 % wide or less */
        OCTAVES = 40,
        BUCKETS = OCTAVES << SUB_BITS,
};

static const int64_t max_features = 1 << 16;
static const int64_t max_batch = 1 << 12;
static const int64_t max_products = (int64_t)1 << 33; /* the reference takes a second per 2^30 */

static peer_precision default_precision = PEER_HIGH; /* fixed before the first command */

/* A loaded workload. in, out_expected and tolerance are read-only while threads run. */
typedef struct job {
        peer_workload load;
        void *shared;
        float *weights, *bias, *in;
        float *expected;  /* the contestant's own first output, checked against the reference */
        double *exact;    /* float64 reference */
        double *magnitude; /* S of each element, see above */
        size_t n_in, n_out, n_weights;
        double error;        /* root mean square, relative */
        double of_tolerance; /* largest |output - exact| over its tolerance */
} job;

typedef struct gate {
        pthread_barrier_t ready, go;
        uint64_t t0, t1; /* written by main between the barriers */
} gate;

typedef struct lane {
        /* Fixed before the thread starts. */
        const job *job;
        gate *gate;
        pthread_t thread;
        /* The thread's own; main reads them after joining it. */
        uint64_t ops, mismatches, cpu_ns, cpu_ops;
        bool is_broken;
        uint32_t *histogram;
} lane;

void peer_complain(const char *format, ...)
{
        va_list args;
        va_start(args, format);
        fprintf(stderr, "%s: ", peer_this.name);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
        va_end(args);
}

void *peer_alloc(size_t bytes)
{
        size_t rounded = (bytes + 63) / 64 * 64;
        void *p = aligned_alloc(64, rounded > 0 ? rounded : 64);
        if (p == NULL) {
                peer_complain("out of memory: %zu bytes", bytes);
                return NULL;
        }
        memset(p, 0, rounded);
        return p;
}

static uint64_t clock_ns(clockid_t id)
{
        struct timespec t;
        clock_gettime(id, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- histogram: log-linear, exact below 2^SUB_BITS ns --- */

static size_t bucket_of(uint64_t ns)
{
        if (ns < (1u << SUB_BITS))
                return (size_t)ns;
        unsigned top = 63u - (unsigned)__builtin_clzll(ns);
        unsigned shift = top - SUB_BITS;
        size_t b = ((size_t)(shift + 1) << SUB_BITS) + (size_t)((ns >> shift) - (1u << SUB_BITS));
        return b < BUCKETS ? b : BUCKETS - 1;
}

/* The value that a share of a bucket's width lies above its low end. */
static double value_of(size_t bucket, double share)
{
        size_t octave = bucket >> SUB_BITS, sub = bucket & ((1u << SUB_BITS) - 1);
        if (octave == 0)
                return (double)sub;
        return ldexp((double)(sub + (1u << SUB_BITS)) + share, (int)octave - 1);
}

/* Linear inside a bucket, so that medians that differ by less than its width still differ. */
static double percentile(const lane *lanes, unsigned n, double p)
{
        uint64_t total = 0, before = 0;
        for (unsigned t = 0; t < n; t++)
                total += lanes[t].ops;
        double rank = p * (double)total;
        for (size_t b = 0; b < BUCKETS; b++) {
                uint64_t here = 0;
                for (unsigned t = 0; t < n; t++)
                        here += lanes[t].histogram[b];
                if (here > 0 && (double)(before + here) >= rank)
                        return value_of(b, (rank - (double)before) / (double)here);
                before += here;
        }
        return 0;
}

/* --- data and reference --- */

/* splitmix64: the same numbers on every machine, for every contestant. */
static uint64_t next_random(uint64_t *state)
{
        uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

/* Uniform in [-scale, scale). */
static void fill(float *p, size_t n, double scale, uint64_t seed)
{
        for (size_t i = 0; i < n; i++) {
                double unit = (double)(next_random(&seed) >> 11) * 0x1p-53;
                p[i] = (float)(scale * (2 * unit - 1));
        }
}

/* One element of the reference, and its S. Eight partial sums: fast enough for every element. */
static void dot(const float *a, const float *b, size_t n, double *sum, double *magnitude)
{
        double s[8] = {0}, m[8] = {0};
        size_t i = 0;
        for (; i + 8 <= n; i += 8) {
                for (size_t k = 0; k < 8; k++) {
                        double product = (double)a[i + k] * (double)b[i + k];
                        s[k] += product;
                        m[k] += fabs(product);
                }
        }
        for (; i < n; i++) {
                double product = (double)a[i] * (double)b[i];
                s[0] += product;
                m[0] += fabs(product);
        }
        *sum = *magnitude = 0;
        for (size_t k = 0; k < 8; k++) {
                *sum += s[k];
                *magnitude += m[k];
        }
}

static void compute_reference(job *j)
{
        size_t in = (size_t)j->load.in_features, out = (size_t)j->load.out_features;
        for (size_t o = 0; o < out; o++) {
                for (size_t b = 0; b < (size_t)j->load.batch; b++) {
                        size_t e = b * out + o;
                        dot(j->in + b * in, j->weights + o * in, in, &j->exact[e],
                            &j->magnitude[e]);
                        j->exact[e] += (double)j->bias[o];
                        j->magnitude[e] += fabs((double)j->bias[o]);
                }
        }
}

/* Tolerance over S. */
static double relative_tolerance(const peer_workload *load)
{
        double root = sqrt((double)load->in_features);
        return load->precision == PEER_HIGH ? 8 * 0x1p-24 : 8 * 0x1p-8 / root;
}

/* Compare the first output with the reference; false if any element is out of tolerance. */
static bool check_first_output(job *j)
{
        double relative = relative_tolerance(&j->load), errors = 0, squares = 0;
        for (size_t e = 0; e < j->n_out; e++) {
                double error = fabs((double)j->expected[e] - j->exact[e]);
                double share = error / (relative * j->magnitude[e]);
                if (!(share <= 1)) {
                        peer_complain("output [%zu] is %.9g, reference %.17g, tolerance %.3g", e,
                                      (double)j->expected[e], j->exact[e],
                                      relative * j->magnitude[e]);
                        return false;
                }
                j->of_tolerance = fmax(j->of_tolerance, share);
                errors += error * error;
                squares += j->exact[e] * j->exact[e];
        }
        j->error = sqrt(errors / squares);
        return true;
}

/* --- load --- */

static void job_unload(job *j)
{
        if (j->shared != NULL)
                peer_this.close(j->shared);
        free(j->weights);
        free(j->bias);
        free(j->in);
        free(j->expected);
        free(j->exact);
        free(j->magnitude);
        memset(j, 0, sizeof *j);
}

static bool job_allocate(job *j)
{
        size_t in = (size_t)j->load.in_features, out = (size_t)j->load.out_features;
        j->n_in = (size_t)j->load.batch * in;
        j->n_out = (size_t)j->load.batch * out;
        j->n_weights = out * in;
        j->weights = peer_alloc(j->n_weights * sizeof(float));
        j->bias = peer_alloc(out * sizeof(float));
        j->in = peer_alloc(j->n_in * sizeof(float));
        j->expected = peer_alloc(j->n_out * sizeof(float));
        j->exact = peer_alloc(j->n_out * sizeof(double));
        j->magnitude = peer_alloc(j->n_out * sizeof(double));
        return j->weights && j->bias && j->in && j->expected && j->exact && j->magnitude;
}

static bool run_first_request(job *j)
{
        void *state = NULL;
        if (!peer_this.thread_open(j->shared, &state))
                return false;
        memset(j->expected, 0xff, j->n_out * sizeof(float)); /* NaN: an element left out shows */
        bool is_done = peer_this.run(state, j->in, j->expected);
        peer_this.thread_close(state);
        return is_done;
}

static bool job_load(job *j, const peer_workload *load)
{
        job_unload(j);
        j->load = *load;
        if (!job_allocate(j))
                return false;
        fill(j->weights, j->n_weights, 1 / sqrt((double)load->in_features), 1);
        fill(j->bias, (size_t)load->out_features, 0.1, 2);
        fill(j->in, j->n_in, 1, 3);
        compute_reference(j);
        return peer_this.open(load, j->weights, j->bias, &j->shared) && run_first_request(j) &&
               check_first_output(j);
}

/* --- run --- */

/* The closed loop. Requests that end before t0 are warm-up, and each of them is checked. */
static void measure(lane *l, void *state, const float *in, float *out)
{
        const job *j = l->job;
        const uint64_t t0 = l->gate->t0, t1 = l->gate->t1;
        uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        uint64_t begin = clock_ns(CLOCK_MONOTONIC);
        for (;;) {
                if (!peer_this.run(state, in, out)) {
                        l->is_broken = true;
                        return;
                }
                uint64_t end = clock_ns(CLOCK_MONOTONIC);
                if (end >= t1)
                        break;
                if (end >= t0) {
                        l->ops++;
                        l->histogram[bucket_of(end - begin)]++;
                        begin = end;
                        continue;
                }
                l->mismatches += memcmp(out, j->expected, j->n_out * sizeof(float)) != 0;
                memset(out, 0xff, j->n_out * sizeof(float));
                cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
                begin = clock_ns(CLOCK_MONOTONIC);
        }
        /* The request that overran t1 is in the CPU time, so it is in its count. */
        l->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
        l->cpu_ops = l->ops + 1;
        l->mismatches += memcmp(out, j->expected, j->n_out * sizeof(float)) != 0;
}

static void *lane_main(void *arg)
{
        lane *l = arg;
        const job *j = l->job;
        void *state = NULL;
        float *in = peer_alloc(j->n_in * sizeof(float));
        float *out = peer_alloc(j->n_out * sizeof(float));
        l->histogram = peer_alloc(BUCKETS * sizeof *l->histogram);
        l->is_broken = in == NULL || out == NULL || l->histogram == NULL ||
                       !peer_this.thread_open(j->shared, &state);
        if (!l->is_broken)
                memcpy(in, j->in, j->n_in * sizeof(float));
        pthread_barrier_wait(&l->gate->ready);
        pthread_barrier_wait(&l->gate->go);
        if (!l->is_broken)
                measure(l, state, in, out);
        if (state != NULL)
                peer_this.thread_close(state);
        free(in);
        free(out);
        return NULL;
}

/* Start the threads, fix the window, wait for them. */
static bool run_lanes(lane *lanes, unsigned n, unsigned milliseconds, const job *j)
{
        gate g = {.t0 = 0};
        if (pthread_barrier_init(&g.ready, NULL, n + 1) != 0)
                return false;
        if (pthread_barrier_init(&g.go, NULL, n + 1) != 0) {
                pthread_barrier_destroy(&g.ready);
                return false;
        }
        for (unsigned t = 0; t < n; t++) {
                lanes[t] = (lane){.job = j, .gate = &g};
                int failed = pthread_create(&lanes[t].thread, NULL, lane_main, &lanes[t]);
                if (failed != 0) {
                        /* The barriers can no longer be met; nothing but a measurement ends. */
                        peer_complain("cannot start thread %u: %s", t, strerror(failed));
                        exit(1);
                }
        }
        pthread_barrier_wait(&g.ready);
        uint64_t window = (uint64_t)milliseconds * 1000000u;
        uint64_t warmup = window / 5 > 30000000u ? window / 5 : 30000000u;
        g.t0 = clock_ns(CLOCK_MONOTONIC) + warmup;
        g.t1 = g.t0 + window;
        pthread_barrier_wait(&g.go);
        for (unsigned t = 0; t < n; t++)
                pthread_join(lanes[t].thread, NULL);
        pthread_barrier_destroy(&g.ready);
        pthread_barrier_destroy(&g.go);
        return true;
}

static void print_result(const lane *lanes, unsigned n, unsigned milliseconds)
{
        uint64_t ops = 0, mismatches = 0, cpu_ns = 0, cpu_ops = 0;
        for (unsigned t = 0; t < n; t++) {
                if (lanes[t].is_broken) {
                        printf("error thread %u failed\n", t);
                        return;
                }
                ops += lanes[t].ops;
                mismatches += lanes[t].mismatches;
                cpu_ns += lanes[t].cpu_ns;
                cpu_ops += lanes[t].cpu_ops;
        }
        printf("result ops=%" PRIu64 " seconds=%.6f p50_ns=%.0f p99_ns=%.0f mismatches=%" PRIu64
               " cpu_ns_per_op=%.0f\n",
               ops, milliseconds / 1e3, percentile(lanes, n, 0.5), percentile(lanes, n, 0.99),
               mismatches, (double)cpu_ns / (double)cpu_ops);
}

static void do_run(const job *j, unsigned threads, unsigned milliseconds)
{
        lane *lanes = calloc(threads, sizeof *lanes);
        if (lanes == NULL || !run_lanes(lanes, threads, milliseconds, j))
                printf("error cannot set up %u threads\n", threads);
        else
                print_result(lanes, threads, milliseconds);
        for (unsigned t = 0; lanes != NULL && t < threads; t++)
                free(lanes[t].histogram);
        free(lanes);
}

/* --- commands --- */

static bool is_sensible(const peer_workload *w)
{
        return w->in_features >= 1 && w->in_features <= max_features && w->out_features >= 1 &&
               w->out_features <= max_features && w->batch >= 1 && w->batch <= max_batch &&
               w->in_features * w->out_features * w->batch <= max_products;
}

static void command_load(job *j, const char *line)
{
        peer_workload w = {.precision = default_precision};
        char precision[16] = "";
        int n = sscanf(line, "load %" SCNd64 " %" SCNd64 " %" SCNd64 " %15s", &w.in_features,
                       &w.out_features, &w.batch, precision);
        if (strcmp(precision, "medium") == 0)
                w.precision = PEER_MEDIUM;
        else if (strcmp(precision, "high") == 0)
                w.precision = PEER_HIGH;
        else if (precision[0] != '\0')
                n = 0;
        if (n < 3 || !is_sensible(&w)) {
                puts("error usage: load IN OUT BATCH [high|medium], of a sensible size");
        } else if (job_load(j, &w)) {
                printf("ok name=\"%s\" version=\"%s\" error=%.3g of_tolerance=%.3f\n",
                       peer_this.name, peer_this.version(), j->error, j->of_tolerance);
        } else {
                job_unload(j);
                puts("error load failed");
        }
}

static void command_run(const job *j, const char *line)
{
        unsigned threads, milliseconds;
        if (j->shared == NULL)
                puts("error nothing is loaded");
        else if (sscanf(line, "run %u %u", &threads, &milliseconds) != 2 || threads < 1 ||
                 threads > MAX_THREADS || milliseconds < 1 || milliseconds > MAX_MILLISECONDS)
                puts("error usage: run THREADS MILLISECONDS");
        else
                do_run(j, threads, milliseconds);
}

static bool take_word(const char *word)
{
        if (strcmp(word, "medium") == 0) {
                default_precision = PEER_MEDIUM;
                return true;
        }
        return peer_this.set_option != NULL && peer_this.set_option(word);
}

int main(int argc, char **argv)
{
        char line[256];
        job j = {.shared = NULL};
        for (int i = 1; i < argc; i++) {
                if (!take_word(argv[i])) {
                        peer_complain("unknown word '%s' on the command line", argv[i]);
                        return 2;
                }
        }
        setvbuf(stdout, NULL, _IOLBF, 0);
        while (fgets(line, sizeof line, stdin) != NULL) {
                if (strncmp(line, "load ", 5) == 0)
                        command_load(&j, line);
                else if (strncmp(line, "run ", 4) == 0)
                        command_run(&j, line);
                else if (strncmp(line, "quit", 4) == 0)
                        break;
                else
                        puts("error unknown command: use load, run or quit");
        }
        job_unload(&j);
        return 0;
}
