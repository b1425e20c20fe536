/* SPDX-License-Identifier: Apache-2.0 */
/* trace_main.c: the program: replay a trace from a ring or a file, and say what was tested.
 *
 *     trace-check [--need S1,B7,...] [--save FILE] --ring DESCRIPTOR
 *     trace-check [--need S1,B7,...] FILE
 *     trace-check --expect S1 ...
 *     trace-check --mutants FILE
 *     trace-check --dump FILE
 *
 * Ends with 0 if no property is violated and each that is needed was tested; or if the one that is
 * expected to be violated is. Otherwise with 1. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "trace_check.h"

#define GIVE_BACK 512 /* records, between two writes of the ring's `consumed` */
#define IDLE_NS 100000

static double seconds(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void fail(const char *what)
{
        (void)fprintf(stderr, "trace-check: ");
        perror(what);
        exit(2);
}

static struct trib__trace_ring *map_ring(int descriptor)
{
        struct stat about;
        void       *ring;

        if (fstat(descriptor, &about) != 0)
                fail("the ring's size");
        ring = mmap(NULL, (size_t)about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor,
                    0);
        if (ring == MAP_FAILED)
                fail("the ring");
        return ring;
}

static void read_slot(const struct trib__trace_slot *slot, struct trib__trace_record *record)
{
        uint64_t words[TRIB__TRACE_WORDS];

        for (int i = 1; i < TRIB__TRACE_WORDS; i++)
                words[i] = trib__load_relaxed_u64(&slot->words[i]);
        record->event = (uint32_t)words[1];
        record->thread = (uint32_t)(words[1] >> 32);
        record->object = words[2];
        memcpy(record->values, &words[3], sizeof(record->values));
}

/* Everything that comes through the ring, until its end; or its writer's. */
static void replay_ring(struct check *check, struct trib__trace_ring *ring, FILE *save)
{
        const struct timespec     idle = { 0, IDLE_NS };
        struct trib__trace_record record;
        pid_t                     parent = getppid();
        uint64_t                  stamp = 0, given = 0;

        for (;;) {
                struct trib__trace_slot *slot = &ring->slots[stamp & (ring->capacity - 1)];

                if (trib__load_acquire_u64(&slot->words[0]) == stamp + 1) {
                        record.stamp = stamp++;
                        read_slot(slot, &record);
                        if (stamp - given >= GIVE_BACK) {
                                trib__store_release_u64(&ring->consumed, stamp);
                                given = stamp;
                        }
                        check_record(check, &record);
                        if (save != NULL && fwrite(&record, sizeof(record), 1, save) != 1)
                                fail("writing the trace");
                        continue;
                }
                trib__store_release_u64(&ring->consumed, stamp);
                given = stamp;
                if (trib__load_acquire_u64(&ring->ended) != 0 &&
                    trib__load_acquire_u64(&ring->next) == stamp)
                        break;
                if (getppid() != parent) {
                        (void)fprintf(stderr, "trace-check: the writer is gone\n");
                        exit(2);
                }
                (void)nanosleep(&idle, NULL);
        }
        check->record = NULL;
}

static struct trib__trace_record *read_file(const char *path, size_t *count)
{
        struct trib__trace_record *records;
        struct stat                about;
        FILE                      *file = fopen(path, "re");

        if (file == NULL || fstat(fileno(file), &about) != 0)
                fail(path);
        *count = (size_t)about.st_size / sizeof(*records);
        records = must(malloc((*count + 1) * sizeof(*records)));
        if (fread(records, sizeof(*records), *count, file) != *count)
                fail(path);
        (void)fclose(file);
        return records;
}

static void dump(const char *path)
{
        size_t                     count;
        struct trib__trace_record *records = read_file(path, &count);

        for (size_t i = 0; i < count; i++)
                print_record(stdout, &records[i]);
        free(records);
}

static bool is_needed(const char *need, const char *name)
{
        size_t length = strlen(name);

        for (const char *at = need; at != NULL && (at = strstr(at, name)) != NULL; at += length) {
                if ((at == need || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
                        return true;
        }
        return false;
}

static bool report(const struct check *check, const char *need, const char *expected, double took)
{
        bool     is_good = expected != NULL || check_violations(check) == 0;
        uint64_t events = 0;

        for (int e = 0; e < TRIB__TRACE_EVENT_COUNT; e++)
                events += check->events[e];
        (void)printf("%" PRIu64 " events of %zu kinds in %.2f s, %.2f million a second\n", events,
                     (size_t)TRIB__TRACE_EVENT_COUNT, took, (double)events / took * 1e-6);
        for (int e = 0; e < TRIB__TRACE_EVENT_COUNT; e++) {
                if (check->events[e] != 0)
                        (void)printf("  %-16s %12" PRIu64 "\n", event_names[e], check->events[e]);
        }
        for (int p = 0; p < PROPERTY_COUNT; p++) {
                bool is_missing = check->tested[p] == 0 && is_needed(need, property_names[p]);

                (void)printf("%-6s tested %12" PRIu64 " times, violated %" PRIu64 "%s: %s\n",
                             property_names[p], check->tested[p], check->violated[p],
                             is_missing ? " (NEEDED)" : "", property_texts[p]);
                if (expected != NULL && strcmp(expected, property_names[p]) == 0)
                        is_missing = check->violated[p] == 0;
                is_good = is_good && !is_missing;
        }
        return is_good;
}

int main(int count, char **arguments)
{
        const char                *need = NULL, *expected = NULL, *save_path = NULL, *path = NULL;
        enum { REPLAY, MUTANTS, DUMP } mode = REPLAY;
        int                        descriptor = -1;
        static struct check        check;
        struct trib__trace_record *records = NULL;
        size_t                     n_records = 0;
        double                     start;
        FILE                      *save = NULL;
        bool                       is_good;

        for (int i = 1; i < count; i++) {
                if (strcmp(arguments[i], "--need") == 0 && i + 1 < count)
                        need = arguments[++i];
                else if (strcmp(arguments[i], "--expect") == 0 && i + 1 < count)
                        expected = arguments[++i];
                else if (strcmp(arguments[i], "--save") == 0 && i + 1 < count)
                        save_path = arguments[++i];
                else if (strcmp(arguments[i], "--ring") == 0 && i + 1 < count)
                        descriptor = atoi(arguments[++i]);
                else if (strcmp(arguments[i], "--mutants") == 0)
                        mode = MUTANTS;
                else if (strcmp(arguments[i], "--dump") == 0)
                        mode = DUMP;
                else
                        path = arguments[i];
        }
        if ((path == NULL) == (descriptor < 0)) {
                (void)fprintf(stderr, "trace-check: one of --ring DESCRIPTOR and FILE\n");
                return 2;
        }
        if (mode == DUMP) {
                dump(path);
                return 0;
        }
        if (path != NULL)
                records = read_file(path, &n_records);
        if (mode == MUTANTS) {
                is_good = mutate_all(records, n_records, stdout);
                free(records);
                return is_good ? 0 : 1;
        }
        if (save_path != NULL && (save = fopen(save_path, "we")) == NULL)
                fail(save_path);
        check_init(&check, stderr);
        start = seconds();
        if (path == NULL)
                replay_ring(&check, map_ring(descriptor), save);
        for (size_t i = 0; i < n_records; i++)
                check_record(&check, &records[i]);
        check_end(&check);
        is_good = report(&check, need, expected, seconds() - start);
        check_free(&check);
        free(records);
        if (save != NULL && fclose(save) != 0)
                fail(save_path);
        return is_good ? 0 : 1;
}
