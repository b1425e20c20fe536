/* SPDX-License-Identifier: Apache-2.0 */
/* read_json_plan.c: what of a run is beside its sweeps, read back: ablations, the plan that chose
 * its settings, and the objective that was stated. Takes no lock. */
#include "analysis/ablation.h"
#include "analysis/read_json_priv.h"

/* An array of whole numbers from 1 on; *count of them. */
static trib_status take_list(struct reader *reader, json_t *object, const char *key,
                             int64_t *out, size_t *count)
{
        json_t *array = json_object_get(object, key);

        *count = json_array_size(array);
        if (!json_is_array(array) || *count < 1 || *count > TRIB__PLAN_LIST_MAX)
                return refuse(reader, key, "expected an array of 1 to %u whole numbers",
                              TRIB__PLAN_LIST_MAX);
        for (size_t i = 0; i < *count; i++) {
                json_t *value = json_array_get(array, i);

                if (!json_is_integer(value) || json_integer_value(value) < 1
                    || json_integer_value(value) > INT32_MAX)
                        return refuse(reader, key, "expected whole numbers from 1 to 2^31-1");
                out[i] = json_integer_value(value);
        }
        return TRIB_OK;
}

static trib_status read_precisions(struct reader *reader, json_t *object,
                                   struct trib__plan_facts *plan)
{
        json_t *array = json_object_get(object, "precisions");

        plan->precision_count = json_array_size(array);
        if (!json_is_array(array) || plan->precision_count < 1 || plan->precision_count > 2)
                return refuse(reader, "precisions", "expected an array of 1 or 2 names");
        for (size_t i = 0; i < plan->precision_count; i++) {
                const char *name = json_string_value(json_array_get(array, i));

                if (name == NULL || (strcmp(name, "high") != 0 && strcmp(name, "medium") != 0))
                        return refuse(reader, "precisions", "expected \"high\" or \"medium\"");
                (void)snprintf(plan->precisions[i], sizeof(plan->precisions[i]), "%s", name);
        }
        return TRIB_OK;
}

static trib_status read_plan(struct reader *reader, json_t *root)
{
        struct trib__plan_facts   *plan = &reader->results->plan;
        const struct number_member members[] = { { "window_s", &plan->window_s },
                                                 { "setup_s", &plan->setup_s },
                                                 { "spent_s", &plan->spent_s },
                                                 { "grid_s", &plan->grid_s } };
        int64_t     threads[TRIB__PLAN_LIST_MAX];
        json_t     *object;
        trib_status status;

        reader->path[0] = '\0';
        status = take_object(reader, root, "plan", &object);
        if (status != TRIB_OK || object == NULL)
                return status;
        (void)snprintf(reader->path, sizeof(reader->path), "plan");
        status = take_list(reader, object, "threads", threads, &plan->thread_count);
        for (size_t i = 0; i < plan->thread_count && status == TRIB_OK; i++)
                plan->threads[i] = (unsigned)threads[i];
        if (status == TRIB_OK)
                status = take_list(reader, object, "batches", plan->batches, &plan->batch_count);
        if (status == TRIB_OK)
                status = read_precisions(reader, object, plan);
        if (status == TRIB_OK)
                status = take_unsigned(reader, object, "windows", &plan->windows);
        if (status == TRIB_OK)
                status = take_numbers(reader, object, members,
                                      sizeof(members) / sizeof(members[0]));
        plan->is_present = true;
        return status;
}

static trib_status read_objective(struct reader *reader, json_t *root)
{
        struct trib__objective    *objective = &reader->results->objective;
        const struct number_member members[] = { { "quantile", &objective->quantile },
                                                 { "us", &objective->us } };
        json_t     *object;
        trib_status status;

        reader->path[0] = '\0';
        status = take_object(reader, root, "objective", &object);
        if (status != TRIB_OK || object == NULL)
                return status;
        (void)snprintf(reader->path, sizeof(reader->path), "objective");
        return take_numbers(reader, object, members, 2);
}

static trib_status read_variant(struct reader *reader, json_t *object,
                                struct trib__ablation *ablation)
{
        json_t               *points = json_object_get(object, "points");
        char                  value[TRIB__NAME_BYTES] = "", path[sizeof(reader->path)];
        struct trib__variant *variant;
        trib_status           status;

        if (!json_is_object(object))
                return refuse(reader, "", "expected an object");
        if (!json_is_array(points) || json_array_size(points) > TRIB__POINTS_MAX)
                return refuse(reader, "points", "expected an array of at most %u points",
                              TRIB__POINTS_MAX);
        status = take_text(reader, object, "value", value, sizeof(value));
        if (status == TRIB_OK)
                status = trib__ablation_add_variant(ablation, value, &variant, reader->err);
        if (status == TRIB_OK)
                status = take_text(reader, object, "note", variant->note, sizeof(variant->note));
        if (status == TRIB_OK)
                status = trib__read_json_workload(reader, object, &variant->sweep->workload);
        memcpy(path, reader->path, sizeof(path));
        for (size_t i = 0; i < json_array_size(points) && status == TRIB_OK; i++) {
                (void)snprintf(reader->path, sizeof(reader->path), "%.60s.points[%zu]", path, i);
                status = trib__read_json_point(reader, json_array_get(points, i), variant->sweep);
        }
        return status;
}

static trib_status read_ablation(struct reader *reader, json_t *object, size_t index)
{
        json_t                *variants = json_object_get(object, "variants");
        char                   option[TRIB__NAME_BYTES] = "";
        struct trib__ablation *ablation;
        trib_status            status;

        if (!json_is_object(object))
                return refuse(reader, "", "expected an object");
        if (!json_is_array(variants) || json_array_size(variants) > TRIB__VARIANTS_MAX)
                return refuse(reader, "variants", "expected an array of at most %u variants",
                              TRIB__VARIANTS_MAX);
        status = take_text(reader, object, "option", option, sizeof(option));
        if (status == TRIB_OK)
                status = trib__results_add_ablation(reader->results, option, &ablation,
                                                    reader->err);
        if (status == TRIB_OK)
                status = take_text(reader, object, "note", ablation->note,
                                   sizeof(ablation->note));
        for (size_t i = 0; i < json_array_size(variants) && status == TRIB_OK; i++) {
                (void)snprintf(reader->path, sizeof(reader->path), "ablations[%zu].variants[%zu]",
                               index, i);
                status = read_variant(reader, json_array_get(variants, i), ablation);
        }
        return status;
}

static trib_status read_ablations(struct reader *reader, json_t *root)
{
        json_t     *ablations = json_object_get(root, "ablations");
        trib_status status = TRIB_OK;

        reader->path[0] = '\0';
        if (ablations == NULL || json_is_null(ablations))
                return TRIB_OK;
        if (!json_is_array(ablations) || json_array_size(ablations) > TRIB__ABLATIONS_MAX)
                return refuse(reader, "ablations", "expected an array of at most %u ablations",
                              TRIB__ABLATIONS_MAX);
        for (size_t i = 0; i < json_array_size(ablations) && status == TRIB_OK; i++) {
                (void)snprintf(reader->path, sizeof(reader->path), "ablations[%zu]", i);
                status = read_ablation(reader, json_array_get(ablations, i), i);
        }
        return status;
}

trib_status trib__read_json_plan(struct reader *reader, json_t *root)
{
        trib_status status = read_ablations(reader, root);

        if (status == TRIB_OK)
                status = read_plan(reader, root);
        return status == TRIB_OK ? read_objective(reader, root) : status;
}
