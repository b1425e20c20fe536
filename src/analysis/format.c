/* SPDX-License-Identifier: Apache-2.0 */
/* format.c: see format.h. Holds no state, takes no lock. */
#include "analysis/format.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct trib__text trib__text_of(char *buffer, size_t size)
{
        struct trib__text text = { buffer, size, 0, false };

        if (size > 0)
                buffer[0] = '\0';
        return text;
}

void trib__text_add(struct trib__text *text, const char *format, ...)
{
        va_list arguments;
        int     written;
        size_t  room = trib__text_room(text);

        if (text->used >= text->size)
                return;
        va_start(arguments, format);
        written = vsnprintf(text->buffer + text->used, room + 1, format, arguments);
        va_end(arguments);
        if (written < 0)
                return;
        if ((size_t)written > room) {
                text->is_cut = true;
                text->used += room;
        } else {
                text->used += (size_t)written;
        }
}

size_t trib__text_room(const struct trib__text *text)
{
        return text->used < text->size ? text->size - text->used - 1 : 0;
}

struct trib__number trib__grouped(double value)
{
        struct trib__number number;
        char                digits[TRIB__NUMBER_BYTES];
        size_t              length, used = 0, first;

        if (!isfinite(value) || fabs(value) >= 1e15) {
                (void)snprintf(number.text, sizeof(number.text), "%.3g", value);
                return number;
        }
        if (fabs(value) < 99.95) {
                int decimals = fabs(value) < 1 ? 4 : fabs(value) < 9.995 ? 2 : 1;
                if (value == floor(value))
                        decimals = 0;
                (void)snprintf(number.text, sizeof(number.text), "%.*f", decimals, value);
                return number;
        }
        (void)snprintf(digits, sizeof(digits), "%.0f", value);
        length = strlen(digits);
        first = digits[0] == '-' ? 1 : 0;
        for (size_t i = 0; i < length; i++) {
                if (i > first && (length - i) % 3 == 0)
                        number.text[used++] = ',';
                number.text[used++] = digits[i];
        }
        number.text[used] = '\0';
        return number;
}

struct trib__number trib__duration_us(double us)
{
        struct trib__number number;
        double              scaled = us;
        const char         *unit = "us";

        if (us >= 999.5e3) {
                scaled = us / 1e6;
                unit = "s";
        } else if (us >= 999.5) {
                scaled = us / 1e3;
                unit = "ms";
        }
        (void)snprintf(number.text, sizeof(number.text), "%.*f %s",
                       scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0, scaled, unit);
        return number;
}

struct trib__number trib__threads_text(unsigned threads)
{
        struct trib__number number;

        (void)snprintf(number.text, sizeof(number.text), "%u thread%s", threads,
                       threads == 1 ? "" : "s");
        return number;
}
