/* SPDX-License-Identifier: Apache-2.0 */
/* streams.pml: who has which stream: sessions, bindings, leases, the queue with its turns, threads
 * that end or die, close, late calls, fork.
 *
 * What it models: src/stream/binding.c (give_home_back, leave_orphan, thread_ends,
 * trib__binding_open, void_lease, trib__binding_close, _take, _pass), src/stream/lease.c (all of
 * it but `quick`, which is any choice here), src/stream/stream_lease.c (try_lease, try_home,
 * try_any, is_to_be_had, serve, wait_for_stream, find_home, trib__stream_lease_for,
 * trib__stream_pool_is_used), making and recovering of stream_pool.c, and
 * src/session/session_table.c with the order of trib_session_close (drain, then free); and the
 * check of trib__is_forked that opens every public call.
 *
 * Nouns: word: {epoch, tag, wanted, kind} of a stream's lease, in static memory; kinds FREE,
 * LEASED, KEPT (free for the thread whose turn is not over), HUNG, ORPHAN, VOID (no pool has it).
 * owner: {epoch, thread} of each stream's home. queue: threads in order of arrival. seat: what a
 * session's handle is looked up in: {generation, state}; here a session and its pool open and close
 * together, and the generation is the pool's epoch. inside: calls that count themselves in the
 * seat; others are counted by the tag of their lease. closer: closes session and pool at any
 * moment, and opens others in the same place. child: a process forked at any moment.
 *
 * A thread has a handle, new or old, and calls with it N times in each of its LIVES; it may die in
 * its operator. POLICY: 0 share, 1 wait, 2 fail. A sleeper wakes by its own timer only where the
 * code means it to: when a look finds something that nobody returns (KEPT in vain, hung, an
 * orphan, a home whose thread has ended), and at a deadline. A model with timers everywhere would
 * hide lost wakes.
 *
 * Properties:
 * S6 no invalid end state: no wake is lost, nobody sleeps beside a stream to be had for ever, and
 *    close ends whoever died.
 * S7 one thread has a stream's lease; one thread of an epoch has it as its home; a stale epoch
 *    changes no word.
 * S8 a call uses the session and the pool that its handle is of, and these are there; and when they
 *    are gone, no word of theirs is changed.
 * S10 a hung or orphaned stream is used only when its timeline has passed the abandoned work.
 * S11 at the end all words are free, nobody is counted, nobody waits.
 * S12 a forked child takes no lock, uses no stream and changes nothing of its parent's.
 * S15 nobody is served before one who came to the queue earlier, but for a thread within its turn,
 *     which takes its stream again TURN times at the most.
 * L4 (LTL) who waits for a stream gets one, or an answer.
 *
 * Sizes: T threads of LIVES lives and N requests in each, S streams, TURN requests to a turn,
 * POOLS openings, HANGS hangs, DEATHS deaths in an operator, FAULTS failures to make a stream,
 * FORK forks, PREPARES calls that need no stream; RACES=0: the last close comes when all is
 * over. */
#ifndef T
#define T 2
#endif
#ifndef S
#define S 1
#endif
#ifndef N
#define N 1
#endif
#ifndef TURN
#define TURN 1
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
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef FAULTS
#define FAULTS 0
#endif
#ifndef FORK
#define FORK 0
#endif
#ifndef PREPARES
#define PREPARES 0
#endif
#ifndef POLICY
#define POLICY 0
#endif
#ifndef RACES
#define RACES 1
#endif
#define NIL 255
#define OWNER(epoch, number) ((epoch) * 32 + (number))

mtype = { VOID, FREE, LEASED, KEPT, HUNG, ORPHAN };
mtype = { NONE, OPEN, CLOSING };

/* Static: the place. */
mtype kind[S] = VOID;
bool wanted[S];
byte epoch_of[S], tag[S];       /* tag: LEASED: the session's, or 0; KEPT: the thread's number */
byte turns[S];                  /* times that the stream was kept in this turn */
byte owners[S];
byte place_epoch;
bool mutex;
byte n_queue, queue[T];
bool sleeps[T], served[T], needs_home[T], has_home[T];
byte given[T];                  /* the stream, when served */
byte wait_tag[T];

/* Static: the seat. */
mtype state = NONE;
byte generation;                /* the pool's epoch while OPEN or CLOSING */
byte inside;

/* The pool. */
bool is_there, has_session;     /* the pool is allocated; so is the session */
byte epoch;                     /* the pool's own */
bool made[S];

/* Threads: what each knows of itself. */
byte number[T + 1], home_epoch[T + 1], home[T + 1]; /* T: the closer, who has none */
byte kept[T] = NIL;             /* the stream that it has kept */
byte kept_epoch[T];
byte next_number = 1;
bool is_closed_for_good;
byte living = T;

/* Ghosts. */
byte user[S] = NIL;             /* who has the lease: a thread, or T: the closer */
bool past[S] = true;            /* its timeline has passed what was abandoned */
byte again[S];                  /* times that its holder took it again while others wait */
byte hangs, deaths, faults, prepares;

inline lock() { atomic { !mutex -> mutex = true } }
inline unlock() { mutex = false }

/* --- homes --- */

/* e, s: the home that was. */
inline give_home_back(e, s)
{
#ifdef MUTANT_STALE_EPOCH
        atomic {
                if
                :: owners[s] != 0 ->
                        assert(e == place_epoch);                               /* S7 */
                        owners[s] = 0
                :: else
                fi
        }
#else
        atomic {
                if
                :: owners[s] == OWNER(e, number[me]) ->
                        assert(e == place_epoch);                               /* S7 */
                        owners[s] = 0
                :: else
                fi
        }
#endif
}

inline take_home()
{
        k = 0;
        do
        :: k < S ->
                atomic {
                        if
                        :: owners[k] == 0 ->
                                owners[k] = OWNER(epoch, number[me]);
                                home_epoch[me] = epoch; home[me] = k;
                                j = 0;
                                do                                              /* S7 */
                                :: j < T ->
                                        assert(j == me || home_epoch[j] != epoch || home[j] != k);
                                        j++
                                :: else -> break
                                od;
                                j = 0; k = S
                        :: else -> k++
                        fi
                }
        :: else -> break
        od;
        k = 0
}

/* --- words --- */

/* The holder's ghost; past the queue only as the property says. */
inline has_taken(s)
{
        assert(user[s] == NIL); user[s] = me                                    /* S7 */
}

/* Take s, idle and unwanted, in pool e's and session t's name. found: s. */
inline take_free(s, e, t)
{
        atomic {
                if
#ifdef MUTANT_OVERTAKE
                :: kind[s] == FREE && epoch_of[s] == e ->
#else
                :: kind[s] == FREE && epoch_of[s] == e && !wanted[s] ->
#endif
                        assert(n_queue == 0);                                   /* S15 */
                        kind[s] = LEASED; tag[s] = t; has_taken(s); found = s
                :: else
                fi
        }
}

inline want_all()
{
#ifndef MUTANT_NOT_WANTED
        w = 0;
        do
        :: w < S -> atomic { wanted[w] = true; turns[w] = 0; again[w] = 0; w++ }
        :: else -> break
        od;
        w = 0
#else
        skip
#endif
}

inline unwant_all()
{
        w = 0;
        do
        :: w < S ->
                atomic {
                        wanted[w] = false;
                        if
                        :: kind[w] == KEPT -> kind[w] = FREE; tag[w] = 0
                        :: else
                        fi;
                        w++
                }
        :: else -> break
        od;
        w = 0
}

/* Take x off the queue. Under the mutex. */
inline unlink(x)
{
        d_step {
                j = 0;
                do :: queue[j] != x -> j++ :: else -> break od;
                n_queue--;
                do :: j < n_queue -> queue[j] = queue[j + 1]; j++ :: else -> break od;
                queue[n_queue] = 0; j = 0
        };
        if
        :: n_queue == 0 -> unwant_all()
        :: else
        fi
}

/* Pass s on to the first of the queue, or free it. The lease is me's. */
inline give(s)
{
        lock();
        if
        :: n_queue == 0 ->
                atomic {
                        assert(user[s] == me && kind[s] == LEASED && epoch_of[s] == place_epoch);
                        user[s] = NIL; kind[s] = FREE; tag[s] = 0               /* S8 */
                };
                x = NIL
        :: else ->
#ifdef MUTANT_LAST_FIRST
                x = queue[n_queue - 1];
#else
                x = queue[0];
#endif
                assert(x == queue[0]);                                          /* S15 */
                if
                :: needs_home[x] ->
                        atomic {
                                if
                                :: home_epoch[me] == epoch_of[s] && home[me] == s &&
                                   owners[s] == OWNER(epoch_of[s], number[me]) ->
                                        home_epoch[me] = 0; home[me] = 0;
                                        owners[s] = OWNER(epoch_of[s], number[x]);
                                        has_home[x] = true
                                :: owners[s] == 0 ->
                                        owners[s] = OWNER(epoch_of[s], number[x]);
                                        has_home[x] = true
                                :: else
                                fi
                        }
                :: else
                fi;
                atomic {
                        assert(user[s] == me && kind[s] == LEASED && epoch_of[s] == place_epoch);
                        user[s] = x; tag[s] = wait_tag[x]; wanted[s] = true;
                        turns[s] = 0; again[s] = 0
                };
                unlink(x);
                d_step { given[x] = s; served[x] = true }
        fi;
        unlock();
#ifndef MUTANT_NO_WAKE
        if
        :: x != NIL -> sleeps[x] = false
        :: else
        fi;
#endif
        x = NIL
}

/* End the lease of s: free, kept, or given. */
inline lease_end(s)
{
        atomic {
                if
                :: !wanted[s] ->
                        assert(user[s] == me && kind[s] == LEASED && epoch_of[s] == place_epoch);
                        user[s] = NIL; kind[s] = FREE; tag[s] = 0; ok = true    /* S8 */
                :: else -> ok = false
                fi
        };
        if
        :: !ok ->
                if
#ifdef MUTANT_ENDLESS_TURN
                :: true ->
#else
                :: turns[s] < TURN ->
#endif
                        /* quick, or not: any */
                        atomic {
                                if
                                :: wanted[s] ->
                                        assert(user[s] == me && kind[s] == LEASED);
                                        user[s] = NIL; kind[s] = KEPT; tag[s] = number[me];
                                        turns[s]++; kept[me] = s; kept_epoch[me] = epoch_of[s];
                                        ok = true
                                :: else
                                fi
                        }
                :: true
                fi;
                if
                :: !ok -> give(s)
                :: else
                fi
        :: else
        fi;
        ok = false
}

inline lease_hang(s)
{
        atomic { assert(user[s] == me); user[s] = NIL; kind[s] = HUNG; tag[s] = 0 }
}

/* me has taken s, which was HUNG or an ORPHAN: ok: it may be used. */
inline recover(s)
{
#ifdef MUTANT_HUNG_IS_FREE
        ok = true
#else
        ok = past[s]
#endif
}

/* --- leases of requests --- */

/* Lease s if it is idle, or hung or an orphan and past its work. Not past the queue. */
inline try_lease(s)
{
        take_free(s, epoch, epoch);
        if
        :: found == NIL ->
                atomic {
                        if
                        :: !wanted[s] && (kind[s] == HUNG || kind[s] == ORPHAN) ->
                                kind[s] = LEASED; tag[s] = epoch; has_taken(s); found = s
                        :: else
                        fi
                };
                if
                :: found != NIL ->
                        recover(s);
                        if :: !ok -> found = NIL; lease_hang(s) :: else fi;
                        ok = false
                :: else
                fi
        :: else
        fi
}

#ifdef MUTANT_HOME_UNSEEN
#define IS_HOME(s) false
#else
#define IS_HOME(s) (home_epoch[me] == epoch && home[me] == s)
#endif

/* A look: what comes back without a return goes to the first of the queue. */
inline serve()
{
        i = 0;
        do
        :: i < S ->
                atomic {
                        if
                        :: !wanted[i] -> i = S
                        :: wanted[i] && (
#if POLICY == 1
                           (kind[i] == FREE && (owners[i] == 0 || IS_HOME(i))) ||
#else
                           kind[i] == FREE ||
#endif
                           kind[i] == KEPT || kind[i] == HUNG
#ifndef MUTANT_ORPHAN_STAYS
                           || kind[i] == ORPHAN
#endif
                           ) ->
                                is_hung = (kind[i] == HUNG || kind[i] == ORPHAN);
                                kind[i] = LEASED; tag[i] = 0; has_taken(i); found = i
                        :: else
                        fi
                };
                if
                :: found != NIL ->
                        found = NIL; ok = true;
                        if :: is_hung -> recover(i) :: else fi;
                        if
                        :: ok -> ok = false; is_hung = false; give(i)
                        :: else -> is_hung = false; lease_hang(i)
                        fi
                :: else
                fi;
                if :: i < S -> i++ :: else fi
        :: else -> break
        od;
        i = 0
}

/* Something that a look finds. */
#ifdef MUTANT_KEPT_UNSEEN
#define LOOK_KEPT(s) false
#else
#define LOOK_KEPT(s) (kind[s] == KEPT)
#endif
#if POLICY == 1
#define TO_SEE(s) (wanted[s] && (LOOK_KEPT(s) || kind[s] == HUNG || kind[s] == ORPHAN || \
                   (kind[s] == FREE && (owners[s] == 0 || IS_HOME(s)))))
#else
#define TO_SEE(s) (wanted[s] && (LOOK_KEPT(s) || kind[s] == HUNG || kind[s] == ORPHAN))
#endif

inline wait_for_stream()
{
        if :: is_impatient = true :: skip fi;
        d_step {
                wait_tag[me] = epoch; served[me] = false; has_home[me] = false;
                needs_home[me] = (POLICY == 1 && home_epoch[me] != epoch)
        };
        lock();
        if
        :: n_queue == 0 -> want_all(); ok = true
        :: else
        fi;
        atomic { queue[n_queue] = me; n_queue++ };
        unlock();
        if
        :: ok -> ok = false; serve()
        :: else
        fi;
        do
        :: served[me] || is_late -> break
        :: else ->
                atomic { if :: !served[me] -> sleeps[me] = true :: else fi };
                if
                :: !sleeps[me]
                :: TO_SEE(0) || TO_SEE(S - 1) -> sleeps[me] = false
                :: is_impatient -> atomic { sleeps[me] = false; is_late = true }
                fi;
                if
                :: !served[me] -> serve()
                :: else
                fi
        od;
        if
        :: !served[me] ->
                lock();
                if
                :: !served[me] -> unlink(me); failed = true
#ifdef MUTANT_LEAVE_SERVED
                :: else -> failed = true
#else
                :: else
#endif
                fi;
                unlock()
        :: else
        fi;
        d_step {
                if
                :: !failed ->
                        found = given[me]; assert(user[found] == me);
                        if
                        :: has_home[me] -> home_epoch[me] = epoch; home[me] = found
                        :: else
                        fi
                :: else
                fi;
                served[me] = false; has_home[me] = false; needs_home[me] = false;
                given[me] = 0; wait_tag[me] = 0; is_late = false; is_impatient = false;
                sleeps[me] = false
        }
}

/* What this thread has kept, if it is still there. */
inline resume()
{
        if
        :: kept[me] != NIL ->
                atomic {
                        old = kept[me]; kept[me] = NIL;
                        if
                        :: kind[old] == KEPT && tag[old] == number[me] &&
                           epoch_of[old] == kept_epoch[me] && epoch_of[old] == epoch ->
                                kind[old] = LEASED; tag[old] = epoch; again[old]++;
                                assert(again[old] <= TURN);                     /* S15 */
                                has_taken(old); found = old
                        :: else
                        fi;
                        old = 0; kept_epoch[me] = 0
                }
        :: else
        fi
}

/* found, or failed. The call is counted inside. */
inline stream_lease()
{
        resume();
        if
        :: found == NIL && home_epoch[me] != epoch ->
                take_home();
#if POLICY == 2
                if :: home_epoch[me] != epoch -> failed = true :: else fi
#endif
        :: else
        fi;
        if
        :: found == NIL && !failed && home_epoch[me] == epoch ->
                try_lease(home[me]);
#if POLICY == 1
                atomic {
                        if
                        :: found == NIL && kind[home[me]] == FREE ->
                                kind[home[me]] = LEASED; tag[home[me]] = epoch;
                                has_taken(home[me]); found = home[me]
                        :: else
                        fi
                }
#endif
        :: else
        fi;
        if
        :: found == NIL && !failed && (POLICY != 1 || home_epoch[me] == epoch) ->
                i = 0;
                do
                :: i < S && found == NIL -> try_lease(i); i++
                :: else -> break
                od;
                i = 0
        :: else
        fi;
        if
        :: found == NIL && !failed -> wait_for_stream()
        :: else
        fi
}

/* --- calls --- */

/* The call's session and pool are those of its handle, and there. */
#define IN_ITS_SESSION (is_there && has_session && epoch == handle && place_epoch == handle)

/* The short way in: found, or not. */
inline enter_leased()
{
        if
        :: home_epoch[me] == handle ->
                take_free(home[me], handle, handle);
                if
#ifdef MUTANT_NO_SECOND_LOOK
                :: false
#else
                :: found != NIL && (state != OPEN || generation != handle) ->
                        /* Too late: static memory only. */
                        old = found; found = NIL; is_told = true;
                        lease_end(old);
                        old = 0
#endif
                :: else
                fi
        :: else
        fi
}

inline enter()
{
        atomic { inside++ };
#ifdef MUTANT_ANY_GENERATION
        if :: state == OPEN :: state != OPEN -> atomic { inside-- }; is_told = true fi
#else
        if
        :: atomic { state == OPEN && generation == handle }
        :: atomic { state != OPEN || generation != handle } -> atomic { inside-- }; is_told = true
        fi
#endif
}

/* The thread's hook. held: the lease of the request that it died in, or NIL. */
inline thread_ends()
{
        if
        :: held != NIL ->
                atomic {
                        assert(user[held] == me && kind[held] == LEASED);
                        user[held] = NIL; kind[held] = ORPHAN; held = NIL
                }
        :: else
        fi;
        if
#ifndef MUTANT_COUNT_STAYS
        :: is_counted -> atomic { inside--; is_counted = false }
#endif
        :: else
        fi;
        if
        :: home_epoch[me] != 0 ->
                d_step { e = home_epoch[me]; old = home[me]; home_epoch[me] = 0; home[me] = 0 };
#ifndef MUTANT_NO_HOOK
                give_home_back(e, old);
#endif
                d_step { e = 0; old = 0 }
        :: else
        fi;
        d_step { kept[me] = NIL; kept_epoch[me] = 0 }
}

/* One request with the stream `found`. */
inline use_stream()
{
        assert(IN_ITS_SESSION && user[found] == me && past[found]);             /* S8, S10 */
        if
        :: !made[found] ->
                if
                :: atomic { faults < FAULTS -> faults++; failed = true }
                :: made[found] = true
                fi
        :: else
        fi;
        if
        :: !failed ->
                assert(IN_ITS_SESSION);                                         /* S8 */
                atomic {
                        if
                        :: hangs < HANGS -> hangs++; past[found] = false; is_hung = true
                        :: skip
                        fi
                };
                if
                :: atomic { deaths < DEATHS -> deaths++; is_hung = false; is_dead = true;
                            held = found }
                :: is_hung -> assert(IN_ITS_SESSION); is_hung = false; lease_hang(found)
                :: !is_hung -> assert(IN_ITS_SESSION); lease_end(found)
                fi
#ifdef MUTANT_FAIL_UNSAID
        :: else
#else
        :: else -> lease_end(found)
#endif
        fi
}

/* A call with `handle`. */
inline request()
{
        if
        :: atomic { state == OPEN && generation == handle } -> enter_leased()
        :: atomic { state != OPEN || generation != handle } -> is_told = true
        fi;
        if
        :: found == NIL && !is_told ->
                enter();
                if
                :: !is_told ->
#ifdef MUTANT_UNCOUNT_FIRST
                        atomic { inside-- };
                        stream_lease()
#else
                        assert(IN_ITS_SESSION);                                 /* S8 */
                        stream_lease();
                        assert(IN_ITS_SESSION);
                        atomic { inside-- }
#endif
                :: else
                fi
        :: else
        fi;
        if
        :: found != NIL -> use_stream()
        :: else
        fi;
        d_step { found = NIL; failed = false; is_told = false; ok = false }
}

/* A call that needs no stream, but runs a user's function. */
inline prepare()
{
        enter();
        if
        :: !is_told ->
                assert(IN_ITS_SESSION);
                if
                :: atomic { deaths < DEATHS -> deaths++; is_dead = true; is_counted = true }
                :: atomic { inside-- }
                fi
        :: else
        fi;
        is_told = false
}

proctype thread(byte me)
{
        byte n = 0, lives = 1, found = NIL, held = NIL, i = 0, j = 0, k = 0, w = 0, x = NIL;
        byte old = 0, e = 0, handle = 0;
        bool ok = false, failed = false, is_hung = false, is_late = false, is_impatient = false;
        bool is_told = false, is_dead = false, is_counted = false;

        atomic { number[me] = next_number; next_number++ };
        do
        :: n < N && !is_dead ->
                n++;
                if
                :: atomic { state == OPEN -> handle = generation }
                :: handle != 0          /* as it was: old, perhaps */
                :: is_closed_for_good && handle == 0 -> break
                fi;
#if PREPARES
                if
                :: atomic { prepares < PREPARES -> prepares++ }; prepare()
                :: request()
                fi
#else
                request()
#endif
        :: else ->
                thread_ends();
                if
                :: lives < LIVES || is_dead ->
                        atomic {
                                if :: is_dead :: else -> lives++; n = 0 fi;
                                is_dead = false;
                                number[me] = next_number; next_number++
                        };
                        if :: n == N && lives >= LIVES -> break :: else fi
                :: else -> break
                fi
        od;
        atomic { handle = 0; living-- }
}

proctype device()
{
end_idle:
        do
        :: atomic { !past[0] && kind[0] != LEASED -> past[0] = true }
#if S > 1
        :: atomic { !past[1] && kind[1] != LEASED -> past[1] = true }
#endif
        od
}

/* No call is inside: counters first, then the words, whose orphans are recovered. */
inline wait_left()
{
#ifdef MUTANT_WORDS_FIRST
        scan_words(); inside == 0
#else
        inside == 0;
#ifndef MUTANT_WORDS_UNSEEN
        scan_words()
#endif
#endif
}

inline scan_words()
{
        s = 0;
        do
        :: s < S ->
                if
                :: !(tag[s] == epoch && (kind[s] == LEASED || kind[s] == ORPHAN)) -> s++
#ifndef MUTANT_ORPHAN_STAYS
                :: atomic { tag[s] == epoch && kind[s] == ORPHAN ->
                            kind[s] = LEASED; tag[s] = 0; has_taken(s) } ->
                        recover(s);
                        if
                        :: ok -> give(s)
                        :: else -> lease_hang(s)
                        fi;
                        ok = false
#endif
                fi
        :: else -> break
        od;
        s = 0
}

proctype closer()
{
        byte me = T, pools = 0, s = 0, w = 0, x = NIL, j = 0;
        bool ok = false;

        do
        :: pools < POOLS ->
                /* trib_device_open, trib_session_open */
                atomic { place_epoch++; epoch = place_epoch; is_there = true; pools++ };
                do
                :: s < S -> atomic { kind[s] = FREE; epoch_of[s] = epoch; wanted[s] = false;
                                     tag[s] = 0; s++ }
                :: else -> s = 0; break
                od;
                atomic { has_session = true; generation = epoch; state = OPEN };
                if
                :: pools < POOLS -> skip                /* at any moment */
#if RACES
                :: pools == POOLS -> living == 0 || pools == 1
#else
                :: pools == POOLS -> living == 0
#endif
                fi;
                /* trib_session_close */
                state = CLOSING;
                wait_left();
                state = NONE;
                inside == 0;
                has_session = false;
                /* the pool goes with the last of its sessions */
                do
                :: s < S ->
#ifdef MUTANT_VOID_LEASED
                        atomic { kind[s] = VOID; epoch_of[s] = 0; wanted[s] = false; tag[s] = 0 };
#else
                        atomic {
                                kind[s] != LEASED ->
                                kind[s] = VOID; epoch_of[s] = 0; wanted[s] = false; tag[s] = 0
                        };
#endif
                        owners[s] = 0;
                        s++
                :: else -> s = 0; break
                od;
                atomic {
                        assert(n_queue == 0);                                   /* S11 */
                        do
                        :: s < S -> assert(user[s] == NIL); made[s] = false; past[s] = true;
                                    turns[s] = 0; again[s] = 0; s++
                        :: else -> s = 0; break
                        od;
                        is_there = false; epoch = 0
                };
#ifndef MUTANT_EPOCH_STAYS
                place_epoch++
#else
                place_epoch--
#endif
        :: else -> break
        od;
        is_closed_for_good = true;
        atomic {
                living == 0 ->
                assert(!mutex && n_queue == 0 && inside == 0);                  /* S11 */
                do
                :: s < S -> assert(kind[s] == VOID && owners[s] == 0 && user[s] == NIL); s++
                :: else -> break
                od
        }
}

#if FORK
/* The child of a fork: a copy of the words, the mutex as it was, no other thread. */
proctype child()
{
        bool c_mutex = false, is_forked = false;
        byte c_owner = 0;

        atomic { is_forked = true; c_mutex = mutex; c_owner = owners[0] };
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
ltl L4 { [] (sleeps[0] -> <> (!sleeps[0])) }
#endif
