/* SPDX-License-Identifier: Apache-2.0 */
/* report_html.c: results as one page that needs nothing but itself: no script, no font, no address.
 *
 * Its Content-Security-Policy allows its own style sheet, by the hash of that, and nothing else:
 * should a text ever get past the escaping, it can neither run nor fetch. The hash in
 * report_style.h belongs to the style sheet there; a test computes it again. The summary comes
 * first; the rest are the pages of report_pages.c, with the pictures in their places. */
#include <stdio.h>
#include <string.h>

#include "analysis/format.h"
#include "report/plot.h"
#include "report/report_priv.h"
#include "report/report_style.h"

static void put_text(FILE *stream, const char *before, const char *text, const char *after)
{
        (void)fputs(before, stream);
        trib__html_text(stream, text);
        (void)fputs(after, stream);
}

static void print_legend(const struct trib__plot *plot, FILE *stream)
{
        static const char *const marks[] = {
                [TRIB__MARK_POINT] = "<circle cx=\"9\" cy=\"6\" r=\"4\"",
                [TRIB__MARK_RING] = "<circle cx=\"9\" cy=\"6\" r=\"3.5\" class=\"line\"",
                [TRIB__MARK_TRIANGLE] = "<path d=\"M4,11 h10 l-5,-10 z\"",
                [TRIB__MARK_LINE] = "<path d=\"M0,6 h18\" class=\"line\"",
                [TRIB__MARK_DASHES] = "<path d=\"M0,6 h18\" class=\"dashes\"",
                [TRIB__MARK_AREA] = "<rect width=\"18\" height=\"12\" rx=\"2\"",
        };

        if (plot->legend_count == 0)
                return;
        (void)fputs("<ul class=\"legend\">", stream);
        for (size_t i = 0; i < plot->legend_count; i++) {
                const struct trib__legend *legend = &plot->legend[i];
                bool is_band = legend->mark == TRIB__MARK_AREA
                               && plot->figure == TRIB__FIGURE_THROUGHPUT;

                (void)fprintf(stream,
                              "<li><svg class=\"k\" viewBox=\"0 0 18 12\" "
                              "aria-hidden=\"true\"><g color=\"var(--c%u)\">%s%s/></g></svg>",
                              legend->color, marks[legend->mark], is_band ? " class=\"band\"" : "");
                put_text(stream, "", legend->text, "</li>");
        }
        (void)fputs("</ul>\n", stream);
}

static void draw(const struct trib__sink *sink, enum trib__figure figure, size_t index)
{
        const struct trib__plots *plots = sink->pictures;
        const struct trib__plot  *plot = NULL;
        FILE                     *stream = sink->stream;

        for (size_t i = 0; i < plots->count && plot == NULL; i++)
                if (plots->items[i].figure == figure && plots->items[i].index == index
                    && plots->items[i].svg[TRIB__PLOT_WIDE] != NULL)
                        plot = &plots->items[i];
        if (plot == NULL)
                return;
        put_text(stream, "<figure>\n<div role=\"img\" aria-label=\"", plot->alt, "\">\n");
        (void)fprintf(stream, "<div class=\"wide\">%s</div>\n", plot->svg[TRIB__PLOT_WIDE]);
        if (plot->svg[TRIB__PLOT_NARROW] != NULL)
                (void)fprintf(stream, "<div class=\"narrow\">%s</div>\n",
                              plot->svg[TRIB__PLOT_NARROW]);
        (void)fputs("</div>\n<figcaption>", stream);
        print_legend(plot, stream);
        put_text(stream, "<p>", plot->caption, "</p></figcaption>\n</figure>\n");
}

static void print_head(const struct trib__results *results, FILE *stream)
{
        const struct trib__sweep *sweep = trib__results_advised_sweep(results);
        bool                      is_advised = results->latency.threads > 0;
        const char *heading = is_advised ? "Where throughput stops, and what to use"
                                         : "What was measured";
        char        name[400] = "";

        if (sweep == NULL && results->sweep_count > 0)
                sweep = results->sweeps[0];
        if (sweep != NULL)
                (void)trib__workload_text(&sweep->workload, name, sizeof(name));
        (void)fprintf(stream,
                      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
                      "'none'; style-src '%s'; img-src data:; base-uri 'none'; "
                      "form-action 'none'\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n"
                      "<meta name=\"referrer\" content=\"no-referrer\">\n"
                      /* Or a browser asks the server for one. */
                      "<link rel=\"icon\" href=\"data:,\">\n",
                      trib__html_style_hash);
        put_text(stream, is_advised ? "<title>Where throughput stops: " : "<title>Measured: ",
                 name[0] != '\0' ? name : "nothing", "</title>\n");
        (void)fprintf(stream, "<style>%s</style>\n</head>\n<body>\n<main>\n<header>\n",
                      trib__html_style);
        put_text(stream, "<h1>", heading, "</h1>\n");
        put_text(stream, "<p class=\"lead\">", name[0] != '\0' ? name : "Nothing", "");
        if (results->device.name[0] != '\0')
                put_text(stream, " on ", results->device.name, "");
        if (results->device.text[0] != '\0')
                put_text(stream, " (", results->device.text, ")");
        (void)fputs("</p>\n</header>\n", stream);
}

static void print_card(const char *name, const struct trib__recommendation *advice,
                       const struct trib__sweep *sweep, FILE *stream)
{
        const struct trib__point *point =
                sweep != NULL ? trib__sweep_find_point(sweep, advice->threads) : NULL;
        double ops_per_s = point != NULL ? point->ops_per_s : advice->ops_per_s;
        double p99_us = point != NULL ? point->latency_us.p99 : advice->p99_us;

        put_text(stream, "<li><h3>", name, "</h3>");
        (void)fprintf(stream, "<p class=\"big\">%s</p>",
                      trib__threads_text(advice->threads).text);
        if (ops_per_s > 0) {
                (void)fputs("<p>", stream);
                if (point == NULL && advice->batch > 0)
                        (void)fprintf(stream, "batch %lld: ", (long long)advice->batch);
                (void)fprintf(stream, "%s ops/s", trib__grouped(ops_per_s).text);
                if (p99_us > 0)
                        (void)fprintf(stream, ", p99 %s", trib__duration_us(p99_us).text);
                (void)fputs("</p>", stream);
        }
        (void)fputs("</li>\n", stream);
}

static void print_cards(const struct trib__results *results, FILE *stream)
{
        const struct trib__sweep *sweep = trib__results_advised_sweep(results);

        if (results->latency.threads == 0)
                return;
        (void)fputs("<ul class=\"cards\">\n", stream);
        print_card("For latency", &results->latency, sweep, stream);
        print_card("In production", &results->production, sweep, stream);
        print_card("For batch work", &results->batch, sweep, stream);
        (void)fputs("</ul>\n", stream);
}

static void print_missing(const struct trib__plots *plots, FILE *stream)
{
        if (plots != NULL && plots->missing[0] != '\0')
                put_text(stream, "<p class=\"note\" role=\"note\">", plots->missing, "</p>\n");
        if (plots != NULL && plots->left_out > 0)
                (void)fprintf(stream, "<p class=\"note\">%zu more plots are left out; the tables "
                                      "hold their numbers.</p>\n", plots->left_out);
}

trib_status trib__report_html(const struct trib__results *results,
                              const struct trib__plots *plots, FILE *stream, trib_error *err)
{
        struct trib__sink_state state = { 0 };
        struct trib__sink       sink = { .stream = stream, .columns = 1000, .is_html = true,
                                         .state = &state,
                                         .draw = plots != NULL ? draw : NULL,
                                         .pictures = plots };
        trib_status             status;

        print_head(results, stream);
        trib__sink_heading(&sink, "Summary");
        print_cards(results, stream);
        trib__report_summary(results, &sink);
        trib__sink_close_list(&sink);
        print_missing(plots, stream);
        status = trib__report_pages(results, &sink, err);
        if (status != TRIB_OK)
                return status;
        trib__sink_end(&sink);
        put_text(stream, "</main>\n<footer><p>Written by ", results->tool,
                 ". This page is complete in itself and asks no network for anything.</p>"
                 "</footer>\n</body>\n</html>\n");
        return TRIB_OK;
}
