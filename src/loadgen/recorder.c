/* SPDX-License-Identifier: Apache-2.0 */
/* recorder.c: see recorder.h. */
#include "loadgen/recorder.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/sync.h"

#define BLOCKS (TRIB__RECORDS_MAX / TRIB__BLOCK_RECORDS)
#define STAGE_BLOCKS_MIN 4u

/* Its thread's; read by others when the run is over. */
struct seat {
        _Alignas(TRIB__CACHE_LINE) struct trib__block *block; /* being filled, or NULL */
        uint32_t stage;    /* of the requests counted below   */
        bool     is_full;  /* the stage has no more blocks    */
        uint64_t requests; /* not yet added to the stage's    */
        uint64_t left_out;
};

struct trib__recorder {
        /* Fixed by create. */
        unsigned            threads;
        uint64_t            stage_blocks; /* that a stage may take */
        struct seat        *seats;
        struct trib__block *blocks;
        struct trib__stage *stages;

        /* The thread that calls trib__recorder_stage and trib__recorder_end. */
        bool has_stage;

        trib__atomic_u32 stage;       /* the current one                      */
        trib__atomic_u32 blocks_used; /* may pass BLOCKS: then there are none */
};

const char *trib__part_name(enum trib__part part)
{
        static const char *const names[TRIB__PARTS] = {
                [TRIB__PART_ADMISSION] = "admission",   [TRIB__PART_LOCK] = "lock",
                [TRIB__PART_SUBMISSION] = "submission", [TRIB__PART_QUEUE] = "queue",
                [TRIB__PART_SERIAL] = "serial",         [TRIB__PART_DEVICE] = "device",
                [TRIB__PART_COPY] = "copy",             [TRIB__PART_NOTIFICATION] = "notification",
                [TRIB__PART_DESCHEDULED] = "descheduled",
        };

        return names[part];
}

bool trib__part_is_wait(enum trib__part part)
{
        return part == TRIB__PART_ADMISSION || part == TRIB__PART_LOCK
               || part == TRIB__PART_QUEUE || part == TRIB__PART_SERIAL
               || part == TRIB__PART_DESCHEDULED;
}

trib_status trib__recorder_create(unsigned threads, unsigned stages, struct trib__recorder **out,
                                  trib_error *err)
{
        struct trib__recorder *recorder =
                trib__calloc("loadgen.recorder", 1, sizeof(*recorder));
        size_t bytes;

        *out = NULL;
        if (recorder == NULL || __builtin_mul_overflow(threads, sizeof(*recorder->seats), &bytes))
                goto fail;
        recorder->threads = threads;
        recorder->stage_blocks = BLOCKS / (stages > 0 ? stages : 1);
        if (recorder->stage_blocks < STAGE_BLOCKS_MIN)
                recorder->stage_blocks = STAGE_BLOCKS_MIN;
        recorder->seats = trib__aligned("loadgen.recorder", TRIB__CACHE_LINE, bytes);
        recorder->blocks = trib__calloc("loadgen.recorder", BLOCKS, sizeof(*recorder->blocks));
        recorder->stages =
                trib__calloc("loadgen.recorder", TRIB__STAGES_MAX, sizeof(*recorder->stages));
        if (recorder->seats == NULL || recorder->blocks == NULL || recorder->stages == NULL)
                goto fail;
        memset(recorder->seats, 0, bytes);
        *out = recorder;
        return TRIB_OK;
fail:
        trib__recorder_destroy(recorder);
        return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a trace of %u threads",
                          threads);
}

void trib__recorder_destroy(struct trib__recorder *recorder)
{
        if (recorder == NULL)
                return;
        trib__free(recorder->seats);
        trib__free(recorder->blocks);
        trib__free(recorder->stages);
        trib__free(recorder);
}

void trib__recorder_stage(struct trib__recorder *recorder, const char *text)
{
        struct trib__stage *stage;
        uint32_t            at;

        if (recorder == NULL)
                return;
        /* Relaxed: only this thread writes it. */
        at = trib__load_relaxed_u32(&recorder->stage);
        stage = &recorder->stages[at];
        if (recorder->has_stage && strncmp(stage->text, text, TRIB__STAGE_TEXT - 1) == 0)
                return;
        if (recorder->has_stage && at + 1 == TRIB__STAGES_MAX)
                return;
        if (recorder->has_stage) {
                stage->ended = trib__now();
                stage++;
                at++;
        }
        (void)snprintf(stage->text, sizeof(stage->text), "%s", text);
        stage->began = trib__now();
        recorder->has_stage = true;
        /* Relaxed: a thread that sees it late counts a request to the stage before. What a stage
         * says is read when the threads are at rest. */
        trib__store_relaxed_u32(&recorder->stage, at);
}

/* Hand what the seat counted to its stage. */
static void flush(struct trib__recorder *recorder, struct seat *seat)
{
        if (seat->requests > 0)
                /* Relaxed: a statistic. */
                (void)trib__fetch_add_relaxed_u64(&recorder->stages[seat->stage].requests,
                                                  seat->requests);
        seat->requests = 0;
}

/* A block for the seat's stage; false when the stage, or the pool, has none left. */
static bool take_block(struct trib__recorder *recorder, struct seat *seat, unsigned thread)
{
        struct trib__stage *stage = &recorder->stages[seat->stage];
        uint32_t            at;

        seat->block = NULL;
        /* Relaxed: only the number matters. */
        if (trib__load_relaxed_u64(&stage->blocks) >= recorder->stage_blocks
            /* Relaxed: as above; many threads may pass the mark by one each. */
            || trib__fetch_add_relaxed_u64(&stage->blocks, 1) >= recorder->stage_blocks
            /* Relaxed: as above; looked at first, so that it does not wrap around. */
            || trib__load_relaxed_u32(&recorder->blocks_used) >= BLOCKS)
                return false;
        /* Relaxed: a block's number is its owner's alone; what is written into the block is read
         * when the threads are at rest. */
        at = trib__fetch_add_relaxed_u32(&recorder->blocks_used, 1);
        if (at >= BLOCKS)
                return false;
        seat->block = &recorder->blocks[at];
        seat->block->stage = seat->stage;
        seat->block->thread = thread;
        return true;
}

static void take_parts(struct trib__record *record)
{
        trib_request_times times;
        uint64_t          *parts = record->parts_ns;

        record->stream = TRIB__NO_STREAM;
        if (!trib_thread_take_times(&times))
                return;
        record->stream = times.stream;
        parts[TRIB__PART_ADMISSION] = times.admission_ns;
        parts[TRIB__PART_LOCK] = times.lock_ns;
        parts[TRIB__PART_SUBMISSION] = times.prepare_ns + times.submit_ns;
        parts[TRIB__PART_QUEUE] = times.queue_ns;
        parts[TRIB__PART_SERIAL] = times.serial_ns;
        parts[TRIB__PART_DEVICE] = times.device_ns;
        parts[TRIB__PART_COPY] = times.copy_ns;
        parts[TRIB__PART_NOTIFICATION] = times.notify_ns;
        parts[TRIB__PART_DESCHEDULED] = times.descheduled_ns;
}

void trib__recorder_add(struct trib__recorder *recorder, unsigned thread, uint64_t began,
                        uint64_t ended, trib_status status)
{
        struct seat         *seat = &recorder->seats[thread];
        struct trib__record *record;
        /* Relaxed: see trib__recorder_stage. */
        uint32_t stage = trib__load_relaxed_u32(&recorder->stage);

        if (stage != seat->stage) {
                flush(recorder, seat);
                seat->stage = stage;
                seat->block = NULL;
                seat->is_full = false;
        }
        seat->requests++;
        if (!seat->is_full
            && (seat->block == NULL || seat->block->count == TRIB__BLOCK_RECORDS))
                seat->is_full = !take_block(recorder, seat, thread);
        if (seat->is_full) {
                seat->left_out++;
                return;
        }
        record = &seat->block->records[seat->block->count++];
        record->began = began;
        record->ended = ended;
        record->is_failed = status != TRIB_OK;
        take_parts(record);
}

void trib__recorder_end(struct trib__recorder *recorder)
{
        for (unsigned i = 0; i < recorder->threads; i++)
                flush(recorder, &recorder->seats[i]);
        if (recorder->has_stage)
                /* Relaxed: only this thread writes it. */
                recorder->stages[trib__load_relaxed_u32(&recorder->stage)].ended = trib__now();
}

void trib__recorder_read(const struct trib__recorder *recorder, struct trib__recording *out)
{
        /* Relaxed: the threads are at rest, and whoever saw that saw this. */
        uint32_t used = trib__load_relaxed_u32(&recorder->blocks_used);

        memset(out, 0, sizeof(*out));
        out->stages = recorder->stages;
        out->stage_count =
                /* Relaxed: as above. */
                recorder->has_stage ? trib__load_relaxed_u32(&recorder->stage) + 1u : 0;
        out->blocks = recorder->blocks;
        out->block_count = used < BLOCKS ? used : BLOCKS;
        out->threads = recorder->threads;
        for (size_t i = 0; i < out->block_count; i++)
                out->kept += recorder->blocks[i].count;
        for (unsigned i = 0; i < recorder->threads; i++)
                out->left_out += recorder->seats[i].left_out;
}
