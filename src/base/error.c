/* SPDX-License-Identifier: Apache-2.0 */
/* error.c: the text of statuses and errors. Holds no state, takes no lock, never allocates. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define VERSION_TEXT(major, minor, patch) #major "." #minor "." #patch
#define VERSION_EXPAND(major, minor, patch) VERSION_TEXT(major, minor, patch)

const char *trib_version(void)
{
        return VERSION_EXPAND(TRIB_VERSION_MAJOR, TRIB_VERSION_MINOR, TRIB_VERSION_PATCH);
}

const char *trib_status_name(trib_status status)
{
        switch (status) {
#define STATUS_NAME(name, value, text) \
        case TRIB_##name:              \
                return #name;
                TRIB_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
        }
        return "?";
}

const char *trib_status_text(trib_status status)
{
        switch (status) {
#define STATUS_TEXT(name, value, text) \
        case TRIB_##name:              \
                return text;
                TRIB_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
        }
        return "no such status";
}

trib_status trib__fail(trib_error *err, trib_status status, const char *format, ...)
{
        char    text[TRIB_ERROR_TEXT_BYTES];
        va_list arguments;

        if (err == NULL)
                return status;
        va_start(arguments, format);
        (void)vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        err->status = status;
        memcpy(err->message, text, sizeof(text));
        return status;
}

/* Append `more` to the text, cut to the size of a message; gives the new length. */
static size_t append(char *text, size_t used, const char *more)
{
        size_t length = strnlen(more, TRIB_ERROR_TEXT_BYTES - 1 - used);

        memcpy(text + used, more, length);
        text[used + length] = '\0';
        return used + length;
}

void trib__error_prefix(trib_error *err, const char *format, ...)
{
        char    prefix[TRIB_ERROR_TEXT_BYTES];
        char    text[TRIB_ERROR_TEXT_BYTES];
        va_list arguments;

        if (err == NULL)
                return;
        va_start(arguments, format);
        (void)vsnprintf(prefix, sizeof(prefix), format, arguments);
        va_end(arguments);
        append(text, append(text, append(text, 0, prefix), ": "), err->message);
        memcpy(err->message, text, sizeof(text));
}

const char *trib__errno_text(int errnum, char *buffer, unsigned long size)
{
        const char *text = strerror_r(errnum, buffer, size);

        if (text != buffer)
                (void)snprintf(buffer, size, "%s", text);
        return buffer;
}
