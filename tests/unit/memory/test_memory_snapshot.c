/* SPDX-License-Identifier: Apache-2.0 */
/* The snapshot and the history: valid JSON with the right things in it, into buffers of any size,
 * and while other threads work. */
#include "test_main.h"

#include <jansson.h>
#include <stdlib.h>

#include "crowd.h"
#include "expect.h"
#include "memory/history.h"
#include "memory_rig.h"

static struct memory_rig rig;

static json_t *describe(void)
{
        uint64_t     length = trib__memory_describe(rig.memory, NULL, 0), room = length + 4096;
        char        *text = malloc(room);
        json_error_t error;
        json_t      *root;

        assert_non_null(text);
        length = trib__memory_describe(rig.memory, text, room);
        assert_int_equal(strlen(text), length);
        root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
        if (root == NULL)
                fail_msg("%s at %d in %s", error.text, error.position, text);
        free(text);
        return root;
}

static json_int_t number(const json_t *object, const char *first, const char *second)
{
        const json_t *value = json_object_get(object, first);

        if (second != NULL)
                value = json_object_get(value, second);
        assert_true(json_is_integer(value));
        return json_integer_value(value);
}

/* Bytes of all blocks in that place. */
static json_int_t bytes_in(const json_t *root, const char *place)
{
        json_int_t bytes = 0;
        size_t     i;
        json_t    *block;

        json_array_foreach(json_object_get(root, "blocks"), i, block) {
                if (strcmp(json_string_value(json_object_get(block, "place")), place) == 0)
                        bytes += number(block, "bytes", NULL);
        }
        return bytes;
}

static void snapshot_says_where_every_block_is(void **state)
{
        uint64_t live, listed, limbo, pushed;
        json_t  *root, *cache;

        (void)state;
        for (uint32_t shards = 0; shards <= 8; shards += 8) {
                memory_rig_open(&rig, shards, 0);
                live = memory_rig_take(&rig, 0, 1000);
                listed = memory_rig_take(&rig, 1, 2000);
                limbo = memory_rig_take(&rig, 1, 4000);
                pushed = memory_rig_take(&rig, 1, 8000);
                memory_rig_use(&rig, limbo, 2);
                memory_rig_use(&rig, limbo, 3);
                memory_rig_release(&rig, listed, 1);
                memory_rig_release(&rig, limbo, 1);
                memory_rig_release(&rig, pushed, 0);
                assert_int_equal(trib__memory_retain(rig.memory, live, NULL), TRIB_OK);
                root = describe();
                assert_int_equal(number(root, "schema", NULL), 1);
                assert_string_equal(json_string_value(json_object_get(root, "design")),
                                    shards == 0 ? "caches" : "shards");
                assert_int_equal(number(root, "bytes", "allocated"), 1024);
                assert_int_equal(number(root, "bytes", "requested"), 1000);
                assert_int_equal(number(root, "bytes", "limbo"), 4096);
                assert_int_equal(bytes_in(root, "live"), 1024);
                assert_int_equal(bytes_in(root, "list"), shards == 0 ? 2048 : 2048 + 4096 + 8192);
                assert_int_equal(bytes_in(root, "limbo"), shards == 0 ? 4096 : 0);
                assert_int_equal(bytes_in(root, "remote"), shards == 0 ? 8192 : 0);
                assert_int_equal(json_array_size(json_object_get(root, "segments")),
                                 shards == 0 ? 1 : 0);
                cache = json_array_get(json_object_get(root, "caches"), 2);
                assert_int_equal(number(cache, "waited_for", NULL), 4096);
                assert_int_equal(number(cache, "submitted", NULL), 1);
                assert_int_equal(number(cache, "completed", NULL), 0);
                assert_true(json_is_real(json_object_get(json_object_get(root, "fragmentation"),
                                                         "inner")));
                json_decref(root);
                memory_rig_close(&rig);
        }
}

static void snapshot_of_nothing_is_a_snapshot(void **state)
{
        (void)state;
        memory_rig_open(&rig, 0, 0);
        json_decref(describe());
        memory_rig_close(&rig);
}

/* As snprintf: what fits, terminated, and nothing behind it. */
static void snapshot_keeps_to_its_buffer(void **state)
{
        char     whole[8192], part[8192];
        uint64_t length;

        (void)state;
        memory_rig_open(&rig, 0, 0);
        memory_rig_release(&rig, memory_rig_take(&rig, 0, 1000), 0);
        length = trib__memory_describe(rig.memory, whole, sizeof(whole));
        assert_true(length < sizeof(whole));
        for (size_t size = 0; size <= length + 1; size++) {
                memset(part, 'x', sizeof(part));
                assert_int_equal(trib__memory_describe(rig.memory, part, size), length);
                if (size > 0) {
                        assert_int_equal(strlen(part), size - 1);
                        assert_memory_equal(part, whole, size - 1);
                }
                for (size_t i = size; i < sizeof(part); i++)
                        assert_int_equal(part[i], 'x');
        }
        memory_rig_close(&rig);
}

static void history_keeps_the_last_events(void **state)
{
        const struct trib__memory_params params = { .n_history = 5 };
        json_t                          *root, *history;
        uint64_t                         handle = 0;

        (void)state;
        memory_rig_open_with(&rig, "clock=scripted", &params);
        for (int i = 0; i < 10; i++) {
                handle = memory_rig_take(&rig, 1, 1000);
                memory_rig_release(&rig, handle, 1);
        }
        handle = memory_rig_take(&rig, 1, 1000);
        memory_rig_use(&rig, handle, 2);
        root = describe();
        history = json_object_get(root, "history");
        assert_int_equal(json_array_size(history), 5);
        assert_string_equal(
                json_string_value(json_object_get(json_array_get(history, 4), "event")), "use");
        assert_int_equal(number(json_array_get(history, 4), "stream", NULL), 2);
        assert_int_equal(number(json_array_get(history, 4), "handle", NULL), handle);
        assert_string_equal(
                json_string_value(json_object_get(json_array_get(history, 3), "event")), "alloc");
        assert_int_equal(number(json_array_get(history, 3), "value", NULL), 1000);
        assert_string_equal(
                json_string_value(json_object_get(json_array_get(history, 2), "event")), "free");
        assert_int_equal(number(root, "events", NULL),
                         number(json_array_get(history, 4), "number", NULL) + 1);
        json_decref(root);
        memory_rig_close(&rig);
}

static void history_has_every_kind_of_event(void **state)
{
        const struct trib__memory_params params = { .n_history = 64, .limit = 1 << 20 };
        bool                             seen[TRIB__MEMORY_EVENTS] = { false };
        json_t                          *root, *record;
        uint64_t                         handle, none;
        size_t                           i;

        (void)state;
        memory_rig_open_with(&rig, "clock=scripted", &params);
        handle = memory_rig_take(&rig, 1, 1000);
        assert_int_equal(trib__memory_retain(rig.memory, handle, NULL), TRIB_OK);
        memory_rig_use(&rig, handle, 2);
        memory_rig_release(&rig, handle, 1);
        memory_rig_release(&rig, handle, 0);
        assert_int_equal(trib__memory_alloc(rig.memory, 0, 1 << 20, 0, &none, NULL),
                         TRIB_OUT_OF_MEMORY);
        memory_rig_finish(&rig, 2);
        (void)trib__memory_trim(rig.memory);
        root = describe();
        json_array_foreach(json_object_get(root, "history"), i, record) {
                const char *name = json_string_value(json_object_get(record, "event"));

                for (int e = 0; e < TRIB__MEMORY_EVENTS; e++)
                        seen[e] |= strcmp(name, trib__memory_event_name(
                                                        (enum trib__memory_event)e)) == 0;
        }
        json_decref(root);
        for (int e = 0; e < TRIB__MEMORY_EVENTS; e++) {
                if (!seen[e])
                        fail_msg("no event '%s'",
                                 trib__memory_event_name((enum trib__memory_event)e));
        }
        memory_rig_close(&rig);
}

static atomic_int running;

static void work(struct crowd_member *me)
{
        for (int i = 0; i < 2000; i++) {
                uint64_t handle;

                if (trib__memory_alloc(rig.memory, me->index, 512u << i % 12, 0, &handle, NULL) !=
                            TRIB_OK ||
                    trib__memory_release(rig.memory, handle, (me->index + (uint32_t)i) % 4,
                                         NULL) != TRIB_OK)
                        me->wrong++;
                if (i % 100 == 0)
                        (void)trib__memory_trim(rig.memory);
        }
        atomic_fetch_sub(&running, 1);
}

/* Records that are being written are left out, those that are there are whole. */
static void snapshot_is_json_while_threads_work(void **state)
{
        const struct trib__memory_params params = { .n_history = 16 };
        struct crowd_member              members[4];

        (void)state;
        memory_rig_open_with(&rig, "clock=scripted", &params);
        atomic_store(&running, 4);
        for (uint32_t i = 0; i < 4; i++)
                crowd_start(&members[i], work, NULL, i);
        do {
                char         text[65536];
                json_error_t error;
                json_t      *root;

                if (trib__memory_describe(rig.memory, text, sizeof(text)) >= sizeof(text))
                        continue;
                root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
                if (root == NULL)
                        fail_msg("%s at %d in %s", error.text, error.position, text);
                json_decref(root);
        } while (atomic_load(&running) > 0);
        for (int i = 0; i < 4; i++) {
                crowd_join(&members[i]);
                assert_int_equal(members[i].wrong, 0);
        }
        memory_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(snapshot_says_where_every_block_is),
               TRIB_TEST(snapshot_of_nothing_is_a_snapshot),
               TRIB_TEST(snapshot_keeps_to_its_buffer),
               TRIB_TEST(history_keeps_the_last_events),
               TRIB_TEST(history_has_every_kind_of_event),
               TRIB_TEST(snapshot_is_json_while_threads_work))
