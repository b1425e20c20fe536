/* SPDX-License-Identifier: Apache-2.0 */
/* user_call.c: see user_call.h. The depth is the thread's own: no lock. */
#include "model/user_call.h"

static _Thread_local unsigned depth;

void trib__user_call_enter(void)
{
        depth++;
}

void trib__user_call_leave(void)
{
        depth--;
}

bool trib__is_in_user_operator(void)
{
        return depth != 0;
}
