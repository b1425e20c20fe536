/* SPDX-License-Identifier: Apache-2.0 */
/* ablate.c: variants of one option, each with a device and a session of its own, measured in the
 * same rounds. */
#include "ablate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analysis/ablation.h"
#include "analysis/format.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "interrupt.h"

/* Short windows in many rounds, which the interval is made of: of twelve, one that the machine
 * disturbs cannot hide a difference. */
#define ROUNDS 12u
#define EXPECTED_WARM_UP 0.5
#define LEAD_SECONDS 0.008

/* What a variant is made with. */
struct making {
        trib_device_options       device;
        struct trib__load_options load;
};

struct trib_ablate_option {
        const char *name;
        const char *values; /* for messages */
        bool      (*set)(const char *value, struct making *making);
        /* Why it makes no difference on this device, or NULL. */
        const char *(*why_not)(const struct trib_measuring *measuring);
};

static bool set_shards(const char *value, struct making *making)
{
        making->device.allocator_shards = value[0] == 'n' ? 0 : value[0] == '1' ? 1 : 8;
        return strcmp(value, "1") == 0 || strcmp(value, "8") == 0 || strcmp(value, "none") == 0;
}

static bool set_streams(const char *value, struct making *making)
{
        unsigned streams = 0;

        for (const char *c = value; *c != '\0'; c++) {
                if (*c < '0' || *c > '9' || streams > 64)
                        return false;
                streams = 10 * streams + (unsigned)(*c - '0');
        }
        making->device.max_streams = streams;
        return streams >= 1 && streams <= 64 && value[0] != '0';
}

static bool set_wait(const char *value, struct making *making)
{
        static const char *const names[] = { "hybrid", "spin", "block" };

        for (unsigned i = 0; i < 3; i++) {
                if (strcmp(value, names[i]) != 0)
                        continue;
                making->load.wait = (trib_wait_mode)i;
                return true;
        }
        return false;
}

static bool set_precision(const char *value, struct making *making)
{
        bool is_medium = strcmp(value, "medium") == 0;

        making->load.precision = is_medium ? TRIB_PRECISION_MEDIUM : TRIB_PRECISION_HIGH;
        return is_medium || strcmp(value, "high") == 0;
}

static const char *why_not_wait(const struct trib_measuring *measuring)
{
        return trib_measuring_runs_on_cpu(measuring)
                       ? "not applicable: the device computes in the calling thread, so that a "
                         "request has nothing to wait for (trib_submit with trib_wait has)"
                       : NULL;
}

static const struct trib_ablate_option options[] = {
        { "allocator.shards", "1, 8 or none", set_shards, NULL },
        { "streams", "a whole number from 1 to 64", set_streams, NULL },
        { "wait", "spin, block or hybrid", set_wait, why_not_wait },
        { "precision", "high or medium", set_precision, NULL },
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

static const struct trib_ablate_option *find_option(const char *name, size_t length)
{
        for (size_t i = 0; i < OPTIONS; i++)
                if (strlen(options[i].name) == length
                    && strncmp(options[i].name, name, length) == 0)
                        return &options[i];
        return NULL;
}

static bool take_value(struct trib_app_args *args, struct trib_ablate_one *one, const char *text,
                       size_t length)
{
        char         *value = one->values[one->count];
        struct making making;

        memset(&making, 0, sizeof(making));
        if (one->count == TRIB_ABLATE_VALUES_MAX) {
                trib_app_misuse(args, "--ablate: at most %u values fit", TRIB_ABLATE_VALUES_MAX);
                return false;
        }
        (void)snprintf(value, sizeof(one->values[0]), "%.*s",
                       length < sizeof(one->values[0]) ? (int)length : 15, text);
        if (length >= sizeof(one->values[0]) || !one->option->set(value, &making)) {
                trib_app_misuse(args, "--ablate: %s is %s, not '%s'", one->option->name,
                                one->option->values, value);
                return false;
        }
        for (size_t i = 0; i < one->count; i++) {
                if (strcmp(one->values[i], value) != 0)
                        continue;
                trib_app_misuse(args, "--ablate: %s=%s is there twice", one->option->name, value);
                return false;
        }
        one->count++;
        return true;
}

static bool take_values(struct trib_app_args *args, struct trib_ablate_one *one,
                        const char *text)
{
        while (text != NULL) {
                size_t length = strcspn(text, ",");

                if (!take_value(args, one, text, length))
                        return false;
                text = text[length] == ',' ? text + length + 1 : NULL;
        }
        if (one->count >= 2)
                return true;
        trib_app_misuse(args, "--ablate: %s needs two values or more to compare, such as %s",
                        one->option->name, one->option->values);
        return false;
}

bool trib_ablate_take(struct trib_app_args *args, struct trib_ablate *ablate)
{
        const char             *text = trib_app_value(args);
        struct trib_ablate_one *one = &ablate->all[ablate->count];
        size_t                  length;

        if (text == NULL)
                return false;
        length = strcspn(text, "=");
        if (ablate->count == TRIB__ABLATIONS_MAX) {
                trib_app_misuse(args, "--ablate: at most %u fit", TRIB__ABLATIONS_MAX);
                return false;
        }
        memset(one, 0, sizeof(*one));
        one->option = find_option(text, length);
        if (one->option == NULL || text[length] != '=') {
                trib_app_misuse(args,
                                "--ablate: '%.40s' is not NAME=VALUE,VALUE,... with a NAME of "
                                "allocator.shards, streams, wait or precision",
                                text);
                return false;
        }
        for (size_t i = 0; i < ablate->count; i++) {
                if (ablate->all[i].option != one->option)
                        continue;
                trib_app_misuse(args, "--ablate: %s is asked for twice", one->option->name);
                return false;
        }
        if (!take_values(args, one, text + length + 1))
                return false;
        ablate->count++;
        return true;
}

/* ---- measuring --------------------------------------------------------------------------- */

/* One variant that is being measured. */
struct subject {
        const struct trib_ablate_one *one;
        size_t                        value;
        trib_device                  *device;
        struct trib__load_workload   *workload;
        struct trib__variant         *out;
        struct trib__load_point      *points; /* thread_count of the run's */
};

struct ablate_run {
        struct trib_measuring          *measuring;
        const struct trib_ablate_group *group;
        struct subject                 *subjects;
        size_t                          subject_count;
        struct trib__load_point        *points;
        size_t                          point_count;
        unsigned                        rounds;
};

static unsigned rounds_of(const struct trib_measure_options *measure)
{
        return measure->has_rounds || measure->rounds > ROUNDS ? measure->rounds : ROUNDS;
}

double trib_ablate_seconds(const struct trib_ablate *ablate,
                           const struct trib_measure_options *measure,
                           const struct trib_ablate_group *group)
{
        double points = 0;

        for (size_t i = 0; i < ablate->count; i++)
                points += (double)(ablate->all[i].count * group->thread_count);
        return points * (measure->seconds + rounds_of(measure) * LEAD_SECONDS
                         + (double)group->warm_up_ns * 1e-9 * EXPECTED_WARM_UP);
}

static void show_progress(void *context, const struct trib__load_progress *progress)
{
        struct ablate_run     *run = context;
        struct trib_measuring *measuring = run->measuring;
        const struct subject  *subject =
                &run->subjects[progress->point / run->group->thread_count];
        char text[200], round[40] = "warming up ";

        if (!progress->is_warm_up)
                (void)snprintf(round, sizeof(round), "round %u of %u: ", progress->round,
                               run->rounds);
        (void)snprintf(text, sizeof(text), "%s%s=%s, %s", round, subject->one->option->name,
                       subject->one->values[subject->value],
                       trib__threads_text(progress->threads).text);
        trib_progress_draw(&measuring->progress,
                           (double)(trib__now() - measuring->began) * 1e-9,
                           progress->left_seconds + run->group->seconds_after, text);
}

static unsigned most_threads(const struct trib_ablate_group *group)
{
        unsigned most = 1;

        for (size_t i = 0; i < group->thread_count; i++)
                most = group->threads[i] > most ? group->threads[i] : most;
        return most;
}

/* The variant's device and session. What this device has not is noted, and no failure. */
static trib_status open_subject(struct ablate_run *run, struct subject *subject, trib_error *err)
{
        const struct trib_measuring *measuring = run->measuring;
        struct making                making;
        trib_status                  status;

        making.device = trib_measuring_device_options(measuring->options);
        making.load = trib_measuring_load_options(measuring, most_threads(run->group),
                                                  run->group->deadline);
        (void)subject->one->option->set(subject->one->values[subject->value], &making);
        status = trib_device_open(trib_measuring_device_name(measuring->options), &making.device,
                                  &subject->device, err);
        if (status == TRIB_OK)
                status = trib__load_workload_open(subject->device, measuring->crew,
                                                  run->group->spec, &making.load,
                                                  &subject->workload, err);
        if (status != TRIB_UNSUPPORTED)
                return status;
        (void)snprintf(subject->out->note, sizeof(subject->out->note), "not applicable: %.160s",
                       err->message);
        return TRIB_OK;
}

static void make_points(struct ablate_run *run, struct subject *subject)
{
        struct trib__load_facts facts;
        unsigned units = run->measuring->results->device.peaks.parallel_units;

        subject->points = &run->points[run->point_count];
        trib__load_workload_facts(subject->workload, &facts);
        for (size_t i = 0; i < run->group->thread_count; i++) {
                struct trib__load_point *point = &run->points[run->point_count++];

                point->target = trib__load_workload_target(subject->workload);
                point->threads = run->group->threads[i];
                point->expected_ns = facts.request_ns;
                if (units > 0 && point->threads > units)
                        point->expected_ns *= point->threads / units;
        }
}

/* The variants of one option, each open; an option that does not apply has none. */
static trib_status open_one(struct ablate_run *run, const struct trib_ablate_one *one,
                            trib_error *err)
{
        const char *why_not = one->option->why_not != NULL
                                      ? one->option->why_not(run->measuring)
                                      : NULL;
        struct trib__ablation *ablation;
        trib_status            status;

        status = trib__results_add_ablation(run->measuring->results, one->option->name, &ablation,
                                            err);
        if (status == TRIB_OK && why_not != NULL)
                (void)snprintf(ablation->note, sizeof(ablation->note), "%s", why_not);
        for (size_t i = 0; i < one->count && status == TRIB_OK && why_not == NULL; i++) {
                struct subject *subject = &run->subjects[run->subject_count];

                subject->one = one;
                subject->value = i;
                status = trib__ablation_add_variant(ablation, one->values[i], &subject->out, err);
                if (status != TRIB_OK)
                        break;
                run->subject_count++;
                status = open_subject(run, subject, err);
                if (status == TRIB_OK && subject->workload == NULL) {
                        trib_device_close(subject->device);
                        run->subject_count--;
                        memset(subject, 0, sizeof(*subject));
                } else if (status == TRIB_OK) {
                        make_points(run, subject);
                }
        }
        return status;
}

static trib_status add_results(struct ablate_run *run, trib_error *err)
{
        struct trib_measuring *measuring = run->measuring;
        bool                   is_cpu = trib_measuring_runs_on_cpu(measuring);
        uint64_t               mismatches = 0;
        trib_status            status = TRIB_OK;

        for (size_t i = 0; i < run->subject_count && status == TRIB_OK; i++) {
                struct subject         *subject = &run->subjects[i];
                struct trib__sweep     *sweep = subject->out->sweep;
                struct trib__load_facts facts;

                for (size_t k = 0; k < run->group->thread_count && status == TRIB_OK; k++) {
                        mismatches += subject->points[k].mismatches;
                        status = trib_measure_add_point(sweep, &subject->points[k], is_cpu, err);
                }
                trib__load_workload_facts(subject->workload, &facts);
                trib_measure_describe(run->group->spec, &facts, &sweep->workload);
                (void)snprintf(sweep->policy, sizeof(sweep->policy), "direct");
        }
        measuring->mismatches += mismatches;
        if (mismatches > 0)
                trib_measure_note(measuring, "result-mismatch", TRIB__SEVERITY_ERROR,
                                  "%" PRIu64 " checked results of the ablations differ from those "
                                  "of the same requests run one after the other: the answers "
                                  "cannot be trusted", mismatches);
        return status;
}

static trib_status measure(struct ablate_run *run, trib_error *err)
{
        const struct trib_measure_options *measure = run->measuring->options;
        struct trib__load_plan plan = {
                .points = run->points,
                .point_count = run->point_count,
                .rounds = run->rounds,
                .window_ns = (uint64_t)(measure->seconds / run->rounds * 1e9),
                .warm_up_ns = run->group->warm_up_ns,
                .deadline = run->group->deadline,
                .seed = measure->seed + 1,
                .stop = trib_interrupt_flag(),
                .progress = show_progress,
                .progress_context = run,
        };
        trib_status status, ended;

        if (run->point_count == 0)
                return TRIB_OK;
        ended = trib__load_run(run->measuring->crew, &plan, err);
        if (ended != TRIB_OK && ended != TRIB_CANCELLED && ended != TRIB_TIMED_OUT)
                return ended;
        if (ended == TRIB_TIMED_OUT)
                trib_measure_note(run->measuring, "time-budget", TRIB__SEVERITY_INFO,
                                  "the time was over before all rounds of the ablations were "
                                  "measured");
        status = add_results(run, err);
        return status != TRIB_OK ? status : ended;
}

static trib_status check_memory(const struct ablate_run *run, size_t variants, trib_error *err)
{
        uint64_t    memory = run->measuring->results->machine.memory_bytes, bytes;
        trib_status status = trib__load_spec_bytes(run->group->spec, most_threads(run->group),
                                                   &bytes, err);

        if (status != TRIB_OK)
                return status;
        if (__builtin_mul_overflow(bytes, (uint64_t)variants, &bytes))
                bytes = UINT64_MAX;
        if (memory > 0 && bytes > memory)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "--ablate: %zu variants need %.1f GiB of memory, this machine "
                                  "has %.1f GiB: ask for fewer, or a smaller workload",
                                  variants, (double)bytes / 1073741824.0,
                                  (double)memory / 1073741824.0);
        return TRIB_OK;
}

trib_status trib_ablate_run(struct trib_measuring *measuring, const struct trib_ablate *ablate,
                            const struct trib_ablate_group *group, trib_error *err)
{
        struct ablate_run run = { .measuring = measuring, .group = group,
                                  .rounds = rounds_of(measuring->options) };
        size_t            variants = 0;
        trib_status       status;

        for (size_t i = 0; i < ablate->count; i++)
                variants += ablate->all[i].count;
        status = check_memory(&run, variants, err);
        if (status != TRIB_OK)
                return status;
        run.subjects = trib__calloc("app.subjects", variants, sizeof(*run.subjects));
        run.points = trib__calloc("app.points", variants * group->thread_count,
                                  sizeof(*run.points));
        if (run.subjects == NULL || run.points == NULL)
                status = trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for %zu variants",
                                    variants);
        for (size_t i = 0; i < ablate->count && status == TRIB_OK; i++)
                status = open_one(&run, &ablate->all[i], err);
        if (status == TRIB_OK)
                status = measure(&run, err);
        for (size_t i = 0; run.subjects != NULL && i < run.subject_count; i++) {
                trib__load_workload_close(run.subjects[i].workload);
                trib_device_close(run.subjects[i].device);
        }
        trib__free(run.subjects);
        trib__free(run.points);
        return status;
}
