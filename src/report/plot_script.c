/* SPDX-License-Identifier: Apache-2.0 */
/* plot_script.c: what the scripts of all pictures share: see plot_priv.h. */
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "analysis/format.h"
#include "report/plot_priv.h"

/* Ticks closer than this, in pixels, would touch. */
#define TICK_DISTANCE 30.0
#define TICKS_MAX 40

struct trib__color_text trib__color_of(unsigned color)
{
        struct trib__color_text text;

        (void)snprintf(text.text, sizeof(text.text), "rgb '#0100%02x'", color & 0xFFu);
        return text;
}

struct trib__canvas trib__canvas_begin(FILE *stream, enum trib__plot_width width, unsigned height)
{
        bool                is_narrow = width == TRIB__PLOT_NARROW;
        struct trib__canvas canvas = { stream, is_narrow, is_narrow ? 360 : 720,
                                       height > 0   ? height
                                       : is_narrow ? 280
                                                   : 380,
                                       is_narrow ? 12 : 13 };

        (void)fprintf(stream,
                      "set encoding utf8\n"
                      "set terminal svg size %u,%u dynamic noenhanced font 'Arial,%u'\n"
                      "set output\n"
                      "unset key\n"
                      "set border 3 lw 1 lc %s\n",
                      canvas.width, canvas.height, canvas.font,
                      trib__color_of(TRIB__COLOR_AXIS).text);
        (void)fprintf(stream, "set grid ytics lt 1 lw 1 lc %s\n",
                      trib__color_of(TRIB__COLOR_GRID).text);
        (void)fprintf(stream, "set tics nomirror out scale 0.5 textcolor %s\n",
                      trib__color_of(TRIB__COLOR_TEXT).text);
        return canvas;
}

/* The length of the UTF-8 character at `text`, 0 if there is no whole one or it cannot be seen. */
static size_t visible(const unsigned char *text)
{
        size_t length = text[0] < 0x80 ? 1 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;

        if (text[0] < ' ' || text[0] == 127 || (text[0] >= 0x80 && text[0] < 0xC2)
            || text[0] > 0xF4)
                return 0;
        for (size_t i = 1; i < length; i++)
                if ((text[i] & 0xC0) != 0x80)
                        return 0;
        return length;
}

static size_t characters(const char *text)
{
        size_t count = 0;

        while (*text != '\0') {
                size_t length = visible((const unsigned char *)text);

                text += length > 0 ? length : 1;
                count++;
        }
        return count;
}

void trib__plot_quoted(FILE *stream, const char *text, size_t most)
{
        bool   is_cut = characters(text) > most;
        size_t left = is_cut && most > 3 ? most - 3 : most;

        (void)fputc('\'', stream);
        while (*text != '\0' && left-- > 0) {
                size_t length = visible((const unsigned char *)text);

                if (length == 0)
                        (void)fputc('?', stream);
                else if (*text == '\'')
                        (void)fputs("\xE2\x80\x99", stream); /* an apostrophe that ends no string */
                else
                        (void)fwrite(text, 1, length, stream); /* No site: see the flush. */
                text += length > 0 ? length : 1;
        }
        (void)fputs(is_cut ? "...'" : "'", stream);
}

double trib__plot_step(double range, double steps)
{
        double power = pow(10, floor(log10(range / steps)));
        double part = range / steps / power;

        return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

/* "1,500", "20 k", "1.5 M": short enough for an axis. */
static void print_short(FILE *stream, double value)
{
        static const struct {
                double      unit;
                const char *name;
        } units[] = { { 1e12, " T" }, { 1e9, " G" }, { 1e6, " M" }, { 1e4, " k" } };

        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                double unit = units[i].unit > 1e4 ? units[i].unit : 1e3;

                if (fabs(value) >= units[i].unit * (1 - 1e-9)) {
                        (void)fprintf(stream, "'%.4g%s' %.10g", value / unit, units[i].name,
                                      value);
                        return;
                }
        }
        (void)fprintf(stream, "'%.4g' %.10g", value, value);
}

static void print_log_ticks(FILE *stream, double lowest, double highest,
                            void (*print)(FILE *stream, double value))
{
        static const double parts[] = { 1, 2, 5 };
        double              decades = log10(highest / lowest);
        size_t              used = decades > 2.6 ? 1 : 3;
        int                 count = 0;
        int                 stride = decades > 7 ? 3 : 1;

        for (int power = (int)floor(log10(lowest)); power <= (int)ceil(log10(highest));
             power += stride)
                for (size_t i = 0; i < used && count < TICKS_MAX; i++) {
                        double value = parts[i] * pow(10, power);

                        if (value < lowest * 0.999 || value > highest * 1.001)
                                continue;
                        (void)fputs(count++ > 0 ? ", " : "", stream);
                        print(stream, value);
                }
}

void trib__plot_ticks(FILE *stream, const char *axis, double lowest, double highest, bool is_log)
{
        double step;

        (void)fprintf(stream, "set %stics (", axis);
        if (is_log) {
                print_log_ticks(stream, lowest, highest, print_short);
        } else if (highest > lowest) {
                int count = 0;

                step = trib__plot_step(highest - lowest, 6);
                for (double value = ceil(lowest / step - 1e-9) * step;
                     value <= highest * (1 + 1e-9) && count < TICKS_MAX; value += step) {
                        (void)fputs(count++ > 0 ? ", " : "", stream);
                        print_short(stream, fabs(value) < step / 1e3 ? 0 : value);
                }
        }
        (void)fputs(")\n", stream);
}

static void print_time(FILE *stream, double us)
{
        double      value = us < 1 ? us * 1e3 : us < 1e3 ? us : us < 1e6 ? us * 1e-3 : us * 1e-6;
        const char *unit = us < 1 ? "ns" : us < 1e3 ? "us" : us < 1e6 ? "ms" : "s";

        (void)fprintf(stream, "'%.4g %s' %.10g", value, unit, us);
}

void trib__plot_time_ticks(FILE *stream, double lowest, double highest)
{
        (void)fputs("set ytics (", stream);
        print_log_ticks(stream, lowest, highest, print_time);
        (void)fputs(")\n", stream);
}

void trib__plot_thread_ticks(const struct trib__canvas *canvas, const double *threads,
                             size_t count, bool is_log)
{
        double first = threads[0], last = threads[count - 1];
        double room = canvas->width - (canvas->is_narrow ? 70.0 : 110.0), at = -1e9;
        int    shown = 0;

        (void)fputs("set xtics (", canvas->stream);
        for (size_t i = 0; i < count; i++) {
                double place = is_log ? log(threads[i] / first) / log(last / first)
                                      : (threads[i] - first) / (last - first);

                place = count > 1 ? place * room : 0;
                if (place - at < TICK_DISTANCE
                    || (i + 1 < count && room - place < TICK_DISTANCE && count > 1))
                        continue;
                (void)fprintf(canvas->stream, "%s'%.0f' %.10g", shown++ > 0 ? ", " : "",
                              threads[i], threads[i]);
                at = place;
        }
        (void)fputs(")\n", canvas->stream);
}

void trib__plot_legend(struct trib__plot *plot, unsigned color, enum trib__mark mark,
                       const char *format, ...)
{
        struct trib__legend *legend = &plot->legend[plot->legend_count];
        va_list              arguments;

        if (plot->legend_count == TRIB__LEGEND_MAX)
                return;
        plot->legend_count++;
        legend->color = color;
        legend->mark = mark;
        va_start(arguments, format);
        (void)vsnprintf(legend->text, sizeof(legend->text), format, arguments);
        va_end(arguments);
}
