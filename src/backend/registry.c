/* SPDX-License-Identifier: Apache-2.0 */
/* registry.c: the one table of backends. */
#include <string.h>

#include "backend/backend.h"
#include "backend/cpu/cpu.h"
#include "backend/sim/sim.h"
#include "base/error.h"

static const struct trib__backend *const backends[] = {
        &trib__cpu_backend,
        &trib__sim_backend,
        NULL,
};

const struct trib__backend *const *trib__backends(void)
{
        return backends;
}

trib_status trib__backend_find(const char *name, const struct trib__backend **out,
                               const char **which, trib_error *err)
{
        const char *colon = strchr(name, ':');
        size_t      length = colon != NULL ? (size_t)(colon - name) : strlen(name);

        for (uint32_t i = 0; backends[i] != NULL; i++) {
                if (strlen(backends[i]->prefix) == length &&
                    memcmp(backends[i]->prefix, name, length) == 0) {
                        *out = backends[i];
                        *which = colon != NULL && colon[1] != '\0' ? colon + 1 : "0";
                        return TRIB_OK;
                }
        }
        *out = NULL;
        return trib__fail(err, TRIB_NOT_FOUND,
                          "no device is named '%.64s': there are cpu:0 and sim:[options] "
                          "(list: tributary devices)",
                          name);
}
