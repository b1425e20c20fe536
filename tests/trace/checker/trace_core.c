/* SPDX-License-Identifier: Apache-2.0 */
/* trace_core.c: one record after the other; objects that open and close; what is said about a
 * violation. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "trace_check.h"

#define MOST_TOLD 20

#define NAME(name, text) #name,
#define TEXT(name, text) text,
const char *const property_names[PROPERTY_COUNT] = { PROPERTIES(NAME) };
const char *const property_texts[PROPERTY_COUNT] = { PROPERTIES(TEXT) };
const char *const event_names[TRIB__TRACE_EVENT_COUNT] = { TRIB__TRACE_EVENTS(NAME) };
const char *const event_values[TRIB__TRACE_EVENT_COUNT] = { TRIB__TRACE_EVENTS(TEXT) };

void print_record(FILE *out, const struct trib__trace_record *record)
{
        (void)fprintf(out, "%" PRIu64 " %u %s %" PRIx64, record->stamp, record->thread,
                      record->event < TRIB__TRACE_EVENT_COUNT ? event_names[record->event] : "?",
                      record->object);
        for (int v = 0; v < TRIB__TRACE_VALUES; v++)
                (void)fprintf(out, record->values[v] > 1u << 24 ? " %" PRIx64 : " %" PRIu64,
                              record->values[v]);
        (void)fprintf(out, "\n");
}

/* What happened to the object, or to what the record's first value names, or by the thread. */
static void print_before(const struct check *check)
{
        const struct trib__trace_record *last = check->record;
        uint64_t                         first = last->stamp < RECENT ? 0 : last->stamp - RECENT;

        (void)fprintf(check->out, "before that, of this object and this thread:\n");
        for (uint64_t stamp = first + 1; stamp < last->stamp; stamp++) {
                const struct trib__trace_record *r = &check->recent[stamp & (RECENT - 1)];

                if (r->stamp == stamp && (r->thread == last->thread ||
                                          (r->object == last->object &&
                                           (r->values[0] == last->values[0] ||
                                            last->event > TRIB__TRACE_CACHE_LEAVE)) ||
                                          r->event == TRIB__TRACE_WAIT_BEGIN ||
                                          r->event == TRIB__TRACE_WAIT_END)) {
                        (void)fprintf(check->out, "        ");
                        print_record(check->out, r);
                }
        }
}

void violation(struct check *check, enum property property, const char *format, ...)
{
        const struct trib__trace_record *r = check->record;
        va_list                          list;

        check->violated[property]++;
        if (check->out == NULL || check->told++ >= MOST_TOLD)
                return;
        (void)fprintf(check->out, "%s violated: ", property_names[property]);
        va_start(list, format);
        (void)vfprintf(check->out, format, list);
        va_end(list);
        (void)fprintf(check->out, r == NULL ? " (at the end)\n" : " at\n        ");
        if (r != NULL)
                print_record(check->out, r);
        if (r != NULL && check->told == 1)
                print_before(check);
}

uint64_t check_violations(const struct check *check)
{
        uint64_t sum = 0;

        for (int p = 0; p < PROPERTY_COUNT; p++)
                sum += check->violated[p];
        return sum;
}

/* What an object that is not closed violates. */
static const enum property closing[] = {
        [KIND_NONE] = PROPERTY_FORMAT, [KIND_MEMORY] = PROPERTY_S5, [KIND_POOL] = PROPERTY_S11,
        [KIND_STREAM] = PROPERTY_S11,  [KIND_QUEUE] = PROPERTY_S11, [KIND_PLANS] = PROPERTY_P5,
        [KIND_PLAN] = PROPERTY_P5,     [KIND_SESSION] = PROPERTY_B6, [KIND_REQUESTS] = PROPERTY_B6,
        [KIND_REQUEST] = PROPERTY_B6,
};

void *object_open(struct check *check, enum kind kind, uint64_t address, size_t size)
{
        struct object *object = map_find(&check->objects, address);

        if (object != NULL) {
                violation(check, closing[object->kind],
                          "an object is opened where one is that was not closed");
                return NULL;
        }
        object = must(calloc(1, size));
        object->address = address;
        object->kind = kind;
        map_add(&check->objects, object);
        check->open++;
        return object;
}

void object_close(struct check *check, struct object *object)
{
        map_remove(&check->objects, object->address);
        check->open--;
        free(object);
}

void *object_find(struct check *check, enum kind kind, uint64_t address)
{
        struct object *object = map_find(&check->objects, address);

        if (!DEMAND(check, S8, object != NULL && object->kind == kind,
                    "an event of an object that is not there (any more)"))
                return NULL;
        return object;
}

void object_unlist(struct object **list, struct object *object)
{
        while (*list != NULL && *list != object)
                list = &(*list)->next;
        if (*list != NULL)
                *list = object->next;
}

struct thread *thread_at(struct check *check, uint32_t number)
{
        if (number >= check->n_threads) {
                size_t count = check->n_threads == 0 ? 256 : check->n_threads * 2;

                while (count <= number)
                        count *= 2;
                check->threads = must(realloc(check->threads, count * sizeof(*check->threads)));
                memset(&check->threads[check->n_threads], 0,
                       (count - check->n_threads) * sizeof(*check->threads));
                check->n_threads = count;
        }
        return &check->threads[number];
}

static void quiet(struct check *check, bool is_end)
{
        for (size_t i = 0; i < check->objects.capacity; i++) {
                struct object *object = check->objects.slots[i];

                if (object == NULL)
                        continue;
                if (object->kind == KIND_MEMORY)
                        memory_quiet(check, (struct memory *)object, is_end);
                else if (object->kind == KIND_POOL)
                        stream_quiet(check, (struct pool *)object);
                else if (object->kind == KIND_SESSION)
                        session_quiet(check, (struct session *)object);
                else if (object->kind == KIND_REQUESTS)
                        requests_quiet(check, (struct requests *)object);
        }
}

void check_record(struct check *check, const struct trib__trace_record *record)
{
        check->record = record;
        check->recent[record->stamp & (RECENT - 1)] = *record;
        (void)DEMAND(check, FORMAT, record->stamp == check->expected,
                     "stamp %" PRIu64 " was to come", check->expected);
        check->expected = record->stamp + 1;
        if (!DEMAND(check, FORMAT, record->event < TRIB__TRACE_EVENT_COUNT, "no such event"))
                return;
        check->events[record->event]++;
        check->thread = thread_at(check, record->thread);
        if (check->thread->is_refused && record->event != TRIB__TRACE_DROP_REFUSED) {
                (void)DEMAND(check, S3, false, "a block that was not live was dropped");
                check->thread->is_refused = false;
        }
        if (record->event <= TRIB__TRACE_CACHE_LEAVE)
                memory_event(check, record);
        else if (record->event <= TRIB__TRACE_COMPLETED)
                stream_event(check, record);
        else if (record->event <= TRIB__TRACE_PLANS_FIT)
                plan_event(check, record);
        else if (record->event <= TRIB__TRACE_SESSION_FREE)
                session_event(check, record);
        else if (record->event <= TRIB__TRACE_RUN_END)
                request_event(check, record);
        else
                quiet(check, false);
        check->thread->last_stamp = record->stamp;
}

void check_init(struct check *check, FILE *out)
{
        memset(check, 0, sizeof(*check));
        check->out = out;
}

void check_end(struct check *check)
{
        check->record = NULL;
        quiet(check, true);
        for (size_t i = 0; i < check->objects.capacity; i++) {
                struct object *object = check->objects.slots[i];

                if (object != NULL)
                        violation(check, closing[object->kind],
                                  "object %" PRIx64 " was not closed", object->address);
        }
        for (size_t i = 0; i < check->n_threads; i++)
                (void)DEMAND(check, S7, check->threads[i].void_place == 0,
                             "thread %zu gave back a home of an old epoch", i);
}

void check_free(struct check *check)
{
        for (size_t i = 0; i < check->objects.capacity; i++) {
                struct object *object = check->objects.slots[i];

                if (object != NULL && object->kind == KIND_MEMORY)
                        memory_free((struct memory *)object);
                else if (object != NULL && object->kind == KIND_POOL)
                        pool_free((struct pool *)object);
                free(object);
        }
        for (size_t i = 0; i < check->n_threads; i++) {
                for (int d = 0; d < DOMAINS; d++)
                        free(check->threads[i].known[d]);
        }
        free(check->threads);
        free(check->objects.slots);
}
