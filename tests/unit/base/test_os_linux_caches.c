/* SPDX-License-Identifier: Apache-2.0 */
/* test_os_linux_caches.c: the caches of our cores, from folders as the kernel shows them. */
#include "test_main.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/machine.h"

struct fact {
        unsigned    core, index;
        const char *level, *type, *size, *list;
};

static char folder[64];

static void write_fact(const struct fact *fact, const char *name, const char *text)
{
        char  path[256];
        FILE *file;

        (void)snprintf(path, sizeof(path), "%s/cpu%u", folder, fact->core);
        (void)mkdir(path, 0700);
        (void)snprintf(path, sizeof(path), "%s/cpu%u/cache", folder, fact->core);
        (void)mkdir(path, 0700);
        (void)snprintf(path, sizeof(path), "%s/cpu%u/cache/index%u", folder, fact->core,
                       fact->index);
        (void)mkdir(path, 0700);
        (void)snprintf(path, sizeof(path), "%s/cpu%u/cache/index%u/%s", folder, fact->core,
                       fact->index, name);
        file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fprintf(file, "%s\n", text) > 0);
        assert_int_equal(fclose(file), 0);
}

static void make_folder(const struct fact *facts, size_t count)
{
        (void)snprintf(folder, sizeof(folder), "/tmp/trib-caches-XXXXXX");
        assert_non_null(mkdtemp(folder));
        for (size_t i = 0; i < count; i++) {
                write_fact(&facts[i], "level", facts[i].level);
                write_fact(&facts[i], "type", facts[i].type);
                write_fact(&facts[i], "size", facts[i].size);
                write_fact(&facts[i], "shared_cpu_list", facts[i].list);
        }
}

static void remove_folder(void)
{
        char command[128];

        (void)snprintf(command, sizeof(command), "rm -r '%s'", folder);
        assert_int_equal(system(command), 0);
}

/* The first core of ours; tests that need more of them hold on any machine all the same. */
static unsigned first_core(void)
{
        cpu_set_t cores;

        assert_int_equal(sched_getaffinity(0, sizeof(cores), &cores), 0);
        for (unsigned i = 0; i < CPU_SETSIZE; i++)
                if (CPU_ISSET(i, &cores))
                        return i;
        return 0;
}

static void caches_are_the_last_two_levels_of_data(void **state)
{
        unsigned    core = first_core();
        char        alone[16];
        struct fact facts[] = { { core, 0, "1", "Data", "32K", alone },
                                { core, 1, "1", "Instruction", "64K", alone },
                                { core, 2, "2", "Unified", "1024K", alone },
                                { core, 3, "3", "Unified", "32M", alone } };
        struct trib__caches caches;

        (void)state;
        (void)snprintf(alone, sizeof(alone), "%u", core);
        make_folder(facts, 4);
        trib__caches_of_cpus(folder, &caches);
        assert_int_equal(caches.private_bytes, 1 << 20);
        assert_int_equal(caches.shared_bytes, 32 << 20);
        assert_int_equal(caches.shared_count, 1);
        assert_int_equal(caches.last_level, 3);
        remove_folder();
}

/* What cores share that are not ours is all for us. */
static void caches_are_divided_among_our_own_cores_alone(void **state)
{
        unsigned            core = first_core();
        char                list[32];
        struct fact         facts[] = { { core, 0, "1", "Data", "48K", list },
                                        { core, 1, "2", "Unified", "2048K", list } };
        struct trib__caches caches;

        (void)state;
        (void)snprintf(list, sizeof(list), "%u,16000-16100,99999999999", core);
        make_folder(facts, 2);
        trib__caches_of_cpus(folder, &caches);
        assert_int_equal(caches.private_bytes, 48 << 10);
        assert_int_equal(caches.shared_bytes, 2 << 20);
        assert_int_equal(caches.last_level, 2);
        remove_folder();
}

static void caches_are_unknown_where_the_files_are_missing_or_hostile(void **state)
{
        unsigned            core = first_core();
        struct fact         facts[] = { { core, 0, "99", "Data", "32K", "0" },
                                        { core, 1, "-1", "Unified", "1024K", "x" },
                                        { core, 2, "", "", "", "" },
                                        { core, 3, "3", "Unified", "99999999999999K", "9-1" } };
        struct trib__caches caches;

        (void)state;
        make_folder(facts, 4);
        trib__caches_of_cpus(folder, &caches);
        assert_int_equal(caches.shared_bytes, 0);
        assert_int_equal(caches.private_bytes, 0);
        remove_folder();
        trib__caches_of_cpus("/nowhere", &caches);
        assert_int_equal(caches.shared_bytes, 0);
        assert_int_equal(caches.shared_count, 0);
}

TRIB_TEST_MAIN(TRIB_TEST(caches_are_the_last_two_levels_of_data),
               TRIB_TEST(caches_are_divided_among_our_own_cores_alone),
               TRIB_TEST(caches_are_unknown_where_the_files_are_missing_or_hostile))
