/* SPDX-License-Identifier: Apache-2.0 */
/* sim_program.c: which steps the device runs and how, and programs: a plan and what each of its
 * steps costs under the time model. Programs are immutable; no lock. */
#include <stdio.h>

#include "backend/ref_step.h"
#include "backend/sim/sim_priv.h"
#include "base/alloc.h"
#include "base/error.h"

#define LONGEST_NS 1e18 /* about 30 years */

uint64_t trib__sim_duration(double amount, double per_second)
{
        double ns = amount / per_second * 1e9;

        if (!(ns > 0))
                return 0;
        return ns >= LONGEST_NS ? (uint64_t)LONGEST_NS : (uint64_t)(ns + 0.5);
}

enum trib__support trib__sim_supports(trib__device *device, const struct trib__step *step,
                                      char *reason, uint32_t size)
{
        bool has_reason = reason != NULL && size > 0;

        if (has_reason)
                reason[0] = '\0';
        if (!trib__ref_step_is_supported(step, reason, size))
                return TRIB__SUPPORT_NO;
        if (step->op == TRIB__OP_USER && step->user->concurrency == TRIB_SERIAL) {
                if (has_reason)
                        (void)snprintf(reason, size, "operator '%s' is declared serial",
                                       step->user->name);
                return TRIB__SUPPORT_SERIAL;
        }
        if ((device->options.serial_ops >> step->op & 1) != 0) {
                if (has_reason)
                        (void)snprintf(reason, size,
                                       "the simulated device runs %s one at a time (serial=)",
                                       trib__op_name(step->op));
                return TRIB__SUPPORT_SERIAL;
        }
        return TRIB__SUPPORT_CONCURRENT;
}

static void set_cost(trib__device *device, const struct trib__step *step, bool is_serial,
                     struct step_cost *out)
{
        uint64_t computing = trib__sim_duration(step->flops, device->options.flops);
        uint64_t moving = trib__sim_duration(step->bytes, device->options.bandwidth);

        out->ns = computing > moving ? computing : moving;
        out->computing_ns = computing;
        out->bytes = step->bytes > 0 ? step->bytes : 0;
        out->is_serial = is_serial;
}

/* How long it takes to move these operands over the copy engine. */
static uint64_t transfer_ns(const trib__device *device, const struct trib__operand *operands,
                            uint32_t count)
{
        double bytes = 0;

        for (uint32_t i = 0; i < count; i++)
                bytes += (double)operands[i].bytes;
        return trib__sim_duration(bytes, device->options.copy_bandwidth);
}

static trib_status fill_program(trib__device *device, const struct trib__plan *plan,
                                trib__program *program, trib_error *err)
{
        for (uint32_t i = 0; i < plan->n_steps; i++) {
                const struct trib__step *step = &plan->steps[i];
                char                     reason[128];
                enum trib__support       support;

                support = trib__sim_supports(device, step, reason, sizeof(reason));
                if (support == TRIB__SUPPORT_NO)
                        return trib__fail(err, TRIB_UNSUPPORTED, "step %u (%s): %s", i,
                                          trib__op_name(step->op), reason);
                set_cost(device, step, support == TRIB__SUPPORT_SERIAL, &program->costs[i]);
                if (step->output.bytes > program->shadow_bytes)
                        program->shadow_bytes = step->output.bytes;
        }
        return TRIB_OK;
}

trib_status trib__sim_compile(trib__device *device, const struct trib__compile_params *params,
                              trib__program **out, struct trib__program_info *info,
                              trib_error *err)
{
        const struct trib__plan *plan = params->plan;
        trib__program           *program;
        trib_status              status;
        size_t                   bytes;

        *out = NULL;
        *info = (struct trib__program_info){ 0 };
        if (params->is_medium)
                return trib__fail(err, TRIB_UNSUPPORTED,
                                  "the simulated device has no medium precision; use high");
        if (__builtin_mul_overflow(plan->n_steps, sizeof(struct step_cost), &bytes) ||
            __builtin_add_overflow(bytes, sizeof(*program), &bytes))
                return trib__fail(err, TRIB_OVERFLOW, "a plan of %u steps does not fit",
                                  plan->n_steps);
        if (TRIB__FAULT(DEVICE, "sim.compile"))
                return trib__fail(err, TRIB_DEVICE_ERROR,
                                  "the device did not compile a plan of %u steps", plan->n_steps);
        program = trib__calloc("sim.program", 1, bytes);
        if (program == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a program of %u steps",
                                  plan->n_steps);
        program->plan = plan;
        program->constants = params->constants;
        program->n_steps = plan->n_steps;
        program->in_ns = transfer_ns(device, plan->inputs, plan->n_inputs);
        program->out_ns = transfer_ns(device, plan->outputs, plan->n_outputs);
        status = fill_program(device, plan, program, err);
        if (status != TRIB_OK) {
                trib__free(program);
                return status;
        }
        for (uint32_t i = 0; i < plan->n_steps; i++)
                info->serial_steps += program->costs[i].is_serial ? 1 : 0;
        *out = program;
        return TRIB_OK;
}

void trib__sim_release(trib__device *device, trib__program *program)
{
        (void)device;
        trib__free(program);
}
