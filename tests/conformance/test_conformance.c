/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance suite: every case of cases.h on every device that is here, and on the simulated
 * device in some of its moods. A case is named DEVICE__CASE, with the device's name in letters,
 * digits and underscores. */
#include "test_main.h"

#include <ctype.h>
#include <stdlib.h>

#include "backend/backend.h"
#include "cases.h"

#define MAX_DEVICES 32

static const struct {
        const char      *name;
        CMUnitTestFunction run;
} cases[] = {
#define CASE_ENTRY(name) { #name, name },
        CONFORMANCE_CASES(CASE_ENTRY)
#undef CASE_ENTRY
};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static char   devices[MAX_DEVICES][64];
static size_t n_devices;

static void add_device(const char *name)
{
        if (n_devices < MAX_DEVICES)
                (void)snprintf(devices[n_devices++], sizeof(devices[0]), "%s", name);
}

static void find_devices(void)
{
        const struct trib__backend *const *backends = trib__backends();
        struct trib__probe                 probe;

        for (; *backends != NULL; backends++) {
                for (uint32_t i = 0; (*backends)->probe(i, &probe, NULL) == TRIB_OK; i++) {
                        if (probe.is_available)
                                add_device(probe.name);
                }
        }
        add_device("sim:fast,unified=1");
        add_device("sim:fast,reorder=7");
        add_device("sim:fast,serial,delay_us=20");
        add_device("sim:fast,lock_us=5,wake_us=9,transfers=1,total_bandwidth=1e15");
}

static char *case_name(const char *device, const char *name)
{
        size_t size = strlen(device) + strlen(name) + 3;
        char  *text = malloc(size);

        if (text == NULL)
                exit(2);
        (void)snprintf(text, size, "%s__%s", device, name);
        for (size_t i = 0; i < strlen(device); i++) {
                if (!isalnum((unsigned char)text[i]))
                        text[i] = '_';
        }
        return text;
}

int main(int argc, char **argv)
{
        static struct CMUnitTest tests[MAX_DEVICES * N_CASES];
        size_t                   count = 0;
        int                      failed;

        find_devices();
        for (size_t i = 0; i < n_devices; i++) {
                for (size_t j = 0; j < N_CASES; j++) {
                        tests[count].name = case_name(devices[i], cases[j].name);
                        tests[count].test_func = cases[j].run;
                        tests[count++].initial_state = devices[i];
                }
        }
        failed = trib_test_run(tests, count, argc, argv);
        for (size_t i = 0; i < count; i++)
                free((char *)(uintptr_t)tests[i].name);
        return failed;
}
