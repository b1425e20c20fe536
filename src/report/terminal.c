/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c: plots made of characters.
 *
 * A *screen* is a grid of cells. A cell has dots, two by four of them as in Braille (U+2800 and
 * on), or a mark that hides them. Where the terminal has no UTF-8, a cell with dots is a point.
 * Colours are of the 256 that terminals know, and say nothing that a mark does not say too. */
#include "report/terminal.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "analysis/format.h"
#include "analysis/resources.h"
#include "base/error.h"
#include "base/fault.h"
#include "report/plot_priv.h"
#include "report/report_priv.h"

#define COLUMNS_MAX 100u
#define ROWS 13u
#define SAMPLES 24
#define LABEL 11u /* columns left of the plot */

enum color { COLOR_NONE = 0, COLOR_MEASURED = 39, COLOR_LAW = 208, COLOR_LIMIT = 203,
             COLOR_SATURATION = 77, COLOR_PREDICTED = 177, COLOR_SOFT = 245 };

enum mark { MARK_NONE, MARK_MEASURED, MARK_PREDICTED, MARK_LIMIT, MARK_SATURATION };

static const struct {
        const char *utf8;
        char        ascii;
        enum color  color;
} marks[] = {
        [MARK_NONE] = { " ", ' ', COLOR_NONE },
        [MARK_MEASURED] = { "\xE2\x97\x8F", 'o', COLOR_MEASURED },
        [MARK_PREDICTED] = { "\xE2\x97\x8B", '?', COLOR_PREDICTED },
        [MARK_LIMIT] = { "\xE2\x94\x84", '-', COLOR_LIMIT },
        [MARK_SATURATION] = { "\xE2\x94\x86", ':', COLOR_SATURATION },
};

struct cell {
        uint8_t dots;
        uint8_t mark; /* enum mark */
};

struct screen {
        struct cell cells[ROWS][COLUMNS_MAX];
        unsigned    columns;
        double      first, last, top; /* threads, ops/s */
        double      step;             /* of the labels, ops/s */
        bool        is_log;
};

struct painter {
        const struct trib__results  *results;
        const struct trib__terminal *terminal;
};

/* The place of a thread count, 0 to 1. */
static double across(const struct screen *screen, double threads)
{
        if (!(screen->last > screen->first))
                return 0;
        return screen->is_log ? log(threads / screen->first) / log(screen->last / screen->first)
                              : (threads - screen->first) / (screen->last - screen->first);
}

static double threads_at(const struct screen *screen, double place)
{
        return screen->is_log ? screen->first * pow(screen->last / screen->first, place)
                              : screen->first + place * (screen->last - screen->first);
}

/* The cell's number for a place of 0 to 1 over `cells` of them. */
static unsigned cell_of(double place, unsigned cells)
{
        double at = floor(place * cells);

        return at < 0 ? 0 : at >= cells ? cells - 1 : (unsigned)at;
}

static void put_mark(struct screen *screen, double threads, double ops_per_s, enum mark mark)
{
        unsigned column, row;

        if (ops_per_s > screen->top || !(ops_per_s >= 0))
                return;
        column = cell_of(across(screen, threads), screen->columns);
        row = ROWS - 1 - cell_of(ops_per_s / screen->top, ROWS);
        screen->cells[row][column].mark = (uint8_t)mark;
}

static void put_dot(struct screen *screen, unsigned x, double ops_per_s)
{
        /* Bits of a Braille cell by row and column of its dots. */
        static const uint8_t bits[4][2] = { { 1, 8 }, { 2, 16 }, { 4, 32 }, { 64, 128 } };
        unsigned             y;

        if (ops_per_s > screen->top || !(ops_per_s >= 0))
                return;
        y = 4 * ROWS - 1 - cell_of(ops_per_s / screen->top, 4 * ROWS);
        screen->cells[y / 4][x / 2].dots |= bits[y % 4][x % 2];
}

static struct screen screen_of(const struct trib__sweep *sweep, unsigned columns)
{
        struct screen screen = { .columns = columns - LABEL - 2,
                                 .first = sweep->points[0].threads,
                                 .last = sweep->points[sweep->point_count - 1].threads };
        double        highest = 0;

        for (size_t i = 0; i < sweep->point_count; i++)
                highest = fmax(highest, sweep->points[i].ops_per_s);
        screen.top = highest;
        if (sweep->limit.is_present && sweep->limit.ops_per_s < 2 * highest)
                screen.top = fmax(screen.top, sweep->limit.ops_per_s);
        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++) {
                if (!(sweep->predictions[i].threads > 0))
                        continue;
                screen.last = fmax(screen.last, sweep->predictions[i].threads);
                screen.top = fmax(screen.top,
                                  fmin(sweep->predictions[i].ops_per_s, 2 * highest));
        }
        screen.top *= 1.04;
        screen.step = trib__plot_step(screen.top, 4);
        screen.is_log = screen.last / screen.first > 12;
        return screen;
}

/* Predictions take their time: a few of them, and straight lines between. */
static bool fill_law(struct screen *screen, const struct trib__sweep *sweep)
{
        struct trib__prediction law[SAMPLES + 1];
        bool     has_any = false;
        double   threads[SAMPLES + 1], values[SAMPLES + 1];
        unsigned dots = 2 * screen->columns;

        for (int i = 0; i <= SAMPLES; i++)
                threads[i] = threads_at(screen, (double)i / SAMPLES);
        trib__sweep_predict_all(sweep, threads, SAMPLES + 1, law);
        for (int i = 0; i <= SAMPLES; i++)
                values[i] = law[i].ops_per_s;
        for (unsigned x = 0; x < dots; x++) {
                double place = (x + 0.5) / dots * SAMPLES, part = place - floor(place);
                int    i = (int)place;

                if (!(values[i] > 0) || !(values[i + 1] > 0))
                        continue;
                put_dot(screen, x, (1 - part) * values[i] + part * values[i + 1]);
                has_any = true;
        }
        return has_any;
}

/* Whether there is a fit. */
static bool fill(struct screen *screen, const struct trib__sweep *sweep)
{
        bool has_fit = fill_law(screen, sweep);

        for (unsigned row = 0; sweep->saturation_threads > 0 && row < ROWS; row++)
                put_mark(screen, sweep->saturation_threads,
                         (row + 0.5) / ROWS * screen->top, MARK_SATURATION);
        for (unsigned column = 0; sweep->limit.is_present && column < screen->columns; column++)
                put_mark(screen, threads_at(screen, (column + 0.5) / screen->columns),
                         sweep->limit.ops_per_s, MARK_LIMIT);
        for (unsigned i = 0; i < TRIB__PREDICTIONS; i++)
                if (sweep->predictions[i].threads > 0)
                        put_mark(screen, sweep->predictions[i].threads,
                                 sweep->predictions[i].ops_per_s, MARK_PREDICTED);
        for (size_t i = 0; i < sweep->point_count; i++)
                put_mark(screen, sweep->points[i].threads, sweep->points[i].ops_per_s,
                         MARK_MEASURED);
        return has_fit;
}

static void set_color(const struct trib__sink *sink, const struct trib__terminal *terminal,
                      unsigned color)
{
        if (terminal->has_color && color != COLOR_NONE)
                (void)fprintf(sink->stream, "\033[38;5;%um", color);
}

static void end_color(const struct trib__sink *sink, const struct trib__terminal *terminal,
                      unsigned color)
{
        if (terminal->has_color && color != COLOR_NONE)
                (void)fputs("\033[0m", sink->stream);
}

static void print_mark(const struct trib__sink *sink, const struct trib__terminal *terminal,
                       enum mark mark)
{
        set_color(sink, terminal, marks[mark].color);
        if (terminal->has_utf8)
                (void)fputs(marks[mark].utf8, sink->stream);
        else
                (void)fputc(marks[mark].ascii, sink->stream);
        end_color(sink, terminal, marks[mark].color);
}

static void print_dots(const struct trib__sink *sink, const struct trib__terminal *terminal,
                       uint8_t dots)
{
        set_color(sink, terminal, COLOR_LAW);
        if (terminal->has_utf8)
                (void)fprintf(sink->stream, "\xE2%c%c", 0xA0 + (dots >> 6), 0x80 + (dots & 0x3F));
        else
                (void)fputc('.', sink->stream);
        end_color(sink, terminal, COLOR_LAW);
}

static void print_row(const struct trib__sink *sink, const struct trib__terminal *terminal,
                      const struct screen *screen, unsigned row)
{
        const char *axis = terminal->has_utf8 ? "\xE2\x94\x82" : "|";
        unsigned    length = screen->columns;
        double      from = screen->top * (ROWS - row - 1) / ROWS, tick;

        while (length > 0 && screen->cells[row][length - 1].mark == MARK_NONE
               && screen->cells[row][length - 1].dots == 0)
                length--;
        /* The tick that lies in this row, if one does; 0 without the sign that ceil leaves it. */
        tick = ceil(from / screen->step - 1e-9) * screen->step + 0.0;
        (void)fprintf(sink->stream, "%*s %s", (int)LABEL,
                      tick < from + screen->top / ROWS ? trib__grouped(tick).text : "", axis);
        for (unsigned column = 0; column < length; column++) {
                const struct cell *cell = &screen->cells[row][column];

                if (cell->mark != MARK_NONE || cell->dots == 0)
                        print_mark(sink, terminal, (enum mark)cell->mark);
                else
                        print_dots(sink, terminal, cell->dots);
        }
        (void)fputc('\n', sink->stream);
}

/* Thread counts under the plot, as many as have room. */
static void print_threads(const struct trib__sink *sink, const struct trib__sweep *sweep,
                          const struct screen *screen)
{
        char     line[COLUMNS_MAX + LABEL + 16];
        unsigned end = 0;

        memset(line, ' ', sizeof(line));
        for (size_t i = 0; i < sweep->point_count + TRIB__PREDICTIONS; i++) {
                double threads = i < sweep->point_count
                                         ? sweep->points[i].threads
                                         : sweep->predictions[i - sweep->point_count].threads;
                char     text[16];
                unsigned at, length;

                if (!(threads > 0) || threads > screen->last)
                        continue;
                length = (unsigned)snprintf(text, sizeof(text), "%.0f", threads);
                at = LABEL + 2 + cell_of(across(screen, threads), screen->columns);
                if (at + length > LABEL + 2 + screen->columns)
                        at = LABEL + 2 + screen->columns - length;
                if (at < end + (end > 0))
                        continue;
                memcpy(line + at, text, length);
                end = at + length + 1;
        }
        line[end > 0 ? end - 1 : 0] = '\0';
        (void)fprintf(sink->stream, "%s\n", line);
}

static void print_legend(const struct trib__sink *sink, const struct trib__terminal *terminal,
                         const struct trib__sweep *sweep, const struct screen *screen, bool has_fit)
{
        const struct {
                bool        is_there;
                enum mark   mark;
                const char *text;
        } entries[] = {
                { true, MARK_MEASURED, "measured" },
                { sweep->predictions[0].threads > 0, MARK_PREDICTED,
                  "predicted" },
                { sweep->limit.is_present && sweep->limit.ops_per_s <= screen->top, MARK_LIMIT,
                  "limit" },
                { sweep->saturation_threads > 0, MARK_SATURATION, "saturation" },
        };

        (void)fprintf(sink->stream, "%*s threads; ops/s:", (int)LABEL, "");
        for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
                if (!entries[i].is_there)
                        continue;
                (void)fputs("  ", sink->stream);
                print_mark(sink, terminal, entries[i].mark);
                (void)fprintf(sink->stream, " %s", entries[i].text);
        }
        if (has_fit) {
                (void)fputs("  ", sink->stream);
                print_dots(sink, terminal, 0x12);
                (void)fputs(" fit", sink->stream);
        }
        (void)fputs("\n\n", sink->stream);
}

static void draw_throughput(const struct trib__sink *sink, const struct painter *painter,
                            const struct trib__sweep *sweep)
{
        struct screen screen;
        bool          has_fit;

        if (sweep->point_count < 2 || sweep->refuted[0] != '\0')
                return;
        screen = screen_of(sweep, sink->columns < COLUMNS_MAX ? sink->columns : COLUMNS_MAX);
        has_fit = fill(&screen, sweep);
        for (unsigned row = 0; row < ROWS; row++)
                print_row(sink, painter->terminal, &screen, row);
        print_threads(sink, sweep, &screen);
        print_legend(sink, painter->terminal, sweep, &screen, has_fit);
}

/* The parts of a request's time as bars of characters. */
static const struct {
        const char *name;
        char        letter;
        unsigned    color;
} parts[] = { { "admission", 'A', 125 },   { "lock", 'L', 174 },    { "prepare", 'P', 186 },
              { "submission", 'S', 142 },  { "queue", 'Q', 73 },    { "device", 'D', 117 },
              { "serial", 'R', 133 },      { "copy", 'C', 29 },     { "notification", 'N', 61 },
              { "descheduled", 'Z', 245 }, { "notify", 'N', 61 } };

static size_t part_of(const char *name)
{
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
                if (strcmp(parts[i].name, name) == 0)
                        return i;
        return sizeof(parts) / sizeof(parts[0]);
}

static void print_part(const struct trib__sink *sink, const struct trib__terminal *terminal,
                       const char *name, size_t length)
{
        size_t   part = part_of(name);
        bool     is_known = part < sizeof(parts) / sizeof(parts[0]);
        unsigned color = is_known ? parts[part].color : COLOR_SOFT;

        if (length == 0)
                return;
        set_color(sink, terminal, color);
        for (size_t i = 0; i < length; i++)
                if (terminal->has_color && terminal->has_utf8)
                        (void)fputs("\xE2\x96\x88", sink->stream);
                else
                        (void)fputc(is_known ? parts[part].letter : '?', sink->stream);
        end_color(sink, terminal, color);
}

static void print_bar(const struct trib__sink *sink, const struct trib__terminal *terminal,
                      const struct trib__point *point, size_t width)
{
        double sum = 0, done = 0;
        size_t at = 0;

        for (size_t k = 0; k < point->share_count; k++)
                sum += fmax(point->shares[k].fraction, 0);
        if (!(sum > 0))
                return;
        (void)fprintf(sink->stream, "%*u ", (int)LABEL, point->threads);
        for (size_t k = 0; k < point->share_count; k++) {
                size_t end;

                done += fmax(point->shares[k].fraction, 0);
                end = (size_t)floor(done / fmax(sum, 1) * (double)width + 0.5);
                print_part(sink, terminal, point->shares[k].name, end - at);
                at = end;
        }
        (void)fputc('\n', sink->stream);
}

static void draw_shares(const struct trib__sink *sink, const struct painter *painter,
                        const struct trib__sweep *sweep)
{
        const struct trib__point *widest = &sweep->points[0];
        size_t columns = sink->columns < COLUMNS_MAX ? sink->columns : COLUMNS_MAX;
        size_t used = LABEL;

        if (sweep->point_count > 32)
                return;
        for (size_t i = 0; i < sweep->point_count; i++) {
                if (sweep->points[i].share_count > widest->share_count)
                        widest = &sweep->points[i];
                print_bar(sink, painter->terminal, &sweep->points[i], columns - LABEL - 2);
        }
        (void)fprintf(sink->stream, "%*s", (int)LABEL, "threads");
        for (size_t k = 0; k < widest->share_count; k++) {
                double most = 0;
                size_t length = strlen(widest->shares[k].name) + 4;

                for (size_t i = 0; i < sweep->point_count; i++)
                        if (k < sweep->points[i].share_count)
                                most = fmax(most, sweep->points[i].shares[k].fraction);
                if (most < 0.005)
                        continue;
                if (used + length > columns) {
                        (void)fprintf(sink->stream, "\n%*s", (int)LABEL, "");
                        used = LABEL;
                }
                used += length;
                (void)fputs("  ", sink->stream);
                print_part(sink, painter->terminal, widest->shares[k].name, 1);
                (void)fprintf(sink->stream, " %s", widest->shares[k].name);
        }
        (void)fputs("\n\n", sink->stream);
}

static void draw(const struct trib__sink *sink, enum trib__figure figure, size_t index)
{
        const struct painter *painter = sink->pictures;

        if (figure == TRIB__FIGURE_THROUGHPUT)
                draw_throughput(sink, painter, painter->results->sweeps[index]);
        else if (figure == TRIB__FIGURE_SHARES)
                draw_shares(sink, painter, painter->results->sweeps[index]);
}

trib_status trib__report_terminal(const struct trib__results *results,
                                  const struct trib__terminal *terminal, FILE *stream,
                                  trib_error *err)
{
        struct painter    painter = { results, terminal };
        struct trib__sink sink = { .stream = stream,
                                   .columns = terminal->columns < 80 ? 80 : terminal->columns,
                                   .draw = draw,
                                   .pictures = &painter };
        trib_status       status = trib__report_pages(results, &sink, err);
        char              text[96];

        if (status != TRIB_OK)
                return status;
        errno = EIO;
        if (TRIB__FAULT(SYSTEM, "report.terminal") || fflush(stream) != 0 || ferror(stream))
                return trib__fail(err, TRIB_IO, "the output: cannot write: %s",
                                  trib__errno_text(errno, text, sizeof(text)));
        return TRIB_OK;
}
