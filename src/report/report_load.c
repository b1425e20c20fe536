/* SPDX-License-Identifier: Apache-2.0 */
/* report_load.c: what a load sweep says beside its point, for a terminal, in Markdown and HTML. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/format.h"
#include "report/report_priv.h"

TRIB_PRINTF(2, 3)
static void put(char (**cell)[TRIB__CELL_BYTES], const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf((*cell)[0], TRIB__CELL_BYTES, format, arguments);
        va_end(arguments);
        (*cell)++;
}

static void print_arrivals(const struct trib__sweep *sweep, const struct trib__sink *sink)
{
        const struct trib__load  *load = sweep->load;
        const struct trib__point *point = &sweep->points[0];
        char                      buffer[500];
        struct trib__text         text = trib__text_of(buffer, sizeof(buffer));

        if (strcmp(load->arrivals, "closed") == 0) {
                trib__text_add(&text, "closed loop: the next %s when the one before is answered",
                               load->samples_per_query > 1 ? "query" : "request");
                if (load->samples_per_query > 1)
                        trib__text_add(&text, "; %s queries of %u samples, latencies are of "
                                              "queries, ops/s of samples",
                                       trib__grouped((double)load->queries).text,
                                       load->samples_per_query);
                trib__sink_item(sink, "arrivals", buffer);
                return;
        }
        trib__text_add(&text, "%s", load->arrivals);
        if (load->rate > 0)
                trib__text_add(&text, ", %s/s", trib__grouped(load->rate).text);
        if (load->rate > 0 && load->closed_ops_per_s > 0)
                trib__text_add(&text, " (%.0f %% of the %s/s that the threads do in a closed loop)",
                               100 * load->rate / load->closed_ops_per_s,
                               trib__grouped(load->closed_ops_per_s).text);
        trib__text_add(&text, "; %s requests intended, %s answered, %s failed, %s never begun; at "
                              "most %s were due and not begun",
                       trib__grouped((double)load->intended).text,
                       trib__grouped((double)point->requests).text,
                       trib__grouped((double)point->errors).text,
                       trib__grouped((double)load->unfinished).text,
                       trib__grouped((double)load->backlog_max).text);
        trib__sink_item(sink, "arrivals", buffer);
}

/* A time that may well be nothing. */
static const char *time_text(double us, struct trib__number *number)
{
        *number = trib__duration_us(us);
        return us >= 1e-3 ? number->text : "0";
}

static void print_lateness(const struct trib__load *load, const struct trib__sink *sink)
{
        struct trib__number numbers[5];
        char                buffer[500];
        struct trib__text   text = trib__text_of(buffer, sizeof(buffer));

        if (strcmp(load->arrivals, "closed") == 0)
                return;
        trib__text_add(&text, "from the intended start; in it, on average %s of waiting for a free "
                              "thread (p99 %s)",
                       time_text(load->waited_us.mean, &numbers[0]),
                       time_text(load->waited_us.p99, &numbers[1]));
        if (load->late_us.max > 0)
                trib__text_add(&text, "; threads that slept woke late by %s (p99 %s, max %s)",
                               time_text(load->late_us.mean, &numbers[2]),
                               time_text(load->late_us.p99, &numbers[3]),
                               time_text(load->late_us.max, &numbers[4]));
        trib__sink_item(sink, "latency", buffer);
}

static void print_scenario(const struct trib__load *load, const struct trib__sink *sink)
{
        char              buffer[300];
        struct trib__text text = trib__text_of(buffer, sizeof(buffer));

        if (load->scenario[0] == '\0')
                return;
        trib__text_add(&text, "%s, by MLPerf's definition: ", load->scenario);
        if (!(load->metric_value > 0))
                trib__text_add(&text, "no value");
        else if (strcmp(load->metric, "p90_us") == 0)
                trib__text_add(&text, "90th percentile of latency %s",
                               trib__duration_us(load->metric_value).text);
        else if (strcmp(load->metric, "p99_us") == 0)
                trib__text_add(&text, "99th percentile of a query's latency %s",
                               trib__duration_us(load->metric_value).text);
        else if (strcmp(load->metric, "rate") == 0)
                trib__text_add(&text, "%s requests/s of Poisson arrivals within the bound",
                               trib__grouped(load->metric_value).text);
        else
                trib__text_add(&text, "%s samples/s", trib__grouped(load->metric_value).text);
        trib__sink_item(sink, "scenario", buffer);
}

static void add_bound(const struct trib__bound *bound, struct trib__text *text)
{
        trib__text_add(text, " p%.6g %s", 100 * bound->quantile,
                       trib__duration_us(bound->measured_us).text);
        if (bound->ci95_us[1] > 0)
                trib__text_add(text, " (95 %%: %s to %s)",
                               trib__duration_us(bound->ci95_us[0]).text,
                               trib__duration_us(bound->ci95_us[1]).text);
        else if (bound->ci95_us[0] > 0)
                trib__text_add(text, " (95 %%: from %s, too few requests for an upper end)",
                               trib__duration_us(bound->ci95_us[0]).text);
}

static void print_slo(const struct trib__service_level *slo, const struct trib__sink *sink)
{
        char              buffer[700];
        struct trib__text text = trib__text_of(buffer, sizeof(buffer));

        for (size_t i = 0; i < slo->bound_count; i++)
                trib__text_add(&text, "%sp%.6g of at most %s", i > 0 ? ", " : "",
                               100 * slo->bounds[i].quantile,
                               trib__duration_us(slo->bounds[i].us).text);
        if (slo->kept_rate > 0) {
                trib__text_add(&text, ": kept up to %s requests/s, with",
                               trib__grouped(slo->kept_rate).text);
                for (size_t i = 0; i < slo->bound_count; i++)
                        add_bound(&slo->bounds[i], &text);
        } else if (strcmp(slo->end, "none") == 0) {
                trib__text_add(&text, ": kept at no rate that was tried");
        } else {
                trib__text_add(&text, ": no rate was confirmed to keep it in the time there was");
        }
        if (slo->failed_rate > 0)
                trib__text_add(&text, "; not at %s/s", trib__grouped(slo->failed_rate).text);
        trib__text_add(&text, "; %zu trial%s in %.1f s, each verdict at %.0f %% confidence",
                       slo->trial_count, slo->trial_count == 1 ? "" : "s", slo->seconds,
                       100 * slo->confidence);
        trib__sink_item(sink, "service level", buffer);
}

static trib_status print_trials(const struct trib__service_level *slo,
                                const struct trib__sink *sink, trib_error *err)
{
        struct trib__table table = { .columns = 0 };
        trib_status        status;

        if (slo->trial_count == 0)
                return TRIB_OK;
        trib__table_add_column(&table, "rate/s", false);
        trib__table_add_column(&table, "verdict", true);
        trib__table_add_column(&table, "requests", false);
        trib__table_add_column(&table, "over", false);
        trib__table_add_column(&table, "percentile", false);
        status = trib__table_reserve(&table, slo->trial_count, err);
        for (size_t i = 0; i < slo->trial_count && status == TRIB_OK; i++) {
                const struct trib__rate_trial *trial = &slo->trials[i];
                char (*cell)[TRIB__CELL_BYTES] = trib__table_add_row(&table);

                put(&cell, "%s", trib__grouped(trial->rate).text);
                put(&cell, "%s", trial->verdict);
                put(&cell, "%s", trib__grouped((double)trial->requests).text);
                put(&cell, "%.2f %%", 100 * trial->over);
                put(&cell, "%s", trib__duration_us(trial->measured_us).text);
        }
        if (status == TRIB_OK) {
                trib__sink_note(sink, "The rates tried, in order:");
                trib__table_print(&table, sink);
        }
        trib__table_release(&table);
        return status;
}

trib_status trib__report_load(const struct trib__sweep *sweep, const struct trib__sink *sink,
                              trib_error *err)
{
        if (sweep->load == NULL || sweep->point_count == 0)
                return TRIB_OK;
        (void)fputc('\n', sink->stream);
        print_arrivals(sweep, sink);
        print_lateness(sweep->load, sink);
        print_scenario(sweep->load, sink);
        if (!sweep->load->slo.is_present)
                return TRIB_OK;
        print_slo(&sweep->load->slo, sink);
        return print_trials(&sweep->load->slo, sink, err);
}
