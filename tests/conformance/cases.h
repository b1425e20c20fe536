/* SPDX-License-Identifier: Apache-2.0 */
/* cases.h: the cases that every device passes, as one list. Each gets the name of the device in
 * *state. test_conformance.c runs all of them on every device that is here. */
#ifndef TRIB_CONFORMANCE_CASES_H
#define TRIB_CONFORMANCE_CASES_H

#define CONFORMANCE_CASES(X)                                    \
        /* case_device.c */                                     \
        X(vtable_is_complete)                                   \
        X(probe_describes_devices_and_ends)                     \
        X(open_fills_capabilities)                              \
        X(open_refuses_unknown_devices)                         \
        X(open_and_close_repeat)                                \
        X(memory_of_odd_sizes_is_aligned_and_separate)          \
        X(memory_refuses_impossible_sizes)                      \
        X(host_memory_is_seen_by_both_sides)                    \
        X(peaks_are_sane)                                       \
        X(supports_every_operator_in_f32)                       \
        X(supports_gives_reasons)                               \
        X(compile_names_the_step_it_refuses)                    \
        X(compile_medium_follows_the_capability)                \
        X(release_takes_null)                                   \
        /* case_queue.c */                                      \
        X(queues_up_to_64_work_side_by_side)                    \
        X(copies_between_all_memories_are_exact)                \
        X(timeline_reaches_each_value_and_only_grows)           \
        X(empty_launch_raises_the_timeline)                     \
        X(park_times_out_for_work_that_is_not_there)            \
        X(queue_runs_in_order_without_waits_between)            \
        X(wait_queue_orders_queues)                             \
        X(told_times_are_in_order_and_within_the_callers_own)   \
        /* case_steps.c */                                      \
        X(linear_is_right)                                      \
        X(linear_with_activation_is_right)                      \
        X(matmul_is_right)                                      \
        X(add_and_mul_are_right)                                \
        X(unary_operators_are_right)                            \
        X(softmax_is_right_over_every_axis)                     \
        X(layer_norm_is_right)                                  \
        X(functions_keep_their_limits)                          \
        X(chain_through_the_slab_is_right)                      \
        X(step_may_write_over_its_input)                        \
        X(rows_do_not_see_their_neighbours)                     \
        /* case_matrix.c */                                     \
        X(lu_is_right)                                          \
        X(lu_takes_every_kind_of_matrix)                        \
        X(lu_gives_the_same_bits_on_every_queue)                \
        X(sparse_matmul_is_right)                               \
        /* case_layers.c */                                     \
        X(attention_is_right)                                   \
        X(attention_survives_large_scores)                      \
        X(conv2d_is_right)                                      \
        X(conv2d_with_activation_is_right)                      \
        /* case_threads.c */                                    \
        X(threads_on_queues_of_their_own_agree_to_the_bit)      \
        X(threads_compile_and_release_at_once)                  \
        /* case_user.c */                                       \
        X(user_operator_gets_views_and_runs_without_locks)      \
        X(user_operator_failure_is_reported_once)               \
        X(user_operators_run_from_many_queues)                  \
        X(serial_user_operator_never_overlaps_itself)           \
        X(serial_step_that_cannot_enter_ends_in_time)           \
        /* case_fault.c */                                      \
        X(every_single_fault_is_survived)                       \
        X(every_lasting_fault_is_survived)

#define CONFORMANCE_DECLARE(name) void name(void **state);
CONFORMANCE_CASES(CONFORMANCE_DECLARE)
#undef CONFORMANCE_DECLARE

#endif
