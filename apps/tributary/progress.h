/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h: a bar with the time left, on standard error, if that is a terminal. */
#ifndef TRIB_APPS_PROGRESS_H
#define TRIB_APPS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loadgen/recorder.h"

struct trib_progress {
        bool     is_on;
        bool     is_drawn;
        uint64_t drawn_at; /* trib__now */
        struct trib__recorder *recorder; /* is told what is going on; or NULL */
};

/* On if standard error is a terminal that can redraw a line, unless is_quiet. */
void trib_progress_begin(struct trib_progress *progress, bool is_quiet);

/* Draw it again, at most ten times a second. `text` says what is going on. */
void trib_progress_draw(struct trib_progress *progress, double done_seconds, double left_seconds,
                        const char *text);

/* Wipe it from the screen; further draws do nothing. */
void trib_progress_end(struct trib_progress *progress);

/* The line of a progress bar, at most columns - 1 bytes. Returns buffer. */
const char *trib_progress_line(char *buffer, size_t size, unsigned columns, double done_seconds,
                               double left_seconds, const char *text);

#endif
