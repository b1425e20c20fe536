/* SPDX-License-Identifier: Apache-2.0 */
/* test_fault.c: fault sites count, fail once or for ever, and are listed. */
#include "test_main.h"

#include "base/fault.h"

static int pass_site(void)
{
        return TRIB__FAULT(DEVICE, "test.site") ? 1 : 0;
}

static int pass_other_site(void)
{
        return TRIB__FAULT(SYSTEM, "test.other") ? 1 : 0;
}

static void unarmed_sites_never_fail(void **state)
{
        (void)state;
        for (int i = 0; i < 100; i++)
                assert_int_equal(pass_site(), 0);
}

static void armed_once_fails_the_kth_pass_only(void **state)
{
        uint64_t failed = 99;

        (void)state;
        trib__fault_arm(3, false);
        assert_int_equal(pass_site(), 0);
        assert_int_equal(pass_other_site(), 0);
        assert_null(trib__fault_last());
        assert_int_equal(pass_other_site(), 1);
        assert_int_equal(pass_site(), 0);
        assert_string_equal(trib__fault_last()->name, "test.other");
        assert_int_equal(trib__fault_disarm(&failed), 4);
        assert_int_equal(failed, 1);
        assert_int_equal(pass_site(), 0);
}

static void armed_persistently_fails_from_the_kth_on(void **state)
{
        uint64_t failed = 99;

        (void)state;
        trib__fault_arm(2, true);
        assert_int_equal(pass_site(), 0);
        assert_int_equal(pass_site(), 1);
        assert_int_equal(pass_other_site(), 1);
        assert_int_equal(pass_site(), 1);
        assert_int_equal(trib__fault_disarm(&failed), 4);
        assert_int_equal(failed, 3);
}

static void armed_with_zero_only_counts(void **state)
{
        uint64_t failed = 99;

        (void)state;
        trib__fault_arm(0, true);
        for (int i = 0; i < 5; i++)
                assert_int_equal(pass_site(), 0);
        assert_int_equal(trib__fault_disarm(&failed), 5);
        assert_int_equal(failed, 0);
        trib__fault_arm(0, false);
        assert_int_equal(trib__fault_disarm(NULL), 0);
}

static int pass_wake_site(void)
{
        return TRIB__FAULT(WAKE, "test.wake") ? 1 : 0;
}

static void two_passes_can_fail(void **state)
{
        struct trib__fault_plan plan = { .first = 4, .second = 2 };
        uint64_t                failed;

        (void)state;
        trib__fault_arm_plan(&plan);
        for (int i = 1; i <= 6; i++)
                assert_int_equal(pass_site(), i == 2 || i == 4);
        assert_int_equal(trib__fault_disarm(&failed), 6);
        assert_int_equal(failed, 2);
}

static void a_plan_for_some_classes_leaves_the_others_alone(void **state)
{
        struct trib__fault_plan plan = { .first = 1, .is_persistent = true };

        (void)state;
        plan.classes = 1u << TRIB__FAULT_SYSTEM;
        trib__fault_arm_plan(&plan);
        assert_int_equal(pass_site(), 0);
        assert_int_equal(pass_other_site(), 1);
        assert_int_equal(trib__fault_disarm(NULL), 1);
        plan.classes = 0;
        plan.site = "test.site";
        trib__fault_arm_plan(&plan);
        assert_int_equal(pass_other_site(), 0);
        assert_int_equal(pass_site(), 1);
        assert_int_equal(trib__fault_disarm(NULL), 1);
}

static void wakes_are_meant_only_when_asked_for(void **state)
{
        struct trib__fault_plan plan = { .first = 1, .classes = 1u << TRIB__FAULT_WAKE };

        (void)state;
        trib__fault_arm(1, true);
        assert_int_equal(pass_wake_site(), 0);
        assert_int_equal(trib__fault_disarm(NULL), 0);
        trib__fault_arm_plan(&plan);
        assert_int_equal(pass_wake_site(), 1);
        assert_int_equal(trib__fault_disarm(NULL), 1);
}

static void a_spared_thread_is_not_there(void **state)
{
        (void)state;
        trib__fault_arm(1, true);
        trib__fault_spare_thread(true);
        assert_int_equal(pass_site(), 0);
        trib__fault_spare_thread(false);
        assert_int_equal(pass_site(), 1);
        assert_int_equal(trib__fault_disarm(NULL), 1);
}

static const struct trib__fault_site *find_site(const char *name)
{
        size_t                   count;
        struct trib__fault_site *sites = trib__fault_sites(&count);

        for (size_t i = 0; i < count; i++)
                if (strcmp(sites[i].name, name) == 0)
                        return &sites[i];
        return NULL;
}

static void sites_are_listed_with_place_and_hits(void **state)
{
        const struct trib__fault_site *site = find_site("test.site");

        (void)state;
        assert_non_null(site);
        assert_non_null(strstr(site->file, "test_fault.c"));
        assert_true(site->line > 0);
        trib__fault_arm(0, false);
        assert_int_equal(pass_site(), 0);
        assert_int_equal(pass_site(), 0);
        (void)trib__fault_disarm(NULL);
        /* Relaxed: this thread made all the passes. */
        assert_int_equal(trib__load_relaxed_u64(&site->hits), 2);
        assert_int_equal(trib__load_relaxed_u64(&site->failures), 0);
        assert_string_equal(trib__fault_class_name((enum trib__fault_class)site->kind), "device");
        assert_string_equal(trib__fault_class_name(TRIB__FAULT_CLASSES), "?");
        assert_null(find_site("test.none"));
}

static void every_listed_site_is_a_whole_record(void **state)
{
        size_t                   count;
        struct trib__fault_site *sites = trib__fault_sites(&count);

        (void)state;
        assert_true(count >= 2);
        for (size_t i = 0; i < count; i++) {
                assert_non_null(sites[i].name);
                assert_non_null(sites[i].file);
                assert_true(sites[i].line > 0 && sites[i].line < 100000);
                assert_true(sites[i].kind < TRIB__FAULT_CLASSES);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(unarmed_sites_never_fail), TRIB_TEST(armed_once_fails_the_kth_pass_only),
               TRIB_TEST(armed_persistently_fails_from_the_kth_on),
               TRIB_TEST(armed_with_zero_only_counts), TRIB_TEST(two_passes_can_fail),
               TRIB_TEST(a_plan_for_some_classes_leaves_the_others_alone),
               TRIB_TEST(wakes_are_meant_only_when_asked_for),
               TRIB_TEST(a_spared_thread_is_not_there),
               TRIB_TEST(sites_are_listed_with_place_and_hits),
               TRIB_TEST(every_listed_site_is_a_whole_record))
