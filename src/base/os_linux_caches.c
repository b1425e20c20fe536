/* SPDX-License-Identifier: Apache-2.0 */
/* os_linux_caches.c: the caches of the cores that this process may use, as the kernel lists them in
 * files: cpuN/cache/indexM/{level,type,size,shared_cpu_list}. No state, no locks. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/machine.h"

#define LEVELS 4
#define INDEXES 10
#define FACT_BYTES 4096

struct cache {
        uint64_t bytes;
        unsigned cores; /* of ours, that share it     */
        unsigned first; /* of ours                    */
};

struct search {
        const char *folder;
        cpu_set_t   ours[16];
};

/* One file, without the end of the line; "" if there is none. */
static void read_fact(const struct search *search, unsigned core, unsigned index, const char *fact,
                      char *text)
{
        char  path[512];
        FILE *file = NULL;

        text[0] = '\0';
        if (snprintf(path, sizeof(path), "%s/cpu%u/cache/index%u/%s", search->folder, core, index,
                     fact) < (int)sizeof(path)
            && !TRIB__FAULT(SYSTEM, "base.caches"))
                file = fopen(path, "re");
        if (file == NULL)
                return;
        if (fgets(text, FACT_BYTES, file) == NULL)
                text[0] = '\0';
        (void)fclose(file);
        text[strcspn(text, "\n")] = '\0';
}

static bool is_ours(const struct search *search, unsigned long core)
{
        return core < 8 * sizeof(search->ours)
               && CPU_ISSET_S(core, sizeof(search->ours), search->ours);
}

/* "0-3,8": how many of them are ours, and the first. */
static void count_ours(const struct search *search, const char *list, struct cache *cache)
{
        while (*list >= '0' && *list <= '9') {
                char         *end;
                unsigned long from = strtoul(list, &end, 10), to = from;

                if (*end == '-')
                        to = strtoul(end + 1, &end, 10);
                for (unsigned long core = from; core <= to && core < 8 * sizeof(search->ours);
                     core++) {
                        if (!is_ours(search, core))
                                continue;
                        if (cache->cores++ == 0)
                                cache->first = (unsigned)core;
                }
                list = *end == ',' ? end + 1 : "";
        }
}

/* "1024K", "32M". */
static uint64_t bytes_of(const char *text)
{
        char              *end;
        unsigned long long number = strtoull(text, &end, 10);

        if (number > 1u << 30)
                return 0;
        return *end == 'K' ? number << 10 : *end == 'M' ? number << 20 : number;
}

/* The data caches of one core, by level. */
static void find_levels(const struct search *search, unsigned core, struct cache *levels)
{
        char text[FACT_BYTES];

        memset(levels, 0, LEVELS * sizeof(*levels));
        for (unsigned index = 0; index < INDEXES; index++) {
                unsigned long level;
                struct cache *cache;

                read_fact(search, core, index, "level", text);
                level = strtoul(text, NULL, 10);
                read_fact(search, core, index, "type", text);
                if (level < 1 || level > LEVELS || strcmp(text, "Instruction") == 0)
                        continue;
                cache = &levels[level - 1];
                read_fact(search, core, index, "size", text);
                cache->bytes = bytes_of(text);
                cache->cores = 0;
                read_fact(search, core, index, "shared_cpu_list", text);
                count_ours(search, text, cache);
                if (cache->cores == 0) {
                        cache->cores = 1;
                        cache->first = core;
                }
        }
}

/* What the C library knows, where the kernel says nothing. */
static void ask_library(struct trib__caches *out)
{
        long last = sysconf(_SC_LEVEL3_CACHE_SIZE); /* No site: 0 is an answer that happens. */
        long own = sysconf(_SC_LEVEL2_CACHE_SIZE);

        out->private_bytes = last > 0 && own > 0 ? (uint64_t)own : 0;
        out->shared_bytes = last > 0 ? (uint64_t)last : own > 0 ? (uint64_t)own : 0;
        out->shared_count = out->shared_bytes > 0 ? 1 : 0;
        out->last_level = last > 0 ? 3 : own > 0 ? 2 : 0;
}

void trib__caches_of_cpus(const char *folder, struct trib__caches *out)
{
        struct search search = { .folder = folder != NULL ? folder : "/sys/devices/system/cpu" };
        struct cache  levels[LEVELS];
        int           last = -1;

        memset(out, 0, sizeof(*out));
        if (TRIB__FAULT(SYSTEM, "base.cache_affinity")
            || sched_getaffinity(0, sizeof(search.ours), search.ours) != 0)
                CPU_SET_S(0, sizeof(search.ours), search.ours);
        for (unsigned core = 0; core < 8 * sizeof(search.ours); core++) {
                if (!is_ours(&search, core))
                        continue;
                find_levels(&search, core, levels);
                for (int i = 0; last < 0 && i < LEVELS; i++)
                        if (levels[LEVELS - 1 - i].bytes > 0)
                                last = LEVELS - 1 - i;
                if (last < 0)
                        break;
                if (out->shared_count == 0 && last > 0)
                        out->private_bytes = levels[last - 1].cores > 0
                                                     ? levels[last - 1].bytes
                                                               / levels[last - 1].cores
                                                     : 0;
                if (out->shared_count == 0)
                        out->shared_bytes = levels[last].bytes;
                /* Each counts at the first of the cores that share it. */
                out->shared_count += levels[last].bytes > 0 && levels[last].first == core;
        }
        out->last_level = (uint32_t)(last + 1);
        if (last < 0 && folder == NULL)
                ask_library(out);
}
