/* SPDX-License-Identifier: Apache-2.0 */
/* The names of simulated devices: what is understood, and what is refused and how. */
#include "test_main.h"

#include "backend/sim/sim_priv.h"

static struct trib__sim_options read_good(const char *text)
{
        struct trib__sim_options options;
        trib_error               err = TRIB_ERROR_INIT;

        if (trib__sim_options_read(text, &options, &err) != TRIB_OK)
                fail_msg("'%s': %s", text, err.message);
        return options;
}

static void sim_options_default_is_documented(void **state)
{
        struct trib__sim_options empty = read_good(""), zero = read_good("0");

        (void)state;
        assert_int_equal(empty.executors, 4);
        assert_true(empty.flops == 1e11 && empty.bandwidth == 1e10);
        assert_true(empty.copy_bandwidth == 1e10);
        assert_int_equal(empty.launch_ns, 5000);
        assert_int_equal(empty.memory_bytes, 16000000000);
        assert_true(empty.is_computed);
        assert_false(empty.is_scripted || empty.is_unified || empty.is_reordered);
        assert_int_equal(empty.serial_ops, 0);
        assert_int_equal(empty.lock_ns | empty.wake_ns | empty.host_ns | empty.host_cores, 0);
        assert_true(empty.total_bandwidth == 0 && !empty.is_transferred);
        assert_int_equal(empty.fail_at | empty.fail_every | empty.hang_at | empty.delay_ns, 0);
        assert_memory_equal(&empty.flops, &zero.flops, sizeof(double));
        assert_int_equal(zero.executors, empty.executors);
}

static void sim_options_every_key_is_read(void **state)
{
        struct trib__sim_options o = read_good(
                "queues=7,launch_us=2.5,flops=1.5e12,bandwidth=200e9,copy_bandwidth=25e-1,"
                "serial=softmax+linear,clock=scripted,compute=none,memory=1e9,unified=1,"
                "delay_us=100,fail_at=3,fail_every=10,hang_at=20,reorder=42,"
                "lock_us=1.5,wake_us=2,host_us=3,host_cores=2,total_bandwidth=5e9,transfers=1");

        (void)state;
        assert_int_equal(o.executors, 7);
        assert_int_equal(o.launch_ns, 2500);
        assert_true(o.flops == 1.5e12 && o.bandwidth == 2e11 && o.copy_bandwidth == 2.5);
        assert_int_equal(o.serial_ops, 1u << TRIB__OP_SOFTMAX | 1u << TRIB__OP_LINEAR);
        assert_true(o.is_scripted && o.is_unified && o.is_reordered);
        assert_false(o.is_computed);
        assert_int_equal(o.memory_bytes, 1000000000);
        assert_int_equal(o.delay_ns, 100000);
        assert_int_equal(o.fail_at, 3);
        assert_int_equal(o.fail_every, 10);
        assert_int_equal(o.hang_at, 20);
        assert_int_equal(o.seed, 42);
        assert_int_equal(o.lock_ns, 1500);
        assert_int_equal(o.wake_ns, 2000);
        assert_int_equal(o.host_ns, 3000);
        assert_int_equal(o.host_cores, 2);
        assert_true(o.total_bandwidth == 5e9 && o.is_transferred);
}

static void sim_options_presets_combine_and_later_parts_win(void **state)
{
        struct trib__sim_options o = read_good("gpu,serial,queues=2,queues=3");

        (void)state;
        assert_int_equal(o.executors, 3);
        assert_int_equal(o.launch_ns, 2500);
        assert_int_equal(o.serial_ops, 1u << TRIB__OP_LINEAR | 1u << TRIB__OP_MATMUL |
                                               1u << TRIB__OP_SOFTMAX);
        assert_int_equal(read_good("fast").launch_ns, 0);
        assert_int_equal(read_good("slow").executors, 1);
}

static void sim_options_refuses_bad_ones_by_name(void **state)
{
        static const struct {
                const char *text;
                const char *named;
        } table[] = {
                { "nosuch", "nosuch" },
                { "1", "'1'" },
                { ",", "''" },
                { "gpu,", "''" },
                { " gpu", "' gpu'" },
                { "GPU", "GPU" },
                { "=1", "'=1'" },
                { "colour=red", "colour=red" },
                { "queue=1", "queue=1" },
                { "queues", "queues" },
                { "queues=", "queues=" },
                { "queues=0", "queues=0" },
                { "queues=65", "queues=65" },
                { "queues=-1", "queues=-1" },
                { "queues=4.0", "queues=4.0" },
                { "queues=0x4", "queues=0x4" },
                { "queues= 4", "queues= 4" },
                { "queues=18446744073709551617", "queues=18446744073709551617" },
                { "flops=0", "flops=0" },
                { "flops=-1", "flops=-1" },
                { "flops=nan", "flops=nan" },
                { "flops=inf", "flops=inf" },
                { "flops=1e999", "flops=1e999" },
                { "flops=1e", "flops=1e" },
                { "flops=.5", "flops=.5" },
                { "flops=1.", "flops=1." },
                { "flops=1,5", "'5'" },
                { "flops=1e5x", "flops=1e5x" },
                { "launch_us=1e99", "launch_us=1e99" },
                { "memory=1", "memory=1" },
                { "memory=1e19", "memory=1e19" },
                { "serial=", "serial=" },
                { "serial=softmax+", "serial=softmax+" },
                { "serial=softmax+nosuch", "serial=softmax+nosuch" },
                { "clock=virtual", "clock=virtual" },
                { "compute=yes", "compute=yes" },
                { "unified=2", "unified=2" },
                { "unified=", "unified=" },
                { "fail_at=0", "fail_at=0" },
                { "reorder=", "reorder=" },
                { "reorder=-1", "reorder=-1" },
                { "delay_us=-5", "delay_us=-5" },
                { "lock_us=", "lock_us=" },
                { "wake_us=1e10", "wake_us=1e10" },
                { "host_cores=65", "host_cores=65" },
                { "host_cores=1.5", "host_cores=1.5" },
                { "total_bandwidth=0", "total_bandwidth=0" },
                { "transfers=yes", "transfers=yes" },
                { "flops=1=2", "flops=1=2" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                struct trib__sim_options options;
                trib_error               err = TRIB_ERROR_INIT;

                if (trib__sim_options_read(table[i].text, &options, &err) !=
                    TRIB_INVALID_ARGUMENT)
                        fail_msg("'%s' was not refused", table[i].text);
                if (strstr(err.message, table[i].named) == NULL)
                        fail_msg("'%s' gave: %s", table[i].text, err.message);
                assert_true(strlen(err.message) < TRIB_ERROR_TEXT_BYTES - 1);
        }
}

static void sim_options_lists_what_is_known(void **state)
{
        struct trib__sim_options options;
        trib_error               err = TRIB_ERROR_INIT;
        char                     longest[512];

        (void)state;
        memset(longest, 'x', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        longest[300] = '=';
        assert_int_equal(trib__sim_options_read(longest, &options, &err), TRIB_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "reorder")); /* the last in the list */
        assert_int_equal(trib__sim_options_read("huge", &options, &err), TRIB_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "gpu"));
}

TRIB_TEST_MAIN(TRIB_TEST(sim_options_default_is_documented),
               TRIB_TEST(sim_options_every_key_is_read),
               TRIB_TEST(sim_options_presets_combine_and_later_parts_win),
               TRIB_TEST(sim_options_refuses_bad_ones_by_name),
               TRIB_TEST(sim_options_lists_what_is_known))
