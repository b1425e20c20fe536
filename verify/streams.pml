/* SPDX-License-Identifier: Apache-2.0 */
/* streams.pml: who has which stream: bindings, leases, waiting, thread end, close, fork.
 *
 * What it models: src/stream/binding.c (give_back, thread_ends, trib__binding_open, _close, _home,
 * _take, _drop, _generation, _wait, _is_awaited) and src/stream/stream_pool.c (make_stream,
 * is_past, try_lease, try_index, try_any, queue_up, look, unqueue_locked, wait_for_stream,
 * find_home, trib__stream_lease, serve_waiters, trib__stream_return, trib__stream_pool_destroy),
 * and the check of trib__is_forked that opens every public call (src/session/device_api.c).
 *
 * Nouns: thread: leases, works and returns N times, and ends; then a new thread starts in its
 * place (LIVES). owner word: {epoch, thread} of each stream in the static table. home: a thread's
 * own record of its stream, {epoch, stream}. lease: FREE, LEASED or HUNG. waiter: record on the
 * waiting thread's stack: handed, is_woken, is_starving, word. closer: closes the pool when no
 * call is inside, and opens another in the same place. child: a process forked at any moment: what
 * the mutex and the words were is copied, and the threads are gone.
 *
 * POLICY: 0 share, 1 wait, 2 fail. A wait wakes by its own timer only where the code means it to:
 * to look at hung streams, and at a deadline. A model with timers everywhere would hide lost wakes.
 *
 * Properties:
 * S6 no invalid end state: no wake is lost, no waiter sleeps beside an idle stream for ever.
 * S7 one thread has a stream's lease; one thread of an epoch has it as its home; a stale epoch
 *    gives nothing back.
 * S8 no call uses a stream or the pool when the pool is closed.
 * S10 a hung stream is leased only when its timeline has passed the abandoned work.
 * S11 at the end all words are free, nobody is counted as waiting, nothing is leased.
 * S12 a forked child takes no lock, uses no stream and changes nothing of its parent's.
 * L4 (LTL) who waits for a stream gets one, or an answer.
 *
 * Sizes: T threads of LIVES lives and N requests in each, S streams, POOLS openings of the pool,
 * HANGS hangs, FAULTS failures to make a stream, FORK forks. */
#ifndef T
#define T 2
#endif
#ifndef S
#define S 1
#endif
#ifndef N
#define N 1
#endif
#ifndef LIVES
#define LIVES 1
#endif
#ifndef POOLS
#define POOLS 1
#endif
#ifndef HANGS
#define HANGS 0
#endif
#ifndef FAULTS
#define FAULTS 0
#endif
#ifndef FORK
#define FORK 0
#endif
#ifndef POLICY
#define POLICY 0
#endif
#define SHARE 0
#define WAIT 1
#define FAIL 2
#define NIL 255
#define WORD(epoch, number) ((epoch) * 32 + (number))

mtype = { FREE, LEASED, HUNG };

/* Static: the place. */
byte owners[S];
byte place_epoch, generation, binding_waiters;
bool sleeps_home[T];            /* asleep on the generation */

/* The pool. */
byte epoch;                     /* the pool's own, fixed while it is open */
mtype lease[S] = FREE;
bool made[S], making[S];
bool mutex;
byte n_waiters, n_queue, queue[T];
bool sleeps[T];                 /* asleep on its record's word */
byte handed[T] = NIL;
bool is_starving[T], is_woken[T], word[T];

/* Threads. */
byte number[T];                 /* of the thread that lives in this place now */
byte home_epoch[T], home[T];
byte next_number = 1;

byte inside;                    /* calls in the pool's session */
bool is_open, is_closed_for_good;
byte living = T;

/* Ghosts. */
byte user[S] = NIL;             /* who leases it */
bool past[S] = true;            /* its timeline has passed what was abandoned */
byte hangs, faults;

inline lock() { atomic { !mutex -> mutex = true } }
inline unlock() { mutex = false }

/* --- bindings --- */

inline wake_home()
{
        if
        :: sleeps_home[0] -> sleeps_home[0] = false
#if T > 1
        :: sleeps_home[1] -> sleeps_home[1] = false
#endif
#if T > 2
        :: sleeps_home[2] -> sleeps_home[2] = false
#endif
        :: else
        fi
}

/* e, s: the home that was. */
inline give_back(e, s)
{
#ifdef MUTANT_STALE_EPOCH
        atomic { ok = (owners[s] != 0); if :: ok -> owners[s] = 0 :: else fi };
#else
        atomic {
                ok = (owners[s] == WORD(e, number[me]));
                if :: ok -> assert(e == place_epoch); owners[s] = 0 :: else fi       /* S7 */
        };
#endif
        if
        :: ok ->
#ifndef MUTANT_NO_GENERATION
                generation++;
#endif
                if
                :: binding_waiters > 0 -> atomic { wake_home() }
                :: else
                fi
        :: else
        fi;
        ok = false
}

/* Drops the home of this thread in the pool's epoch, if it has one. */
inline drop_home()
{
        if
        :: home_epoch[me] == epoch ->
                d_step { old_epoch = home_epoch[me]; old = home[me];
                         home_epoch[me] = 0; home[me] = 0 };
                give_back(old_epoch, old);
                d_step { old = 0; old_epoch = 0 }
        :: else
        fi
}

inline take_home()
{
        k = 0;
        do
        :: k < S ->
                atomic {
                        if
                        :: owners[k] == 0 ->
                                owners[k] = WORD(epoch, number[me]);
                                home_epoch[me] = epoch; home[me] = k;
                                j = 0;
                                do                                      /* S7 */
                                :: j < T ->
                                        assert(j == me || home_epoch[j] != epoch || home[j] != k);
                                        j++
                                :: else -> break
                                od;
                                j = 0;
                                k = S
                        :: else -> k++
                        fi
                }
        :: else -> break
        od;
        k = 0
}

/* ok: go on; else there is no home to be had in time. */
inline find_home()
{
        take_home();
        ok = true;
#if POLICY == 2
        ok = (home_epoch[me] == epoch);
#endif
#if POLICY == 1
        do
        :: home_epoch[me] == epoch -> break
        :: else ->
                seen = generation;
                take_home();
                if
                :: home_epoch[me] == epoch -> break
                :: home_epoch[me] != epoch && !ok -> break
                :: else
                fi;
#ifndef MUTANT_NOT_COUNTED
                atomic { binding_waiters++ };
#endif
                atomic {
                        if
                        :: generation == seen -> sleeps_home[me] = true
                        :: else
                        fi
                };
                if
                :: !sleeps_home[me]
                :: is_impatient -> atomic { sleeps_home[me] = false; ok = false }
                fi;
#ifndef MUTANT_NOT_COUNTED
                atomic { binding_waiters-- };
#endif
                seen = 0
        od;
        seen = 0;
        ok = (home_epoch[me] == epoch);
#endif
}

/* --- leases --- */

/* found: the stream, leased; or NIL. */
inline try_lease(s)
{
#ifdef MUTANT_LEASE_RACE
        if
        :: lease[s] == FREE -> lease[s] = LEASED; found = s
        :: lease[s] == LEASED
        :: lease[s] == HUNG
        fi;
#else
        atomic {
                if
                :: lease[s] == FREE -> lease[s] = LEASED; found = s
                :: lease[s] == HUNG -> lease[s] = LEASED; is_hung = true
                :: else
                fi
        };
#endif
        if
        :: is_hung ->
                is_hung = false;
                if
#ifdef MUTANT_HUNG_IS_FREE
                :: found = s
#else
                :: past[s] -> found = s
                :: !past[s] -> lease[s] = HUNG
#endif
                fi
        :: else
        fi;
        if
        :: found == s -> d_step { assert(user[s] == NIL && past[s]); user[s] = me }   /* S7, S10 */
        :: else
        fi
}

/* found, or failed: it could not be made. */
inline try_index(s)
{
        if
        :: made[s] -> try_lease(s)
        :: else ->
                atomic {
                        if
                        :: !making[s] -> making[s] = true; ok = true
                        :: else -> ok = false
                        fi
                };
                if
                :: ok && !made[s] ->
                        if
                        :: atomic { faults < FAULTS -> faults++; failed = true }
                        :: atomic { assert(lease[s] == FREE && user[s] == NIL);
                                    lease[s] = LEASED; user[s] = me; made[s] = true; found = s }
                        fi;
                        making[s] = false;
#ifndef MUTANT_FAIL_UNSAID
                        if
                        :: failed -> pass_on()
                        :: else
                        fi
#endif
                :: ok && made[s] -> making[s] = false
                :: else
                fi;
                ok = false
        fi
}

/* found, or failed, or neither: all are busy. */
inline try_any(start)
{
        i = 0;
        do
        :: i < S && found == NIL ->
                if
                :: made[(start + i) % S] -> try_lease((start + i) % S)
                :: else
                fi;
                i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < S && found == NIL && !failed ->
                if
                :: !made[(start + i) % S] -> try_index((start + i) % S)
                :: else
                fi;
                i++
        :: else -> break
        od;
        i = 0
}

/* Wake w to look again. Under the mutex. */
inline wake(w)
{
        d_step { is_woken[w] = true; word[w] = true; sleeps[w] = false }
}

/* serve_waiters without a stream: somebody leaves who was woken, or has failed to make a stream. */
inline pass_on()
{
        if
        :: n_waiters > 0 ->
                lock();
                atomic {
                        j = 0;
                        do
                        :: j < n_queue && (handed[queue[j]] != NIL ||
                                           (is_woken[queue[j]] && !is_starving[queue[j]])) -> j++
                        :: else -> break
                        od;
                        if :: j < n_queue -> wake(queue[j]) :: else fi;
                        j = 0
                };
                unlock()
        :: else
        fi
}

inline serve_waiters(s)
{
        lock();
        atomic {
                j = 0;
                do
                :: j < n_queue && (handed[queue[j]] != NIL ||
                                   (is_woken[queue[j]] && !is_starving[queue[j]])) -> j++
                :: else -> break
                od
        };
        if
        :: j < n_queue ->
                atomic {
                        if
                        :: is_starving[queue[j]] && lease[s] == FREE ->
                                lease[s] = LEASED; handed[queue[j]] = s;
                                assert(user[s] == NIL); user[s] = queue[j]
                        :: else
                        fi
                };
                wake(queue[j])
        :: else
        fi;
        j = 0;
        unlock()
}

inline return_stream(s, hangs_now)
{
#ifdef MUTANT_LOOK_FIRST
        seen = n_waiters;
#endif
        atomic {
                assert(user[s] == me);
                user[s] = NIL;
                if
                :: hangs_now -> lease[s] = HUNG
                :: else -> lease[s] = FREE
                fi
        };
        if
#ifdef MUTANT_LOOK_FIRST
        :: seen > 0 -> serve_waiters(s)
#else
        :: n_waiters > 0 -> serve_waiters(s)
#endif
        :: else
        fi;
#if POLICY == 1
        if
        :: binding_waiters > 0 -> drop_home()
        :: else
        fi;
#endif
        skip
}

inline queue_up()
{
        lock();
        d_step {
                queue[n_queue] = me; n_queue++;
                handed[me] = NIL; is_starving[me] = false; is_woken[me] = false; word[me] = false
        };
        n_waiters++;
        unlock()
}

inline unqueue()
{
        lock();
        d_step {
                j = 0;
                do :: queue[j] != me -> j++ :: else -> break od;
                n_queue--;
                do :: j < n_queue -> queue[j] = queue[j + 1]; j++ :: else -> break od;
                queue[n_queue] = 0;
                j = 0;
                old = handed[me]; handed[me] = NIL;
                must_pass = is_woken[me] && old == NIL;
                is_woken[me] = false; is_starving[me] = false; word[me] = false
        };
        n_waiters--;
        unlock()
}

#define SOME_HUNG (lease[0] == HUNG || lease[S - 1] == HUNG)

inline wait_for_stream(start)
{
#ifdef MUTANT_COUNT_LATE
        try_any(start);
        if :: found == NIL && !failed -> queue_up() :: else -> queue_up() fi;
#else
        queue_up();
#endif
        do
        ::
#ifndef MUTANT_COUNT_LATE
                try_any(start);
#endif
                if :: found != NIL || failed || is_late -> break :: else fi;
                atomic { if :: !word[me] -> sleeps[me] = true :: else fi };
                if
                :: !sleeps[me]
                :: SOME_HUNG -> sleeps[me] = false
                :: is_impatient -> atomic { sleeps[me] = false; is_late = true }
                fi;
                lock();
                atomic {
                        is_woken[me] = false; word[me] = false;
                        if :: is_starving[me] = true :: skip fi
                };
                unlock();
                if :: handed[me] != NIL -> break :: else fi;
#ifdef MUTANT_COUNT_LATE
                try_any(start)
#endif
        od;
        is_late = false;
        unqueue();
#ifndef MUTANT_KEEP_WAKE
        if :: must_pass -> pass_on() :: else fi;
#endif
        must_pass = false;
        if
        :: old != NIL && found != NIL ->
                d_step { seen = old; user[old] = me };
                return_stream(seen, false)
        :: old != NIL && found == NIL -> d_step { found = old; assert(user[old] == me) }
        :: else
        fi;
        atomic { old = 0; seen = 0 }
}

inline stream_lease()
{
        ok = true;
        if
        :: home_epoch[me] != epoch -> find_home()
        :: else
        fi;
        if
        :: ok ->
                ok = false;
                start = 0;
                if
                :: home_epoch[me] == epoch -> start = home[me]; try_index(start)
                :: else
                fi;
                if
                :: found == NIL && !failed -> try_any(start)
                :: else
                fi;
                if
                :: found == NIL && !failed -> wait_for_stream(start)
                :: else
                fi
        :: else
        fi;
        atomic { ok = false; failed = false; start = 0 }
}

proctype thread(byte me)
{
        byte n = 0, lives = 1, found = NIL, i = 0, j = 0, k = 0, seen = 0, start = 0;
        byte old = 0, old_epoch = 0;
        bool ok = false, failed = false, is_hung = false, must_pass = false;
        bool is_late = false, is_impatient = false;

        atomic { number[me] = next_number; next_number++ };
        do
        :: n < N ->
                n++;
                if
                :: atomic { is_open -> inside++ }
                :: is_closed_for_good -> break
                fi;
                if :: is_impatient = true :: skip fi;
                stream_lease();
                is_impatient = false;
                if
                :: found != NIL ->
                        assert(epoch == place_epoch && made[found]);            /* S8 */
                        assert(user[found] == me);
                        atomic {
                                if
                                :: hangs < HANGS -> hangs++; past[found] = false; is_hung = true
                                :: skip
                                fi
                        };
                        return_stream(found, is_hung);
                        atomic { found = NIL; is_hung = false }
                :: else
                fi;
                atomic { inside-- }
        :: else ->
                /* The thread ends: its hook. */
                if
                :: home_epoch[me] != 0 ->
                        d_step { old_epoch = home_epoch[me]; old = home[me];
                                 home_epoch[me] = 0; home[me] = 0 };
#ifndef MUTANT_NO_HOOK
                        give_back(old_epoch, old);
#endif
                        d_step { old = 0; old_epoch = 0 }
                :: else
                fi;
                if
                :: lives < LIVES ->
                        atomic { lives++; n = 0; number[me] = next_number; next_number++ }
                :: else -> break
                fi
        od;
        living--
}

proctype device()
{
end_idle:
        do
        :: atomic { !past[0] && lease[0] != LEASED -> past[0] = true }
#if S > 1
        :: atomic { !past[1] && lease[1] != LEASED -> past[1] = true }
#endif
        od
}

proctype closer()
{
        byte pools = 0, i = 0;

        do
        :: pools < POOLS ->
                atomic {
                        place_epoch++; epoch = place_epoch; pools++; is_open = true
                };
                if
                :: pools < POOLS -> skip                /* at any moment */
                :: pools == POOLS -> living == 0
                fi;
                is_open = false;
#ifndef MUTANT_CLOSE_EARLY
                inside == 0;
#endif
                do
                :: i < S -> owners[i] = 0; i++
                :: else -> break
                od;
                atomic {
                        assert(!mutex && n_queue == 0 && n_waiters == 0);       /* S11 */
                        assert(binding_waiters == 0);
                        i = 0;
                        do
                        :: i < S ->
                                assert(user[i] == NIL && lease[i] != LEASED && !making[i]);
                                lease[i] = FREE; made[i] = false; past[i] = true; i++
                        :: else -> break
                        od;
                        i = 0; epoch = 0
                };
#ifndef MUTANT_EPOCH_STAYS
                place_epoch++
#else
                place_epoch--
#endif
        :: else -> break
        od;
        is_closed_for_good = true
}

#if FORK
/* The child of a fork: a copy of the words, the mutex as it was, no other thread. */
proctype child()
{
        bool c_mutex = false, is_forked = false;
        byte c_owner = 0, who = 0;

        atomic {
                is_forked = true; c_mutex = mutex; c_owner = owners[0];
                if :: who = 0 :: T > 1 -> who = T - 1 fi
        };
#ifdef MUTANT_FORK_UNSEEN
        is_forked = false;
#endif
        if
        :: is_forked                    /* TRIB_FORKED, from every call */
        :: else ->
                !c_mutex;               /* of a thread that is gone: for ever */
                assert(false)           /* uses a stream */
        fi;
        /* The child's only thread ends: its hook. */
#ifdef MUTANT_SHARED_TABLE
        atomic {
                if
                :: owners[0] != 0 && owners[0] == c_owner -> owners[0] = 0
                :: else
                fi
        }
#else
        c_owner = 0
#endif
}
#endif

init
{
        byte t = 0;

        atomic {
                do :: t < T -> run thread(t); t++ :: else -> break od;
                t = 0;
                run closer();
#if HANGS
                run device();
#endif
#if FORK
                run child();
#endif
        }
}

#ifdef LTL
ltl L4 { [] (n_waiters > 0 -> <> (n_waiters == 0)) }
#endif
