/* SPDX-License-Identifier: Apache-2.0 */
/* preflight.c: see preflight.h. */
#include "preflight.h"

#include <stdio.h>
#include <string.h>

#include "base/build_id.h"

#include <tributary/status.h>

bool preflight_passes(const char *build, const char *version)
{
        if (strcmp(build, trib__build_text()) == 0 && strcmp(version, trib_version()) == 0)
                return true;
        (void)fprintf(stderr,
                      "not the library that this program was built with: it is build '%s' version "
                      "%s, the program is build '%s' version %s\n",
                      trib__build_text(), trib_version(), build, version);
        return false;
}
