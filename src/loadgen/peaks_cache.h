/* SPDX-License-Identifier: Apache-2.0 */
/* peaks_cache.h: the measured peaks of a device, kept in a file of the user's from run to run.
 *
 * key:     what peaks depend on: processor, cores that we may use, device, kernel library, our own
 *          version, system. Each key has a file of its own, which holds the key in full.
 * file:    JSON, below $XDG_CACHE_HOME/tributary, else ~/.cache/tributary. It may hold anything:
 *          what is not a file of ours for just this key is as if it were not there.
 * verdict: what a short measurement says of kept peaks. Other work on a machine only makes it
 *          slower, so what is faster than the peaks shows that they are wrong; what is slower shows
 *          that the machine is busy, or its clock low.
 *
 * Nothing here is an error of the program's: at worst the peaks are measured each time. */
#ifndef TRIB_LOADGEN_PEAKS_CACHE_H
#define TRIB_LOADGEN_PEAKS_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tributary/device.h>

#define TRIB__PEAKS_PATH_BYTES 1024

struct trib__peaks_key {
        char     cpu[128];
        char     device[64];
        char     library[128];
        char     tool[64];
        char     os[128];
        unsigned cores;
};

/* What: the key's file below `cache_home` if that is an absolute path, else below `home`/.cache.
 * Both may be NULL. False, and an empty path, if there is no such place. */
bool trib__peaks_path(const struct trib__peaks_key *key, const char *cache_home, const char *home,
                      char path[TRIB__PEAKS_PATH_BYTES]);

/* What: reads the key's peaks; *age_s is their age at `now_s` (seconds since 1970).
 * Errors: TRIB_NOT_FOUND (there is no file), TRIB_MALFORMED (it is not ours, or not of this key or
 * version, or older than now; the message says which), TRIB_SYSTEM, TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__peaks_load(const char *path, const struct trib__peaks_key *key,
                                           int64_t now_s, trib_device_peaks *out, double *age_s,
                                           trib_error *err);

/* What: writes the file beside its place and renames it; makes its folder, and the one above.
 * Errors: TRIB_SYSTEM, TRIB_OUT_OF_MEMORY; the old file is then as it was. */
TRIB_MUST_USE trib_status trib__peaks_store(const char *path, const struct trib__peaks_key *key,
                                            int64_t now_s, const trib_device_peaks *peaks,
                                            trib_error *err);

/* ---- which peaks a run has -------------------------------------------------------------- */

#define TRIB__PEAKS_DRIFT 0.10
#define TRIB__PEAKS_NOTES_MAX 2

enum trib__peaks_verdict { TRIB__PEAKS_HOLD, TRIB__PEAKS_TOO_LOW, TRIB__PEAKS_NOT_REACHED };

struct trib__peaks_drift {
        enum trib__peaks_verdict verdict;
        const char *what;    /* "arithmetic", "memory"                                  */
        double      percent; /* how much faster or slower that is than the kept peak    */
};

/* Compares FLOP/s of f32 and memory bandwidth; what either has not counts for nothing. */
struct trib__peaks_drift trib__peaks_compare(const trib_device_peaks *kept,
                                             const trib_device_peaks *now);

/* Each figure of `peaks` that `more` has better. The largest relative gain. */
double trib__peaks_improve(trib_device_peaks *peaks, const trib_device_peaks *more);

struct trib__peaks_source {
        /* Measures for about so long; a test's own, or trib_device_measure_peaks. */
        trib_status (*measure)(void *context, uint32_t milliseconds, trib_device_peaks *out,
                               trib_error *err);
        void                  *context;
        struct trib__peaks_key key;
        char    path[TRIB__PEAKS_PATH_BYTES]; /* "": nothing is kept                      */
        int64_t now_s;
        bool    is_fresh; /* measure in any case */
};

struct trib__peaks_note {
        char code[24]; /* of a finding: "peaks-cache", "peaks-rose", "slower-device" */
        bool is_warning;
        char text[400];
};

struct trib__peaks_taken {
        trib_device_peaks       peaks;
        bool                    is_cached;
        double                  age_s;
        struct trib__peaks_note notes[TRIB__PEAKS_NOTES_MAX];
        size_t                  note_count;
};

/* What: the peaks to use: kept ones that still hold, else measured ones, which are then kept.
 * Blocks: about 0.2 s for kept ones, a second and more for measured ones.
 * Errors: those of `measure`. */
TRIB_MUST_USE trib_status trib__peaks_take(const struct trib__peaks_source *source,
                                           struct trib__peaks_taken *out, trib_error *err);

/* What: measures shortly again, at the end of a run that took `taken`, and keeps what was better.
 * Errors: those of `measure`. */
TRIB_MUST_USE trib_status trib__peaks_take_again(const struct trib__peaks_source *source,
                                                 struct trib__peaks_taken *taken,
                                                 trib_error *err);

#endif
