/* SPDX-License-Identifier: Apache-2.0 */
/* report_pages.c: results as a page to read, for a terminal or in Markdown: what was measured,
 * the tables, and what follows from them. Only columns that hold numbers are shown. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/format.h"
#include "report/report_priv.h"

/* From here on a terminal has room for the rarer latencies. */
#define WIDE 100

/* A sizes table with more thread counts than this is shown as one table a size. */
#define SIZES_THREADS_MAX 4

static void print_head(const struct trib__results *results, const struct trib__sink *sink)
{
        const struct trib__machine      *machine = &results->machine;
        const struct trib__device_facts *device = &results->device;
        char                             buffer[700];
        struct trib__text                text = trib__text_of(buffer, sizeof(buffer));

        (void)fprintf(sink->stream, sink->is_markdown ? "# %s\n\n" : "%s\n", results->tool);
        if (device->name[0] != '\0') {
                trib__text_add(&text, "%s", device->name);
                if (device->text[0] != '\0')
                        trib__text_add(&text, ", %s", device->text);
                if (device->kernel_library[0] != '\0')
                        trib__text_add(&text, ", %s", device->kernel_library);
                if (device->precision[0] != '\0')
                        trib__text_add(&text, ", precision %s", device->precision);
                trib__sink_item(sink, "device", buffer);
        }
        text = trib__text_of(buffer, sizeof(buffer));
        if (machine->cpu_model[0] != '\0')
                trib__text_add(&text, "%s, ", machine->cpu_model);
        if (machine->logical_cores > 0)
                trib__text_add(&text, "%u logical core%s, ", machine->logical_cores,
                               machine->logical_cores == 1 ? "" : "s");
        if (machine->memory_bytes > 0)
                trib__text_add(&text, "%.1f GiB, ",
                               (double)machine->memory_bytes / (1024.0 * 1024 * 1024));
        if (machine->os[0] != '\0')
                trib__text_add(&text, "%s, ", machine->os);
        if (text.used < 2)
                return;
        buffer[text.used - 2] = '\0';
        trib__sink_item(sink, "machine", buffer);
}

static void print_run(const struct trib__run_facts *run, const struct trib__sink *sink)
{
        char              buffer[200];
        struct trib__text text = trib__text_of(buffer, sizeof(buffer));

        if (!run->is_present)
                return;
        if (run->round_seconds > 0)
                trib__text_add(&text, "%u rounds of %.2f s in random order, ", run->rounds,
                               run->round_seconds);
        trib__text_add(&text, "seed %llu", (unsigned long long)run->seed);
        if (run->streams > 0)
                trib__text_add(&text, ", at most %u stream%s", run->streams,
                               run->streams == 1 ? "" : "s");
        if (run->first_answer_ms > 0)
                trib__text_add(&text, ", first answer after %.0f ms", run->first_answer_ms);
        trib__sink_item(sink, "run", buffer);
}

static size_t findings_of(const struct trib__results *results, trib__severity severity)
{
        size_t count = 0;

        for (size_t i = 0; i < results->finding_count; i++)
                count += results->findings[i].severity == severity;
        return count;
}

/* The answer before the tables that it comes from. */
static void print_answer(const struct trib__results *results, const struct trib__sink *sink)
{
        const struct trib__sweep *sweep = trib__results_advised_sweep(results);
        size_t errors = findings_of(results, TRIB__SEVERITY_ERROR);
        size_t warnings = findings_of(results, TRIB__SEVERITY_WARNING);
        char              buffer[400];
        struct trib__text text = trib__text_of(buffer, sizeof(buffer));

        if (sweep == NULL || results->latency.threads == 0)
                return;
        trib__text_add(&text, "use %s for latency, %u in production, %u for batch work",
                       trib__threads_text(results->latency.threads).text,
                       results->production.threads, results->batch.threads);
        trib__text_add(&text, "; throughput stops rising at %s",
                       trib__threads_text(sweep->saturation_threads).text);
        if (strcmp(sweep->bottleneck.primary, "unknown") != 0)
                trib__text_add(&text, " (limited by: %s)", sweep->bottleneck.primary);
        if (errors > 0)
                trib__text_add(&text, "; %zu error%s", errors, errors == 1 ? "" : "s");
        if (warnings > 0)
                trib__text_add(&text, "%s %zu warning%s", errors > 0 ? "," : ";", warnings,
                               warnings == 1 ? "" : "s");
        if (errors + warnings > 0)
                trib__text_add(&text, " about these numbers: see Findings");
        trib__sink_item(sink, "in short", buffer);
}

/* Which of the columns that need not be there have numbers. */
struct columns {
        bool has_interval, has_limit, has_mean, has_p50, has_p99, has_tail, has_errors;
};

static struct columns columns_of(const struct trib__sweep *sweep, const struct trib__sink *sink)
{
        struct columns columns = { 0 };
        bool           is_wide = sink->is_markdown || sink->columns >= WIDE;

        for (size_t i = 0; i < sweep->point_count; i++) {
                const struct trib__point *point = &sweep->points[i];

                columns.has_interval |= point->ops_per_s_ci95[1] > 0;
                columns.has_limit |= point->percent_of_limit > 0;
                columns.has_mean |= point->latency_us.mean > 0;
                columns.has_p50 |= point->latency_us.p50 > 0;
                columns.has_p99 |= point->latency_us.p99 > 0;
                columns.has_tail |= is_wide && point->latency_us.max > 0;
                columns.has_errors |= point->errors > 0;
        }
        return columns;
}

static void add_point_columns(struct trib__table *table, const struct columns *columns)
{
        trib__table_add_column(table, "threads", false);
        trib__table_add_column(table, "ops/s", false);
        if (columns->has_interval)
                trib__table_add_column(table, "+-95 %", false);
        trib__table_add_column(table, "speedup", false);
        trib__table_add_column(table, "effic.", false);
        if (columns->has_limit)
                trib__table_add_column(table, "of limit", false);
        if (columns->has_mean)
                trib__table_add_column(table, "mean", false);
        if (columns->has_p50)
                trib__table_add_column(table, "p50", false);
        if (columns->has_tail)
                trib__table_add_column(table, "p90", false);
        if (columns->has_p99)
                trib__table_add_column(table, "p99", false);
        if (columns->has_tail) {
                trib__table_add_column(table, "p99.9", false);
                trib__table_add_column(table, "max", false);
        }
        if (columns->has_errors)
                trib__table_add_column(table, "errors", false);
}

TRIB_PRINTF(2, 3)
static void put(char (**cell)[TRIB__CELL_BYTES], const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf((*cell)[0], TRIB__CELL_BYTES, format, arguments);
        va_end(arguments);
        (*cell)++;
}

static void put_us(char (**cell)[TRIB__CELL_BYTES], double us)
{
        put(cell, "%s", us > 0 ? trib__duration_us(us).text : "");
}

static void fill_row(char (*cell)[TRIB__CELL_BYTES], const struct trib__point *point,
                     const struct columns *columns)
{
        const struct trib__latency_us *us = &point->latency_us;
        double half = (point->ops_per_s_ci95[1] - point->ops_per_s_ci95[0]) / 2;

        put(&cell, "%u", point->threads);
        put(&cell, "%s", trib__grouped(point->ops_per_s).text);
        if (columns->has_interval && point->ops_per_s_ci95[1] > 0)
                put(&cell, "%.1f %%", 100 * half / point->ops_per_s);
        else if (columns->has_interval)
                put(&cell, "%s", "");
        put(&cell, point->speedup > 0 ? "%.2fx" : "-", point->speedup);
        put(&cell, point->speedup > 0 ? "%.0f %%" : "-", 100 * point->efficiency);
        if (columns->has_limit)
                put(&cell, "%.1f %%", point->percent_of_limit);
        if (columns->has_mean)
                put_us(&cell, us->mean);
        if (columns->has_p50)
                put_us(&cell, us->p50);
        if (columns->has_tail)
                put_us(&cell, us->p90);
        if (columns->has_p99)
                put_us(&cell, us->p99);
        if (columns->has_tail) {
                put_us(&cell, us->p999);
                put_us(&cell, us->max);
        }
        if (columns->has_errors)
                put(&cell, "%llu", (unsigned long long)point->errors);
}

static trib_status print_points(const struct trib__sweep *sweep, const struct trib__sink *sink,
                                trib_error *err)
{
        struct columns     columns = columns_of(sweep, sink);
        struct trib__table table = { .columns = 0 };
        trib_status        status;

        add_point_columns(&table, &columns);
        status = trib__table_reserve(&table, sweep->point_count, err);
        for (size_t i = 0; i < sweep->point_count && status == TRIB_OK; i++)
                fill_row(trib__table_add_row(&table), &sweep->points[i], &columns);
        if (status == TRIB_OK)
                trib__table_print(&table, sink);
        trib__table_release(&table);
        return status;
}

static void print_title(const struct trib__sweep *sweep, const char *text,
                        const struct trib__sink *sink)
{
        char              buffer[600];
        struct trib__text title = trib__text_of(buffer, sizeof(buffer));

        trib__text_add(&title, "%s", text);
        if (sweep->policy[0] != '\0')
                trib__text_add(&title, ", policy %s", sweep->policy);
        if (sweep->source[0] != '\0')
                trib__text_add(&title, " (%s)", sweep->source);
        trib__sink_heading(sink, buffer);
}

static void print_fit(const struct trib__sweep *sweep, const struct trib__sink *sink)
{
        const struct trib__fit *fit = &sweep->fit;
        char                    buffer[512];
        struct trib__text       text = trib__text_of(buffer, sizeof(buffer));
        unsigned                most = sweep->points[sweep->point_count - 1].threads;

        if (!fit->is_present) {
                trib__sink_item(sink, "scaling law", fit->reason);
                return;
        }
        trib__text_add(&text, "%s: one thread %s ops/s",
                       strcmp(fit->law, "linear") == 0   ? "linear"
                       : strcmp(fit->law, "amdahl") == 0 ? "Amdahl"
                                                         : "USL",
                       trib__grouped(fit->lambda).text);
        if (fit->sigma > 0 || strcmp(fit->law, "linear") != 0)
                trib__text_add(&text, ", contention sigma %.4f", fit->sigma);
        if (fit->ci95[1][1] >= 0)
                trib__text_add(&text, " (95 %%: %.4f to %.4f)", fit->ci95[1][0], fit->ci95[1][1]);
        if (strcmp(fit->law, "usl") == 0)
                trib__text_add(&text, ", coherency kappa %.5f", fit->kappa);
        if (strcmp(fit->law, "usl") == 0 && fit->ci95[2][1] >= 0)
                trib__text_add(&text, " (%.5f to %.5f)", fit->ci95[2][0], fit->ci95[2][1]);
        trib__text_add(&text, ", r2 %.3f", fit->r2);
        if (fit->peak_threads > 0)
                trib__text_add(&text, ", peak at %.1f threads%s", fit->peak_threads,
                               fit->peak_threads > most ? " (beyond what was measured)" : "");
        trib__text_add(&text, "; %s", fit->law_why);
        trib__sink_item(sink, "scaling law", buffer);
}

static void print_predictions(const struct trib__sweep *sweep, const struct trib__sink *sink)
{
        char              buffer[512];
        struct trib__text text = trib__text_of(buffer, sizeof(buffer));
        int               count = 0;

        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++) {
                const struct trib__prediction *prediction = &sweep->predictions[i];

                if (!(prediction->threads > 0) || !(prediction->ci95[1] > 0))
                        continue;
                trib__text_add(&text, "%s%s ops/s at %.0f threads (95 %%: %s to %s)%s%s",
                               count++ == 0 ? "" : "; ",
                               trib__grouped(prediction->ops_per_s).text, prediction->threads,
                               trib__grouped(prediction->ci95[0]).text,
                               trib__grouped(prediction->ci95[1]).text,
                               prediction->is_borne ? "" : ", not to be relied on: ",
                               prediction->why);
        }
        if (count > 0)
                trib__sink_item(sink, "prediction", buffer);
}

static void print_conclusions(const struct trib__sweep *sweep, const struct trib__sink *sink)
{
        char              buffer[TRIB__TEXT_BYTES + 64];
        struct trib__text text = trib__text_of(buffer, sizeof(buffer));

        (void)fputc('\n', sink->stream);
        print_fit(sweep, sink);
        print_predictions(sweep, sink);
        if (sweep->saturation_threads > 0)
                trib__text_add(&text, "%s: the fewest that reach 95 %% of the highest throughput",
                               trib__threads_text(sweep->saturation_threads).text);
        else
                trib__text_add(&text, "not known");
        if (sweep->saturation_ci95[0] != sweep->saturation_ci95[1])
                trib__text_add(&text, " (the intervals allow %u to %u)", sweep->saturation_ci95[0],
                               sweep->saturation_ci95[1]);
        trib__sink_item(sink, "saturation", buffer);
        if (sweep->limit.is_present) {
                text = trib__text_of(buffer, sizeof(buffer));
                trib__text_add(&text, "%s ops/s (%s)",
                               trib__grouped(sweep->limit.ops_per_s).text, sweep->limit.bound);
                trib__sink_item(sink, "limit", buffer);
        }
        text = trib__text_of(buffer, sizeof(buffer));
        trib__text_add(&text, "%s: %s", sweep->bottleneck.primary, sweep->bottleneck.evidence);
        trib__sink_item(sink, "bottleneck", buffer);
}

/* The mean parts of a request's time at each point. */
static trib_status print_shares(const struct trib__sweep *sweep, const struct trib__sink *sink,
                                trib_error *err)
{
        const struct trib__point *first = NULL;
        struct trib__table        table = { .columns = 0 };
        trib_status               status;

        for (size_t i = 0; i < sweep->point_count && first == NULL; i++)
                if (sweep->points[i].share_count > 0)
                        first = &sweep->points[i];
        if (first == NULL)
                return TRIB_OK;
        trib__table_add_column(&table, "threads", false);
        for (size_t k = 0; k < first->share_count; k++)
                trib__table_add_column(&table, first->shares[k].name, false);
        status = trib__table_reserve(&table, sweep->point_count, err);
        for (size_t i = 0; i < sweep->point_count && status == TRIB_OK; i++) {
                const struct trib__point *point = &sweep->points[i];
                char (*cell)[TRIB__CELL_BYTES];

                if (point->share_count != first->share_count)
                        continue;
                cell = trib__table_add_row(&table);
                put(&cell, "%u", point->threads);
                for (size_t k = 0; k < point->share_count; k++)
                        put(&cell, "%.1f %%", 100 * point->shares[k].fraction);
        }
        if (status == TRIB_OK) {
                (void)fprintf(sink->stream, "\n%sWhere each request's time goes, of the mean:\n\n",
                              sink->is_markdown ? "" : "  ");
                trib__table_print(&table, sink);
        }
        trib__table_release(&table);
        return status;
}

static trib_status print_sweep(const struct trib__sweep *sweep, const struct trib__sink *sink,
                               trib_error *err)
{
        char        name[400];
        trib_status status;

        if (sweep->point_count == 0)
                return TRIB_OK;
        print_title(sweep, trib__workload_text(&sweep->workload, name, sizeof(name)), sink);
        status = print_points(sweep, sink, err);
        if (status == TRIB_OK)
                status = print_shares(sweep, sink, err);
        if (status == TRIB_OK && sweep->point_count > 1)
                print_conclusions(sweep, sink);
        return status;
}

/* The thread counts of a run of sizes, up to SIZES_THREADS_MAX; more when that is not enough. */
struct run {
        size_t   first, end; /* the sweeps */
        unsigned threads[SIZES_THREADS_MAX];
        size_t   count;
        bool     is_table;
        bool     has_limit;
};

static void add_threads(struct run *run, const struct trib__sweep *sweep)
{
        for (size_t i = 0; i < sweep->point_count; i++) {
                size_t at = 0;

                run->has_limit |= sweep->points[i].percent_of_limit > 0;
                while (at < run->count && run->threads[at] != sweep->points[i].threads)
                        at++;
                if (at < run->count)
                        continue;
                if (run->count == SIZES_THREADS_MAX) {
                        run->is_table = false;
                        return;
                }
                for (at = run->count++; at > 0 && run->threads[at - 1] > sweep->points[i].threads;
                     at--)
                        run->threads[at] = run->threads[at - 1];
                run->threads[at] = sweep->points[i].threads;
        }
}

/* The sweeps from `first` on that belong to one run of sizes and fit one table. */
static struct run run_from(const struct trib__results *results, size_t first)
{
        const struct trib__sweep *head = results->sweeps[first];
        struct run                run = { .first = first, .end = first, .is_table = true };

        while (run.end < results->sweep_count && head->kind == TRIB__SWEEP_SIZES) {
                const struct trib__sweep *sweep = results->sweeps[run.end];

                if (sweep->kind != TRIB__SWEEP_SIZES || strcmp(sweep->policy, head->policy) != 0
                    || strcmp(sweep->source, head->source) != 0)
                        break;
                add_threads(&run, sweep);
                run.end++;
        }
        run.is_table = run.is_table && run.end - run.first >= 2;
        if (!run.is_table)
                run.end = run.first + 1;
        return run;
}

static void fill_size_row(char (*cell)[TRIB__CELL_BYTES], const struct trib__sweep *sweep,
                          const struct run *run)
{
        char                      name[400];
        const struct trib__point *first = NULL, *last = NULL;

        put(&cell, "%s", trib__workload_text(&sweep->workload, name, sizeof(name)));
        for (size_t i = 0; i < run->count; i++) {
                const struct trib__point *point = trib__sweep_find_point(sweep, run->threads[i]);

                put(&cell, "%s", point != NULL ? trib__grouped(point->ops_per_s).text : "-");
                first = i == 0 ? point : first;
                last = i + 1 == run->count ? point : last;
        }
        if (run->count > 1 && first != NULL && last != NULL)
                put(&cell, "%.2fx", last->ops_per_s / first->ops_per_s);
        else if (run->count > 1)
                put(&cell, "-");
        if (run->has_limit && last != NULL && last->percent_of_limit > 0)
                put(&cell, "%.1f %%", last->percent_of_limit);
        else if (run->has_limit)
                put(&cell, "-");
}

static trib_status print_sizes(const struct trib__results *results, const struct run *run,
                               const struct trib__sink *sink, trib_error *err)
{
        struct trib__table table = { .columns = 0 };
        char               header[TRIB__CELL_BYTES];
        trib_status        status;

        print_title(results->sweeps[run->first], "Sizes, ops/s", sink);
        trib__table_add_column(&table, "workload", true);
        for (size_t i = 0; i < run->count; i++)
                trib__table_add_column(&table, trib__threads_text(run->threads[i]).text, false);
        if (run->count > 1) {
                (void)snprintf(header, sizeof(header), "%u / %u", run->threads[run->count - 1],
                               run->threads[0]);
                trib__table_add_column(&table, header, false);
        }
        if (run->has_limit)
                trib__table_add_column(&table, "of limit", false);
        status = trib__table_reserve(&table, run->end - run->first, err);
        for (size_t i = run->first; i < run->end && status == TRIB_OK; i++)
                fill_size_row(trib__table_add_row(&table), results->sweeps[i], run);
        if (status == TRIB_OK)
                trib__table_print(&table, sink);
        trib__table_release(&table);
        return status;
}

/* A thread sweep of two points: more than one setting, less than a curve. */
static bool has_short_sweep(const struct trib__results *results)
{
        for (size_t i = 0; i < results->sweep_count; i++)
                if (results->sweeps[i]->kind == TRIB__SWEEP_THREADS &&
                    results->sweeps[i]->point_count == 2)
                        return true;
        return false;
}

static void print_advice(const struct trib__results *results, const struct trib__sink *sink)
{
        static const char *const names[] = { "latency", "production", "batch" };
        const struct trib__recommendation *const all[] = { &results->latency,
                                                           &results->production,
                                                           &results->batch };
        char buffer[TRIB__TEXT_BYTES + 64];

        if (all[0]->threads == 0 && all[1]->threads == 0 && all[2]->threads == 0) {
                if (has_short_sweep(results)) {
                        trib__sink_heading(sink, "Advice");
                        trib__sink_item(sink, "none",
                                        "a curve needs 3 thread counts or more, such as "
                                        "--threads 1,2,4,8");
                }
                return;
        }
        trib__sink_heading(sink, "Advice");
        for (size_t i = 0; i < 3; i++) {
                struct trib__text text = trib__text_of(buffer, sizeof(buffer));

                if (all[i]->threads > 0)
                        trib__text_add(&text, "%s%s%s: ", trib__threads_text(all[i]->threads).text,
                                       all[i]->policy[0] != '\0' ? ", " : "", all[i]->policy);
                trib__text_add(&text, "%s", all[i]->why);
                trib__sink_item(sink, names[i], buffer);
        }
        if (results->caution[0] != '\0')
                trib__sink_item(sink, "caution", results->caution);
}

static void print_findings_of(const struct trib__results *results, trib__severity severity,
                              const struct trib__sink *sink)
{
        char buffer[TRIB__TEXT_BYTES + 64];

        for (size_t i = 0; i < results->finding_count; i++) {
                const struct trib__finding *finding = &results->findings[i];
                struct trib__text           text = trib__text_of(buffer, sizeof(buffer));

                if (finding->severity != severity)
                        continue;
                trib__text_add(&text, "[%s] %s", finding->code, finding->text);
                trib__sink_item(sink, trib__severity_name(severity), buffer);
        }
}

/* The gravest first. */
static void print_findings(const struct trib__results *results, const struct trib__sink *sink)
{
        trib__sink_heading(sink, "Findings");
        print_findings_of(results, TRIB__SEVERITY_ERROR, sink);
        print_findings_of(results, TRIB__SEVERITY_WARNING, sink);
        print_findings_of(results, TRIB__SEVERITY_INFO, sink);
        if (results->finding_count == 0)
                (void)fprintf(sink->stream, "%snone: the numbers agree with each other\n",
                              sink->is_markdown ? "" : "  ");
}

trib_status trib__report_pages(const struct trib__results *results, const struct trib__sink *sink,
                               trib_error *err)
{
        trib_status status = TRIB_OK;
        size_t      at = 0;

        print_head(results, sink);
        print_run(&results->run, sink);
        print_answer(results, sink);
        while (at < results->sweep_count && status == TRIB_OK) {
                struct run run = run_from(results, at);

                if (run.is_table)
                        status = print_sizes(results, &run, sink, err);
                else
                        status = print_sweep(results->sweeps[at], sink, err);
                at = run.is_table ? run.end : at + 1;
        }
        if (status != TRIB_OK)
                return status;
        print_advice(results, sink);
        print_findings(results, sink);
        return TRIB_OK;
}
