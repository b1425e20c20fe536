/* SPDX-License-Identifier: Apache-2.0 */
/* H38, H40: the library that is shipped is not the one that most tests link: its own checks are
 * compiled out. Here it is loaded from the build, and asked what the other one was asked. */
#include "test_main.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "expect.h"

#include <tributary/tributary.h>

/* ---- H38 -------------------------------------------------------------------------------- */

#define ASKED(X)                                                                                \
        X(trib_device_open) X(trib_device_close) X(trib_device_get_info)                        \
        X(trib_device_get_memory) X(trib_model_builder_create) X(trib_model_builder_destroy)    \
        X(trib_model_input) X(trib_model_relu) X(trib_model_linear) X(trib_model_output)        \
        X(trib_model_build) X(trib_model_close) X(trib_session_open) X(trib_session_close)      \
        X(trib_session_prepare) X(trib_infer) X(trib_submit) X(trib_wait) X(trib_cancel)        \
        X(trib_stream_acquire) X(trib_stream_release) X(trib_stream_upload)                     \
        X(trib_buffer_create) X(trib_buffer_release) X(trib_buffer_retain)                      \
        X(trib_buffer_address) X(trib_buffer_use) X(trib_tensor_check) X(trib_tensor_copy)      \
        X(trib_tensor_rows) X(trib_npy_load) X(trib_npy_save) X(trib_version)                   \
        X(trib_tensor_from_f32)

struct api {
#define MEMBER(name) __typeof__(name) *name;
        ASKED(MEMBER)
};

#define MAX_ANSWERS 128

struct answers {
        uint32_t    count;
        const char *what[MAX_ANSWERS];
        trib_status status[MAX_ANSWERS];
        trib_error  err[MAX_ANSWERS];
};

/* One wrong call, and what came back. */
#define ASK(call)                                                                         \
        do {                                                                              \
                trib_error *err = &answers->err[answers->count];                          \
                answers->what[answers->count] = #call;                                    \
                answers->status[answers->count++] = (call);                               \
        } while (0)

static void ask_about_tensors(const struct api *api, struct answers *answers)
{
        static float values[8];
        trib_tensor  good = api->trib_tensor_from_f32(values, 1, (int64_t[]){ 4 });
        trib_tensor  bad[7], out;

        for (int i = 0; i < 7; i++)
                bad[i] = good;
        bad[0].data = NULL;
        bad[1].dtype = (trib_dtype)77;
        bad[2].rank = -3;
        bad[3].rank = 1000;
        bad[4].shape[0] = -1;
        bad[5].shape[0] = INT64_MAX;
        bad[6].data = (char *)values + 1;
        ASK(api->trib_tensor_check(NULL, NULL, NULL, err));
        for (int i = 0; i < 7; i++) {
                ASK(api->trib_tensor_check(&bad[i], NULL, NULL, err));
                ASK(api->trib_tensor_copy(&good, &bad[i], err));
                ASK(api->trib_tensor_copy(&bad[i], &good, err));
        }
        ASK(api->trib_tensor_rows(&good, 3, 2, &out, err));
        ASK(api->trib_tensor_rows(&good, -1, 1, &out, err));
        ASK(api->trib_tensor_rows(&good, INT64_MAX, INT64_MAX, &out, err));
        ASK(api->trib_npy_load("/no/such/file", &out, err));
        ASK(api->trib_npy_load("/dev/null", &out, err));
        ASK(api->trib_npy_save("/no/such/folder/file", &good, err));
}

static void ask_about_opening(const struct api *api, struct answers *answers)
{
        trib_device_options options = TRIB_DEVICE_OPTIONS_INIT;
        trib_device        *device;

        ASK(api->trib_device_open(NULL, NULL, &device, err));
        ASK(api->trib_device_open("cpu:0", NULL, NULL, err));
        ASK(api->trib_device_open("cpu:9", NULL, &device, err));
        ASK(api->trib_device_open("sim:queues=many", NULL, &device, err));
        options.struct_size = 3;
        ASK(api->trib_device_open("cpu:0", &options, &device, err));
        options = (trib_device_options)TRIB_DEVICE_OPTIONS_INIT;
        options.max_streams = 1000;
        ASK(api->trib_device_open("cpu:0", &options, &device, err));
        ASK(api->trib_device_get_info(NULL, NULL, err));
        ASK(api->trib_device_get_memory(NULL, NULL, err));
        api->trib_device_close(NULL);
        api->trib_model_close(NULL);
        api->trib_stream_release(NULL);
        api->trib_model_builder_destroy(NULL);
}

static void ask_about_models(const struct api *api, trib_device *device, struct answers *answers)
{
        trib_model_builder *b;
        trib_model         *model;

        ASK(api->trib_model_builder_create(NULL, err));
        for (int mistake = 0; mistake < 6; mistake++) {
                trib_value x;

                if (api->trib_model_builder_create(&b, NULL) != TRIB_OK)
                        return;
                x = api->trib_model_input(b, mistake == 0 ? NULL : "x",
                                          mistake == 1 ? (trib_dtype)99 : TRIB_F32,
                                          mistake == 2 ? 99 : 2, (int64_t[]){ 2, 4 });
                if (mistake == 3)
                        x = api->trib_model_relu(b, 55);
                if (mistake == 4)
                        x = api->trib_model_linear(b, x, x, -7);
                if (mistake != 5)
                        api->trib_model_output(b, "y", x);
                ASK(api->trib_model_build(b, device, &model, err));
                api->trib_model_builder_destroy(b);
        }
}

static void ask_about_buffers(const struct api *api, trib_device *device, struct answers *answers)
{
        trib_stream *stream;
        trib_buffer  buffer, old, none = { 0 }, wild = { UINT64_MAX - 5 };
        char         bytes[8] = { 0 };

        ASK(api->trib_stream_acquire(NULL, 0, &stream, err));
        ASK(api->trib_stream_acquire(device, 0, NULL, err));
        if (api->trib_stream_acquire(device, 0, &stream, NULL) != TRIB_OK)
                return;
        ASK(api->trib_buffer_create(stream, 0, &buffer, err));
        ASK(api->trib_buffer_create(stream, UINT64_MAX, &buffer, err));
        ASK(api->trib_buffer_create(stream, 8, NULL, err));
        ASK(api->trib_buffer_create(NULL, 8, &buffer, err));
        ASK(api->trib_buffer_create(stream, 64, &old, err));
        ASK(api->trib_buffer_release(device, old, err));
        ASK(api->trib_buffer_release(device, old, err));
        ASK(api->trib_buffer_retain(device, old, err));
        ASK(api->trib_buffer_use(none, stream, err));
        ASK(api->trib_buffer_address(device, wild, NULL, NULL, err));
        ASK(api->trib_buffer_create(stream, 64, &buffer, err));
        ASK(api->trib_stream_upload(stream, buffer, 60, bytes, 8, err));
        ASK(api->trib_stream_upload(stream, buffer, UINT64_MAX, bytes, 8, err));
        ASK(api->trib_stream_upload(stream, buffer, 0, NULL, 8, err));
        ASK(api->trib_buffer_release(device, buffer, err));
        api->trib_stream_release(stream);
}

static void ask_about_requests(const struct api *api, trib_model *model, struct answers *answers)
{
        trib_session_options options = TRIB_SESSION_OPTIONS_INIT;
        trib_request_options one = TRIB_REQUEST_OPTIONS_INIT;
        float                values[8] = { 0 };
        trib_tensor          x = api->trib_tensor_from_f32(values, 2, (int64_t[]){ 2, 4 });
        trib_tensor          small = api->trib_tensor_from_f32(values, 1, (int64_t[]){ 4 });
        trib_session        *session;
        trib_request        *request;

        options.policy = (trib_policy)9;
        ASK(api->trib_session_open(model, &options, &session, err));
        ASK(api->trib_session_open(NULL, NULL, &session, err));
        if (api->trib_session_open(model, NULL, &session, NULL) != TRIB_OK)
                return;
        ASK(api->trib_infer(NULL, &x, 1, &x, 1, err));
        ASK(api->trib_infer(session, NULL, 1, &x, 1, err));
        ASK(api->trib_infer(session, &x, 1, NULL, 1, err));
        ASK(api->trib_infer(session, &x, -1, &x, 1, err));
        ASK(api->trib_infer(session, &x, 1, &x, 2000000000, err));
        ASK(api->trib_infer(session, &small, 1, &x, 1, err));
        ASK(api->trib_infer(session, &x, 1, &small, 1, err));
        ASK(api->trib_session_prepare(session, &small, 1, NULL, err));
        ASK(api->trib_submit(session, NULL, &request, err));
        ASK(api->trib_submit(session, &one, &request, err));
        ASK(api->trib_wait(NULL, 0, err));
        ASK(api->trib_cancel(NULL, err));
        ASK(api->trib_session_close(NULL, err));
        ASK(api->trib_session_close(session, err));
}

static void ask_everything(const struct api *api, struct answers *answers)
{
        trib_device        *device;
        trib_model_builder *b;
        trib_model         *model;
        trib_value          x;
        trib_error          err = TRIB_ERROR_INIT;

        memset(answers, 0, sizeof(*answers));
        ask_about_tensors(api, answers);
        ask_about_opening(api, answers);
        EXPECT_OK(api->trib_device_open("sim:fast", NULL, &device, &err), &err);
        ask_about_models(api, device, answers);
        ask_about_buffers(api, device, answers);
        EXPECT_OK(api->trib_model_builder_create(&b, &err), &err);
        x = api->trib_model_input(b, "x", TRIB_F32, 2, (int64_t[]){ TRIB_ANY, 4 });
        api->trib_model_output(b, "y", api->trib_model_relu(b, x));
        EXPECT_OK(api->trib_model_build(b, device, &model, &err), &err);
        api->trib_model_builder_destroy(b);
        ask_about_requests(api, model, answers);
        api->trib_model_close(model);
        api->trib_device_close(device);
        assert_true(answers->count < MAX_ANSWERS);
}

static void H38_the_shipped_library_refuses_what_the_checked_one_does(void **state)
{
        static struct answers checked, shipped;
        struct api            api;
        void                 *library = dlopen(TRIB_TEST_LIBRARY, RTLD_NOW | RTLD_LOCAL);
        uint32_t              refused = 0;

        (void)state;
        if (library == NULL)
                fail_msg("%s", dlerror());
#define LINKED(name) api.name = name;
        ASKED(LINKED)
        ask_everything(&api, &checked);
#define LOADED(name) *(void **)&api.name = dlsym(library, #name); assert_non_null(api.name);
        ASKED(LOADED)
        assert_true(api.trib_infer != trib_infer);
        ask_everything(&api, &shipped);
        assert_int_equal(checked.count, shipped.count);
        for (uint32_t i = 0; i < checked.count; i++) {
                if (checked.status[i] != shipped.status[i] ||
                    strcmp(checked.err[i].message, shipped.err[i].message) != 0)
                        fail_msg("%s: checked %s: %s; shipped %s: %s", checked.what[i],
                                 trib_status_name(checked.status[i]), checked.err[i].message,
                                 trib_status_name(shipped.status[i]), shipped.err[i].message);
                refused += checked.status[i] != TRIB_OK;
        }
        print_message("%u of %u calls refused, by both alike\n", refused, checked.count);
        assert_true(refused > 60);
        assert_int_equal(dlclose(library), 0);
}

/* ---- H40 -------------------------------------------------------------------------------- */

static void H40_a_program_of_another_build_runs_no_test(void **state)
{
        (void)state;
        assert_true(preflight_passes(TRIB__BUILD_TEXT, TRIB_TEST_VERSION));
        assert_false(preflight_passes("0123456789abcdef checked", TRIB_TEST_VERSION));
        assert_false(preflight_passes(TRIB__BUILD_ID " unchecked", TRIB_TEST_VERSION));
        assert_false(preflight_passes(TRIB__BUILD_TEXT, "0.0.1"));
        assert_true(strlen(TRIB__BUILD_ID) == 32); /* the build did name itself */
}

static void H40_the_library_that_was_loaded_is_the_one_that_was_built(void **state)
{
        void       *library = dlopen(TRIB_TEST_LIBRARY, RTLD_NOW | RTLD_LOCAL);
        void       *version;
        Dl_info     info;
        char       *wanted, *got;

        (void)state;
        assert_non_null(library);
        wanted = realpath(TRIB_TEST_LIBRARY, NULL);
        version = dlsym(library, "trib_version");
        assert_non_null(version);
        assert_int_not_equal(dladdr(version, &info), 0);
        got = realpath(info.dli_fname, NULL);
        assert_string_equal(got, wanted);
        assert_string_equal(((__typeof__(trib_version) *)(uintptr_t)version)(), trib_version());
        free(got);
        free(wanted);
        assert_int_equal(dlclose(library), 0);
}

TRIB_TEST_MAIN(TRIB_TEST(H38_the_shipped_library_refuses_what_the_checked_one_does),
               TRIB_TEST(H40_a_program_of_another_build_runs_no_test),
               TRIB_TEST(H40_the_library_that_was_loaded_is_the_one_that_was_built))
