/* SPDX-License-Identifier: Apache-2.0 */
/* The long run of test_trace.c: more than 10^8 events (10^7 with a sanitizer), 10^9 with
 * TRIB_TEST_SCALE=full. */
#include "test_main.h"

#include "scale.h"
#include "trace_load.h"
#include "trace_rig.h"

#define EVENTS UINT64_C(10000000)
#define ROUND 20 /* times the least load, so that everything opens and closes many times */

static void trace_of_a_long_load_keeps_every_property(void **state)
{
        struct trace_rig rig;
        uint64_t         events = EVENTS * test_scale(10, 100);

        (void)state;
        trace_begin(&rig, TRACE_PROPERTIES, NULL);
        for (uint64_t seed = 1000; trace_count(&rig) < events; seed += 1000)
                load_everything(ROUND, seed);
        assert_int_equal(trace_end(&rig), 0);
}

TRIB_TEST_MAIN(TRIB_TEST(trace_of_a_long_load_keeps_every_property))
