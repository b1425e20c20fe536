/* SPDX-License-Identifier: Apache-2.0 */
/* status.h: how every call of tributary reports what happened.
 *
 * A call that can fail returns a trib_status; the detail (what, where, what to do) goes into a
 * trib_error that the caller owns, so that two threads never share an error message.
 *
 *     trib_error err = TRIB_ERROR_INIT;
 *     if (trib_device_open("cpu:0", NULL, &device, &err))
 *             fprintf(stderr, "%s\n", err.message);
 *
 * This header is vocabulary: it includes nothing of ours, and every layer may include it. */
#ifndef TRIBUTARY_STATUS_H
#define TRIBUTARY_STATUS_H

#if defined(_WIN32)
#define TRIB_API
#else
#define TRIB_API __attribute__((visibility("default")))
#endif

#if defined(__GNUC__)
#define TRIB_MUST_USE __attribute__((warn_unused_result))
#define TRIB_PRINTF(format_index, first_argument) \
        __attribute__((format(printf, format_index, first_argument)))
#else
#define TRIB_MUST_USE
#define TRIB_PRINTF(format_index, first_argument)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The one list of results: X(NAME, value, text). Values are never reused or renumbered. */
#define TRIB_STATUS_LIST(X)                                                                \
        X(OK, 0, "done")                                                                   \
        X(PENDING, 1, "not finished yet")                                                  \
        X(INVALID_ARGUMENT, 2, "an argument is not valid")                                 \
        X(OUT_OF_MEMORY, 3, "no memory left, or the device's byte cap is reached")         \
        X(TIMED_OUT, 4, "the deadline passed")                                             \
        X(CANCELLED, 5, "cancelled by the caller")                                         \
        X(NOT_FOUND, 6, "no such device, file or name")                                    \
        X(UNSUPPORTED, 7, "not supported here")                                            \
        X(OVERFLOW, 8, "a size does not fit")                                              \
        X(SHAPE_MISMATCH, 9, "shapes do not go together")                                  \
        X(DTYPE_MISMATCH, 10, "data types do not go together")                             \
        X(STALE, 11, "the handle's object no longer exists")                               \
        X(DEVICE_ERROR, 12, "the device failed this request")                              \
        X(DEVICE_LOST, 13, "the device failed for good")                                   \
        X(IO, 14, "a file could not be read or written")                                   \
        X(MALFORMED, 15, "a file's content is not valid")                                  \
        X(BUSY, 16, "still in use")                                                        \
        X(CLOSED, 17, "closed, or closing")                                                \
        X(NO_STREAM, 18, "every stream is taken")                                          \
        X(REENTRANT, 19, "not allowed from inside a callback")                             \
        X(FORKED, 20, "forked after tributary was used; exec first")                       \
        X(USER_OPERATOR, 21, "a user-defined operator reported failure")                   \
        X(SYSTEM, 22, "the operating system refused")                                      \
        X(INTERNAL, 23, "a defect of the library")

typedef enum trib_status {
#define TRIB_STATUS_ENUM(name, value, text) TRIB_##name = (value),
        TRIB_STATUS_LIST(TRIB_STATUS_ENUM)
#undef TRIB_STATUS_ENUM
} trib_status;

#define TRIB_ERROR_TEXT_BYTES 256

/* The detail of the last failure of the calls that it was passed to. A call that succeeds leaves
 * it alone, so look at the returned status first. `message` is always terminated; a text that is
 * too long is cut. */
typedef struct trib_error {
        trib_status status;
        char        message[TRIB_ERROR_TEXT_BYTES];
} trib_error;

#define TRIB_ERROR_INIT { TRIB_OK, { 0 } }

#define TRIB_VERSION_MAJOR 0
#define TRIB_VERSION_MINOR 1
#define TRIB_VERSION_PATCH 0

/* What: the name of a status as written in C without its prefix ("TIMED_OUT"); "?" for a number
 * that is none.
 * Ownership: a constant string of the library.
 * Threads: any.   Blocks: no.   Errors: none.   Since: 0.1 */
TRIB_API const char *trib_status_name(trib_status status);

/* What: one line of English that says what a status means.
 * Ownership: a constant string of the library.
 * Threads: any.   Blocks: no.   Errors: none.   Since: 0.1 */
TRIB_API const char *trib_status_text(trib_status status);

/* What: the version of the library in use, "major.minor.patch". It can differ from the
 * TRIB_VERSION_* that the program was compiled with.
 * Ownership: a constant string of the library.
 * Threads: any.   Blocks: no.   Errors: none.   Since: 0.1 */
TRIB_API const char *trib_version(void);

#ifdef __cplusplus
}
#endif
#endif
