/* SPDX-License-Identifier: Apache-2.0 */
/* expect.h: checks of statuses that print the message that came with them. For use after
 * test_main.h, in the thread that runs the case. */
#ifndef TRIB_TESTS_EXPECT_H
#define TRIB_TESTS_EXPECT_H

#include <string.h>

#include <tributary/status.h>

#define EXPECT_OK(call, err) EXPECT(call, TRIB_OK, err)

#define EXPECT(call, wanted, err)                                                               \
        do {                                                                                    \
                trib_status expect_got_ = (call);                                               \
                if (expect_got_ != (wanted))                                                    \
                        fail_msg("%s\n  gave %s, not %s: %s", #call,                            \
                                 trib_status_name(expect_got_), trib_status_name(wanted),       \
                                 (err)->message);                                               \
        } while (0)

/* A failure that says something: status, non-empty message, and a part of it ("" for any). */
#define EXPECT_FAILS(call, wanted, err, part)                                                   \
        do {                                                                                    \
                *(err) = (trib_error)TRIB_ERROR_INIT;                                           \
                EXPECT(call, wanted, err);                                                      \
                if ((err)->status != (wanted) || (err)->message[0] == '\0' ||                   \
                    strstr((err)->message, (part)) == NULL)                                     \
                        fail_msg("%s\n  said %s \"%s\", which has no \"%s\"", #call,            \
                                 trib_status_name((err)->status), (err)->message, (part));      \
        } while (0)

#endif
