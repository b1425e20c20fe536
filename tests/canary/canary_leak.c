/* SPDX-License-Identifier: Apache-2.0 */
/* canary_leak.c: forgets an allocation. LeakSanitizer must say so. */
#include <stdlib.h>

static void *volatile kept;

int main(void)
{
        kept = malloc(64);
        kept = NULL;
        return 0;
}
