/* SPDX-License-Identifier: Apache-2.0 */
/* requests.pml: the life of a request, and of the session it belongs to.
 *
 * What it models: src/session/request.c (trib_submit with take_record, ensure_workers,
 * start_workers and enqueue; worker, run_request, turn_away, win, finish, call_back, request_drop,
 * queue_drop; trib_wait, trib_cancel, trib_request_release; trib__requests_stop and _join),
 * src/session/session.c (trib__session_enter and _leave, is_left, trib_session_close,
 * session_free) and the direct path trib_infer of src/session/run.c. What a run does on its stream
 * is streams.pml's; here it only touches the session and the caller's memory.
 *
 * Nouns: client: a thread that submits, then waits, waits for a while, cancels or lets go; or runs
 * directly. canceller: a second thread with client 0's request. worker: started by the first
 * submit, all, some or none. closer: closes, with and without patience. record: state, status,
 * holders. inside: the count of calls, by slot. mem: whether the caller still keeps the tensors'
 * memory.
 *
 * A section under the queue's mutex is one atomic step: all it guards is touched in such sections
 * only, and none waits but on a condition variable, where it lets go. A deadline comes when
 * somebody looks at the clock and finds it so; from then on it has come. Nothing wakes by chance
 * (a model that lets it would hide a lost wake); a wait without a limit has no limit.
 *
 * Assumed of callers: a call is counted inside before close has passed its slot, or comes after a
 * close that gave up (MUTANT_LATE_CALL shows what else would happen: the session is gone); memory
 * stays until the request is seen to be done.
 *
 * Properties:
 * B1 a request ends exactly once, and its callback comes exactly once, after the end.
 * B3 the caller's memory is touched only while RUNNING, and while the caller keeps it.
 * B4 at most MAXQ requests are queued, and the count is the list's length.
 * B5 no lost wake: no invalid end state.
 * B6 close leaves no request undone, no worker alive, no record held by the queue.
 * B7 who was told "cancelled" finds it never run.
 * S8 nobody touches the session after it is freed, nor the queue.
 * L2 (LTL) what was put into the queue ends.  L3 (LTL) a close ends.
 *
 * Sizes: C clients of N calls, W workers, MAXQ places, RC records, ACTS waits and
 * cancels of a client for one request; CANCELLER: whether there is one; DEATHS threads that end in
 * a user's operator or callback; NO_DEADLINE: no request has one; PATIENT: close waits for ever. */
#ifndef C
#define C 2
#endif
#ifndef N
#define N 1
#endif
#ifndef W
#define W 2
#endif
#ifndef MAXQ
#define MAXQ 1
#endif
#ifndef RC
#define RC 2
#endif
#ifndef CANCELLER
#define CANCELLER 1
#endif
#ifndef ACTS
#define ACTS 2
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#define SLOTS 2
#define CLOSER C
#define WORKER(w) (C + 1 + w)
#define SECOND (C + 1 + W)      /* the canceller */
#define THREADS (C + W + 2)
#define NIL 255

#define QUEUED 0
#define RUNNING 1
#define ENDING 2
#define DONE 3

#define PENDING 0
#define GOOD 1
#define CANCELLED 2
#define LATE 3
#define DIED 4

/* The session. */
bool is_draining, freed;
byte inside[SLOTS];
byte passed;                    /* slots that close has found empty */

/* The queue, under its mutex. */
chan queue = [MAXQ + 1] of { byte };
byte n_queued, n_running, n_workers, qrefs = 1;
bool is_stopping, is_starting, is_started, is_joined, qfreed;
bool on_changed[W];             /* asleep on `changed` */
bool on_left[THREADS];          /* asleep on `left`    */
byte deaths, dying_threads;
bool go[W], gone[W];            /* threads started, ended */

/* Records. */
byte state[RC], status[RC], holders[RC];
bool used[RC], has_deadline[RC], due[RC];
byte on_word[THREADS];          /* asleep on a record's state: record + 1 */
byte shown = NIL;               /* client 0's request, while the canceller may use it */
bool shows;

/* Ghosts. */
bool mem[RC], won[RC], listed[RC];
byte ends[RC], calls[RC];

inline touch_session() { assert(!freed) }                               /* S8 */
inline touch_queue() { assert(!qfreed) }                                /* S8 */

inline wake_left()
{
        d_step {
                i = 0;
                do :: i < THREADS -> on_left[i] = false; i++ :: else -> break od;
                i = 0
        }
}

inline wake_word(r)
{
#ifndef MUTANT_NO_WAKE
        d_step {
                i = 0;
                do
                :: i < THREADS -> if :: on_word[i] == r + 1 -> on_word[i] = 0 :: else fi; i++
                :: else -> break
                od;
                i = 0
        }
#else
        skip
#endif
}

inline sleep_word(who, r, seen)
{
        atomic {
                if
                :: state[r] == seen -> on_word[who] = r + 1
                :: else
                fi
        };
        on_word[who] == 0
}

/* is_late: the deadline has come. */
inline look_at_clock(r)
{
        atomic {
                if
                :: has_deadline[r] -> due[r] = true
                :: skip
                fi;
                is_late = due[r]
        }
}

inline queue_drop()
{
        touch_queue();
        qrefs--;
        if
        :: qrefs == 0 -> qfreed = true; assert(len(queue) == 0)      /* B6 */
        :: else
        fi
}

inline request_drop(r)
{
        atomic {
                assert(holders[r] > 0);                                 /* B6 */
                holders[r]--; is_last = (holders[r] == 0)
        };
        if
        :: is_last ->
                atomic {
                        touch_queue();
                        used[r] = false; state[r] = QUEUED; status[r] = PENDING;
                        ends[r] = 0; calls[r] = 0; won[r] = false; mem[r] = false;
                        due[r] = false; has_deadline[r] = false;
#ifndef MUTANT_NO_QUEUE_REF
                        queue_drop()
#endif
                }
        :: else
        fi;
        is_last = false
}

inline win(r, to)
{
#ifndef MUTANT_TWO_WINNERS
        atomic { is_won = (state[r] == QUEUED); if :: is_won -> state[r] = to :: else fi }
#else
        is_won = (state[r] == QUEUED);
        if :: is_won -> state[r] = to :: else fi
#endif
}

inline finish(r, how)
{
        atomic { status[r] = how; state[r] = DONE; ends[r]++; assert(ends[r] == 1) };    /* B1 */
        wake_word(r)
}

/* Leaves in is_won who won. */
inline turn_away(r, how)
{
        win(r, ENDING);
        if
        :: is_won ->
#ifdef MUTANT_TOKEN_AT_CANCEL
                atomic { n_queued-- };
#endif
                touch_session();
                finish(r, how)
        :: else
        fi
}

inline wait_done(who, r)
{
        do
        :: seen = state[r];
                if :: seen == DONE -> break :: else fi;
                sleep_word(who, r, seen)
        od;
        seen = 0
}

/* The callback, unless it has been called, and the queue's hold. dies: not to the end of it. */
inline end_request(who, r)
{
        if
        :: !is_called ->
                is_called = true;
#ifdef MUTANT_EARLY_DROP
                request_drop(r);
#endif
                atomic {
                        assert(used[r] && state[r] == DONE && status[r] != PENDING);    /* B1 */
                        calls[r]++; assert(calls[r] == 1)                               /* B1 */
                };
#if DEATHS
                if
                :: atomic { who > CLOSER && who < SECOND && deaths < DEATHS ->
                        deaths++; dies = true }
                :: true
                fi
#endif
        :: else
        fi;
        if
        :: dies
        :: else ->
#ifndef MUTANT_EARLY_DROP
                request_drop(r)
#endif
        fi
}

inline run_request(who, r, stops)
{
        is_called = false;
        if
        :: stops
        :: else -> look_at_clock(r)
        fi;
        if
        :: stops -> turn_away(r, CANCELLED)
        :: !stops && is_late -> turn_away(r, LATE)
        :: else ->
                win(r, RUNNING);
                if
                :: is_won ->
                        touch_session();
                        assert(mem[r] && !won[r] && state[r] == RUNNING);       /* B3, B7 */
#if DEATHS
                        if
                        :: atomic { deaths < DEATHS -> deaths++; dies = true }
                        :: true
                        fi;
                        if :: !dies -> assert(mem[r]); finish(r, GOOD) :: else fi       /* B3 */
#else
                        assert(mem[r]);                                         /* B3 */
                        finish(r, GOOD)
#endif
                :: else
#ifdef MUTANT_LOSER_GOES_ON
                        -> wait_done(who, r)
#endif
                fi
        fi;
#ifndef MUTANT_LOSER_GOES_ON
        if :: !is_won -> wait_done(who, r) :: else fi;
#endif
        if :: !dies -> end_request(who, r) :: else fi;
        atomic { is_won = false; is_late = false }
}

#if DEATHS
/* The thread of a worker ends in an operator or a callback: another takes its place, or none can be
 * had. */
inline died()
{
#ifndef MUTANT_DEATH_NO_REF
        d_step { touch_queue(); qrefs++ };
#endif
        if
        :: !is_called -> touch_session(); finish(r, DIED)
        :: else
        fi;
        do
        :: atomic {
                touch_queue();
                if
                :: is_starting -> on_left[WORKER(me)] = true
                :: else ->
#ifndef MUTANT_DEATH_UNCOUNTED
                        n_running++;
#endif
                        break
                fi
           };
           !on_left[WORKER(me)]
        od;
        if
        :: atomic { dying_threads++; run dying() }
        :: atomic { touch_queue(); n_running--; wake_left() };
                give_up();
                is_given_up = true;
                queue_drop()
        fi
}

/* The rest of a thread that has started another in its place. */
proctype dying()
{
        byte i = 0;

        atomic { touch_queue(); n_running--; wake_left() };
        atomic { queue_drop(); dying_threads-- }
}

inline give_up()
{
        dies = false;
        end_request(CLOSER, r);
        atomic {
                touch_queue();
                go[me] = false;
                n_running--; is_started = (n_running > 0);
#ifndef MUTANT_GIVE_UP_EARLY
                is_starting = !is_started
#endif
        };
        do
        :: atomic {
                touch_queue();
                if
                :: !is_started && len(queue) > 0 -> queue ? r; listed[r] = false; n_queued--
                :: else -> is_starting = false; wake_left(); break
                fi
           };
           is_called = false;
           turn_away(r, CANCELLED);
           if :: !is_won -> wait_done(WORKER(me), r) :: else fi;
           end_request(CLOSER, r);
           is_won = false
        od
}
#endif

proctype worker(byte me)
{
        byte r = NIL, seen = 0, i = 0;
        bool stops = false, is_won = false, is_last = false, is_late = false;
        bool is_called = false, dies = false, is_given_up = false;

end_asleep:
        go[me];
        is_given_up = false;
        do
        :: atomic {
                touch_queue();
                stops = is_stopping;
                if
                :: len(queue) > 0 -> queue ? r; listed[r] = false;
#ifdef MUTANT_TOKEN_AT_CANCEL
                        if :: state[r] == QUEUED -> n_queued-- :: else fi
#else
                        n_queued--; assert(n_queued == len(queue))      /* B4 */
#endif
                :: len(queue) == 0 && stops -> break
                :: else ->
#ifndef MUTANT_LOST_SIGNAL
                        on_changed[me] = true
#endif
                fi
           };
           if
           :: r == NIL ->
#ifdef MUTANT_LOST_SIGNAL
                on_changed[me] = true;
#endif
                !on_changed[me]
           :: else -> run_request(WORKER(me), r, stops);
#if DEATHS
                do
                :: dies ->
                        died();
                        if
                        :: is_given_up -> dies = false
                        :: else -> dies = false; end_request(WORKER(me), r)     /* the new thread */
                        fi
                :: else -> break
                od;
                if
                :: is_given_up -> atomic { stops = false; r = NIL; is_called = false };
                        goto end_asleep
                :: else
                fi;
#endif
                atomic { r = NIL; is_called = false }
           fi;
           stops = false
        od;
        atomic { touch_queue(); n_running--; wake_left() };
        gone[me] = true
}

inline signal_changed()
{
        if
        :: on_changed[0] -> on_changed[0] = false
#if W > 1
        :: on_changed[1] -> on_changed[1] = false
#endif
        :: else
        fi
}

inline start_workers()
{
        atomic { touch_queue(); n_running = W };
        do
        :: made < W -> d_step { go[made] = true; gone[made] = false }; made++
        :: made <= W -> break
        od;
        atomic {
                touch_queue();
                n_running = n_running - (W - made);
                n_workers = made;
                is_started = made > 0;
                is_starting = false;
                wake_left()
        };
        is_in = made > 0;
        made = 0
}

/* is_in: there are workers. */
inline ensure_workers()
{
        do
        :: atomic {
                touch_queue();
                if
                :: is_starting -> on_left[me] = true
                :: else -> must = !is_started; is_starting = must; break
                fi
           };
           !on_left[me]
        od;
        is_in = true;
        if :: must -> start_workers() :: else fi;
        must = false
}

/* is_in: it is in the queue. */
inline enqueue(r)
{
#ifdef MUTANT_STOP_RACE
        must = is_stopping;
#endif
        atomic {
                touch_queue();
#ifdef MUTANT_STOP_RACE
                is_in = !must && n_queued < MAXQ;
#else
                is_in = !is_stopping && n_queued < MAXQ;
#endif
                if
                :: is_in -> n_queued++; assert(nfull(queue));       /* B4 */
                        queue ! r; listed[r] = true;
                        assert(len(queue) <= MAXQ);                     /* B4 */
                        signal_changed()
                :: else
                fi
        }
#ifdef MUTANT_STOP_RACE
        ; must = false
#endif
}

/* r: the request, or NIL. */
inline submit()
{
        atomic {
                touch_queue();
                r = 0;
                do :: r < RC && used[r] -> r++ :: else -> break od;
                if
                :: r < RC -> used[r] = true; mem[r] = true;
#ifndef MUTANT_NO_QUEUE_REF
                        qrefs++;
#endif
                        if :: holders[r] = 2 :: holders[r] = 1 fi;      /* 1: callback only */
#ifndef NO_DEADLINE
                        if :: has_deadline[r] = true :: skip fi
#endif
                :: else -> r = NIL                      /* host memory is short, say */
                fi
        };
        if
        :: r != NIL ->
                is_held = (holders[r] == 2);
                ensure_workers();
                if :: is_in -> enqueue(r) :: else fi;
                if
                :: !is_in -> holders[r] = 1; request_drop(r); r = NIL
                :: is_in && !is_held -> r = NIL
                :: else
                fi
        :: else
        fi;
        is_in = false; is_held = false
}

inline outcome(r)
{
        atomic { assert(state[r] == DONE && status[r] != PENDING); mem[r] = false }    /* B1 */
}

/* is_done: it is done. `patient`: wait without limit. */
inline wait(who, r)
{
        do
        :: seen = state[r];
                if
                :: seen == DONE -> outcome(r); is_done = true; break
                :: else -> look_at_clock(r)
                fi;
                if
                :: is_late -> turn_away(r, LATE)
                :: else
                fi;
                is_late = false;
                if
                :: is_won -> is_won = false
                :: else ->
                        atomic {
                                if :: state[r] == seen -> on_word[who] = r + 1 :: else fi
                        };
                        if
                        :: on_word[who] == 0
                        :: atomic { seen == QUEUED && has_deadline[r] ->
                                        on_word[who] = 0; due[r] = true }
                        :: !patient -> on_word[who] = 0; break
                        fi
                fi
        od;
        seen = 0
}

inline cancel(r)
{
        turn_away(r, CANCELLED);
#ifdef MUTANT_CANCEL_RUNNING
        atomic {
                if
                :: !is_won && state[r] == RUNNING -> is_won = true; state[r] = ENDING
                :: else
                fi
        };
        if :: is_won && state[r] == ENDING -> finish(r, CANCELLED) :: else fi;
#endif
        if
        :: is_won -> atomic { won[r] = true; assert(state[r] == DONE); outcome(r) };      /* B1 */
                is_done = true
        :: else
        fi;
        is_won = false
}

proctype client(byte me)
{
        byte n = 0, r = NIL, seen = 0, i = 0, made = 0, acts = 0;
        bool is_in = false, is_held = false, is_won = false, is_last = false, must = false;
        bool is_done = false, is_open = false, patient = false, is_late = false;

        do
        :: n < N && !freed ->
                n++;
#ifdef MUTANT_CHECK_FIRST
                atomic {
                        if
                        :: is_draining && me % SLOTS < passed -> break
                        :: else -> is_open = !is_draining
                        fi
                };
                atomic { touch_session(); inside[me % SLOTS]++ };
#else
#ifdef MUTANT_LATE_CALL
                skip;
                atomic { touch_session(); inside[me % SLOTS]++ };
#else
                atomic {
                        if
                        :: is_draining && me % SLOTS < passed -> break
                        :: else -> inside[me % SLOTS]++
                        fi
                };
#endif
                is_open = !is_draining;
#endif
                if
                :: is_open -> submit()
                :: is_open -> touch_session()                           /* trib_infer */
                :: else
                fi;
                is_open = false;
                atomic { touch_session(); inside[me % SLOTS]-- };
                if
                :: r != NIL ->
                        if
                        :: me == 0 && CANCELLER -> shown = r
                        :: else
                        fi;
                        do
                        :: acts < ACTS && !is_done ->
                                acts++;
                                if
                                :: cancel(r)
                                :: if :: patient = true :: patient = false fi; wait(me, r)
                                fi
                        :: break                        /* lets go; the callback comes */
                        od;
                        acts = 0; patient = false;
                        if
                        :: me == 0 && CANCELLER -> atomic { !shows -> shown = NIL }
                        :: else
                        fi;
                        request_drop(r);
                        r = NIL; is_done = false
                :: else
                fi
        :: else -> break
        od
}

/* A second thread with the same request. */
proctype canceller()
{
        byte i = 0, r = NIL;
        bool is_won = false, is_done = false;

end_idle:
        atomic { shown != NIL -> shows = true; r = shown };
        cancel(r);
        shows = false
}

/* ok: nobody is inside; without patience the deadline may come first. The scan does not start anew
 * for a slot it has passed: that allows more than the code does. */
inline is_left()
{
        ok = true;
        do
        :: ok && passed < SLOTS ->
                if
                :: atomic { inside[passed] == 0 -> passed++ }
                :: atomic { !patient -> ok = false; passed = 0 }
                fi
        :: else -> break
        od
}

inline join()
{
        do
        :: atomic {
                touch_queue();
                if
                :: n_running > 0 || is_starting -> on_left[CLOSER] = true
                :: else -> must = !is_joined; is_joined = true; break
                fi
           };
           if
           :: !on_left[CLOSER]
           :: !patient -> atomic { on_left[CLOSER] = false; ok = (n_running == 0 && !is_starting);
                                   if :: ok -> must = !is_joined; is_joined = true :: else fi };
                break
           fi
        od;
        do
        :: must && i < n_workers -> (gone[i] || !go[i]); i++
        :: else -> break
        od;
        i = 0; must = false;
#ifndef MUTANT_STOP_RACE
        do
        :: ok ->
                atomic {
                        touch_queue();
                        if
                        :: len(queue) > 0 -> queue ? r; listed[r] = false; n_queued--
                        :: else -> break
                        fi
                };
                run_request(CLOSER, r, true); atomic { r = NIL; is_called = false }
        :: else -> break
        od
#endif
}

proctype closer()
{
        byte i = 0, r = NIL, seen = 0;
        bool ok = false, patient = false, must = false, is_won = false, is_last = false;
        bool is_late = false, is_called = false, dies = false;

#ifdef MUTANT_SCAN_FIRST
        patient = true;
        is_left();
#elif defined(PATIENT)
        patient = true;
#else
        if :: patient = true :: skip fi;
#endif
        do
        :: is_draining = true;
                atomic {
                        touch_queue();
                        is_stopping = true;
                        on_changed[0] = false;
#if W > 1
                        on_changed[1] = false;
#endif
                };
#ifndef MUTANT_SCAN_FIRST
                is_left();
#endif
                if :: ok -> join() :: else fi;
                if
                :: ok -> break
                :: else -> assert(!patient); patient = true; passed = 0         /* L3 */
                fi
        od;
        ok = false;
        d_step {                                                        /* B6 */
                assert(empty(queue) && n_queued == 0 && n_running == 0);        /* B6 */
                do
                :: i < W -> assert(!go[i] || gone[i]); i++      /* B6 */
                :: else -> break
                od;
                i = 0;
                do
                :: i < RC -> assert(!used[i] || state[i] == DONE); i++  /* B6 */
                :: else -> break
                od;
                i = 0;
                freed = true
        };
        atomic { queue_drop() }
}

init
{
        byte k = 0;

        atomic {
                do :: k < C -> run client(k); k++ :: else -> break od;
                k = 0;
                do :: k < W -> run worker(k); k++ :: else -> break od;
                k = 0;
                run closer();
                if :: CANCELLER -> run canceller() :: else fi
        }
}

#ifdef LTL
ltl L2 { [] (listed[0] -> <> (state[0] == DONE)) }
ltl L3 { [] (is_draining -> <> freed) }
#endif
