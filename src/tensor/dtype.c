/* SPDX-License-Identifier: Apache-2.0 */
/* dtype.c: facts about element types, from TRIB_DTYPE_LIST. */
#include <tributary/tensor.h>

size_t trib_dtype_size(trib_dtype dtype)
{
        switch (dtype) {
#define DTYPE_SIZE(name, value, bytes, npy, text) \
        case TRIB_##name:                         \
                return bytes;
                TRIB_DTYPE_LIST(DTYPE_SIZE)
#undef DTYPE_SIZE
        case TRIB_DTYPE_NONE:
                break;
        }
        return 0;
}

const char *trib_dtype_name(trib_dtype dtype)
{
        switch (dtype) {
#define DTYPE_NAME(name, value, bytes, npy, text) \
        case TRIB_##name:                         \
                return text;
                TRIB_DTYPE_LIST(DTYPE_NAME)
#undef DTYPE_NAME
        case TRIB_DTYPE_NONE:
                break;
        }
        return "?";
}
