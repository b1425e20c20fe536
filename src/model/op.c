/* SPDX-License-Identifier: Apache-2.0 */
/* op.c: the names of operators. */
#include "model/op.h"

const char *trib__op_name(enum trib__op op)
{
        switch (op) {
#define OP_NAME(name, text)   \
        case TRIB__OP_##name: \
                return text;
                TRIB__OP_LIST(OP_NAME)
#undef OP_NAME
        case TRIB__OP_COUNT:
                break;
        }
        return "none";
}
