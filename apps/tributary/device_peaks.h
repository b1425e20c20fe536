/* SPDX-License-Identifier: Apache-2.0 */
/* device_peaks.h: the peaks of an open device, kept in the user's cache folder from run to run. */
#ifndef TRIB_APPS_DEVICE_PEAKS_H
#define TRIB_APPS_DEVICE_PEAKS_H

#include "analysis/measurements.h"
#include "loadgen/peaks_cache.h"

/* Where the device's peaks come from: loadgen/peaks_cache.h. Those of a simulated device follow
 * from its name, and are not kept. `device` must stay open as long as *out is used. */
void trib_device_peaks_source(trib_device *device, const trib_device_info *info, bool is_fresh,
                              struct trib__peaks_source *out);

/* As results have them; of `out`, parallel_units is set already. */
void trib_device_peaks_describe(const struct trib__peaks_taken *taken, bool is_medium,
                                struct trib__peaks *out);

#endif
