/* SPDX-License-Identifier: Apache-2.0 */
/* report_trace.c: the Trace Event Format (JSON object form).
 *
 *     process 1 "load"       a track of the stages of the run; one of each thread: its requests,
 *                            each with the parts of its time inside, in the order in which they
 *                            occur; "descheduled" stands last, wherever in the request it was,
 *                            and then "measuring", what taking the time apart took
 *     process 2 "device"     a track of each stream: what it ran
 *     counters of process 1  requests per second of each stage; recorded requests in flight
 *
 * Slices are complete events ("X"), written track by track in the order of time, a slice before
 * those inside of it. Times are microseconds with three digits, from the first stage on. */
#include "report/report_trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* Track numbers are of the whole trace, and 0 means something else to those who read it. */
enum { LOAD = 1, DEVICE = 2, STAGES = 1, THREADS = 2, STREAMS = 10000 };

struct writer {
        const struct trib__results *results;
        struct trib__recording      recording;
        FILE                       *stream;
        uint64_t                    base; /* trib__now of time 0 */
        bool                        has_event;
};

/* Work of a stream. */
struct work {
        uint64_t began, ended;
        uint32_t stream, thread;
};

/* A change of how many recorded requests are in flight. */
struct change {
        uint64_t at;
        int      by;
};

/* A JSON string; what is not ASCII becomes '?'. */
static void put_string(FILE *stream, const char *text)
{
        (void)fputc('"', stream);
        for (; *text != '\0'; text++) {
                unsigned char c = (unsigned char)*text;

                if (c == '"' || c == '\\')
                        (void)fprintf(stream, "\\%c", c);
                else
                        (void)fputc(c < ' ' || c > '~' ? '?' : c, stream);
        }
        (void)fputc('"', stream);
}

static void begin_event(struct writer *writer)
{
        (void)fputs(writer->has_event ? ",\n" : "\n", writer->stream);
        writer->has_event = true;
}

static void put_time(struct writer *writer, const char *key, uint64_t ns)
{
        (void)fprintf(writer->stream, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000,
                      (unsigned)(ns % 1000));
}

static void put_name(struct writer *writer, const char *kind, int process, unsigned track,
                     const char *name)
{
        begin_event(writer);
        (void)fprintf(writer->stream, "{\"ph\":\"M\",\"pid\":%d,\"tid\":%u,\"name\":\"%s\","
                                      "\"args\":{\"name\":", process, track, kind);
        put_string(writer->stream, name);
        (void)fputs("}}", writer->stream);
}

/* A slice but for its arguments and its end. */
static void begin_slice(struct writer *writer, int process, unsigned track, const char *name,
                        const char *category)
{
        begin_event(writer);
        (void)fprintf(writer->stream, "{\"ph\":\"X\",\"pid\":%d,\"tid\":%u,\"name\":", process,
                      track);
        put_string(writer->stream, name);
        (void)fprintf(writer->stream, ",\"cat\":\"%s\"", category);
}

static void put_span(struct writer *writer, uint64_t began, uint64_t ended)
{
        put_time(writer, "ts", began - writer->base);
        put_time(writer, "dur", ended - began);
}

static void put_counter(struct writer *writer, const char *name, uint64_t at, double value)
{
        begin_event(writer);
        (void)fprintf(writer->stream, "{\"ph\":\"C\",\"pid\":%d,\"name\":\"%s\"", LOAD, name);
        put_time(writer, "ts", at - writer->base);
        (void)fprintf(writer->stream, ",\"args\":{\"value\":%.6g}}", value);
}

static void put_stages(struct writer *writer)
{
        const struct trib__recording *recording = &writer->recording;

        for (size_t i = 0; i < recording->stage_count; i++) {
                const struct trib__stage *stage = &recording->stages[i];
                /* Relaxed: the threads are at rest, and whoever saw that saw this. */
                uint64_t requests = trib__load_relaxed_u64(&stage->requests);
                double   seconds = (double)(stage->ended - stage->began) * 1e-9;

                begin_slice(writer, LOAD, STAGES, stage->text, "stage");
                put_span(writer, stage->began, stage->ended);
                (void)fprintf(writer->stream, ",\"args\":{\"requests\":%" PRIu64 "}}", requests);
                put_counter(writer, "requests/s", stage->began,
                            seconds > 0 ? (double)requests / seconds : 0);
                if (i + 1 == recording->stage_count)
                        put_counter(writer, "requests/s", stage->ended, 0);
        }
}

static void put_request(struct writer *writer, const struct trib__block *block,
                        const struct trib__record *record)
{
        uint64_t at = record->began;

        begin_slice(writer, LOAD, THREADS + block->thread, record->is_failed ? "failed" : "request",
                    "request");
        put_span(writer, record->began, record->ended);
        (void)fprintf(writer->stream, ",\"args\":{\"stage\":%u", block->stage);
        if (record->stream != TRIB__NO_STREAM)
                (void)fprintf(writer->stream, ",\"stream\":%u", record->stream);
        (void)fputs("}}", writer->stream);
        for (enum trib__part part = 0; part < TRIB__PARTS; part++) {
                uint64_t end = at + record->parts_ns[part];

                end = end < record->ended ? end : record->ended;
                if (end == at)
                        continue;
                begin_slice(writer, LOAD, THREADS + block->thread, trib__part_name(part),
                            trib__part_is_wait(part) ? "wait" : "work");
                put_span(writer, at, end);
                (void)fputc('}', writer->stream);
                at = end;
        }
        /* The readings of clocks, which are in no part. */
        if (at == record->began || at == record->ended)
                return;
        begin_slice(writer, LOAD, THREADS + block->thread, "measuring", "work");
        put_span(writer, at, record->ended);
        (void)fputc('}', writer->stream);
}

/* A thread takes its blocks one after the other, so their order is that of time. */
static void put_threads(struct writer *writer)
{
        const struct trib__recording *recording = &writer->recording;
        char                          name[32];

        put_name(writer, "process_name", LOAD, STAGES, "load");
        put_name(writer, "thread_name", LOAD, STAGES, "stages");
        put_stages(writer);
        for (unsigned thread = 0; thread < recording->threads; thread++) {
                bool is_named = false;

                for (size_t i = 0; i < recording->block_count; i++) {
                        const struct trib__block *block = &recording->blocks[i];

                        if (block->thread != thread || block->count == 0)
                                continue;
                        (void)snprintf(name, sizeof(name), "thread %u", thread);
                        if (!is_named)
                                put_name(writer, "thread_name", LOAD, THREADS + thread, name);
                        is_named = true;
                        for (uint32_t k = 0; k < block->count; k++)
                                put_request(writer, block, &block->records[k]);
                }
        }
}

static int compare_work(const void *left, const void *right)
{
        const struct work *a = left, *b = right;

        if (a->stream != b->stream)
                return a->stream < b->stream ? -1 : 1;
        return a->began < b->began ? -1 : a->began > b->began;
}

/* When the device had the request: after what comes before that part. */
static bool work_of(const struct trib__block *block, const struct trib__record *record,
                    struct work *out)
{
        uint64_t at = record->began;

        if (record->stream == TRIB__NO_STREAM || record->parts_ns[TRIB__PART_DEVICE] == 0)
                return false;
        for (enum trib__part part = 0; part < TRIB__PART_DEVICE; part++)
                at += record->parts_ns[part];
        *out = (struct work){ at, at + record->parts_ns[TRIB__PART_DEVICE], record->stream,
                              block->thread };
        if (out->ended > record->ended)
                out->ended = record->ended;
        return out->ended > out->began;
}

/* Slices of one track do not overlap: where clocks leave it open which of two came first, the
 * later one begins when the other ends. */
static void put_works(struct writer *writer, struct work *works, size_t count)
{
        char name[TRIB__NAME_BYTES + 32];

        if (count == 0)
                return;
        qsort(works, count, sizeof(*works), compare_work);
        (void)snprintf(name, sizeof(name), "device %s", writer->results->device.name);
        put_name(writer, "process_name", DEVICE, STREAMS, name);
        for (size_t i = 0; i < count; i++) {
                bool     is_first = i == 0 || works[i].stream != works[i - 1].stream;
                uint64_t began = works[i].began;

                if (is_first) {
                        (void)snprintf(name, sizeof(name), "stream %u", works[i].stream);
                        put_name(writer, "thread_name", DEVICE, STREAMS + works[i].stream, name);
                } else if (began < works[i - 1].ended) {
                        began = works[i - 1].ended;
                }
                if (works[i].ended <= began) {
                        works[i].ended = began;
                        continue;
                }
                begin_slice(writer, DEVICE, STREAMS + works[i].stream, "run", "device");
                put_span(writer, began, works[i].ended);
                (void)fprintf(writer->stream, ",\"args\":{\"thread\":%u}}", works[i].thread);
        }
}

static int compare_change(const void *left, const void *right)
{
        const struct change *a = left, *b = right;

        if (a->at != b->at)
                return a->at < b->at ? -1 : 1;
        return a->by - b->by;
}

static void put_in_flight(struct writer *writer, struct change *changes, size_t count)
{
        int in_flight = 0;

        qsort(changes, count, sizeof(*changes), compare_change);
        for (size_t i = 0; i < count; i++) {
                in_flight += changes[i].by;
                if (i + 1 == count || changes[i + 1].at != changes[i].at)
                        put_counter(writer, "recorded requests in flight", changes[i].at,
                                    in_flight);
        }
}

static trib_status put_derived(struct writer *writer, trib_error *err)
{
        const struct trib__recording *recording = &writer->recording;
        size_t         kept = (size_t)recording->kept, work_count = 0, change_count = 0;
        struct work   *works = trib__calloc("report.trace", kept + 1, sizeof(*works));
        struct change *changes = trib__calloc("report.trace", 2 * kept + 1, sizeof(*changes));
        trib_status    status = TRIB_OK;

        if (works == NULL || changes == NULL)
                status = trib__fail(err, TRIB_OUT_OF_MEMORY, "report: no memory for the trace");
        for (size_t i = 0; i < recording->block_count && status == TRIB_OK; i++)
                for (uint32_t k = 0; k < recording->blocks[i].count; k++) {
                        const struct trib__record *record = &recording->blocks[i].records[k];

                        work_count += work_of(&recording->blocks[i], record, &works[work_count]);
                        changes[change_count++] = (struct change){ record->began, 1 };
                        changes[change_count++] = (struct change){ record->ended, -1 };
                }
        if (status == TRIB_OK) {
                put_works(writer, works, work_count);
                put_in_flight(writer, changes, change_count);
        }
        trib__free(works);
        trib__free(changes);
        return status;
}

trib_status trib__report_trace(void *context, FILE *stream, trib_error *err)
{
        const struct trib__trace_content *content = context;
        struct writer                     writer = { .results = content->results,
                                                     .stream = stream };
        trib_status                       status;

        trib__recorder_read(content->recorder, &writer.recording);
        if (writer.recording.stage_count > 0)
                writer.base = writer.recording.stages[0].began;
        (void)fputs("{\"displayTimeUnit\":\"ns\",\n\"otherData\":{\"tool\":", stream);
        put_string(stream, content->results->tool);
        (void)fputs(",\"device\":", stream);
        put_string(stream, content->results->device.name);
        (void)fprintf(stream, ",\"requests_recorded\":\"%" PRIu64 "\","
                              "\"requests_left_out\":\"%" PRIu64 "\"},\n\"traceEvents\":[",
                      writer.recording.kept, writer.recording.left_out);
        put_threads(&writer);
        status = put_derived(&writer, err);
        (void)fputs("\n]}\n", stream);
        return status;
}
