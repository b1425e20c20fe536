/* SPDX-License-Identifier: Apache-2.0 */
/* trace_mutate.h: a good trace with one thing made wrong.
 *
 * mutant: a defect as it would show in a trace, the property that must catch it, and where it can
 *         be put: at records of its event that `fits`. `make` changes the trace at such a place;
 *         false if the place will not do after all. */
#ifndef TRIB_TESTS_TRACE_MUTATE_H
#define TRIB_TESTS_TRACE_MUTATE_H

#include "trace_check.h"

struct edit {
        struct trib__trace_record *records; /* with room for some more */
        size_t                     count;
        bool                       keeps_stamps;
};

enum chance {
        SURE, /* caught at every place                                                   */
        SOME, /* at some; at others it makes no difference                               */
        RARE  /* at every place, if there is one: what it is about depends on the timing */
};

struct mutant {
        const char             *name;
        enum property           caught_by;
        enum chance             chance;
        enum trib__trace_event  event;
        bool (*fits)(const struct edit *edit, size_t at);
        bool (*make)(struct edit *edit, size_t at);
};

extern const struct mutant memory_mutants[];
extern const size_t        n_memory_mutants;
extern const struct mutant other_mutants[];
extern const size_t        n_other_mutants;

#define NOWHERE SIZE_MAX

void edit_delete(struct edit *edit, size_t at);
void edit_insert(struct edit *edit, size_t at, const struct trib__trace_record *record);
/* Move the record at `from` so that it comes right behind what is at `behind` now. */
void edit_move(struct edit *edit, size_t from, size_t behind);

enum same { SAME_OBJECT = 1, SAME_SLOT = 2, SAME_THREAD = 4 };

/* The next record behind `at` (or the last before it) of the event that agrees with the one at
 * `at` in object, first value and thread, as asked; or NOWHERE. */
size_t edit_next(const struct edit *edit, size_t at, enum trib__trace_event event, unsigned same);
size_t edit_last(const struct edit *edit, size_t at, enum trib__trace_event event, unsigned same);

/* Whether there is such a record, of the object of the one at `from`, between the two. */
bool edit_has(const struct edit *edit, size_t from, size_t to, enum trib__trace_event event);

/* The commonest ways. */
bool make_lost(struct edit *edit, size_t at);
bool make_twice(struct edit *edit, size_t at);

#endif
