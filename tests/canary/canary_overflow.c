/* SPDX-License-Identifier: Apache-2.0 */
/* canary_overflow.c: writes one byte past an allocation. AddressSanitizer must say so. */
#include <stdlib.h>

/* Volatile, so that no other tool can know how big the memory behind it is. */
static char *volatile memory;

int main(void)
{
        memory = malloc(8);
        if (memory == NULL)
                return 1;
        memory[8] = 1;
        free(memory);
        return 0;
}
