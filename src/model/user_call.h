/* SPDX-License-Identifier: Apache-2.0 */
/* user_call.h: whether the calling thread is inside a function of a user-defined operator, from
 * where it must not wait for requests. A thread-local depth. */
#ifndef TRIB_MODEL_USER_CALL_H
#define TRIB_MODEL_USER_CALL_H

#include <stdbool.h>

/* Around each call of a user's function, in pairs. */
void trib__user_call_enter(void);
void trib__user_call_leave(void);

/* True on a thread that is inside of one. */
bool trib__is_in_user_operator(void);

#endif
