/* SPDX-License-Identifier: Apache-2.0 */
/* report_ablations.c: one table an ablation: what each variant gave, and how it differs from the
 * first. For a terminal or in Markdown. */
#include <stdio.h>
#include <string.h>

#include "analysis/format.h"
#include "report/report_priv.h"

static void fill_row(char (*cell)[TRIB__CELL_BYTES], const struct trib__variant *variant,
                     const struct trib__point *point)
{
        const struct trib__difference *difference = &point->difference;
        double half = (point->ops_per_s_ci95[1] - point->ops_per_s_ci95[0]) / 2;

        (void)snprintf(cell[0], TRIB__CELL_BYTES, "%.40s", variant->value);
        (void)snprintf(cell[1], TRIB__CELL_BYTES, "%u", point->threads);
        (void)snprintf(cell[2], TRIB__CELL_BYTES, "%s", trib__grouped(point->ops_per_s).text);
        if (point->ops_per_s_ci95[1] > 0)
                (void)snprintf(cell[3], TRIB__CELL_BYTES, "%.1f %%",
                               100 * half / point->ops_per_s);
        if (!difference->is_present)
                return;
        (void)snprintf(cell[4], TRIB__CELL_BYTES, "%+.1f %%", difference->percent);
        (void)snprintf(cell[5], TRIB__CELL_BYTES, "%+.1f to %+.1f", difference->ci95[0],
                       difference->ci95[1]);
        (void)snprintf(cell[6], TRIB__CELL_BYTES, "%s",
                       !difference->is_shown      ? "no difference shown"
                       : difference->percent > 0 ? "faster"
                                                  : "slower");
}

static trib_status print_table(const struct trib__ablation *ablation,
                               const struct trib__sink *sink, trib_error *err)
{
        struct trib__table table = { .columns = 0 };
        size_t             rows = 0;
        trib_status        status;

        for (size_t i = 0; i < ablation->variant_count; i++)
                rows += ablation->variants[i].sweep->point_count;
        if (rows == 0)
                return TRIB_OK;
        trib__table_add_column(&table, ablation->option, true);
        trib__table_add_column(&table, "threads", false);
        trib__table_add_column(&table, "ops/s", false);
        trib__table_add_column(&table, "+-95 %", false);
        trib__table_add_column(&table, "to first", false);
        trib__table_add_column(&table, "95 %", false);
        trib__table_add_column(&table, "", true);
        status = trib__table_reserve(&table, rows, err);
        for (size_t i = 0; i < ablation->variant_count && status == TRIB_OK; i++) {
                const struct trib__variant *variant = &ablation->variants[i];

                for (size_t k = 0; k < variant->sweep->point_count; k++)
                        fill_row(trib__table_add_row(&table), variant,
                                 &variant->sweep->points[k]);
        }
        if (status == TRIB_OK)
                trib__table_print(&table, sink);
        trib__table_release(&table);
        return status;
}

trib_status trib__report_ablations(const struct trib__results *results,
                                   const struct trib__sink *sink, trib_error *err)
{
        trib_status status = TRIB_OK;

        for (size_t i = 0; i < results->ablation_count && status == TRIB_OK; i++) {
                const struct trib__ablation *ablation = results->ablations[i];
                char                         title[TRIB__NAME_BYTES + 16];

                (void)snprintf(title, sizeof(title), "Ablation: %s", ablation->option);
                trib__sink_heading(sink, title);
                trib__sink_figure(sink, TRIB__FIGURE_ABLATIONS, i);
                status = print_table(ablation, sink, err);
                if (ablation->note[0] != '\0')
                        trib__sink_item(sink, ablation->option, ablation->note);
                for (size_t k = 0; k < ablation->variant_count; k++)
                        if (ablation->variants[k].note[0] != '\0')
                                trib__sink_item(sink, ablation->variants[k].value,
                                                ablation->variants[k].note);
        }
        return status;
}
