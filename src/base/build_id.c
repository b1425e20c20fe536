/* SPDX-License-Identifier: Apache-2.0 */
/* build_id.c: see build_id.h. */
#include "base/build_id.h"

const char *trib__build_text(void)
{
        return TRIB__BUILD_TEXT;
}
