/* SPDX-License-Identifier: Apache-2.0 */
/* The running library keeps the properties of the models: its events are replayed by an independent
 * checker while it runs (tests/trace/checker), and the checker notices what is wrong. */
#include "test_main.h"

#include "scale.h"
#include "trace_load.h"
#include "trace_rig.h"

static void trace_of_mixed_load_keeps_every_property(void **state)
{
        struct trace_rig rig;

        (void)state;
        trace_begin(&rig, TRACE_PROPERTIES, NULL);
        load_everything((uint32_t)test_scale(5, 1000), 1);
        assert_true(trace_count(&rig) >= 100000);
        assert_int_equal(trace_end(&rig), 0);
}

/* A good trace, changed for the worse in each of many ways, is no longer good. */
static void trace_changed_for_the_worse_is_noticed(void **state)
{
        struct trace_rig rig;
        const char      *file = trace_file();

        (void)state;
        trace_begin(&rig, TRACE_PROPERTIES, file);
        load_everything(1, 2);
        assert_int_equal(trace_end(&rig), 0);
        assert_int_equal(trace_replay("--mutants", file), 0);
}

TRIB_TEST_MAIN(TRIB_TEST(trace_of_mixed_load_keeps_every_property),
               TRIB_TEST(trace_changed_for_the_worse_is_noticed))
