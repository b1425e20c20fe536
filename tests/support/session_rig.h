/* SPDX-License-Identifier: Apache-2.0 */
/* session_rig.h: a device, a model of the zoo and a session, opened in one call. */
#ifndef TRIB_TESTS_SESSION_RIG_H
#define TRIB_TESTS_SESSION_RIG_H

#include "session/session_priv.h"
#include "zoo.h"

struct session_rig {
        trib_device  *device;
        trib_model   *model;
        trib_session *session;
};

/* NULL options: defaults. Every failure fails the test. */
void session_rig_open(struct session_rig *rig, const char *device, enum zoo_kind kind,
                      const trib_session_options *options);
void session_rig_open_on(struct session_rig *rig, const char *device,
                         const trib_device_options *device_options, enum zoo_kind kind,
                         const trib_session_options *options);
/* Close, and again while it is refused as busy: a short close_timeout_ns may pass on a loaded
 * machine before the last thread has left. */
void session_close_at_last(trib_session *session);
void session_rig_close(struct session_rig *rig);

/* A door in the zoo's way: an operator that says that it entered, and waits until it is let go. */
struct door;
struct door *door_make(void);
struct door *door_make_serial(void); /* whose operator is a serial one */
void         door_free(struct door *door);
/* y = x, behind the door. */
trib_status door_build(struct door *door, trib_device *device, trib_model **out, trib_error *err);
void        door_wait_entered(struct door *door);
void        door_let_go(struct door *door);

#endif
