/* SPDX-License-Identifier: Apache-2.0 */
/* report_csv.c: results as CSV that analysis/read.h reads back. One thread sweep alone starts with
 * `threads,ops_per_s`; anything else with the columns of sizes. Numbers that were not measured are
 * empty cells. */
#include <stdio.h>
#include <string.h>

#include "report/report_priv.h"

static void print_number(FILE *stream, double value)
{
        if (value >= 1e-30)
                (void)fprintf(stream, ",%.10g", value);
        else
                (void)fputc(',', stream);
}

/* A text as a cell that can be read back: quotes and line ends have no place in it. */
static void print_cell(FILE *stream, const char *text)
{
        bool is_quoted = strpbrk(text, ", \t#") != NULL;

        (void)fputs(is_quoted ? ",\"" : ",", stream);
        for (; *text != '\0'; text++)
                (void)fputc(*text == '"' || (unsigned char)*text < ' ' || *text == 127 ? '?'
                                                                                       : *text,
                            stream);
        if (is_quoted)
                (void)fputc('"', stream);
}

static void print_row(FILE *stream, const struct trib__point *point)
{
        const struct trib__latency_us *us = &point->latency_us;

        (void)fprintf(stream, "%u,%.10g", point->threads, point->ops_per_s);
        if (point->ops_per_s_ci95[1] >= 1e-30)
                (void)fprintf(stream, ",%.10g,%.10g",
                              point->ops_per_s_ci95[0] >= 1e-30 ? point->ops_per_s_ci95[0] : 0,
                              point->ops_per_s_ci95[1]);
        else
                (void)fputs(",,", stream);
        print_number(stream, point->speedup);
        print_number(stream, point->efficiency);
        print_number(stream, point->percent_of_limit);
        print_number(stream, us->mean);
        print_number(stream, us->p50);
        print_number(stream, us->p90);
        print_number(stream, us->p99);
        print_number(stream, us->p999);
        print_number(stream, us->max);
        (void)fprintf(stream, ",%llu,%llu", (unsigned long long)point->requests,
                      (unsigned long long)point->errors);
}

static void print_head(const struct trib__results *results, FILE *stream)
{
        (void)fprintf(stream, "# %s", results->tool);
        if (results->device.name[0] != '\0')
                (void)fprintf(stream, " on %s", results->device.name);
        if (!results->is_complete)
                (void)fputs(" (interrupted)", stream);
        (void)fputc('\n', stream);
        if (results->run.is_present)
                (void)fprintf(stream, "# %u rounds of %.3g s, seed %llu\n", results->run.rounds,
                              results->run.round_seconds,
                              (unsigned long long)results->run.seed);
}

/* Whether the results are one thread sweep of a built-in workload, which needs no more columns
 * than its numbers. */
static bool is_plain(const struct trib__results *results)
{
        return results->sweep_count == 1 && results->sweeps[0]->kind == TRIB__SWEEP_THREADS
               && results->sweeps[0]->workload.model[0] == '\0'
               && (results->sweeps[0]->workload.in_features > 0
                   || results->sweeps[0]->workload.kind[0] == '\0');
}

static void print_sizes(FILE *stream, const struct trib__workload *workload)
{
        const int64_t sizes[] = { workload->in_features, workload->out_features,
                                  workload->batch };

        for (size_t i = 0; i < 3; i++) {
                if (sizes[i] > 0)
                        (void)fprintf(stream, "%lld", (long long)sizes[i]);
                (void)fputc(',', stream);
        }
}

static bool has_load(const struct trib__results *results)
{
        for (size_t i = 0; i < results->sweep_count; i++)
                if (results->sweeps[i]->load != NULL)
                        return true;
        return false;
}

/* Empty cells for a sweep that is a plain closed loop. */
static void print_load(const struct trib__load *load, FILE *stream)
{
        if (load == NULL) {
                (void)fputs(",,,,,,,", stream);
                return;
        }
        print_cell(stream, load->arrivals);
        print_number(stream, load->rate);
        (void)fprintf(stream, ",%llu,%llu", (unsigned long long)load->intended,
                      (unsigned long long)load->unfinished);
        print_cell(stream, load->scenario);
        print_number(stream, load->slo.kept_rate);
        print_number(stream, load->slo.failed_rate);
}

static void print_sweep(const struct trib__results *results, size_t index, FILE *stream)
{
        const struct trib__sweep *sweep = results->sweeps[index];
        bool                      is_short = is_plain(results);

        for (size_t i = 0; i < sweep->point_count; i++) {
                if (!is_short)
                        print_sizes(stream, &sweep->workload);
                print_row(stream, &sweep->points[i]);
                print_cell(stream, sweep->policy);
                if (!is_short) {
                        (void)fprintf(stream, ",%zu,%s", index,
                                      trib__sweep_kind_name(sweep->kind));
                        print_cell(stream, sweep->workload.dtype);
                        print_cell(stream, sweep->workload.model);
                        print_cell(stream, sweep->workload.kind);
                }
                if (has_load(results))
                        print_load(sweep->load, stream);
                (void)fputc('\n', stream);
        }
}

static void print_variant_row(FILE *stream, const char *option, const char *value,
                              const struct trib__point *point)
{
        const struct trib__difference *difference = &point->difference;

        (void)fputs("# ablation", stream);
        print_cell(stream, option);
        print_cell(stream, value);
        (void)fprintf(stream, ",%u,%.10g,%.10g,%.10g", point->threads, point->ops_per_s,
                      point->ops_per_s_ci95[0], point->ops_per_s_ci95[1]);
        if (difference->is_present)
                (void)fprintf(stream, ",%.6g,%.6g,%.6g,%d\n", difference->percent,
                              difference->ci95[0], difference->ci95[1], difference->is_shown);
        else
                (void)fputs(",,,,\n", stream);
}

/* Comments to a reader of measurements: a variant is no sweep of the default. */
static void print_ablations(const struct trib__results *results, FILE *stream)
{
        if (results->ablation_count > 0)
                (void)fputs("# ablation,option,value,threads,ops_per_s,ops_per_s_ci95_low,"
                            "ops_per_s_ci95_high,difference_percent,difference_ci95_low,"
                            "difference_ci95_high,is_shown\n", stream);
        for (size_t i = 0; i < results->ablation_count; i++) {
                const struct trib__ablation *ablation = results->ablations[i];

                for (size_t k = 0; k < ablation->variant_count; k++) {
                        const struct trib__variant *variant = &ablation->variants[k];

                        for (size_t p = 0; p < variant->sweep->point_count; p++)
                                print_variant_row(stream, ablation->option, variant->value,
                                                  &variant->sweep->points[p]);
                }
        }
}

trib_status trib__report_csv(const struct trib__results *results, FILE *stream, trib_error *err)
{
        static const char columns[] = "threads,ops_per_s,ops_per_s_ci95_low,ops_per_s_ci95_high,"
                                      "speedup,efficiency,percent_of_limit,mean_us,p50_us,p90_us,"
                                      "p99_us,p999_us,max_us,requests,errors,policy";
        char text[400];

        (void)err;
        print_head(results, stream);
        if (is_plain(results))
                (void)fprintf(stream, "# %s\n%s\n",
                              trib__workload_text(&results->sweeps[0]->workload, text,
                                                  sizeof(text)), columns);
        else
                (void)fprintf(stream,
                              "in_features,out_features,batch,%s,sweep,kind,dtype,model,workload"
                              "%s\n",
                              columns,
                              has_load(results) ? ",arrivals,rate,intended,unfinished,scenario,"
                                                  "slo_rate,slo_failed_rate"
                                                : "");
        for (size_t i = 0; i < results->sweep_count; i++)
                print_sweep(results, i, stream);
        print_ablations(results, stream);
        return TRIB_OK;
}
