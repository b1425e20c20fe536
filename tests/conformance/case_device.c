/* SPDX-License-Identifier: Apache-2.0 */
/* Conformance: devices, memory, and what can be compiled. */
#include "cases.h"
#include "oracle.h"
#include "rig.h"

static const struct trib__backend *backend_of(void **state)
{
        const struct trib__backend *backend;
        const char                 *which;
        trib_error                  err = TRIB_ERROR_INIT;

        must(trib__backend_find(*state, &backend, &which, &err), &err);
        return backend;
}

void vtable_is_complete(void **state)
{
        const struct trib__backend *b = backend_of(state);

        assert_int_equal(b->size, sizeof(*b));
        assert_int_equal(b->abi, TRIB__BACKEND_ABI);
        assert_non_null(b->prefix);
        assert_true(b->probe && b->open && b->close && b->alloc && b->free && b->alloc_host);
        assert_true(b->free_host && b->supports && b->compile && b->release && b->queue_create);
        assert_true(b->queue_destroy && b->launch && b->copy && b->completed && b->park);
        assert_true(b->result && b->peaks);
}

void probe_describes_devices_and_ends(void **state)
{
        const struct trib__backend *backend = backend_of(state);
        struct trib__probe          probe;
        trib_error                  err = TRIB_ERROR_INIT;
        uint32_t                    count = 0;

        for (; backend->probe(count, &probe, &err) == TRIB_OK; count++) {
                assert_true(count < 1000);
                assert_int_equal(strncmp(probe.name, backend->prefix, strlen(backend->prefix)),
                                 0);
                assert_true(strlen(probe.description) > 0);
                assert_true(probe.is_available || strlen(probe.missing) > 0);
        }
        assert_true(count > 0);
        assert_int_equal(err.status, TRIB_NOT_FOUND);
        assert_int_equal(backend->probe(UINT32_MAX, &probe, NULL), TRIB_NOT_FOUND);
}

void open_fills_capabilities(void **state)
{
        struct rig rig;

        rig_open(&rig, *state);
        assert_int_equal(strncmp(rig.caps.name, rig.backend->prefix,
                                 strlen(rig.backend->prefix)),
                         0);
        assert_true(strlen(rig.caps.description) > 0);
        assert_true(strlen(rig.caps.library) > 0);
        assert_true(rig.caps.memory_bytes > 0);
        assert_true(rig.caps.compute_units > 0);
        assert_true(rig.caps.has_wait == (rig.backend->wait_queue != NULL));
        rig_close(&rig);
}

void open_refuses_unknown_devices(void **state)
{
        static const char *const    bad[] = { "nosuch", "99999", "-1", "0x", " 0" };
        const struct trib__backend *backend = backend_of(state);

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                trib__device           *device = (trib__device *)&backend;
                struct trib__device_caps caps;
                trib_error              err = TRIB_ERROR_INIT;
                trib_status             status = backend->open(bad[i], &device, &caps, &err);

                if (status != TRIB_NOT_FOUND && status != TRIB_INVALID_ARGUMENT)
                        fail_msg("'%s' gave %s", bad[i], trib_status_name(status));
                assert_null(device);
                assert_int_equal(err.status, status);
                assert_true(strlen(err.message) > 0);
        }
}

void open_and_close_repeat(void **state)
{
        struct rig first, second;

        for (int i = 0; i < 20; i++) {
                rig_open(&first, *state);
                rig_open(&second, *state);
                rig_close(&first);
                rig_close(&second);
        }
}

void memory_of_odd_sizes_is_aligned_and_separate(void **state)
{
        static const uint64_t sizes[] = { 1, 63, 64, 65, 4095, 4097, 1000003 };
        struct rig            rig;
        void                 *memory[7];

        rig_open(&rig, *state);
        for (int i = 0; i < 7; i++)
                memory[i] = rig_alloc(&rig, sizes[i]);
        for (int i = 0; i < 7; i++) {
                for (int j = 0; j < i; j++) {
                        const char *a = memory[i], *b = memory[j];

                        assert_true(a + sizes[i] <= b || b + sizes[j] <= a);
                }
        }
        for (int i = 0; i < 7; i++)
                rig.backend->free(rig.device, memory[i], sizes[i]);
        rig_close(&rig);
}

void memory_refuses_impossible_sizes(void **state)
{
        static const uint64_t sizes[] = { UINT64_MAX, UINT64_MAX - 63, UINT64_C(1) << 63,
                                          UINT64_C(1) << 56 };
        struct rig            rig;

        rig_open(&rig, *state);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                trib_error err = TRIB_ERROR_INIT;
                void      *memory = &rig;

                assert_int_equal(rig.backend->alloc(rig.device, sizes[i], &memory, &err),
                                 TRIB_OUT_OF_MEMORY);
                assert_null(memory);
                assert_true(strlen(err.message) > 0);
                memory = &rig;
                assert_int_equal(rig.backend->alloc_host(rig.device, sizes[i], &memory, NULL),
                                 TRIB_OUT_OF_MEMORY);
                assert_null(memory);
        }
        rig.backend->free(rig.device, rig_alloc(&rig, 100), 100);
        rig_close(&rig);
}

void host_memory_is_seen_by_both_sides(void **state)
{
        struct rig       rig;
        struct rig_queue queue;
        void            *shared = NULL, *memory;
        char             back[100];
        trib_error       err = TRIB_ERROR_INIT;

        rig_open(&rig, *state);
        rig_queue_open(&rig, 0, &queue);
        must(rig.backend->alloc_host(rig.device, 100, &shared, &err), &err);
        memory = rig_alloc(&rig, 100);
        memset(shared, 7, 100);
        rig_copy(&rig, &queue, memory, shared, 100);
        memset(shared, 8, 100);
        rig_copy(&rig, &queue, back, memory, 100);
        for (int i = 0; i < 100; i++)
                assert_int_equal(back[i], 7);
        memset(back, 9, sizeof(back));
        rig_copy(&rig, &queue, shared, back, 100);
        assert_int_equal(((char *)shared)[99], 9);
        rig.backend->free_host(rig.device, shared, 100);
        rig.backend->free(rig.device, memory, 100);
        rig_queue_close(&rig, &queue);
        rig_close(&rig);
}

void peaks_are_sane(void **state)
{
        struct rig         rig;
        struct trib__peaks peaks;
        trib_error         err = TRIB_ERROR_INIT;

        rig_open(&rig, *state);
        must(rig.backend->peaks(rig.device, 400, &peaks, &err), &err);
        assert_true(peaks.flops_f32 >= 0 && peaks.flops_f32 < 1e21);
        assert_true(peaks.bytes_per_s > 0 && peaks.bytes_per_s < 1e21);
        assert_true(peaks.flops_medium >= 0 && peaks.submissions_per_s >= 0);
        assert_true(rig.caps.has_medium || peaks.flops_medium == 0);
        rig_close(&rig);
}

/* The operands of the operators that are not of squares alone. */
static void make_special(struct handmade *made, enum trib__op op, trib_dtype dtype)
{
        const int64_t        square[2] = { 4, 4 }, packed[2] = { 5, 4 }, four = 4, five = 5;
        const int64_t        image[4] = { 1, 4, 4, 4 }, kernel[4] = { 4, 4, 1, 1 };
        struct trib__operand in[4];
        const int64_t       *out = op == TRIB__OP_LU ? packed : square;

        if (op == TRIB__OP_CONV2D) {
                in[0] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, 4, image);
                in[1] = handmade_operand(made, TRIB__PLACE_CONSTANT, dtype, 4, kernel);
                handmade_step(made, op, 2, in,
                              handmade_operand(made, TRIB__PLACE_OUTPUT, dtype, 4, image))
                        ->conv2d = (struct trib__conv2d){ { 1, 1 }, { 0, 0 }, { 1, 1 }, 1 };
                return;
        }
        if (op == TRIB__OP_ATTENTION) {
                for (int i = 0; i < 3; i++)
                        in[i] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, 2, square);
                handmade_step(made, op, 3, in,
                              handmade_operand(made, TRIB__PLACE_OUTPUT, dtype, 2, square))
                        ->attention = (struct trib__attention){ 2, 0.5f, false };
                return;
        }
        in[0] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, 2,
                                 op == TRIB__OP_LU_FACTORS || op == TRIB__OP_LU_PIVOTS ? packed
                                                                                      : square);
        if (op == TRIB__OP_SPARSE_MATMUL) {
                in[1] = handmade_operand(made, TRIB__PLACE_CONSTANT, dtype, 1, &four);
                in[2] = handmade_operand(made, TRIB__PLACE_CONSTANT, TRIB_I32, 1, &four);
                in[3] = handmade_operand(made, TRIB__PLACE_CONSTANT, TRIB_I32, 1, &five);
        }
        (void)handmade_step(made, op, op == TRIB__OP_SPARSE_MATMUL ? 4 : 1, in,
                            op == TRIB__OP_LU_PIVOTS
                                    ? handmade_operand(made, TRIB__PLACE_OUTPUT, TRIB_I32, 1, &four)
                                    : handmade_operand(made, TRIB__PLACE_OUTPUT, dtype, 2, out));
}

/* One step of an operator on small operands of a dtype. */
static void make_step(struct handmade *made, enum trib__op op, trib_dtype dtype)
{
        const int64_t        square[2] = { 4, 4 };
        struct trib__operand in[3];
        uint32_t             n = op == TRIB__OP_LINEAR || op == TRIB__OP_MATMUL ||
                                             op == TRIB__OP_ADD || op == TRIB__OP_MUL
                                         ? 2
                                         : 1;

        handmade_init(made);
        if (op > TRIB__OP_LAYER_NORM) {
                make_special(made, op, dtype);
                return;
        }
        in[0] = handmade_operand(made, TRIB__PLACE_INPUT, dtype, 2, square);
        in[1] = n == 1 ? in[0]
                       : handmade_operand(made,
                                          op == TRIB__OP_LINEAR ? TRIB__PLACE_CONSTANT
                                                                : TRIB__PLACE_INPUT,
                                          dtype, 2, square);
        (void)handmade_step(made, op, n, in,
                            handmade_operand(made, TRIB__PLACE_OUTPUT, dtype, 2, square));
}

void supports_every_operator_in_f32(void **state)
{
        struct rig rig;

        rig_open(&rig, *state);
        for (int op = 0; op < TRIB__OP_USER; op++) {
                struct handmade made;
                char            reason[128] = "";

                make_step(&made, (enum trib__op)op, TRIB_F32);
                if (rig.backend->supports(rig.device, &made.steps[0], reason, sizeof(reason)) ==
                    TRIB__SUPPORT_NO)
                        fail_msg("%s: %s", trib__op_name((enum trib__op)op), reason);
        }
        rig_close(&rig);
}

static const trib_dtype all_dtypes[] = { TRIB_F32, TRIB_F64, TRIB_F16, TRIB_BF16, TRIB_I8,
                                         TRIB_U8,  TRIB_I32, TRIB_I64, TRIB_BOOL };

#define N_DTYPES (sizeof(all_dtypes) / sizeof(all_dtypes[0]))

void supports_gives_reasons(void **state)
{
        struct rig rig;

        rig_open(&rig, *state);
        for (int op = 0; op < TRIB__OP_USER; op++) {
                for (size_t i = 0; i < N_DTYPES; i++) {
                        struct handmade    made;
                        char               reason[64], cut[8];
                        enum trib__support support;

                        make_step(&made, (enum trib__op)op, all_dtypes[i]);
                        memset(reason, 0, sizeof(reason));
                        memset(cut, '!', sizeof(cut));
                        support = rig.backend->supports(rig.device, &made.steps[0], reason,
                                                        sizeof(reason));
                        assert_true(support == TRIB__SUPPORT_CONCURRENT || strlen(reason) > 0);
                        assert_int_equal(rig.backend->supports(rig.device, &made.steps[0], cut, 4),
                                         support);
                        assert_int_equal(cut[4], '!');
                        assert_int_equal(rig.backend->supports(rig.device, &made.steps[0], NULL,
                                                               0),
                                         support);
                }
        }
        rig_close(&rig);
}

/* What supports says, compile does; and where it refuses, it says which step. */
void compile_names_the_step_it_refuses(void **state)
{
        struct rig rig;
        uint32_t   refused = 0;
        static float   data[16];
        const void    *constants[1] = { data };

        rig_open(&rig, *state);
        for (int op = 0; op < TRIB__OP_USER; op++) {
                for (size_t i = 0; i < N_DTYPES; i++) {
                        struct handmade            made;
                        struct trib__program_info  info;
                        struct trib__compile_params params = { .plan = &made.plan,
                                                               .constants = constants };
                        trib__program             *program = NULL;
                        trib_error                 err = TRIB_ERROR_INIT;

                        make_step(&made, (enum trib__op)op, all_dtypes[i]);
                        if (op == TRIB__OP_LINEAR ||
                            rig.backend->supports(rig.device, &made.steps[0], NULL, 0) !=
                                    TRIB__SUPPORT_NO)
                                continue;
                        assert_int_equal(rig.backend->compile(rig.device, &params, &program,
                                                              &info, &err),
                                         TRIB_UNSUPPORTED);
                        assert_null(program);
                        assert_non_null(strstr(err.message, trib__op_name((enum trib__op)op)));
                        refused++;
                }
        }
        assert_true(refused > 0);
        rig_close(&rig);
}

void compile_medium_follows_the_capability(void **state)
{
        struct rig                  rig;
        struct handmade             made;
        struct trib__program_info   info;
        struct trib__compile_params params = { .plan = &made.plan, .is_medium = true };
        trib__program              *program = NULL;
        trib_error                  err = TRIB_ERROR_INIT;

        rig_open(&rig, *state);
        make_step(&made, TRIB__OP_MATMUL, TRIB_F32);
        if (rig.caps.has_medium) {
                must(rig.backend->compile(rig.device, &params, &program, &info, &err), &err);
                rig.backend->release(rig.device, program);
        } else {
                assert_int_equal(rig.backend->compile(rig.device, &params, &program, &info, &err),
                                 TRIB_UNSUPPORTED);
                assert_null(program);
        }
        rig_close(&rig);
}

void release_takes_null(void **state)
{
        struct rig rig;

        rig_open(&rig, *state);
        rig.backend->release(rig.device, NULL);
        rig.backend->queue_destroy(NULL);
        rig_close(&rig);
}
