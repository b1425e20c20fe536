/* SPDX-License-Identifier: Apache-2.0 */
/* consumer.cpp: consumer.c in C++, which also shows that the headers declare extern "C". */
#include <cstdio>
#include <memory>

#include <tributary/tributary.h>

int main()
{
        trib_error   err = TRIB_ERROR_INIT;
        trib_device *device = nullptr;

        if (trib_device_open("cpu:0", nullptr, &device, &err) != TRIB_OK) {
                std::fprintf(stderr, "%s\n", err.message);
                return 1;
        }
        trib_device_close(device);
        std::puts(trib_version());
        return 0;
}
