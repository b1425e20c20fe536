/* SPDX-License-Identifier: Apache-2.0 */
/* consumer.c: what a stranger's program does with the installed library: it prints the version,
 * opens the device that is always there, and closes it. */
#include <stdio.h>
#include <string.h>

#include <tributary/tributary.h>

int main(void)
{
        trib_error   err = TRIB_ERROR_INIT;
        trib_device *device = NULL;

        if (trib_device_open("cpu:0", NULL, &device, &err) != TRIB_OK) {
                fprintf(stderr, "%s\n", err.message);
                return 1;
        }
        trib_device_close(device);
        puts(trib_version());
        return strlen(trib_version()) == 0;
}
