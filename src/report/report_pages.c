/* SPDX-License-Identifier: Apache-2.0 */
/* report_pages.c: results as a page to read, for a terminal or in Markdown: what was measured,
 * the tables, and what follows from them. Only columns that hold numbers are shown. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/format.h"
#include "report/report_peaks.h"
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

        if (sink->is_html)
                trib__sink_item(sink, "tool", results->tool);
        else
                (void)fprintf(sink->stream, sink->is_markdown ? "# %s\n\n" : "%s\n",
                              results->tool);
        if (device->name[0] != '\0') {
                trib__text_add(&text, "%s", device->name);
                if (device->text[0] != '\0')
                        trib__text_add(&text, ", %s", device->text);
                if (device->kernel_library[0] != '\0')
                        trib__text_add(&text, ", %s", device->kernel_library);
                if (device->precision[0] != '\0')
                        trib__text_add(&text, ", precision %s", device->precision);
                trib__sink_item(sink, "device", buffer);
                trib__report_peaks_short(&device->peaks, sink);
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
        const struct trib__point *last;
        bool                      is_named;

        if (sweep == NULL || results->latency.threads == 0)
                return;
        last = &sweep->points[sweep->point_count - 1];
        trib__text_add(&text, "use %s for latency, %u in production, %u for batch work",
                       trib__threads_text(results->latency.threads).text,
                       results->production.threads, results->batch.threads);
        is_named = strcmp(sweep->bottleneck.primary, "unknown") != 0
                   && strcmp(sweep->bottleneck.primary, "none") != 0;
        if (!is_named && sweep->saturation_threads == last->threads)
                trib__text_add(&text, "; throughput still rises at %s, the most measured",
                               trib__threads_text(last->threads).text);
        else
                trib__text_add(&text, "; throughput stops rising at %s",
                               trib__threads_text(sweep->saturation_threads).text);
        if (is_named)
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
        bool has_speedup, has_interval, has_limit, has_mean, has_p50, has_p99, has_tail, has_errors;
};

static struct columns columns_of(const struct trib__sweep *sweep, const struct trib__sink *sink)
{
        struct columns columns = { 0 };
        bool           is_wide = sink->is_markdown || sink->columns >= WIDE;

        columns.has_speedup = sweep->point_count > 1;
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
        if (columns->has_speedup) {
                trib__table_add_column(table, "speedup", false);
                trib__table_add_column(table, "effic.", false);
        }
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
        if (columns->has_speedup) {
                put(&cell, point->speedup > 0 ? "%.2fx" : "-", point->speedup);
                put(&cell, point->speedup > 0 ? "%.0f %%" : "-", 100 * point->efficiency);
        }
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
        if (sweep->precision[0] != '\0')
                trib__text_add(&title, ", precision %s", sweep->precision);
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

/* What would move the ceiling, the bottleneck first; the rest where it gains anything. */
static void print_what_ifs(const struct trib__sweep *sweep, const struct trib__sink *sink)
{
        char              buffer[TRIB__TEXT_BYTES];
        struct trib__text text = trib__text_of(buffer, sizeof(buffer));

        for (unsigned i = 0; i < sweep->what_if_count && i < 3; i++)
                trib__text_add(&text, "%s%s", i == 0 ? "" : "; ", sweep->what_ifs[i].text);
        if (sweep->what_if_count > 0)
                trib__sink_item(sink, "what if", buffer);
}

static void print_conclusions(const struct trib__sweep *sweep, const struct trib__sink *sink)
{
        char              buffer[TRIB__TEXT_BYTES + 64];
        struct trib__text text = trib__text_of(buffer, sizeof(buffer));

        if (!sink->is_html)
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
        trib__report_limit(sweep, sink);
        text = trib__text_of(buffer, sizeof(buffer));
        trib__text_add(&text, "%s: %s", sweep->bottleneck.primary, sweep->bottleneck.evidence);
        trib__sink_item(sink, "bottleneck", buffer);
        print_what_ifs(sweep, sink);
}

/* Whether a part is anything, as printed, at any point. */
static bool share_is_shown(const struct trib__sweep *sweep, size_t k)
{
        for (size_t i = 0; i < sweep->point_count; i++)
                if (k < sweep->points[i].share_count
                    && sweep->points[i].shares[k].fraction >= 0.0005)
                        return true;
        return false;
}

static bool are_all_shown(const struct trib__sweep *sweep, size_t count)
{
        for (size_t k = 0; k < count; k++)
                if (!share_is_shown(sweep, k))
                        return false;
        return true;
}

/* The mean parts of a request's time at each point. */
static trib_status print_shares(const struct trib__results *results, size_t index,
                                const struct trib__sink *sink, trib_error *err)
{
        const struct trib__sweep *sweep = results->sweeps[index];
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
                if (share_is_shown(sweep, k))
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
                        if (share_is_shown(sweep, k))
                                put(&cell, "%.1f %%", 100 * point->shares[k].fraction);
        }
        if (status == TRIB_OK) {
                trib__sink_note(sink, are_all_shown(sweep, first->share_count)
                                              ? "Where each request's time goes, of the mean:"
                                              : "Where each request's time goes, of the mean "
                                                "(parts below 0.05 % left out):");
                trib__sink_figure(sink, TRIB__FIGURE_SHARES, index);
                trib__table_print(&table, sink);
        }
        trib__table_release(&table);
        return status;
}

static trib_status print_sweep(const struct trib__results *results, size_t index,
                               const struct trib__sink *sink, trib_error *err)
{
        const struct trib__sweep *sweep = results->sweeps[index];
        char        name[400];
        trib_status status;

        if (sweep->point_count == 0)
                return TRIB_OK;
        print_title(sweep, trib__workload_text(&sweep->workload, name, sizeof(name)), sink);
        trib__sink_figure(sink, TRIB__FIGURE_THROUGHPUT, index);
        trib__sink_figure(sink, TRIB__FIGURE_LOAD, index);
        status = print_points(sweep, sink, err);
        trib__sink_figure(sink, TRIB__FIGURE_LATENCY, index);
        if (status == TRIB_OK)
                status = print_shares(results, index, sink, err);
        if (status == TRIB_OK && sweep->kind == TRIB__SWEEP_LOAD)
                status = trib__report_load(sweep, sink, err);
        else if (status == TRIB_OK && sweep->point_count > 1)
                print_conclusions(sweep, sink);
        else if (status == TRIB_OK)
                trib__report_limit(sweep, sink);
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

        put(&cell, "%s%s%s", trib__workload_text(&sweep->workload, name, sizeof(name)),
            sweep->precision[0] != '\0' ? ", " : "", sweep->precision);
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
        trib__sink_figure(sink, TRIB__FIGURE_SIZES, run->first);
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

/* "2 threads, batch 32, precision high, direct: 18,587 ops/s, p99 1.2 ms: why. Cost: ...". Where
 * batches differ, with samples/s, which are what can be compared. */
static void print_recommendation(const struct trib__sink *sink, const char *name,
                                 const struct trib__recommendation *advice, bool has_samples)
{
        char              buffer[2 * TRIB__TEXT_BYTES];
        struct trib__text text = trib__text_of(buffer, sizeof(buffer));

        if (advice->threads > 0) {
                trib__text_add(&text, "%s", trib__threads_text(advice->threads).text);
                if (advice->batch > 0)
                        trib__text_add(&text, ", batch %lld", (long long)advice->batch);
                if (advice->precision[0] != '\0')
                        trib__text_add(&text, ", precision %s", advice->precision);
                if (advice->policy[0] != '\0')
                        trib__text_add(&text, ", %s", advice->policy);
                if (advice->ops_per_s > 0)
                        trib__text_add(&text, ": %s ops/s",
                                       trib__grouped(advice->ops_per_s).text);
                if (advice->ops_per_s > 0 && has_samples && advice->batch > 0)
                        trib__text_add(&text, " (%s samples/s)",
                                       trib__grouped(advice->ops_per_s
                                                     * (double)advice->batch).text);
                if (advice->p99_us > 0)
                        trib__text_add(&text, ", p99 %s", trib__duration_us(advice->p99_us).text);
                trib__text_add(&text, ": ");
        }
        trib__text_add(&text, "%s", advice->why);
        if (advice->cost[0] != '\0')
                trib__text_add(&text, "; costs: %s", advice->cost);
        trib__sink_item(sink, name, buffer);
}

static void print_plan(const struct trib__plan_facts *plan, const struct trib__sink *sink)
{
        char              buffer[200];
        struct trib__text text = trib__text_of(buffer, sizeof(buffer));
        size_t            settings;

        if (!plan->is_present)
                return;
        settings = plan->thread_count * plan->batch_count * plan->precision_count;
        if (plan->spent_s < plan->grid_s)
                trib__text_add(&text, "found by measuring %.1f s of the %.1f s that all %zu "
                                      "settings take", plan->spent_s, plan->grid_s, settings);
        else
                trib__text_add(&text, "found by measuring all %zu settings, in %.1f s", settings,
                               plan->spent_s);
        trib__sink_item(sink, "plan", buffer);
}

static void print_advice(const struct trib__results *results, const struct trib__sink *sink)
{
        const struct trib__recommendation *const all[] = { &results->latency,
                                                           &results->production,
                                                           &results->batch };
        bool has_samples = all[0]->batch != all[1]->batch || all[1]->batch != all[2]->batch
                           || (results->slo.threads > 0 && results->slo.batch != all[0]->batch);

        if (all[0]->threads == 0 && all[1]->threads == 0 && all[2]->threads == 0) {
                if (has_short_sweep(results)) {
                        if (!sink->is_html)
                                trib__sink_heading(sink, "Advice");
                        trib__sink_item(sink, "none",
                                        "a curve needs 3 thread counts or more, such as "
                                        "--threads 1,2,4,8");
                }
                return;
        }
        if (!sink->is_html)
                trib__sink_heading(sink, "Advice");
        print_recommendation(sink, "latency", all[0], has_samples);
        print_recommendation(sink, "production", all[1], has_samples);
        print_recommendation(sink, "batch", all[2], has_samples);
        if (results->slo.why[0] != '\0')
                print_recommendation(sink, "slo", &results->slo, has_samples);
        print_plan(&results->plan, sink);
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
        if (results->finding_count == 0 && sink->is_html)
                trib__sink_item(sink, "none", "the numbers agree with each other");
        else if (results->finding_count == 0)
                (void)fprintf(sink->stream, "%snone: the numbers agree with each other\n",
                              sink->is_markdown ? "" : "  ");
}

/* In short, where nothing can be advised: the points of sweeps that are one point each. */
static void print_measured(const struct trib__results *results, const struct trib__sink *sink)
{
        for (size_t i = 0; i < results->sweep_count && i < 8; i++) {
                const struct trib__sweep *sweep = results->sweeps[i];
                const struct trib__point *point = &sweep->points[0];
                char                      buffer[TRIB__TEXT_BYTES], name[400];
                struct trib__text         text = trib__text_of(buffer, sizeof(buffer));

                if (sweep->point_count != 1 || sweep->kind == TRIB__SWEEP_SIZES)
                        continue;
                trib__text_add(&text, "%s: %s ops/s at %s",
                               trib__workload_text(&sweep->workload, name, sizeof(name)),
                               trib__grouped(point->ops_per_s).text,
                               trib__threads_text(point->threads).text);
                if (point->latency_us.p50 > 0)
                        trib__text_add(&text, ", median latency %s",
                                       trib__duration_us(point->latency_us.p50).text);
                if (point->latency_us.p99 > 0)
                        trib__text_add(&text, ", p99 %s",
                                       trib__duration_us(point->latency_us.p99).text);
                trib__sink_item(sink, "measured", buffer);
        }
}

void trib__report_summary(const struct trib__results *results, const struct trib__sink *sink)
{
        const struct trib__sweep *sweep = trib__results_advised_sweep(results);
        char                      buffer[TRIB__TEXT_BYTES + 64];
        struct trib__text         text = trib__text_of(buffer, sizeof(buffer));

        print_answer(results, sink);
        print_measured(results, sink);
        if (sweep != NULL && sweep->point_count > 1) {
                trib__text_add(&text, "%s: %s", sweep->bottleneck.primary,
                               sweep->bottleneck.evidence);
                trib__sink_item(sink, "bottleneck", buffer);
        }
        if (sweep != NULL && sweep->what_if_count > 0)
                trib__sink_item(sink, "what if", sweep->what_ifs[0].text);
        print_advice(results, sink);
}

trib_status trib__report_pages(const struct trib__results *results, const struct trib__sink *sink,
                               trib_error *err)
{
        trib_status status = TRIB_OK;
        size_t      at = 0;

        if (!sink->is_html) {
                print_head(results, sink);
                print_run(&results->run, sink);
                print_answer(results, sink);
        }
        while (at < results->sweep_count && status == TRIB_OK) {
                struct run run = run_from(results, at);

                if (run.is_table)
                        status = print_sizes(results, &run, sink, err);
                else
                        status = print_sweep(results, at, sink, err);
                at = run.is_table ? run.end : at + 1;
        }
        if (status == TRIB_OK)
                status = trib__report_ablations(results, sink, err);
        if (status != TRIB_OK)
                return status;
        if (!sink->is_html)
                print_advice(results, sink);
        print_findings(results, sink);
        if (sink->is_html) {
                trib__sink_heading(sink, "How it was measured");
                print_head(results, sink);
                print_run(&results->run, sink);
        }
        return TRIB_OK;
}
