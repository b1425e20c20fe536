/* SPDX-License-Identifier: Apache-2.0 */
/* trace_mutate.c: making a good trace wrong in every way of the tables, at several places each,
 * and seeing that the named property says so. */
#include <stdlib.h>
#include <string.h>

#include "trace_mutate.h"

#define MOST_PLACES 6
#define SPARE_ROOM 8

void edit_delete(struct edit *edit, size_t at)
{
        memmove(&edit->records[at], &edit->records[at + 1],
                (edit->count - at - 1) * sizeof(*edit->records));
        edit->count--;
}

void edit_insert(struct edit *edit, size_t at, const struct trib__trace_record *record)
{
        struct trib__trace_record copy = *record;

        memmove(&edit->records[at + 1], &edit->records[at],
                (edit->count - at) * sizeof(*edit->records));
        edit->records[at] = copy;
        edit->count++;
}

void edit_move(struct edit *edit, size_t from, size_t behind)
{
        struct trib__trace_record record = edit->records[from];

        edit_delete(edit, from);
        edit_insert(edit, behind < from ? behind + 1 : behind, &record);
}

static bool is_same(const struct edit *edit, size_t a, size_t b, unsigned same)
{
        const struct trib__trace_record *x = &edit->records[a], *y = &edit->records[b];

        return ((same & SAME_OBJECT) == 0 || x->object == y->object) &&
               ((same & SAME_SLOT) == 0 || x->values[0] == y->values[0]) &&
               ((same & SAME_THREAD) == 0 || x->thread == y->thread);
}

size_t edit_next(const struct edit *edit, size_t at, enum trib__trace_event event, unsigned same)
{
        for (size_t i = at + 1; i < edit->count; i++) {
                if (edit->records[i].event == event && is_same(edit, at, i, same))
                        return i;
        }
        return NOWHERE;
}

size_t edit_last(const struct edit *edit, size_t at, enum trib__trace_event event, unsigned same)
{
        for (size_t i = at; i-- > 0;) {
                if (edit->records[i].event == event && is_same(edit, at, i, same))
                        return i;
        }
        return NOWHERE;
}

bool edit_has(const struct edit *edit, size_t from, size_t to, enum trib__trace_event event)
{
        for (size_t i = from + 1; i < to && i < edit->count; i++) {
                if (edit->records[i].event == event && is_same(edit, from, i, SAME_OBJECT))
                        return true;
        }
        return false;
}

bool make_lost(struct edit *edit, size_t at)
{
        edit_delete(edit, at);
        return true;
}

bool make_twice(struct edit *edit, size_t at)
{
        edit_insert(edit, at, &edit->records[at]);
        return true;
}

static void replay(struct check *check, struct edit *edit)
{
        check_init(check, NULL);
        for (size_t i = 0; i < edit->count; i++) {
                if (!edit->keeps_stamps)
                        edit->records[i].stamp = i;
                check_record(check, &edit->records[i]);
        }
        check_end(check);
}

struct tally {
        size_t places, caught, other;
};

/* Make the mutant at up to MOST_PLACES places, spread over the trace. */
static struct tally try_mutant(const struct mutant *mutant,
                               const struct trib__trace_record *records, size_t count,
                               struct trib__trace_record *room)
{
        const struct edit whole = { (struct trib__trace_record *)(uintptr_t)records, count, false };
        struct tally      tally = { 0, 0, 0 };
        size_t            fitting = 0, seen = 0;

        for (size_t i = 0; i < count; i++)
                fitting += records[i].event == mutant->event &&
                           (mutant->fits == NULL || mutant->fits(&whole, i));
        for (size_t i = 0; i < count && tally.places < MOST_PLACES; i++) {
                static struct check check;
                struct edit         edit = { room, count, false };

                if (records[i].event != mutant->event ||
                    (mutant->fits != NULL && !mutant->fits(&whole, i)))
                        continue;
                if (seen++ * MOST_PLACES < tally.places * fitting)
                        continue;
                memcpy(room, records, count * sizeof(*room));
                if (!mutant->make(&edit, i))
                        continue;
                tally.places++;
                replay(&check, &edit);
                if (check.violated[mutant->caught_by] > 0)
                        tally.caught++;
                else if (check_violations(&check) > 0)
                        tally.other++;
                check_free(&check);
        }
        return tally;
}

static bool try_table(const struct mutant *mutants, size_t n_mutants,
                      const struct trib__trace_record *records, size_t count, FILE *out)
{
        struct trib__trace_record *room = must(malloc((count + SPARE_ROOM) * sizeof(*room)));
        bool                       is_good = true;

        for (size_t i = 0; i < n_mutants; i++) {
                const struct mutant *mutant = &mutants[i];
                struct tally         tally = try_mutant(mutant, records, count, room);
                bool                 is_caught = tally.caught == tally.places;

                if (mutant->chance != RARE)
                        is_caught = tally.caught > 0 &&
                                    (mutant->chance == SOME || 2 * tally.caught >= tally.places);

                (void)fprintf(out, "%-24s %-6s caught at %zu of %zu places%s\n", mutant->name,
                              property_names[mutant->caught_by], tally.caught, tally.places,
                              is_caught && tally.places > 0 ? ""
                              : tally.places == 0 ? ": NO PLACE for it in this trace"
                              : tally.other > 0   ? ": NOT BY THIS PROPERTY"
                                                  : ": NOT CAUGHT");
                is_good = is_good && is_caught;
        }
        free(room);
        return is_good;
}

bool mutate_all(const struct trib__trace_record *records, size_t count, FILE *out)
{
        static struct check check;
        bool                is_good;

        check_init(&check, stderr);
        for (size_t i = 0; i < count; i++)
                check_record(&check, &records[i]);
        check_end(&check);
        is_good = check_violations(&check) == 0;
        check_free(&check);
        if (!is_good) {
                (void)fprintf(out, "the trace itself is not good\n");
                return false;
        }
        is_good = try_table(memory_mutants, n_memory_mutants, records, count, out);
        is_good = try_table(other_mutants, n_other_mutants, records, count, out) && is_good;
        (void)fprintf(out, "%zu mutants of a trace of %zu records: %s\n",
                      n_memory_mutants + n_other_mutants, count,
                      is_good ? "all caught" : "NOT ALL CAUGHT");
        return is_good;
}
