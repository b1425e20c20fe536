/* SPDX-License-Identifier: Apache-2.0 */
/* tributary.h: the whole public interface.
 *
 * Reading order: status.h, tensor.h, device.h, model.h, session.h; then operator.h (operators of
 * your own) and stream.h (streams, events and buffers under your own control). */
#ifndef TRIBUTARY_TRIBUTARY_H
#define TRIBUTARY_TRIBUTARY_H

#include <tributary/device.h>
#include <tributary/model.h>
#include <tributary/operator.h>
#include <tributary/session.h>
#include <tributary/status.h>
#include <tributary/stream.h>
#include <tributary/tensor.h>

#endif
