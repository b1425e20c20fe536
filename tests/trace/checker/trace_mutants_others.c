/* SPDX-License-Identifier: Apache-2.0 */
/* trace_mutants_others.c: what can go wrong with streams, plans and requests. */
#include "trace_mutate.h"

#define VALUES(edit, at) ((edit)->records[at].values)

/* --- streams --- */

static bool is_hung(const struct edit *edit, size_t at)
{
        return VALUES(edit, at)[0] == 1;
}

/* In a call that was counted in; a worker of the session's own is not. */
static bool is_inside(const struct edit *edit, size_t at)
{
        size_t enter = edit_last(edit, at, TRIB__TRACE_SESSION_ENTER, SAME_THREAD);
        size_t leave = edit_last(edit, at, TRIB__TRACE_SESSION_LEAVE, SAME_THREAD);

        return enter != NOWHERE && (leave == NOWHERE || leave < enter);
}

/* Its next work is submitted behind its return. */
static bool make_behind_return(struct edit *edit, size_t at)
{
        size_t end = edit_next(edit, at, TRIB__TRACE_RETURN, SAME_OBJECT);

        if (end == NOWHERE)
                return false;
        edit_move(edit, at, end);
        return true;
}

/* A hung stream serves again, and its device has not moved. */
static bool make_hung_serve(struct edit *edit, size_t at)
{
        size_t end = edit_next(edit, at, TRIB__TRACE_LEASE, SAME_OBJECT), made;

        made = edit_last(edit, at, TRIB__TRACE_STREAM_MAKE, SAME_OBJECT);
        if (end == NOWHERE || made == NOWHERE)
                return false;
        for (size_t i = at; i < end;) {
                if (edit->records[i].event == TRIB__TRACE_COMPLETED &&
                    edit->records[i].object == VALUES(edit, made)[0]) {
                        edit_delete(edit, i);
                        end--;
                } else {
                        i++;
                }
        }
        return true;
}

/* Not the end of a queue that is taken down. */
static bool is_work(const struct edit *edit, size_t at)
{
        size_t launched = edit_last(edit, at, TRIB__TRACE_LAUNCHED, SAME_OBJECT);

        return launched != NOWHERE && VALUES(edit, at)[0] != UINT64_MAX &&
               !edit_has(edit, launched, at, TRIB__TRACE_STREAM_UNMAKE);
}

static bool make_ahead(struct edit *edit, size_t at)
{
        VALUES(edit, at)[0] += 1000;
        return true;
}

static bool make_back(struct edit *edit, size_t at)
{
        VALUES(edit, at)[0] = 0;
        return edit_last(edit, at, TRIB__TRACE_COMPLETED, SAME_OBJECT) != NOWHERE;
}

static bool make_another(struct edit *edit, size_t at)
{
        struct trib__trace_record other = edit->records[at];

        other.thread++;
        edit_insert(edit, at + 1, &other);
        return true;
}

static bool make_old_epoch(struct edit *edit, size_t at)
{
        VALUES(edit, at)[0] -= 2;
        return true;
}

static bool make_other_waiter(struct edit *edit, size_t at)
{
        VALUES(edit, at)[0] += 64;
        return true;
}

static bool make_other_turn(struct edit *edit, size_t at)
{
        edit->records[at].thread++;
        return true;
}

static bool is_turn(const struct edit *edit, size_t at)
{
        return VALUES(edit, at)[0] == TRIB__TRACE_LEASE_TURN;
}

/* Whether somebody waits who was handed nothing, for long enough. */
static bool is_awaited(const struct edit *edit, size_t at)
{
        size_t hand = edit_next(edit, at, TRIB__TRACE_HAND_OVER, SAME_OBJECT);

        return VALUES(edit, at)[0] == TRIB__TRACE_LEASE_QUEUED && hand != NOWHERE;
}

/* Who serves the queue takes the stream for itself instead. */
static bool make_overtake(struct edit *edit, size_t at)
{
        VALUES(edit, at)[0] = TRIB__TRACE_LEASE_FREE;
        return true;
}

/* --- plans --- */

static bool make_second_build(struct edit *edit, size_t at)
{
        struct trib__trace_record second = edit->records[at];

        second.object += 8;
        edit_insert(edit, at + 1, &second);
        return true;
}

static bool make_held(struct edit *edit, size_t at)
{
        struct trib__trace_record hold = edit->records[at];

        hold.event = TRIB__TRACE_PLAN_HOLD;
        edit_insert(edit, at, &hold);
        return true;
}

static bool make_get_failed(struct edit *edit, size_t at)
{
        struct trib__trace_record hold = edit->records[at];

        hold.event = TRIB__TRACE_PLAN_HOLD;
        edit_insert(edit, at + 1, &hold);
        return true;
}

static bool make_other_key(struct edit *edit, size_t at)
{
        VALUES(edit, at)[0]++;
        return true;
}

static bool is_got(const struct edit *edit, size_t at)
{
        return edit_next(edit, at, TRIB__TRACE_PLAN_GET, SAME_OBJECT) != NOWHERE;
}

/* --- requests --- */

static bool is_queued(const struct edit *edit, size_t at)
{
        size_t done = edit_last(edit, at, TRIB__TRACE_REQUEST_NEW, SAME_OBJECT);

        return done != NOWHERE && !edit_has(edit, done, at, TRIB__TRACE_REQUEST_REFUSE);
}

static bool make_early_call(struct edit *edit, size_t at)
{
        size_t done = edit_last(edit, at, TRIB__TRACE_REQUEST_DONE, SAME_OBJECT);

        if (done == NOWHERE || done == 0)
                return false;
        edit_move(edit, at, done - 1);
        return true;
}

static bool make_other_status(struct edit *edit, size_t at)
{
        VALUES(edit, at)[0]++;
        return true;
}

static bool is_of_request(const struct edit *edit, size_t at)
{
        size_t win = edit_last(edit, at, TRIB__TRACE_REQUEST_WIN, SAME_THREAD);
        size_t done = edit_last(edit, at, TRIB__TRACE_REQUEST_DONE, SAME_THREAD);

        return win != NOWHERE && VALUES(edit, win)[0] == 1 && (done == NOWHERE || done < win);
}

static bool make_other_output(struct edit *edit, size_t at)
{
        VALUES(edit, at)[1] += 64;
        return true;
}

static bool make_behind_done(struct edit *edit, size_t at)
{
        size_t done = edit_next(edit, at, TRIB__TRACE_REQUEST_DONE, SAME_THREAD);

        if (done == NOWHERE)
                return false;
        edit_move(edit, at, done);
        return true;
}

static bool make_small_queue(struct edit *edit, size_t at)
{
        VALUES(edit, at)[1] = 1;
        return true;
}

/* Two requests of one queue change places. */
static bool make_disorder(struct edit *edit, size_t at)
{
        size_t   next = edit_next(edit, at, TRIB__TRACE_REQUEST_TAKE, SAME_SLOT);
        size_t   queued = next == NOWHERE ? NOWHERE
                                          : edit_last(edit, next, TRIB__TRACE_REQUEST_QUEUE,
                                                      SAME_OBJECT);
        uint64_t object;

        if (queued == NOWHERE || queued > at ||
            edit->records[next].object == edit->records[at].object)
                return false;
        object = edit->records[at].object;
        edit->records[at].object = edit->records[next].object;
        edit->records[next].object = object;
        return true;
}

/* The session is freed before its last request has ended. */
static bool make_early_free(struct edit *edit, size_t at)
{
        for (size_t i = at; i-- > 0;) {
                size_t queue, open, done;

                if (edit->records[i].event != TRIB__TRACE_REQUEST_TAKE)
                        continue;
                queue = i;
                while (queue-- > 0 && !(edit->records[queue].event == TRIB__TRACE_QUEUE_OPEN &&
                                        edit->records[queue].object == VALUES(edit, i)[0]))
                        ;
                open = queue;
                done = edit_next(edit, i, TRIB__TRACE_REQUEST_DONE, SAME_OBJECT);
                if (open == NOWHERE || VALUES(edit, open)[0] != edit->records[at].object ||
                    done == NOWHERE || done > at)
                        continue;
                edit_move(edit, at, done - 1);
                return true;
        }
        return false;
}

static bool make_cancelled_run(struct edit *edit, size_t at)
{
        size_t win = edit_last(edit, at, TRIB__TRACE_REQUEST_WIN, SAME_OBJECT);

        if (win == NOWHERE)
                return false;
        VALUES(edit, win)[0] = 1;
        return true;
}

static bool make_free_inside(struct edit *edit, size_t at)
{
        size_t enter = edit_last(edit, at, TRIB__TRACE_SESSION_ENTER, SAME_OBJECT);

        if (enter == NOWHERE)
                return false;
        edit_move(edit, at, enter);
        return true;
}

/* --- the trace --- */

static bool make_gap(struct edit *edit, size_t at)
{
        edit->keeps_stamps = true;
        edit_delete(edit, at);
        return at < edit->count;
}

static bool make_unopened(struct edit *edit, size_t at)
{
        edit_delete(edit, at);
        return true;
}

#define MUTANT(name, property, sure, event, fits, make) \
        { name, PROPERTY_##property, sure, TRIB__TRACE_##event, fits, make }

const struct mutant other_mutants[] = {
        MUTANT("leased twice", S7, SURE, LEASE, NULL, make_twice),
        MUTANT("return lost", S7, SOME, RETURN, NULL, make_lost),
        MUTANT("returned twice", S7, SOME, RETURN, NULL, make_twice),
        MUTANT("work without a lease", S7, SURE, SUBMIT, NULL, make_behind_return),
        MUTANT("one home for two", S7, SURE, HOME_TAKE, NULL, make_another),
        MUTANT("old epoch acts", S7, SURE, HOME_GIVE, NULL, make_old_epoch),
        MUTANT("lease of the dead", S7, SURE, ORPHAN, NULL, make_lost),
        MUTANT("call of the dead", S8, SURE, THREAD_DIES, is_inside, make_lost),
        MUTANT("hung stream serves", S10, SOME, RETURN, is_hung, make_hung_serve),
        MUTANT("waiter left", S11, SOME, WAIT_END, NULL, make_lost),
        MUTANT("pool not closed", S11, SURE, POOL_CLOSE, NULL, make_lost),
        MUTANT("handed to another", S15, SURE, HAND_OVER, NULL, make_other_waiter),
        MUTANT("turn of another", S15, RARE, LEASE, is_turn, make_other_turn),
        MUTANT("queue overtaken", S15, SOME, LEASE, is_awaited, make_overtake),
        MUTANT("completed ahead", T1, SURE, COMPLETED, is_work, make_ahead),
        MUTANT("completed again", T1, SURE, COMPLETED, is_work, make_back),
        MUTANT("submitted again", T1, SURE, SUBMIT, NULL, make_twice),
        MUTANT("launched again", T1, SURE, LAUNCHED, NULL, make_twice),

        MUTANT("built twice", P1, SURE, PLAN_BUILD, NULL, make_second_build),
        MUTANT("ready twice", P1, SURE, PLAN_READY, NULL, make_twice),
        MUTANT("put twice", P2, SURE, PLAN_PUT, NULL, make_twice),
        MUTANT("put lost", P2, SURE, PLAN_PUT, NULL, make_lost),
        MUTANT("evicted while held", P2, SURE, PLAN_EVICT, NULL, make_held),
        MUTANT("plan of another key", P2, SURE, PLAN_GET, NULL, make_other_key),
        MUTANT("failed plan is taken", P3, SURE, PLAN_FAIL, NULL, make_get_failed),
        MUTANT("given unbuilt", P3, SURE, PLAN_READY, is_got, make_lost),
        MUTANT("not evicted", P4, SOME, PLAN_EVICT, NULL, make_lost),
        MUTANT("plan left", P5, SURE, PLAN_FREE, NULL, make_lost),

        MUTANT("ended twice", B1, SURE, REQUEST_DONE, NULL, make_twice),
        MUTANT("won twice", B1, SURE, REQUEST_WIN, NULL, make_twice),
        MUTANT("called twice", B1, SURE, REQUEST_CALL, NULL, make_twice),
        MUTANT("call lost", B1, SURE, REQUEST_CALL, NULL, make_lost),
        MUTANT("called early", B1, SURE, REQUEST_CALL, NULL, make_early_call),
        MUTANT("record dropped twice", B1, SURE, REQUEST_DROP, is_queued, make_twice),
        MUTANT("told another end", B1, SURE, REQUEST_SEEN, NULL, make_other_status),
        MUTANT("memory of another", B2, SURE, RUN_TOUCH, is_of_request, make_other_output),
        MUTANT("touched after the end", B3, SURE, RUN_TOUCH, is_of_request, make_behind_done),
        MUTANT("queue overfull", B4, SOME, QUEUE_OPEN, NULL, make_small_queue),
        MUTANT("taken twice", B4, SURE, REQUEST_TAKE, NULL, make_twice),
        MUTANT("taken out of order", B4, SURE, REQUEST_TAKE, NULL, make_disorder),
        MUTANT("closed undone", B6, SURE, SESSION_FREE, NULL, make_early_free),
        MUTANT("cancelled and run", B7, SURE, REQUEST_CANCEL, NULL, make_cancelled_run),
        MUTANT("freed with a call inside", S8, SURE, SESSION_FREE, NULL, make_free_inside),

        MUTANT("record lost", FORMAT, SURE, SUBMIT, NULL, make_gap),
        MUTANT("never opened", S8, SURE, PLANS_OPEN, NULL, make_unopened),
};
const size_t n_other_mutants = sizeof(other_mutants) / sizeof(other_mutants[0]);
