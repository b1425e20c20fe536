/* SPDX-License-Identifier: Apache-2.0 */
/* stream_lease.c: finding a stream for a thread: its home, an idle one, one to be made, or a place
 * in the queue. See stream_pool.h for the policies, lease.c for the words.
 *
 * look: while it waits, a thread looks now and then at streams that come back without anybody's
 *       return: kept for a thread that does not come again, hung and past their work, orphans, and
 *       homes of threads that have ended. What it finds goes to the first of the queue. The first
 *       looks once a turn; so a stream idles for a turn at most beside a thread that waits. */
#include "base/error.h"
#include "base/trace.h"
#include "stream/stream_priv.h"

/* At the least as often a waiting thread looks: a dead thread's stream is back in half of the
 * 100 ms that we promise, with the other half for the scheduler. */
#define LOOK_NS (TRIB__NS_PER_SECOND / 20)

/* Who asks. */
struct asking {
        struct trib__stream_pool *pool;
        uint32_t                  tag;
        uint32_t                  home;  /* or TRIB__NO_HOME                                */
        uint32_t                  start; /* where to begin looking                          */
        bool                      is_request;
        uint64_t                  deadline;
        uint64_t                  timeout; /* of policy wait, as a deadline; or TRIB__NEVER */
};

static uint64_t word_of(const struct trib__stream_pool *pool, enum trib__lease_kind kind)
{
        return trib__lease_word((uint64_t)pool->epoch << 32, kind, 0);
}

/* Lease the stream if it is free, or hung or an orphan and past its work. Not past the queue. */
static bool try_lease(const struct asking *ask, uint32_t index)
{
        struct trib__stream_pool *pool = ask->pool;
        struct trib__lease       *lease = &pool->place->leases[index];
        /* Relaxed: a guess; the CAS decides. */
        uint64_t              seen = trib__load_relaxed_u64(&lease->word);
        enum trib__lease_kind kind = trib__lease_kind(seen);

        if ((seen & TRIB__LEASE_WANTED) != 0 || kind == TRIB__LEASE_LEASED ||
            kind == TRIB__LEASE_KEPT || !trib__lease_take(lease, seen, ask->tag, ask->is_request))
                return false;
        if (kind != TRIB__LEASE_FREE &&
            !trib__stream_recover(pool, lease->stream, kind == TRIB__LEASE_ORPHAN)) {
                trib__lease_hang(lease);
                return false;
        }
        TRIB__TRACE(LEASE, lease, TRIB__TRACE_LEASE_FREE);
        return true;
}

/* The caller's own home: under policy wait nobody else may have it, so it is not past anybody. */
static bool try_home(const struct asking *ask)
{
        struct trib__lease *lease;

        if (ask->home == TRIB__NO_HOME)
                return false;
        if (try_lease(ask, ask->home))
                return true;
        lease = &ask->pool->place->leases[ask->home];
        if (ask->pool->params.policy != TRIB__STREAMS_WAIT ||
            !trib__lease_take(lease, word_of(ask->pool, TRIB__LEASE_FREE) | TRIB__LEASE_WANTED,
                              ask->tag, ask->is_request))
                return false;
        TRIB__TRACE(LEASE, lease, TRIB__TRACE_LEASE_FREE);
        return true;
}

/* Any stream but `avoided`: idle ones first, then new ones. */
static uint32_t try_any(const struct asking *ask, uint32_t avoided)
{
        const struct trib__stream_pool *pool = ask->pool;
        uint32_t                        n = pool->params.max_streams;

        for (uint32_t i = 0; i < 2 * n; i++) {
                uint32_t index = (ask->start + i) % n;
                bool     is_made = trib__stream_at(pool, index) != NULL;

                if (index != avoided && is_made == (i < n) && try_lease(ask, index))
                        return index;
        }
        return TRIB__NO_STREAM_INDEX;
}

/* Whether one who waits finds that a stream with this word may be had. */
static bool is_to_be_had(const struct trib__stream_pool *pool, uint32_t index, uint64_t word)
{
        enum trib__lease_kind kind = trib__lease_kind(word);

        if (kind == TRIB__LEASE_FREE && pool->params.policy == TRIB__STREAMS_WAIT &&
            index != trib__binding_home(pool->place_index, pool->epoch)) {
                /* Acquire: pairs with the release of a thread that ended. Else it is idle, but
                 * somebody's. */
                return trib__load_acquire_u64(&pool->place->owners[index]) == 0;
        }
        return kind != TRIB__LEASE_LEASED;
}

/* A look, for the first of the queue, whoever that is. */
static void serve(struct trib__stream_pool *pool)
{
        for (uint32_t i = 0; i < pool->params.max_streams; i++) {
                struct trib__lease *lease = &pool->place->leases[i];
                /* Acquire: pairs with the release that set WANTED; nobody waits any more if it is
                 * not set. */
                uint64_t              seen = trib__load_acquire_u64(&lease->word);
                enum trib__lease_kind kind = trib__lease_kind(seen);

                if ((seen & TRIB__LEASE_WANTED) == 0)
                        return;
                if (!is_to_be_had(pool, i, seen) || !trib__lease_take(lease, seen, 0, false))
                        continue;
                if ((kind == TRIB__LEASE_HUNG || kind == TRIB__LEASE_ORPHAN) &&
                    !trib__stream_recover(pool, lease->stream, kind == TRIB__LEASE_ORPHAN)) {
                        trib__lease_hang(lease);
                        continue;
                }
                TRIB__TRACE(LEASE, lease, TRIB__TRACE_LEASE_QUEUED);
                trib__lease_give(lease);
        }
}

/* How long to sleep until the next look: the first of the queue for a turn; the others until they
 * may be first, and no longer than they have waited already, so that what they have missed, when
 * they become first in their sleep, does at most double their wait. */
static uint64_t pause_of(const struct asking *ask, const struct trib__waiter *self,
                         uint32_t n_ahead, uint64_t waited)
{
        uint64_t pause = TRIB__TURN_NS * (1 + n_ahead / ask->pool->params.max_streams);

        if (waited > 0 && trib__line_is_first(ask->pool->place, self))
                return TRIB__TURN_NS;
        if (pause < waited)
                pause = waited;
        return pause < LOOK_NS ? pause : LOOK_NS;
}

/* Sleep until the lease is given or the time for a look has come. */
static bool doze(struct trib__waiter *self, uint64_t until)
{
        (void)trib__word_wait(&self->word, 0, until);
        /* Acquire: pairs with the release in hand_over_locked; `lease` and what the last holder
         * did are seen. */
        return trib__load_acquire_u32(&self->word) != 0;
}

static trib_status too_late(const struct asking *ask, trib_error *err)
{
        uint32_t n = ask->pool->params.max_streams;

        if (ask->timeout != TRIB__NEVER)
                return trib__fail(err,
                                  ask->timeout < ask->deadline ? TRIB_NO_STREAM : TRIB_TIMED_OUT,
                                  "none of %u streams was given back in time (policy wait)", n);
        return trib__fail(err, TRIB_TIMED_OUT,
                          "the deadline passed while all %u streams were busy", n);
}

/* Queue up. */
static trib_status wait_for_stream(const struct asking *ask, uint32_t *index, trib_error *err)
{
        struct trib__stream_pool *pool = ask->pool;
        struct trib__waiter       self = { 0 };
        uint64_t                  since = trib__now(), now = since;
        uint64_t                  end = ask->deadline < ask->timeout ? ask->deadline : ask->timeout;
        uint32_t                  n_ahead;
        bool                      is_served = false;

        self.tag = ask->tag;
        self.is_request = ask->is_request;
        /* A thread whose end cannot be noticed has no home; it borrows. */
        self.needs_home = pool->params.policy == TRIB__STREAMS_WAIT && ask->is_request &&
                          ask->home == TRIB__NO_HOME && trib__binding_watch();
        self.number = trib__stream_thread.number;
        n_ahead = trib__line_join(pool->place, &self);
        if (n_ahead == 0)
                serve(pool);
        for (;;) {
                uint64_t until;

                /* Acquire: as in doze. */
                is_served = trib__load_acquire_u32(&self.word) != 0;
                if (is_served || now >= end)
                        break;
                until = now + pause_of(ask, &self, n_ahead, now - since);
                if (doze(&self, until < end ? until : end))
                        continue;
                serve(pool);
                now = trib__now();
        }
        if (!is_served && trib__line_leave(pool->place, &self))
                return too_late(ask, err);
        *index = (uint32_t)(self.lease - pool->place->leases);
        if (self.has_home) {
                trib__binding_accept(pool->place_index, pool->epoch, *index);
                TRIB__TRACE(HOME_TAKE, pool->place_index, pool->epoch, *index);
        }
        if (self.is_request)
                trib__stream_thread.held = self.lease;
        trib__lease_begin_turn(self.lease, trib__now());
        return TRIB_OK;
}

/* The calling thread's home, taken now if it has none yet; *must_wait if the policy says that it
 * may not do without. */
static trib_status find_home(struct asking *ask, bool *must_wait, trib_error *err)
{
        const struct trib__stream_pool        *pool = ask->pool;
        const struct trib__stream_pool_params *p = &pool->params;

        *must_wait = false;
        ask->home = trib__binding_home(pool->place_index, pool->epoch);
        if (ask->home != TRIB__NO_HOME)
                return TRIB_OK;
        ask->home = trib__binding_take(pool->place_index, pool->epoch, p->max_streams);
        if (ask->home != TRIB__NO_HOME || p->policy == TRIB__STREAMS_SHARE)
                return TRIB_OK;
        if (p->policy == TRIB__STREAMS_FAIL)
                return trib__fail(err, TRIB_NO_STREAM,
                                  "all %u streams belong to other threads (policy fail)",
                                  p->max_streams);
        *must_wait = true;
        ask->timeout = trib__deadline_after(p->timeout_ns);
        return TRIB_OK;
}

/* The stream of a lease that the caller has now, or the end of that. */
static trib_status found(struct trib__stream_pool *pool, uint32_t index, struct trib_stream **out,
                         trib_error *err)
{
        struct trib__lease *lease = &pool->place->leases[index];
        trib_status         status;

        *out = lease->stream;
        if (*out != NULL)
                return TRIB_OK;
        status = trib__stream_make(pool, index, out, err);
        if (status != TRIB_OK)
                trib__lease_end(lease);
        return status;
}

trib_status trib__stream_lease_for(struct trib__stream_pool *pool, uint32_t tag, uint64_t deadline,
                                   struct trib_stream **out, trib_error *err)
{
        struct asking       ask = { .pool = pool, .tag = tag, .is_request = true,
                                    .deadline = deadline, .timeout = TRIB__NEVER };
        uint32_t            index = TRIB__NO_STREAM_INDEX;
        struct trib__lease *kept;
        bool                must_wait;
        trib_status         status;

        *out = NULL;
        index = trib__stream_take_home(pool->place_index, pool->epoch, tag, out);
        if (index != TRIB__NO_STREAM_INDEX)
                return found(pool, index, out, err);
        kept = trib__lease_resume(pool->place, tag);
        if (kept != NULL) {
                TRIB__TRACE(LEASE, kept, TRIB__TRACE_LEASE_TURN);
                return found(pool, (uint32_t)(kept - pool->place->leases), out, err);
        }
        status = find_home(&ask, &must_wait, err);
        if (status != TRIB_OK)
                return status;
        if (try_home(&ask)) {
                index = ask.home;
        } else if (!must_wait) {
                /* Relaxed: any spread will do. */
                ask.start = ask.home != TRIB__NO_HOME
                                    ? ask.home
                                    : trib__fetch_add_relaxed_u32(&pool->round_robin, 1) %
                                              pool->params.max_streams;
                index = try_any(&ask, TRIB__NO_STREAM_INDEX);
        }
        if (index == TRIB__NO_STREAM_INDEX)
                status = wait_for_stream(&ask, &index, err);
        return status == TRIB_OK ? found(pool, index, out, err) : status;
}

trib_status trib__stream_lease_any(struct trib__stream_pool *pool, uint64_t deadline,
                                   struct trib_stream **out, trib_error *err)
{
        struct asking ask = { .pool = pool, .deadline = deadline, .timeout = TRIB__NEVER };
        uint32_t      index;
        trib_status   status = TRIB_OK;

        *out = NULL;
        ask.home = trib__binding_home(pool->place_index, pool->epoch);
        if (ask.home != TRIB__NO_HOME)
                ask.start = ask.home + 1;
        /* The caller's own home comes last, behind streams that have to be made. */
        index = try_any(&ask, ask.home);
        if (index == TRIB__NO_STREAM_INDEX && ask.home != TRIB__NO_HOME &&
            try_lease(&ask, ask.home))
                index = ask.home;
        if (index == TRIB__NO_STREAM_INDEX && deadline == 0)
                return trib__fail(err, TRIB_NO_STREAM, "all %u streams are leased",
                                  pool->params.max_streams);
        if (index == TRIB__NO_STREAM_INDEX)
                status = wait_for_stream(&ask, &index, err);
        return status == TRIB_OK ? found(pool, index, out, err) : status;
}

void trib__stream_return(struct trib_stream *stream, bool is_hung)
{
        if (is_hung) {
                stream->hung_until = stream->submitted;
                trib__lease_hang(stream->lease);
        } else {
                trib__lease_end(stream->lease);
        }
}

bool trib__stream_pool_is_used(struct trib__stream_pool *pool, uint32_t tag)
{
        bool is_used = false;

        for (uint32_t i = 0; i < pool->params.max_streams; i++) {
                struct trib__lease *lease = &pool->place->leases[i];
                /* SeqCst: after the caller has set its state; see trib__lease_take. */
                uint64_t              seen = trib__load_seqcst_u64(&lease->word);
                enum trib__lease_kind kind = trib__lease_kind(seen);

                if (trib__lease_tag(seen) != tag)
                        continue;
                if (kind == TRIB__LEASE_LEASED)
                        is_used = true;
                if (kind != TRIB__LEASE_ORPHAN || !trib__lease_take(lease, seen, 0, false))
                        continue;
                if (trib__stream_recover(pool, lease->stream, true))
                        trib__lease_give(lease);
                else
                        trib__lease_hang(lease);
        }
        return is_used;
}
