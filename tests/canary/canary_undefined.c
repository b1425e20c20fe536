/* SPDX-License-Identifier: Apache-2.0 */
/* canary_undefined.c: overflows an int. UndefinedBehaviorSanitizer must say so. */
#include <limits.h>

int main(int argc, char **argv)
{
        volatile int big = INT_MAX;

        (void)argv;
        return big + argc == 0;
}
