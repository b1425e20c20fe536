/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work in the steady state, between two marks that a tracer of system calls can see: contention.py
 * runs it under strace and counts who slept on a lock.
 *
 * usage: contention infer THREADS TOTAL            TOTAL requests of all threads together
 *        contention pairs THREADS TOTAL REMOTE [SHARDS]   pairs of alloc and free; REMOTE per cent
 *
 * infer: a model of two linear layers, in four batch sizes, all warm; each result is compared, bit
 * by bit, with that of one thread beforehand. pairs: allocator.c's, on a stream for each thread.
 *
 * A mark is write(-1, MARK): it fails, is cheap, and is on the calling thread's own account. A
 * thread's window lies between its two marks; before and after it the threads wait for each other
 * with nanosleep, never on a lock. This program's malloc and friends stand in front of glibc's, and
 * count within the window by who called: the library, or others.
 *
 * Locks: none. `started` and `ready` are counts; a ring has one writer and one reader.
 */
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tributary/tributary.h>

#define MOST_THREADS 64
#define LINE 64
#define SHAPES 4
#define WIDTH_IN 64
#define WIDTH_MIDDLE 128
#define WIDTH_OUT 32
#define MOST_BATCH 8
#define RING 128
#define IN_FLIGHT 32
#define SIZES 1024
#define WARM 20000 /* each thread, beforehand */
#define HELD 512   /* blocks of a thread in the warm-up: more than can ever be under way */
#define BEGINS "window begins"
#define ENDS "window ends"

/* --- who allocates --- */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

struct heap_counts {
        uint64_t ours, others;
};

static uintptr_t                       ours_begin, ours_end;
static _Thread_local bool              is_counting;
static _Thread_local struct heap_counts heap;

/* Seen by the libraries, so that they call these. */
#define SHOWN __attribute__((visibility("default")))

static inline void count(const void *caller)
{
        uintptr_t at = (uintptr_t)caller;

        if (!is_counting)
                return;
        if (at >= ours_begin && at < ours_end)
                heap.ours++;
        else
                heap.others++;
}

SHOWN void *malloc(size_t bytes)
{
        count(__builtin_return_address(0));
        return __libc_malloc(bytes);
}

SHOWN void *calloc(size_t number, size_t size)
{
        count(__builtin_return_address(0));
        return __libc_calloc(number, size);
}

SHOWN void *realloc(void *memory, size_t bytes)
{
        count(__builtin_return_address(0));
        return __libc_realloc(memory, bytes);
}

SHOWN void *aligned_alloc(size_t alignment, size_t bytes)
{
        count(__builtin_return_address(0));
        return __libc_memalign(alignment, bytes);
}

SHOWN int posix_memalign(void **out, size_t alignment, size_t bytes)
{
        void *memory;

        count(__builtin_return_address(0));
        memory = __libc_memalign(alignment, bytes);
        if (memory == NULL)
                return 12; /* ENOMEM */
        *out = memory;
        return 0;
}

static int find_ours(struct dl_phdr_info *info, size_t size, void *context)
{
        (void)size;
        (void)context;
        if (strstr(info->dlpi_name, "libtributary.so") == NULL)
                return 0;
        for (int i = 0; i < info->dlpi_phnum; i++) {
                const ElfW(Phdr) *part = &info->dlpi_phdr[i];

                if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
                        ours_begin = info->dlpi_addr + part->p_vaddr;
                        ours_end = ours_begin + part->p_memsz;
                }
        }
        return 1;
}

/* --- the threads --- */

struct ring {
        _Alignas(2 * LINE) _Atomic uint64_t written;
        _Alignas(2 * LINE) _Atomic uint64_t taken;
        trib_buffer buffers[RING];
};

struct member {
        _Alignas(2 * LINE) uint32_t index;
        pthread_t          thread;
        trib_stream       *stream;
        struct ring       *out, *in;
        uint64_t           n, wrong, next_size;
        struct heap_counts heap;
        bool               is_failed;
        trib_error         err;
        float              y[MOST_BATCH * WIDTH_OUT];
};

static struct member    members[MOST_THREADS];
static struct ring      rings[MOST_THREADS];
static uint32_t         n_threads, remote_of_4;
static _Atomic uint32_t n_warm, n_done;
static _Atomic bool     is_open, is_over, is_broken; /* broken: one has failed */
static trib_device     *device;
static trib_session    *session;
static float            inputs[MOST_BATCH * WIDTH_IN];
static float            golden[SHAPES][MOST_BATCH * WIDTH_OUT];
static uint32_t         sizes[SIZES];
static bool (*work)(struct member *me, uint64_t n, bool is_window);

static void pause_ns(long ns)
{
        struct timespec t = { 0, ns };

        (void)nanosleep(&t, NULL);
}

static void pause_ms(void)
{
        pause_ns(1000000);
}

static void mark(const char *text)
{
        ssize_t ignored = write(-1, text, strlen(text));

        (void)ignored;
}

static void *run_member(void *argument)
{
        struct member *me = argument;
        bool           is_good = work(me, WARM, false);

        if (!is_good)
                atomic_store(&is_broken, true);
        atomic_fetch_add(&n_warm, 1);
        while (!atomic_load(&is_open))
                pause_ms();
        mark(BEGINS);
        is_counting = true;
        is_good = is_good && work(me, me->n, true);
        is_counting = false;
        mark(ENDS);
        me->heap = heap;
        me->is_failed = !is_good;
        if (!is_good)
                atomic_store(&is_broken, true);
        atomic_fetch_add(&n_done, 1);
        while (!atomic_load(&is_over))
                pause_ms();
        return NULL;
}

/* --- requests --- */

static bool infer_once(struct member *me, uint32_t shape)
{
        int64_t     batch = INT64_C(1) << shape;
        trib_tensor x = trib_tensor_from_f32(inputs, 2, (int64_t[]){ batch, WIDTH_IN });
        trib_tensor y = trib_tensor_from_f32(me->y, 2, (int64_t[]){ batch, WIDTH_OUT });

        return trib_infer(session, &x, 1, &y, 1, &me->err) == TRIB_OK;
}

static bool work_infer(struct member *me, uint64_t n, bool is_window)
{
        (void)is_window;
        for (uint64_t i = 0; i < n; i++) {
                uint32_t shape = (uint32_t)(i + me->index) % SHAPES;

                if (!infer_once(me, shape))
                        return false;
                me->wrong += memcmp(me->y, golden[shape],
                                    sizeof(float) * WIDTH_OUT * (UINT64_C(1) << shape)) != 0;
        }
        return true;
}

static trib_value constant(trib_model_builder *builder, int64_t rows, int64_t columns)
{
        static float values[WIDTH_MIDDLE * WIDTH_IN];
        trib_tensor  view;

        for (int64_t i = 0; i < rows * columns; i++)
                values[i] = (float)((i * 7919) % 257 - 128) / 1024.0F;
        view = trib_tensor_from_f32(values, columns == 1 ? 1 : 2, (int64_t[]){ rows, columns });
        return trib_model_constant(builder, &view);
}

static bool open_infer(trib_error *err)
{
        trib_model_builder *builder;
        trib_model         *model = NULL;
        trib_value          x;
        bool                is_good;

        if (trib_device_open("cpu:0", NULL, &device, err) != TRIB_OK ||
            trib_model_builder_create(&builder, err) != TRIB_OK)
                return false;
        x = trib_model_input(builder, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, WIDTH_IN });
        x = trib_model_linear(builder, x, constant(builder, WIDTH_MIDDLE, WIDTH_IN),
                              constant(builder, WIDTH_MIDDLE, 1));
        x = trib_model_linear(builder, trib_model_relu(builder, x),
                              constant(builder, WIDTH_OUT, WIDTH_MIDDLE),
                              constant(builder, WIDTH_OUT, 1));
        trib_model_output(builder, "y", x);
        is_good = trib_model_build(builder, device, &model, err) == TRIB_OK &&
                  trib_session_open(model, NULL, &session, err) == TRIB_OK;
        trib_model_builder_destroy(builder);
        trib_model_close(model);
        for (int i = 0; i < MOST_BATCH * WIDTH_IN; i++)
                inputs[i] = (float)((i * 104729) % 509 - 254) / 256.0F;
        for (uint32_t shape = 0; is_good && shape < SHAPES; shape++) {
                is_good = infer_once(&members[0], shape);
                memcpy(golden[shape], members[0].y, sizeof(golden[shape]));
        }
        *err = is_good ? *err : members[0].err;
        return is_good;
}

/* --- pairs --- */

static bool create(struct member *me, trib_buffer *buffer)
{
        void *address = NULL;

        if (trib_buffer_create(me->stream, sizes[me->next_size++ % SIZES], buffer, &me->err) !=
                    TRIB_OK ||
            trib_buffer_address(device, *buffer, &address, NULL, &me->err) != TRIB_OK)
                return false;
        *(volatile uint64_t *)address = me->next_size;
        return true;
}

static bool hand_over(struct member *me, trib_buffer mine, trib_buffer *other)
{
        struct ring *out = me->out, *in = me->in;
        uint64_t     written = atomic_load_explicit(&out->written, memory_order_relaxed);
        uint64_t     taken = atomic_load_explicit(&in->taken, memory_order_relaxed);

        /* Acquire: pairs with the releases below, of the partner's. */
        while (written - atomic_load_explicit(&out->taken, memory_order_acquire) == RING ||
               atomic_load_explicit(&in->written, memory_order_acquire) == taken) {
                if (atomic_load(&is_broken))
                        return false;
                pause_ns(20000);
        }
        out->buffers[written % RING] = mine;
        *other = in->buffers[taken % RING];
        /* Release: the slot is filled, and read. */
        atomic_store_explicit(&out->written, written + 1, memory_order_release);
        atomic_store_explicit(&in->taken, taken + 1, memory_order_release);
        return true;
}

/* More of each size than the window can need at once, so that it meets no new need. */
static bool hold_many(struct member *me)
{
        trib_buffer held[HELD];
        bool        is_good = true;

        for (uint32_t i = 0; i < HELD + 2 * SIZES && is_good; i++) {
                if (i >= HELD)
                        is_good = trib_buffer_release(device, held[i % HELD], &me->err) == TRIB_OK;
                is_good = is_good && create(me, &held[i % HELD]);
        }
        for (uint32_t i = 0; i < HELD && is_good; i++)
                is_good = trib_buffer_release(device, held[i], &me->err) == TRIB_OK;
        return is_good;
}

/* Every thread does the same number in the window and outside of it, so partners come out even. */
static bool work_pairs(struct member *me, uint64_t n, bool is_window)
{
        if (!is_window && !hold_many(me))
                return false;
        for (uint64_t i = 0; i < n; i++) {
                trib_buffer buffer;

                if (!create(me, &buffer) ||
                    (i % 4 < remote_of_4 && !hand_over(me, buffer, &buffer)) ||
                    trib_buffer_release(device, buffer, &me->err) != TRIB_OK)
                        return false;
        }
        return true;
}

static bool open_pairs(uint32_t shards, trib_error *err)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        uint64_t            state = 88172645463325252u;

        options.allocator_shards = shards;
        if (trib_device_open("cpu:0", &options, &device, err) != TRIB_OK)
                return false;
        for (uint32_t i = 0; i < SIZES; i++) {
                uint32_t base;

                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                base = UINT32_C(512) << state % 9;
                sizes[i] = base + (uint32_t)((state >> 32) % base) + 1;
        }
        for (uint32_t i = 0; i < n_threads; i++) {
                struct member *me = &members[i];

                if (trib_stream_acquire(device, 0, &me->stream, err) != TRIB_OK)
                        return false;
                me->out = &rings[i];
                me->in = &rings[i ^ 1];
                me->next_size = i * 577;
                for (uint32_t k = 0; remote_of_4 > 0 && k < IN_FLIGHT; k++) {
                        if (!create(me, &me->out->buffers[k]))
                                return false;
                        me->out->written = k + 1;
                }
        }
        return true;
}

static void close_all(void)
{
        for (uint32_t i = 0; i < n_threads; i++) {
                for (uint64_t k = rings[i].taken; k < rings[i].written; k++)
                        (void)trib_buffer_release(device, rings[i].buffers[k % RING], NULL);
                trib_stream_release(members[i].stream);
        }
        if (session != NULL)
                (void)!trib_session_close(session, NULL);
        trib_device_close(device);
}

/* --- the command --- */

static uint64_t device_allocations(void)
{
        trib_memory_stats stats = { 0 };

        return trib_device_get_memory(device, &stats, NULL) == TRIB_OK ? stats.device_allocations
                                                                      : 0;
}

static void wait_for(_Atomic uint32_t *number)
{
        while (atomic_load(number) < n_threads)
                pause_ms();
}

static double seconds(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int report(const char *mode, uint64_t device_before, double took)
{
        struct heap_counts all = { 0, 0 };
        uint64_t           wrong = 0, n = 0;

        for (uint32_t i = 0; i < n_threads; i++) {
                if (members[i].is_failed && members[i].err.message[0] != '\0') {
                        fprintf(stderr, "contention: %s\n", members[i].err.message);
                        return 1;
                }
                all.ours += members[i].heap.ours;
                all.others += members[i].heap.others;
                wrong += members[i].wrong;
                n += members[i].n;
        }
        if (atomic_load(&is_broken)) {
                fprintf(stderr, "contention: a thread failed\n");
                return 1;
        }
        printf("mode=%s threads=%u done=%llu wrong=%llu device_allocations=%llu heap_ours=%llu "
               "heap_others=%llu seconds=%.2f\n",
               mode, n_threads, (unsigned long long)n, (unsigned long long)wrong,
               (unsigned long long)(device_allocations() - device_before),
               (unsigned long long)all.ours, (unsigned long long)all.others, took);
        return 0;
}

static int run(const char *mode)
{
        uint64_t before;
        double   begin;
        int      result;

        for (uint32_t i = 0; i < n_threads; i++) {
                if (pthread_create(&members[i].thread, NULL, run_member, &members[i]) != 0) {
                        fprintf(stderr, "contention: no thread\n");
                        return 1;
                }
        }
        wait_for(&n_warm);
        before = device_allocations();
        begin = seconds();
        atomic_store(&is_open, true);
        wait_for(&n_done);
        begin = seconds() - begin;
        atomic_store(&is_over, true);
        for (uint32_t i = 0; i < n_threads; i++)
                (void)pthread_join(members[i].thread, NULL);
        result = report(mode, before, begin);
        close_all();
        return result;
}

int main(int argc, char **argv)
{
        bool        is_pairs = argc > 4 && strcmp(argv[1], "pairs") == 0;
        trib_error  err = TRIB_ERROR_INIT;
        uint64_t    total = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
        const char *mode = is_pairs ? "pairs" : "infer";

        n_threads = argc > 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
        remote_of_4 = is_pairs ? (uint32_t)strtoul(argv[4], NULL, 10) / 25 : 0;
        if (argc < 4 || (!is_pairs && strcmp(argv[1], mode) != 0) || n_threads < 2 ||
            n_threads > MOST_THREADS || n_threads % 2 != 0 || total < n_threads) {
                fprintf(stderr, "usage: contention infer THREADS TOTAL, or contention pairs "
                                "THREADS TOTAL REMOTE [SHARDS]; an even number of threads\n");
                return 2;
        }
        (void)dl_iterate_phdr(find_ours, NULL);
        for (uint32_t i = 0; i < n_threads; i++) {
                members[i].index = i;
                members[i].n = (total + n_threads - 1) / n_threads;
        }
        work = is_pairs ? work_pairs : work_infer;
        if (is_pairs ? !open_pairs(argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 10) : 0, &err)
                     : !open_infer(&err)) {
                fprintf(stderr, "contention: %s\n", err.message);
                return 1;
        }
        return run(mode);
}
