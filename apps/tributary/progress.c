/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c: "[=======>      ]  52 %  0:31 left  8 threads, round 3 of 5". */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

#define BAR_CELLS_MAX 30u
#define REDRAW_NS UINT64_C(100000000)
#define COLUMNS_DEFAULT 80u
#define LINE_BYTES 256u
#define WIPE "\r\033[K"

static unsigned terminal_columns(void)
{
        struct winsize size;

        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
                return COLUMNS_DEFAULT;
        return size.ws_col;
}

void trib_progress_begin(struct trib_progress *progress, bool is_quiet)
{
        const char *terminal = getenv("TERM");

        memset(progress, 0, sizeof(*progress));
        progress->is_on = !is_quiet && isatty(STDERR_FILENO) && terminal != NULL
                          && strcmp(terminal, "dumb") != 0;
}

static void make_bar(char *bar, unsigned cells, double done)
{
        unsigned full = (unsigned)(done * cells);

        for (unsigned i = 0; i < cells; i++)
                bar[i] = i < full ? '=' : i == full ? '>' : ' ';
        bar[cells] = '\0';
}

const char *trib_progress_line(char *buffer, size_t size, unsigned columns, double done_seconds,
                               double left_seconds, const char *text)
{
        char     bar[BAR_CELLS_MAX + 1];
        unsigned cells = columns >= 80 ? BAR_CELLS_MAX : columns >= 40 ? 10 : 0;
        double   total = done_seconds + left_seconds;
        double   done = total > 0 ? done_seconds / total : 0;
        unsigned left = left_seconds < 359999 ? (unsigned)(left_seconds + 0.5) : 359999;

        if (done > 1)
                done = 1;
        make_bar(bar, cells, done);
        (void)snprintf(buffer, size, "%s%s%s%3.0f %%  %u:%02u left  %s", cells > 0 ? "[" : "",
                       bar, cells > 0 ? "] " : "", 100 * done, left / 60, left % 60, text);
        if (columns > 0 && strlen(buffer) >= columns)
                buffer[columns - 1] = '\0';
        return buffer;
}

void trib_progress_draw(struct trib_progress *progress, double done_seconds, double left_seconds,
                        const char *text)
{
        char     line[LINE_BYTES];
        uint64_t now;

        trib__recorder_stage(progress->recorder, text);
        if (!progress->is_on)
                return;
        now = trib__now();
        if (progress->is_drawn && now - progress->drawn_at < REDRAW_NS)
                return;
        progress->is_drawn = true;
        progress->drawn_at = now;
        (void)fprintf(stderr, WIPE "%s",
                      trib_progress_line(line, sizeof(line), terminal_columns(), done_seconds,
                                         left_seconds, text));
        (void)fflush(stderr);
}

void trib_progress_end(struct trib_progress *progress)
{
        if (progress->is_drawn) {
                (void)fputs(WIPE, stderr);
                (void)fflush(stderr);
        }
        progress->is_on = progress->is_drawn = false;
}
