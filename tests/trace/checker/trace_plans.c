/* SPDX-License-Identifier: Apache-2.0 */
/* trace_plans.c: P1-P5: plans, their builders and holders. */
#include <inttypes.h>

#include "trace_check.h"

/* Whether only the list holds the plan, for certain: who put it has gone on. */
static bool is_idle(struct check *check, const struct plan *plan)
{
        return plan->is_listed && plan->state == PLAN_READY && plan->holders == 1 &&
               thread_at(check, plan->last_putter)->last_stamp > plan->last_put;
}

static void begin_build(struct check *check, const struct trib__trace_record *r)
{
        struct plans *plans = object_find(check, KIND_PLANS, r->values[0]);
        struct plan  *plan;

        if (plans == NULL)
                return;
        plan = object_open(check, KIND_PLAN, r->object, sizeof(*plan));
        if (plan == NULL)
                return;
        for (struct object *o = plans->entries; o != NULL; o = o->next) {
                struct plan *other = (struct plan *)o;

                (void)DEMAND(check, P1, !other->is_listed || other->hash != r->values[1],
                             "a second plan of key %" PRIx64 " is built", r->values[1]);
                other->was_idle = is_idle(check, other);
        }
        plan->plans = plans;
        plan->hash = r->values[1];
        plan->is_listed = true;
        plan->holders = 2;
        plan->object.next = plans->entries;
        plans->entries = &plan->object;
        plans->alive++;
        plans->listed++;
}

static void unlist(struct plan *plan)
{
        plan->is_listed = false;
        plan->plans->listed--;
}

static void free_plan(struct check *check, struct plan *plan)
{
        (void)DEMAND(check, P2, plan->holders == 0, "a plan is freed and has %" PRId64 " holders",
                     plan->holders);
        if (plan->is_listed)
                unlist(plan);
        plan->plans->alive--;
        object_unlist(&plan->plans->entries, &plan->object);
        object_close(check, &plan->object);
}

/* The builder has looked for idle plans since it said that it builds. Those that became idle after
 * that it need not have seen. */
static void demand_fit(struct check *check, struct plans *plans)
{
        (void)DEMAND(check, P4, plans->listed == check->record->values[0],
                     "%" PRIu64 " plans are listed, the cache counts %" PRIu64, plans->listed,
                     check->record->values[0]);
        if (plans->listed <= plans->max_plans)
                return;
        for (struct object *o = plans->entries; o != NULL; o = o->next)
                (void)DEMAND(check, P4,
                             !((struct plan *)o)->was_idle || !((struct plan *)o)->is_listed,
                             "%" PRIu64 " plans of %" PRIu64 ", and one of them is idle",
                             plans->listed, plans->max_plans);
}

static void one_plan(struct check *check, struct plan *plan, const struct trib__trace_record *r)
{
        switch ((enum trib__trace_event)r->event) {
        case TRIB__TRACE_PLAN_READY:
                (void)DEMAND(check, P1, plan->state == PLAN_BUILDING, "a plan is built twice");
                plan->state = PLAN_READY;
                break;
        case TRIB__TRACE_PLAN_FAIL:
                (void)DEMAND(check, P1, plan->state == PLAN_BUILDING, "a plan is built twice");
                plan->state = PLAN_FAILED;
                unlist(plan);
                break;
        case TRIB__TRACE_PLAN_HOLD:
                (void)DEMAND(check, P3, plan->is_listed && plan->state != PLAN_FAILED,
                             "a plan is taken that is off the list");
                (void)DEMAND(check, P2, plan->holders > 0, "a plan is taken that nobody holds");
                plan->holders++;
                break;
        case TRIB__TRACE_PLAN_GET:
                (void)DEMAND(check, P3, plan->state == PLAN_READY,
                             "a get gives a plan that is not ready");
                (void)DEMAND(check, P2, plan->hash == r->values[0] && plan->holders > 0,
                             "a get gives another plan, or one that nobody holds");
                break;
        case TRIB__TRACE_PLAN_PUT:
                plan->holders--;
                plan->last_putter = r->thread;
                plan->last_put = r->stamp;
                (void)DEMAND(check, P2, plan->holders >= 0, "a plan is put too often");
                break;
        case TRIB__TRACE_PLAN_EVICT:
                (void)DEMAND(check, P2,
                             plan->is_listed && plan->state == PLAN_READY && plan->holders == 1,
                             "a plan is evicted that has %" PRId64 " holders", plan->holders);
                unlist(plan);
                break;
        default:
                free_plan(check, plan);
        }
}

void plan_event(struct check *check, const struct trib__trace_record *r)
{
        struct plans *plans;
        struct plan  *plan;

        switch ((enum trib__trace_event)r->event) {
        case TRIB__TRACE_PLANS_OPEN:
                plans = object_open(check, KIND_PLANS, r->object, sizeof(*plans));
                if (plans != NULL)
                        plans->max_plans = r->values[0];
                break;
        case TRIB__TRACE_PLANS_CLOSE:
                plans = object_find(check, KIND_PLANS, r->object);
                if (plans == NULL)
                        break;
                (void)DEMAND(check, P5, plans->alive == 0,
                             "%" PRIu64 " plans are left in a closed cache", plans->alive);
                while (plans->entries != NULL) {
                        plan = (struct plan *)plans->entries;
                        plans->entries = plan->object.next;
                        object_close(check, &plan->object);
                }
                object_close(check, &plans->object);
                break;
        case TRIB__TRACE_PLANS_FIT:
                plans = object_find(check, KIND_PLANS, r->object);
                if (plans != NULL)
                        demand_fit(check, plans);
                break;
        case TRIB__TRACE_PLAN_BUILD:
                begin_build(check, r);
                break;
        default:
                plan = object_find(check, KIND_PLAN, r->object);
                if (plan != NULL)
                        one_plan(check, plan, r);
        }
}
