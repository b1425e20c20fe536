/* SPDX-License-Identifier: Apache-2.0 */
/* cache.c: the executables of one session. One mutex guards the list and the entries' states; a
 * build runs outside of it. An entry is freed when it is off the list and nobody holds it: the
 * list itself counts as one holder. */
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/trace.h"
#include "plan/plan.h"

struct trib__plan_cache {
        struct trib__plan_cache_params params; /* fixed */

        /* Under mutex. */
        struct trib__mutex      mutex;
        struct trib__cond       built; /* an entry left the state BUILDING */
        struct trib__executable *entries;
        uint32_t                n_entries;
        uint64_t                clock; /* ticks with every get, for least recently used */
        uint64_t                builds;
};

trib_status trib__plan_cache_create(const struct trib__plan_cache_params *params,
                                    struct trib__plan_cache **out, trib_error *err)
{
        struct trib__plan_cache *cache = trib__calloc("cache.create", 1, sizeof(*cache));
        trib_status              status;

        *out = NULL;
        if (cache == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a plan cache");
        cache->params = *params;
        status = trib__mutex_init(&cache->mutex, TRIB__RANK_PLANS, err);
        if (status != TRIB_OK)
                goto fail_mutex;
        status = trib__cond_init(&cache->built, err);
        if (status != TRIB_OK)
                goto fail_cond;
        TRIB__TRACE(PLANS_OPEN, cache, params->max_plans);
        *out = cache;
        return TRIB_OK;

fail_cond:
        trib__mutex_destroy(&cache->mutex);
fail_mutex:
        trib__free(cache);
        return status;
}

static void executable_free(struct trib__plan_cache *cache, struct trib__executable *entry)
{
        if (entry == NULL)
                return;
        if (entry->program != NULL) {
                cache->params.backend->release(cache->params.device, entry->program);
                trib__memory_uncharge(cache->params.memory, entry->info.device_bytes);
        }
        trib__plan_destroy(entry->plan);
        trib__free(entry->key);
        trib__free(entry);
}

/* True: one holder is left, perhaps the list. */
static bool drop(struct trib__plan_cache *cache, struct trib__executable *executable)
{
        uint64_t before;

        TRIB__TRACE(PLAN_PUT, executable, 0);
        /* AcqRel: the last holder frees what all have used. */
        before = trib__fetch_sub_acqrel_u64(&executable->refs, 1);
        if (before == 1) {
                TRIB__TRACE(PLAN_FREE, executable, 0);
                executable_free(cache, executable);
        }
        return before == 2;
}

void trib__plan_cache_destroy(struct trib__plan_cache *cache)
{
        if (cache == NULL)
                return;
        while (cache->entries != NULL) {
                struct trib__executable *entry = cache->entries;

                cache->entries = entry->next;
                (void)drop(cache, entry);
        }
        TRIB__TRACE(PLANS_CLOSE, cache, 0);
        trib__cond_destroy(&cache->built);
        trib__mutex_destroy(&cache->mutex);
        trib__free(cache);
}

uint64_t trib__plan_cache_builds(struct trib__plan_cache *cache)
{
        uint64_t builds;

        trib__lock(&cache->mutex);
        builds = cache->builds;
        trib__unlock(&cache->mutex);
        return builds;
}

bool trib__plan_cache_is_over(struct trib__plan_cache *cache)
{
        bool is_over;

        trib__lock(&cache->mutex);
        is_over = cache->n_entries > cache->params.max_plans;
        trib__unlock(&cache->mutex);
        return is_over;
}

/* FNV-1a over the dimensions and dtypes. */
static uint64_t hash_key(const struct trib__shape *inputs, uint32_t count)
{
        uint64_t hash = UINT64_C(14695981039346656037);

        for (uint32_t i = 0; i < count; i++) {
                hash = (hash ^ (uint64_t)inputs[i].dtype) * UINT64_C(1099511628211);
                for (int32_t d = 0; d < inputs[i].rank; d++)
                        hash = (hash ^ (uint64_t)inputs[i].dims[d]) * UINT64_C(1099511628211);
        }
        return hash;
}

static bool is_same_key(const struct trib__shape *a, const struct trib__shape *b, uint32_t count)
{
        for (uint32_t i = 0; i < count; i++) {
                if (a[i].dtype != b[i].dtype || a[i].rank != b[i].rank)
                        return false;
                for (int32_t d = 0; d < a[i].rank; d++) {
                        if (a[i].dims[d] != b[i].dims[d])
                                return false;
                }
        }
        return true;
}

static struct trib__executable *find_locked(struct trib__plan_cache *cache, uint64_t hash,
                                            const struct trib__shape *inputs)
        TRIB__REQUIRES(cache->mutex)
{
        for (struct trib__executable *e = cache->entries; e != NULL; e = e->next) {
                if (e->hash == hash &&
                    is_same_key(e->key, inputs, cache->params.graph->n_inputs))
                        return e;
        }
        return NULL;
}

static void unlink_locked(struct trib__plan_cache *cache, struct trib__executable *entry)
        TRIB__REQUIRES(cache->mutex)
{
        struct trib__executable **link = &cache->entries;

        while (*link != entry)
                link = &(*link)->next;
        *link = entry->next;
        cache->n_entries--;
}

/* The least recently used entry that only the cache holds, or NULL. */
static struct trib__executable *oldest_idle_locked(struct trib__plan_cache *cache)
        TRIB__REQUIRES(cache->mutex)
{
        struct trib__executable *oldest = NULL;

        for (struct trib__executable *e = cache->entries; e != NULL; e = e->next) {
                /* Acquire: pairs with the release of a put; new holders need the mutex, which we
                 * have, so a count of 1 cannot grow meanwhile. */
                if (e->state == TRIB__READY && trib__load_acquire_u64(&e->refs) == 1 &&
                    (oldest == NULL || e->last_use < oldest->last_use))
                        oldest = e;
        }
        return oldest;
}

/* Take idle entries off the list until no more than `most` are left or all others are held; gives
 * their list, which the caller drops after unlocking. */
static struct trib__executable *evict_locked(struct trib__plan_cache *cache, uint32_t most)
        TRIB__REQUIRES(cache->mutex)
{
        struct trib__executable *evicted = NULL;

        while (cache->n_entries > most) {
                struct trib__executable *oldest = oldest_idle_locked(cache);

                if (oldest == NULL)
                        break;
                unlink_locked(cache, oldest);
                TRIB__TRACE(PLAN_EVICT, oldest, 0);
                oldest->next = evicted;
                evicted = oldest;
        }
        return evicted;
}

static void drop_all(struct trib__plan_cache *cache, struct trib__executable *evicted)
{
        while (evicted != NULL) {
                struct trib__executable *next = evicted->next;

                (void)drop(cache, evicted);
                evicted = next;
        }
}

void trib__plan_cache_put(struct trib__plan_cache *cache, struct trib__executable *executable)
{
        struct trib__executable *evicted;

        if (executable == NULL || !drop(cache, executable))
                return;
        trib__lock(&cache->mutex);
        evicted = evict_locked(cache, cache->params.max_plans);
        trib__unlock(&cache->mutex);
        drop_all(cache, evicted);
}

bool trib__plan_cache_trim(struct trib__plan_cache *cache)
{
        struct trib__executable *evicted;
        bool                     is_any;

        trib__lock(&cache->mutex);
        evicted = evict_locked(cache, 0);
        is_any = evicted != NULL;
        trib__unlock(&cache->mutex);
        drop_all(cache, evicted);
        return is_any;
}

static trib_status new_entry(struct trib__plan_cache *cache, const struct trib__shape *inputs,
                             uint64_t hash, struct trib__executable **out, trib_error *err)
{
        uint32_t                 n = cache->params.graph->n_inputs;
        struct trib__executable *entry = trib__calloc("cache.entry", 1, sizeof(*entry));

        *out = NULL;
        if (entry != NULL)
                entry->key = trib__calloc("cache.key", n, sizeof(*entry->key));
        if (entry == NULL || entry->key == NULL) {
                trib__free(entry);
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for a plan");
        }
        memcpy(entry->key, inputs, n * sizeof(*inputs));
        entry->hash = hash;
        entry->state = TRIB__BUILDING;
        /* Relaxed: nobody else knows the entry: one for the list, one for the builder. */
        trib__store_relaxed_u64(&entry->refs, 2);
        *out = entry;
        return TRIB_OK;
}

static uint64_t round_up(uint64_t bytes)
{
        return (bytes + TRIB__SLAB_ALIGNMENT - 1) / TRIB__SLAB_ALIGNMENT * TRIB__SLAB_ALIGNMENT;
}

/* What the operands take when each is packed to 64 bytes; false if more than 2^62. */
static bool sum_operands(const struct trib__operand *operands, uint32_t count, uint64_t *bytes)
{
        *bytes = 0;
        for (uint32_t i = 0; i < count; i++) {
                if (__builtin_add_overflow(*bytes, round_up(operands[i].bytes), bytes) ||
                    *bytes > UINT64_C(1) << 62)
                        return false;
        }
        return true;
}

/* Any ready entry, held; its program can share its weights with a new one. */
static struct trib__executable *hold_donor(struct trib__plan_cache *cache)
{
        struct trib__executable *donor;

        trib__lock(&cache->mutex);
        for (donor = cache->entries; donor != NULL; donor = donor->next) {
                if (donor->state == TRIB__READY)
                        break;
        }
        /* Relaxed: the list's own reference, which the mutex keeps, is there already. */
        if (donor != NULL) {
                TRIB__TRACE(PLAN_HOLD, donor, 0);
                (void)trib__fetch_add_relaxed_u64(&donor->refs, 1);
        }
        trib__unlock(&cache->mutex);
        return donor;
}

/* Tell those who wait for the entry how its build went. One that failed is theirs alone. */
static void publish(struct trib__plan_cache *cache, struct trib__executable *entry,
                    const trib_error *failure)
{
        bool is_ready = failure->status == TRIB_OK;

        trib__lock(&cache->mutex);
        if (is_ready) {
                TRIB__TRACE(PLAN_READY, entry, 0);
                entry->state = TRIB__READY;
        } else {
                TRIB__TRACE(PLAN_FAIL, entry, 0);
                /* Off the list: the next get builds anew; the waiters still hold the entry. */
                entry->state = TRIB__FAILED;
                entry->failure = *failure;
                unlink_locked(cache, entry);
        }
        trib__broadcast(&cache->built);
        trib__unlock(&cache->mutex);
        if (!is_ready) {
                trib__plan_cache_put(cache, entry); /* the list's    */
                trib__plan_cache_put(cache, entry); /* the builder's */
        }
}

/* What a thread that ends inside of infer_shape leaves behind. */
struct building {
        struct trib__plan_cache  *cache;
        struct trib__executable  *entry;
};

static void builder_died(void *argument)
{
        struct building *building = argument;
        trib_error       failure = TRIB_ERROR_INIT;

        (void)trib__fail(&failure, TRIB_USER_OPERATOR,
                         "the thread that built the plan ended inside of an operator's "
                         "infer_shape");
        publish(building->cache, building->entry, &failure);
}

/* The part of the build that calls the user's functions. */
static trib_status build_plan(struct trib__plan_cache *cache, struct trib__executable *entry,
                              trib_error *err)
{
        struct building building = { cache, entry };
        trib_status     status;

        pthread_cleanup_push(builder_died, &building);
        status = trib__plan_build(cache->params.graph, entry->key, &entry->plan, err);
        pthread_cleanup_pop(0);
        return status;
}

/* Plan and compile. No lock is held. */
static trib_status build(struct trib__plan_cache *cache, struct trib__executable *entry,
                         trib_error *err)
{
        const struct trib__plan_cache_params *p = &cache->params;
        struct trib__compile_params           compile = { 0 };
        struct trib__executable              *donor;
        trib_status                           status;

        status = build_plan(cache, entry, err);
        if (status != TRIB_OK)
                return status;
        compile.plan = entry->plan;
        compile.constants = p->constants;
        compile.is_medium = p->is_medium;
        compile.serial = p->serial;
        donor = hold_donor(cache);
        compile.donor = donor != NULL ? donor->program : NULL;
        TRIB__ASSERT_NO_LOCK();
        status = p->backend->compile(p->device, &compile, &entry->program, &entry->info, err);
        trib__plan_cache_put(cache, donor);
        if (status != TRIB_OK)
                return status;
        status = trib__memory_charge(p->memory, entry->info.device_bytes, err);
        /* Plans that nobody uses make room for one that somebody wants. */
        if (status == TRIB_OUT_OF_MEMORY && trib__plan_cache_trim(cache))
                status = trib__memory_charge(p->memory, entry->info.device_bytes, err);
        if (status != TRIB_OK) {
                p->backend->release(p->device, entry->program);
                entry->program = NULL;
                return status;
        }
        if (!sum_operands(entry->plan->inputs, entry->plan->n_inputs, &entry->input_bytes) ||
            !sum_operands(entry->plan->outputs, entry->plan->n_outputs, &entry->output_bytes) ||
            __builtin_add_overflow(round_up(entry->plan->slab_bytes),
                                   round_up(entry->info.workspace_bytes), &entry->slab_bytes))
                return trib__fail(err, TRIB_OVERFLOW,
                                  "the inputs, outputs or slab of a plan take more than 2^62 "
                                  "bytes");
        return TRIB_OK;
}

/* Build the entry that the caller has put on the list, and tell those who wait for it. */
static trib_status build_and_publish(struct trib__plan_cache *cache,
                                     struct trib__executable *entry,
                                     struct trib__executable **out, trib_error *err)
{
        trib_error  none = TRIB_ERROR_INIT, failure = TRIB_ERROR_INIT;
        trib_status status = build(cache, entry, &failure);

        if (status == TRIB_OK)
                failure = none; /* of what was mended on the way */
        publish(cache, entry, &failure);
        if (status == TRIB_OK) {
                TRIB__TRACE(PLAN_GET, entry, entry->hash);
                *out = entry;
                return TRIB_OK;
        }
        if (err != NULL)
                *err = failure;
        return status;
}

/* Somebody else has the entry; hold it, and wait while it is being built. */
static trib_status join_locked(struct trib__plan_cache *cache, struct trib__executable *entry,
                               uint64_t deadline, trib_error *err) TRIB__REQUIRES(cache->mutex)
{
        bool is_in_time = true;

        TRIB__TRACE(PLAN_HOLD, entry, 0);
        /* Relaxed: the list's own reference, which the mutex keeps, is there already. */
        (void)trib__fetch_add_relaxed_u64(&entry->refs, 1);
        while (entry->state == TRIB__BUILDING && is_in_time)
                is_in_time = trib__cond_wait(&cache->built, &cache->mutex, deadline);
        if (entry->state == TRIB__BUILDING)
                return trib__fail(err, TRIB_TIMED_OUT,
                                  "the deadline passed while another thread built the plan");
        if (entry->state == TRIB__FAILED) {
                if (err != NULL)
                        *err = entry->failure;
                return entry->failure.status;
        }
        return TRIB_OK;
}

/* What a get asks for. */
struct wanted {
        const struct trib__shape *inputs;
        uint64_t                  hash;
        uint64_t                  deadline;
};

/* If the list has the entry: hold it, wait for its build, and say how that went. NULL if it has
 * not. An entry whose build failed is the caller's to put. */
static struct trib__executable *join_if_there_locked(struct trib__plan_cache *cache,
                                                     const struct wanted *wanted,
                                                     trib_status *status, trib_error *err)
        TRIB__REQUIRES(cache->mutex)
{
        struct trib__executable *found = find_locked(cache, wanted->hash, wanted->inputs);

        if (found != NULL) {
                found->last_use = ++cache->clock;
                *status = join_locked(cache, found, wanted->deadline, err);
        }
        return found;
}

trib_status trib__plan_cache_get(struct trib__plan_cache *cache, const struct trib__shape *inputs,
                                 uint64_t deadline, struct trib__executable **out,
                                 trib_error *err)
{
        struct wanted wanted = { inputs, hash_key(inputs, cache->params.graph->n_inputs),
                                 deadline };
        struct trib__executable *entry = NULL, *found, *evicted = NULL;
        trib_status              status = TRIB_OK;

        *out = NULL;
        trib__lock(&cache->mutex);
        found = join_if_there_locked(cache, &wanted, &status, err);
        trib__unlock(&cache->mutex);
        if (found == NULL) {
                /* Allocated outside of the lock; unused if another thread comes first. */
                status = new_entry(cache, inputs, wanted.hash, &entry, err);
                if (status != TRIB_OK)
                        return status;
                trib__lock(&cache->mutex);
                found = join_if_there_locked(cache, &wanted, &status, err);
                if (found == NULL) {
                        entry->next = cache->entries;
                        entry->last_use = ++cache->clock;
                        cache->entries = entry;
                        cache->n_entries++;
                        cache->builds++;
                        TRIB__TRACE(PLAN_BUILD, entry, TRIB__TRACE_ADDRESS(cache), entry->hash);
                        evicted = evict_locked(cache, cache->params.max_plans);
                        TRIB__TRACE(PLANS_FIT, cache, cache->n_entries);
                }
                trib__unlock(&cache->mutex);
        }
        if (found == NULL) {
                drop_all(cache, evicted);
                return build_and_publish(cache, entry, out, err);
        }
        executable_free(cache, entry);
        if (status == TRIB_OK) {
                TRIB__TRACE(PLAN_GET, found, found->hash);
                *out = found;
        } else {
                trib__plan_cache_put(cache, found);
        }
        return status;
}
