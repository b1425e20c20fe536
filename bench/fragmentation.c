/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much more memory an allocator reserves than its users need, over a long trace of requests
 * whose batch sizes change.
 *
 * usage: fragmentation [DESIGN [OPERATIONS [search]]]   cached, shards1, shards8; 10,000,000
 *
 * Nouns. An *operation* is an allocation or a release through the public calls. A *request* walks
 * through the layers of one of MODELS models on one of STREAMS streams: a layer allocates its
 * output, batch times the layer's bytes; the input is released behind it, unless it is a residual,
 * which lives until the request ends; the answer is kept a while by whoever reads it, then released
 * out of order. A *season* lasts SEASON requests and has batch sizes around a centre of its own,
 * from 1 to 64, and its own mix of models: days, nights, and a change of models.
 *
 * Figures. active: the bytes of live blocks, as rounded up to their size class. ratio: the peak of
 * what was reserved from the device over the peak of active. ratio_to_asked: over the peak of the
 * bytes asked for. device_allocations: what a low ratio costs. With `search` the smallest cap under
 * which the whole trace passes without running out of memory is found by bisection, as a multiple
 * of the bytes asked for at their peak. One thread and a fixed seed: the same on every run.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tributary/tributary.h>

#define STREAMS 8
#define MODELS 4
#define LAYERS 12
#define ANSWERS 64 /* kept at a time */
#define SEASON 20000
#define MOST_RATIO 1.25

struct block {
        trib_buffer buffer;
        uint64_t    bytes;
};

struct request {
        uint32_t     model, batch, layer;
        struct block now, residual;
};

struct trace {
        trib_device   *device;
        trib_stream   *streams[STREAMS];
        struct request requests[STREAMS];
        struct block   answers[ANSWERS];
        uint64_t       random;
        uint64_t       operations, wanted, n_requests;
        uint64_t       asked, asked_peak, active_peak, next_look;
        uint32_t       centre, favourite;
        bool           is_out_of_memory;
        trib_error     err;
};

/* Bytes of a layer's output for a batch of one: 2 KiB to 192 KiB, a few shapes of each. */
static const uint32_t layers[MODELS][LAYERS] = {
        { 3072, 16384, 16384, 16384, 8192, 8192, 8192, 4096, 4096, 4096, 2048, 4000 },
        { 150528, 200704, 200704, 100352, 100352, 100352, 50176, 50176, 25088, 25088, 8192, 4000 },
        { 6144, 12288, 49152, 12288, 12288, 49152, 12288, 12288, 49152, 12288, 6144, 2048 },
        { 2560, 2560, 10240, 2560, 2560, 10240, 2560, 2560, 10240, 2560, 65536, 131072 },
};

static uint64_t draw(struct trace *t, uint64_t below)
{
        t->random ^= t->random << 13;
        t->random ^= t->random >> 7;
        t->random ^= t->random << 17;
        return (t->random >> 11) % below;
}

/* Looking is cold, so only when the peak has grown by 1/64. */
static void look(struct trace *t)
{
        trib_memory_stats stats;

        t->next_look = t->asked + t->asked / 64;
        if (trib_device_get_memory(t->device, &stats, NULL) == TRIB_OK &&
            stats.allocated > t->active_peak)
                t->active_peak = stats.allocated;
}

static bool take(struct trace *t, uint32_t s, uint64_t bytes, struct block *block)
{
        trib_status status = trib_buffer_create(t->streams[s], bytes, &block->buffer, &t->err);

        t->operations++;
        if (status != TRIB_OK) {
                t->is_out_of_memory = status == TRIB_OUT_OF_MEMORY;
                return false;
        }
        block->bytes = bytes;
        t->asked += bytes;
        if (t->asked > t->asked_peak)
                t->asked_peak = t->asked;
        if (t->asked >= t->next_look)
                look(t);
        return true;
}

static bool drop(struct trace *t, struct block *block)
{
        trib_status status;

        if (block->bytes == 0)
                return true;
        status = trib_buffer_release(t->device, block->buffer, &t->err);
        t->operations++;
        t->asked -= block->bytes;
        block->bytes = 0;
        return status == TRIB_OK;
}

static void begin_request(struct trace *t, uint32_t s)
{
        struct request *r = &t->requests[s];
        uint64_t        batch;

        if (t->n_requests++ % SEASON == 0) {
                t->centre = UINT32_C(1) << draw(t, 6);
                t->favourite = (uint32_t)draw(t, MODELS);
        }
        batch = t->centre / 2 + draw(t, t->centre + t->centre / 2 + 1);
        r->batch = (uint32_t)(batch == 0 ? 1 : batch > 64 ? 64 : batch);
        r->model = draw(t, 4) != 0 ? t->favourite : (uint32_t)draw(t, MODELS);
        r->layer = 0;
}

/* One layer of the request on stream s; the last one hands the answer to its reader. */
static bool step(struct trace *t, uint32_t s)
{
        struct request *r = &t->requests[s];
        struct block    next;
        bool            is_good;

        if (r->layer == 0)
                begin_request(t, s);
        if (!take(t, s, (uint64_t)layers[r->model][r->layer] * r->batch, &next))
                return false;
        if (r->layer % 4 == 1 && r->now.bytes > 0) {
                is_good = drop(t, &r->residual);
                r->residual = r->now;
                r->now.bytes = 0;
        } else {
                is_good = drop(t, &r->now);
        }
        r->now = next;
        r->layer++;
        if (r->layer == LAYERS) {
                struct block *answer = &t->answers[draw(t, ANSWERS)];

                is_good = is_good && drop(t, &r->residual) && drop(t, answer);
                *answer = r->now;
                r->now.bytes = 0;
                r->layer = 0;
        }
        return is_good;
}

static bool open_trace(struct trace *t, uint32_t shards, uint64_t cap)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        bool                is_good;

        options.allocator_shards = shards;
        options.memory_limit = cap;
        options.max_streams = STREAMS;
        is_good = trib_device_open("cpu:0", &options, &t->device, &t->err) == TRIB_OK;
        for (uint32_t s = 0; is_good && s < STREAMS; s++)
                is_good = trib_stream_acquire(t->device, 0, &t->streams[s], &t->err) == TRIB_OK;
        return is_good;
}

static bool close_trace(struct trace *t)
{
        bool is_good = true;

        for (uint32_t i = 0; i < ANSWERS; i++)
                is_good &= drop(t, &t->answers[i]);
        for (uint32_t s = 0; s < STREAMS; s++) {
                is_good &= drop(t, &t->requests[s].now) && drop(t, &t->requests[s].residual);
                trib_stream_release(t->streams[s]);
        }
        trib_device_close(t->device);
        return is_good && t->asked == 0;
}

/* The whole trace under a cap (0: none). False, with t->is_out_of_memory, if it does not fit. */
static bool run_trace(struct trace *t, uint32_t shards, uint64_t cap, uint64_t operations,
                      trib_memory_stats *stats)
{
        bool is_good;

        memset(t, 0, sizeof(*t));
        t->random = 0x9e3779b97f4a7c15u;
        is_good = open_trace(t, shards, cap);
        while (is_good && t->operations < operations)
                is_good = step(t, (uint32_t)draw(t, STREAMS));
        is_good = is_good && trib_device_get_memory(t->device, stats, &t->err) == TRIB_OK;
        return close_trace(t) && is_good;
}

/* The smallest cap that does, within 1/100, as a multiple of the peak of what was asked for. */
static double search_cap(uint32_t shards, uint64_t operations, uint64_t peak, double enough)
{
        static struct trace t;
        trib_memory_stats   stats;
        double              low = 1.0, high = enough;

        while (high - low > 0.01) {
                double middle = (low + high) / 2;

                if (run_trace(&t, shards, (uint64_t)(middle * (double)peak), operations, &stats))
                        high = middle;
                else if (t.is_out_of_memory)
                        low = middle;
                else
                        return 0;
        }
        return high;
}

static double seconds(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
        static struct trace t;
        const char         *design = argc > 1 ? argv[1] : "cached";
        uint64_t            operations = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
        bool                is_searching = argc > 3 && strcmp(argv[3], "search") == 0;
        uint32_t            shards = strcmp(design, "shards1") == 0   ? 1
                                     : strcmp(design, "shards8") == 0 ? 8
                                                                      : 0;
        trib_memory_stats   stats = { 0 };
        double              begin = seconds(), ratio, to_asked;

        if (operations < 1000 || (shards == 0 && strcmp(design, "cached") != 0)) {
                fprintf(stderr, "usage: fragmentation [cached|shards1|shards8 [OPERATIONS [search]"
                                "]]\n");
                return 2;
        }
        if (!run_trace(&t, shards, 0, operations, &stats)) {
                fprintf(stderr, "fragmentation: %s: %s\n", design, t.err.message);
                return 1;
        }
        begin = seconds() - begin;
        ratio = (double)stats.reserved_peak / (double)t.active_peak;
        to_asked = (double)stats.reserved_peak / (double)t.asked_peak;
        printf("%-8s operations=%llu requests=%llu ns_per_operation=%.0f device_allocations=%llu "
               "peak_asked_mib=%.1f peak_active_mib=%.1f reserved_peak_mib=%.1f "
               "ratio_to_asked=%.2f ratio=%.2f at_most_%.2f=%s",
               design, (unsigned long long)t.operations, (unsigned long long)t.n_requests,
               begin * 1e9 / (double)t.operations, (unsigned long long)stats.device_allocations,
               (double)t.asked_peak / 1048576, (double)t.active_peak / 1048576,
               (double)stats.reserved_peak / 1048576, to_asked, ratio, MOST_RATIO,
               ratio <= MOST_RATIO ? "yes" : "NO");
        if (is_searching) {
                (void)fflush(stdout);
                printf(" least_cap=%.2f", search_cap(shards, operations, t.asked_peak, to_asked));
        }
        printf("\n");
        return 0;
}
