/* SPDX-License-Identifier: Apache-2.0 */
/* plot.c: the list of a report's pictures; see plot.h. */
#include "report/plot.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "report/plot_priv.h"

static const struct {
        enum trib__figure  figure;
        trib__plot_writer *write;
} writers[] = {
        { TRIB__FIGURE_THROUGHPUT, trib__plot_throughput },
        { TRIB__FIGURE_LATENCY, trib__plot_latency },
        { TRIB__FIGURE_SHARES, trib__plot_shares },
        { TRIB__FIGURE_SIZES, trib__plot_sizes },
        { TRIB__FIGURE_LOAD, trib__plot_load },
        { TRIB__FIGURE_ABLATIONS, trib__plot_ablation },
};

#define WRITERS (sizeof(writers) / sizeof(writers[0]))

static trib_status no_memory(trib_error *err)
{
        return trib__fail(err, TRIB_OUT_OF_MEMORY, "report: no memory for a plot");
}

/* How many things that kind of picture can be of. */
static size_t places(const struct trib__results *results, enum trib__figure figure)
{
        return figure == TRIB__FIGURE_ABLATIONS ? results->ablation_count : results->sweep_count;
}

/* Whether a picture of that kind can be of thing `index`. */
static bool is_place(const struct trib__results *results, enum trib__figure figure, size_t index)
{
        const struct trib__sweep *sweep;

        if (index >= places(results, figure))
                return false;
        if (figure == TRIB__FIGURE_ABLATIONS)
                return true;
        sweep = results->sweeps[index];
        if (sweep->refuted[0] != '\0')
                return false;
        if (figure == TRIB__FIGURE_SIZES)
                return sweep->kind == TRIB__SWEEP_SIZES
                       && (index == 0
                           || results->sweeps[index - 1]->kind != TRIB__SWEEP_SIZES);
        return sweep->kind != TRIB__SWEEP_SIZES;
}

/* Write both widths; a picture that has no numbers leaves the list as it was. */
static trib_status add_plot(const struct trib__results *results, size_t writer, size_t index,
                            struct trib__plots *plots, trib_error *err)
{
        struct trib__plot *plot = &plots->items[plots->count];
        bool               is_there = true, is_short = false;

        memset(plot, 0, sizeof(*plot));
        plot->figure = writers[writer].figure;
        plot->index = index;
        for (enum trib__plot_width width = 0; width < TRIB__PLOT_WIDTHS && is_there && !is_short;
             width++) {
                size_t size;
                FILE  *stream = TRIB__FAULT(ALLOCATION, "report.script")
                                        ? NULL
                                        : open_memstream(&plot->scripts[width], &size);

                if (stream == NULL) {
                        is_short = true;
                        break;
                }
                is_there = writers[writer].write(results, index, plot, width, stream);
                is_short = fclose(stream) != 0;
        }
        if (is_there && !is_short) {
                plots->count++;
                return TRIB_OK;
        }
        for (size_t width = 0; width < TRIB__PLOT_WIDTHS; width++)
                free(plot->scripts[width]); /* of open_memstream */
        memset(plot, 0, sizeof(*plot));
        return is_short ? no_memory(err) : TRIB_OK;
}

trib_status trib__plots_create(const struct trib__results *results, struct trib__plots *plots,
                               trib_error *err)
{
        size_t      most = results->sweep_count > results->ablation_count
                                   ? results->sweep_count
                                   : results->ablation_count;
        trib_status status = TRIB_OK;

        memset(plots, 0, sizeof(*plots));
        /* One more than the most: the place of one that may have no numbers. */
        plots->items = trib__calloc("report.plots", TRIB__PLOTS_MAX + 1, sizeof(*plots->items));
        if (plots->items == NULL)
                return no_memory(err);
        for (size_t i = 0; i < most && status == TRIB_OK; i++)
                for (size_t k = 0; k < WRITERS && status == TRIB_OK; k++) {
                        if (!is_place(results, writers[k].figure, i))
                                continue;
                        if (plots->count == TRIB__PLOTS_MAX)
                                plots->left_out++;
                        else
                                status = add_plot(results, k, i, plots, err);
                }
        return status;
}

void trib__plots_release(struct trib__plots *plots)
{
        for (size_t i = 0; plots->items != NULL && i < plots->count; i++)
                for (size_t width = 0; width < TRIB__PLOT_WIDTHS; width++) {
                        free(plots->items[i].scripts[width]); /* of open_memstream */
                        free(plots->items[i].svg[width]);
                }
        trib__free(plots->items);
        plots->items = NULL;
        plots->count = 0;
}

trib_status trib__plots_take_svg(struct trib__plots *plots, size_t at,
                                 enum trib__plot_width width, const char *bytes, size_t size,
                                 trib_error *err)
{
        char        prefix[32], *text = NULL;
        size_t      length;
        bool        is_svg;
        FILE       *stream;

        (void)snprintf(prefix, sizeof(prefix), "p%zu%c", at + 1,
                       width == TRIB__PLOT_WIDE ? 'w' : 'n');
        stream = TRIB__FAULT(ALLOCATION, "report.svg") ? NULL : open_memstream(&text, &length);
        if (stream == NULL)
                return no_memory(err);
        is_svg = trib__svg_clean(bytes, size, prefix, stream);
        if (fclose(stream) != 0) {
                free(text); /* of open_memstream */
                return no_memory(err);
        }
        if (!is_svg) {
                free(text);
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "gnuplot's picture is not SVG as was expected");
        }
        free(plots->items[at].svg[width]);
        plots->items[at].svg[width] = text;
        return TRIB_OK;
}
