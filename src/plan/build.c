/* SPDX-License-Identifier: Apache-2.0 */
/* build.c: from a graph and input shapes to a plan: infer shapes, drop what no output needs, fuse
 * activations into linear steps, place every operand. No locks; all state is in `struct build`. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "plan/plan.h"

struct build {
        const struct trib__graph *graph;
        struct trib__shape       *shapes;    /* per value, final                              */
        uint32_t                 *uses;      /* per value: reads by needed nodes, and outputs */
        struct trib__lifetime    *lifetimes; /* per intermediate                              */
        uint32_t                 *lifetime_of; /* per value: index + 1, or 0                  */
        uint32_t                 *step_of;     /* per value: index + 1 of its step, or 0      */
        uint32_t                 *order;
        uint32_t                  n_lifetimes;
        struct trib__plan        *plan;
};

static void build_clear(struct build *build)
{
        trib__free(build->shapes);
        trib__free(build->uses);
        trib__free(build->lifetimes);
        trib__free(build->lifetime_of);
        trib__free(build->step_of);
        trib__free(build->order);
        trib__plan_destroy(build->plan);
}

void trib__plan_destroy(struct trib__plan *plan)
{
        if (plan == NULL)
                return;
        trib__free(plan->steps);
        trib__free(plan->inputs);
        trib__free(plan->outputs);
        trib__free(plan);
}

/* For a thread that ends inside of a user's infer_shape. */
static void builder_died(void *build)
{
        build_clear(build);
}

static trib_status build_alloc(struct build *build, trib_error *err)
{
        const struct trib__graph *graph = build->graph;
        struct trib__plan        *plan = trib__calloc("plan.plan", 1, sizeof(*plan));

        build->plan = plan;
        build->shapes = trib__calloc("plan.shapes", graph->n_values, sizeof(*build->shapes));
        build->uses = trib__calloc("plan.uses", graph->n_values, sizeof(*build->uses));
        build->lifetimes =
                trib__calloc("plan.lifetimes", graph->n_nodes, sizeof(*build->lifetimes));
        build->lifetime_of =
                trib__calloc("plan.lifetime_of", graph->n_values, sizeof(*build->lifetime_of));
        build->step_of = trib__calloc("plan.step_of", graph->n_values, sizeof(*build->step_of));
        build->order = trib__calloc("plan.order", graph->n_nodes, sizeof(*build->order));
        if (plan != NULL) {
                plan->steps = trib__calloc("plan.steps", graph->n_nodes, sizeof(*plan->steps));
                plan->inputs =
                        trib__calloc("plan.inputs", graph->n_inputs, sizeof(*plan->inputs));
                plan->outputs =
                        trib__calloc("plan.outputs", graph->n_outputs, sizeof(*plan->outputs));
        }
        if (plan == NULL || build->shapes == NULL || build->uses == NULL ||
            build->lifetimes == NULL || build->lifetime_of == NULL || build->step_of == NULL ||
            build->order == NULL || plan->steps == NULL || plan->inputs == NULL ||
            plan->outputs == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory to build a plan");
        plan->n_inputs = graph->n_inputs;
        plan->n_outputs = graph->n_outputs;
        plan->n_constants = graph->n_constants;
        return TRIB_OK;
}

static trib_status infer_shapes(struct build *build, const struct trib__shape *inputs,
                                trib_error *err)
{
        const struct trib__graph *graph = build->graph;

        for (uint32_t v = 0; v < graph->n_values; v++) {
                const struct trib__value *value = &graph->values[v];

                if (value->kind == TRIB__VALUE_INPUT)
                        build->shapes[v] = inputs[value->index];
                else if (value->kind == TRIB__VALUE_CONSTANT)
                        build->shapes[v] = value->shape;
        }
        for (uint32_t n = 0; n < graph->n_nodes; n++) {
                const struct trib__node *node = &graph->nodes[n];
                struct trib__shape       in[TRIB_MAX_OPERATOR_INPUTS];
                struct trib__shape      *out = &build->shapes[node->output];
                trib_status              status;

                for (uint32_t i = 0; i < node->n_inputs; i++)
                        in[i] = build->shapes[node->inputs[i]];
                status = trib__shape_infer(node, in, true, out, err);
                if (status == TRIB_OK)
                        status = trib__shape_size(out, NULL, NULL, err);
                if (status != TRIB_OK) {
                        trib__error_prefix(err, "operator %u (%s)", n, trib__op_name(node->op));
                        return status;
                }
        }
        return TRIB_OK;
}

/* Count the uses of every value by what the outputs need, walking backwards. */
static void count_uses(struct build *build)
{
        const struct trib__graph *graph = build->graph;

        for (uint32_t i = 0; i < graph->n_outputs; i++)
                build->uses[graph->outputs[i].value]++;
        for (uint32_t n = graph->n_nodes; n-- > 0;) {
                const struct trib__node *node = &graph->nodes[n];

                if (build->uses[node->output] == 0)
                        continue;
                for (uint32_t i = 0; i < node->n_inputs; i++)
                        build->uses[node->inputs[i]]++;
        }
}

static bool is_output(const struct trib__graph *graph, int32_t value)
{
        for (uint32_t i = 0; i < graph->n_outputs; i++) {
                if (graph->outputs[i].value == value)
                        return true;
        }
        return false;
}

static bool is_activation(enum trib__op op)
{
        return op == TRIB__OP_RELU || op == TRIB__OP_GELU_ERF || op == TRIB__OP_GELU_TANH ||
               op == TRIB__OP_TANH || op == TRIB__OP_SIGMOID;
}

/* If `node` is an activation of a linear step's only use, put it into that step: the step then
 * makes the activation's value. Steps between the two do not matter: none of them reads either
 * value. */
static bool fuse(struct build *build, const struct trib__node *node)
{
        int32_t            source = node->inputs[0];
        struct trib__step *step;

        if (!is_activation(node->op) || build->step_of[source] == 0)
                return false;
        step = &build->plan->steps[build->step_of[source] - 1];
        if ((step->op != TRIB__OP_LINEAR && step->op != TRIB__OP_CONV2D) ||
            step->activation != TRIB__OP_COUNT || build->uses[source] != 1 ||
            is_output(build->graph, source))
                return false;
        step->activation = node->op;
        step->output.index = (uint32_t)node->output;
        step->flops += trib__node_flops(node, &build->shapes[source],
                                        &build->shapes[node->output]);
        build->step_of[node->output] = build->step_of[source];
        return true;
}

/* The operand of a value; `index` is the value's number until place_operands. */
static struct trib__operand operand_of(const struct build *build, int32_t value)
{
        struct trib__operand      operand = { 0 };
        const struct trib__shape *shape = &build->shapes[value];

        operand.place = TRIB__PLACE_SLAB;
        operand.index = (uint32_t)value;
        operand.dtype = shape->dtype;
        operand.rank = shape->rank;
        memcpy(operand.shape, shape->dims, sizeof(operand.shape));
        /* Cannot fail: infer_shapes has computed it before. */
        (void)!trib__shape_size(shape, NULL, &operand.bytes, NULL);
        return operand;
}

/* What no scale means: 1 / sqrt(width of a head). */
static double scale_of(const struct trib__operand *q, const struct trib__node *node)
{
        return 1 / sqrt((double)(q->shape[q->rank - 1] / node->attention.heads));
}

static void add_step(struct build *build, const struct trib__node *node)
{
        struct trib__step *step = &build->plan->steps[build->plan->n_steps++];
        struct trib__shape in[TRIB_MAX_OPERATOR_INPUTS];

        build->step_of[node->output] = build->plan->n_steps;
        step->op = node->op;
        step->activation = TRIB__OP_COUNT;
        step->epsilon = node->epsilon;
        step->attention = node->attention;
        step->conv2d = node->conv2d;
        step->user = node->op == TRIB__OP_USER ? &node->user : NULL;
        step->n_inputs = node->n_inputs;
        for (uint32_t i = 0; i < node->n_inputs; i++) {
                in[i] = build->shapes[node->inputs[i]];
                step->inputs[i] = operand_of(build, node->inputs[i]);
                step->bytes += (double)step->inputs[i].bytes;
        }
        step->output = operand_of(build, node->output);
        step->axis = node->axis < 0 ? node->axis + step->output.rank : node->axis;
        if (node->op == TRIB__OP_ATTENTION && node->attention.scale == 0)
                step->attention.scale = scale_of(&step->inputs[0], node);
        step->bytes += (double)step->output.bytes;
        /* Of what lu gives, the pivots are one line. */
        if (node->op == TRIB__OP_LU_PIVOTS)
                step->bytes = (double)step->output.bytes *
                              (1 + (double)trib_dtype_size(in[0].dtype) / sizeof(int32_t));
        step->flops = trib__node_flops(node, in, &build->shapes[node->output]);
}

/* Note that `step` reads or makes the intermediate `value`. */
static void extend_lifetime(struct build *build, uint32_t value, uint32_t step, uint64_t bytes)
{
        struct trib__lifetime *life;

        if (build->lifetime_of[value] == 0) {
                life = &build->lifetimes[build->n_lifetimes++];
                build->lifetime_of[value] = build->n_lifetimes;
                life->bytes = (bytes + TRIB__SLAB_ALIGNMENT - 1) / TRIB__SLAB_ALIGNMENT *
                              TRIB__SLAB_ALIGNMENT;
                life->first = step;
        }
        life = &build->lifetimes[build->lifetime_of[value] - 1];
        life->last = step;
}

static void place(const struct build *build, struct trib__operand *operand)
{
        const struct trib__graph *graph = build->graph;
        const struct trib__value *value = &graph->values[operand->index];

        if (value->kind == TRIB__VALUE_INPUT || value->kind == TRIB__VALUE_CONSTANT) {
                operand->place = value->kind == TRIB__VALUE_INPUT ? TRIB__PLACE_INPUT
                                                                  : TRIB__PLACE_CONSTANT;
                operand->index = value->index;
                return;
        }
        for (uint32_t i = 0; i < graph->n_outputs; i++) {
                if (graph->outputs[i].value == (int32_t)operand->index) {
                        operand->place = TRIB__PLACE_OUTPUT;
                        operand->index = i;
                        return;
                }
        }
        operand->offset = build->lifetimes[build->lifetime_of[operand->index] - 1].offset;
        operand->index = 0;
}

static bool is_intermediate(const struct build *build, const struct trib__operand *operand)
{
        return build->graph->values[operand->index].kind == TRIB__VALUE_NODE &&
               !is_output(build->graph, (int32_t)operand->index);
}

/* Note when each intermediate is alive, and add up what the steps cost. */
static void find_lifetimes(struct build *build)
{
        struct trib__plan *plan = build->plan;

        for (uint32_t s = 0; s < plan->n_steps; s++) {
                struct trib__step *step = &plan->steps[s];

                for (uint32_t i = 0; i < step->n_inputs; i++) {
                        if (is_intermediate(build, &step->inputs[i]))
                                extend_lifetime(build, step->inputs[i].index, s,
                                                step->inputs[i].bytes);
                }
                if (is_intermediate(build, &step->output))
                        extend_lifetime(build, step->output.index, s, step->output.bytes);
                plan->flops += step->flops;
                plan->bytes += step->bytes;
        }
}

/* Lay the intermediates out. Their sum bounds every offset, so that is what must fit. */
static trib_status lay_out(struct build *build, trib_error *err)
{
        struct trib__plan *plan = build->plan;

        for (uint32_t i = 0; i < build->n_lifetimes; i++) {
                if (__builtin_add_overflow(plan->unshared_bytes, build->lifetimes[i].bytes,
                                           &plan->unshared_bytes) ||
                    plan->unshared_bytes > UINT64_C(1) << 62)
                        return trib__fail(err, TRIB_OVERFLOW,
                                          "the intermediate values take more than 2^62 bytes");
        }
        plan->slab_bytes =
                trib__plan_layout(build->lifetimes, build->order, build->n_lifetimes);
        return TRIB_OK;
}

static void place_operands(struct build *build)
{
        struct trib__plan *plan = build->plan;

        for (uint32_t s = 0; s < plan->n_steps; s++) {
                for (uint32_t i = 0; i < plan->steps[s].n_inputs; i++)
                        place(build, &plan->steps[s].inputs[i]);
                place(build, &plan->steps[s].output);
        }
        for (uint32_t i = 0; i < plan->n_inputs; i++) {
                plan->inputs[i] = operand_of(build, build->graph->inputs[i].value);
                place(build, &plan->inputs[i]);
        }
        for (uint32_t i = 0; i < plan->n_outputs; i++) {
                plan->outputs[i] = operand_of(build, build->graph->outputs[i].value);
                place(build, &plan->outputs[i]);
        }
}

/* The part that calls the user's functions. */
static trib_status infer_shapes_guarded(struct build *build, const struct trib__shape *inputs,
                                        trib_error *err)
{
        trib_status status;

        pthread_cleanup_push(builder_died, build);
        status = infer_shapes(build, inputs, err);
        pthread_cleanup_pop(0);
        return status;
}

trib_status trib__plan_build(const struct trib__graph *graph, const struct trib__shape *inputs,
                             struct trib__plan **out, trib_error *err)
{
        struct build build = { .graph = graph };
        trib_status  status = build_alloc(&build, err);

        *out = NULL;
        if (status == TRIB_OK)
                status = infer_shapes_guarded(&build, inputs, err);
        if (status != TRIB_OK) {
                build_clear(&build);
                return status;
        }
        count_uses(&build);
        for (uint32_t n = 0; n < graph->n_nodes; n++) {
                const struct trib__node *node = &graph->nodes[n];

                if (build.uses[node->output] > 0 && !fuse(&build, node))
                        add_step(&build, node);
        }
        find_lifetimes(&build);
        status = lay_out(&build, err);
        if (status != TRIB_OK) {
                build_clear(&build);
                return status;
        }
        place_operands(&build);
        *out = build.plan;
        build.plan = NULL;
        build_clear(&build);
        return TRIB_OK;
}
