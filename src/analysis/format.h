/* SPDX-License-Identifier: Apache-2.0 */
/* format.h: numbers as people read them, and texts built piece by piece into a fixed buffer. */
#ifndef TRIB_ANALYSIS_FORMAT_H
#define TRIB_ANALYSIS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include <tributary/status.h>

/* A text that grows to the end of its buffer and is cut there, always terminated. */
struct trib__text {
        char  *buffer;
        size_t size;
        size_t used;
        bool   is_cut;
};

struct trib__text trib__text_of(char *buffer, size_t size);

TRIB_PRINTF(2, 3)
void trib__text_add(struct trib__text *text, const char *format, ...);

/* How many bytes still fit. */
size_t trib__text_room(const struct trib__text *text);

#define TRIB__NUMBER_BYTES 40

/* One number; the array inside lets it be used in an argument list:
 * printf("%s ops/s", trib__grouped(x).text). */
struct trib__number {
        char text[TRIB__NUMBER_BYTES];
};

/* "18,587", "94.3", "7.31", "0.0512": thousands separated, about three digits below 100. */
struct trib__number trib__grouped(double value);

/* "9.48 us", "1.72 ms", "2.10 s". */
struct trib__number trib__duration_us(double us);

/* "1 thread", "2 threads". */
struct trib__number trib__threads_text(unsigned threads);

#endif
