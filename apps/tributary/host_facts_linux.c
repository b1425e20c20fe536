/* SPDX-License-Identifier: Apache-2.0 */
/* host_facts_linux.c: facts from /proc, /sys and /etc/os-release. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/machine.h"
#include "host_facts.h"

/* The rest of the first line of `path` that begins with `key`, behind `separator`, without
 * quotes; false when there is none. */
static bool find_line(const char *path, const char *key, char separator, char *out, size_t size)
{
        FILE *file = fopen(path, "re");
        char  line[512];
        bool  is_found = false;

        while (file != NULL && !is_found && fgets(line, sizeof(line), file) != NULL) {
                char  *value = strchr(line, separator);
                size_t length;

                if (strncmp(line, key, strlen(key)) != 0 || value == NULL)
                        continue;
                value += 1 + strspn(value + 1, " \t\"");
                length = strcspn(value, "\"\n");
                (void)snprintf(out, size, "%.*s", (int)length, value);
                is_found = length > 0;
        }
        if (file != NULL)
                (void)fclose(file);
        return is_found;
}

/* The lowest CPU of the core that `cpu` is a hardware thread of. */
static int first_sibling(int cpu)
{
        char  path[96];
        FILE *file;
        int   first = cpu;

        (void)snprintf(path, sizeof(path),
                       "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
        file = fopen(path, "re");
        if (file == NULL)
                return cpu;
        if (fscanf(file, "%d", &first) != 1)
                first = cpu;
        (void)fclose(file);
        return first;
}

/* Cores behind the logical ones that this process may use. */
static unsigned count_physical(void)
{
        cpu_set_t allowed, cores;
        int       count;

        CPU_ZERO(&cores);
        if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
                return 0;
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
                int first = CPU_ISSET((size_t)cpu, &allowed) ? first_sibling(cpu) : -1;

                if (first >= 0 && first < CPU_SETSIZE)
                        CPU_SET((size_t)first, &cores);
        }
        count = CPU_COUNT(&cores);
        return count > 0 ? (unsigned)count : 0;
}

static void describe_os(char *out, size_t size)
{
        struct utsname names;
        char           pretty[80];

        if (uname(&names) != 0)
                return;
        if (find_line("/etc/os-release", "PRETTY_NAME", '=', pretty, sizeof(pretty)))
                (void)snprintf(out, size, "%s, %.20s %.24s", pretty, names.sysname,
                               names.release);
        else
                (void)snprintf(out, size, "%.40s %.60s", names.sysname, names.release);
}

void trib_host_describe(struct trib__machine *machine)
{
        trib__cpu_name(machine->cpu_model, sizeof(machine->cpu_model));
        describe_os(machine->os, sizeof(machine->os));
        machine->logical_cores = trib__cpu_count();
        machine->physical_cores = count_physical();
        machine->memory_bytes = trib__memory_bytes();
}

/* Field 22 of /proc/self/stat: ticks from boot to our start. The fields are counted from behind
 * the name, which may hold anything. */
static bool read_start_ticks(unsigned long long *ticks)
{
        FILE  *file = fopen("/proc/self/stat", "re");
        char   text[1024];
        size_t length;
        char  *field;

        if (file == NULL)
                return false;
        length = fread(text, 1, sizeof(text) - 1, file);
        (void)fclose(file);
        text[length] = '\0';
        field = strrchr(text, ')');
        for (int i = 2; i < 22 && field != NULL; i++)
                field = strchr(field + 1, ' ');
        return field != NULL && sscanf(field, "%llu", ticks) == 1;
}

uint64_t trib_host_process_age(void)
{
        struct timespec    now;
        unsigned long long ticks;
        long               per_second = sysconf(_SC_CLK_TCK);
        double             age;

        if (per_second <= 0 || !read_start_ticks(&ticks)
            || clock_gettime(CLOCK_BOOTTIME, &now) != 0)
                return 0;
        age = (double)now.tv_sec + (double)now.tv_nsec * 1e-9
              - (double)ticks / (double)per_second;
        return age > 0 ? (uint64_t)(age * 1e9) : 0;
}
