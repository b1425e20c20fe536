/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt.c: the only signal handler. It writes one word and nothing else. */
#include "interrupt.h"

#include <signal.h>
#include <string.h>

static trib__atomic_u32 flag;

static void on_signal(int number)
{
        (void)number;
        /* Relaxed: a wish that carries no data. */
        trib__store_relaxed_u32(&flag, 1);
}

static void catch_signal(int number)
{
        struct sigaction action, old;

        if (sigaction(number, NULL, &old) != 0 || old.sa_handler == SIG_IGN)
                return;
        memset(&action, 0, sizeof(action));
        action.sa_handler = on_signal;
        action.sa_flags = (int)(SA_RESTART | SA_RESETHAND);
        (void)sigemptyset(&action.sa_mask);
        (void)sigaction(number, &action, NULL);
}

void trib_interrupt_catch(void)
{
        catch_signal(SIGINT);
        catch_signal(SIGTERM);
}

const trib__atomic_u32 *trib_interrupt_flag(void)
{
        return &flag;
}
