/* SPDX-License-Identifier: Apache-2.0 */
/* plans.pml: the plan cache: one build per key, failed builds, eviction, references.
 *
 * What it models: src/plan/cache.c (trib__plan_cache_get with join_if_there_locked, join_locked,
 * new_entry, evict_locked, oldest_idle_locked and drop_all; build with hold_donor,
 * publish, trim; trib__plan_cache_put with drop, executable_free, trib__plan_cache_destroy), and what
 * src/session/run.c does with it (find_plan keeps the last executable in the stream's slot and
 * puts the one before).
 *
 * Nouns: thread: gets an executable of some key N times, uses it, keeps it in its slot until the
 * next. entry: BUILDING, READY or FAILED, counted: one for the list, one for each holder. donor: a
 * ready entry held while another is compiled. slot: what a thread keeps. A section under the
 * cache's mutex is one atomic step; the wait for a build lets the mutex go, and wakes by broadcast
 * or at its deadline, never by chance. Age is a number that a get moves to the top.
 *
 * Properties:
 * P1 one builder per key: no two entries of a key are on the list, none is built twice at a time.
 * P2 a held entry is alive; what is used is READY and of the key that was asked for.
 * P3 a failed build leaves the list at once; who waited for it gets its error, or times out.
 * P4 after an insert, and after a put, the list is within CAP, or all above it is held or being
 *    built; when nobody holds any, it is within CAP.
 * P5 after destroy every entry is free, and the bytes charged for programs are uncharged.
 * P6 no invalid end state: who waits for a build is told.
 * L5 (LTL) who waits for a build goes on.
 *
 * Sizes: T threads of N gets (the first; the others of NB), K keys, CAP places in the cache, E
 * records for entries. */
#ifndef T
#define T 2
#endif
#ifndef N
#define N 2
#endif
#ifndef NB
#define NB N
#endif
#ifndef K
#define K 2
#endif
#ifndef CAP
#define CAP 1
#endif
#ifndef E
#define E 5
#endif
#define NIL 255

mtype = { NONE, BUILDING, READY, FAILED };

/* Entries. */
mtype state[E] = NONE;
byte key[E], refs[E];
bool has_program[E];

/* The list, oldest use first; under the mutex. */
byte list[E], n_list;
bool asleep[T];                 /* waits for a build to end */

byte slot[T] = NIL;             /* of the stream that the thread leases */
byte charged, living = T;

/* Ghosts. */
bool alive[E];
byte builders[K];

inline executable_free(e)
{
        d_step {
                assert(alive[e]);                                       /* P2 */
                alive[e] = false;
                if
                :: has_program[e] -> has_program[e] = false;
#ifndef MUTANT_NO_UNCHARGE
                        charged--
#endif
                :: else
                fi;
                state[e] = NONE; key[e] = 0; refs[e] = 0
        }
}

inline drop(e)
{
#ifndef MUTANT_PUT_TWICE
        atomic {
                assert(alive[e] && refs[e] > 0);                        /* P2 */
                refs[e]--; is_last = (refs[e] == 0); is_first = (refs[e] == 1)
        };
#else
        count = refs[e];
        count--;
        atomic {
                assert(alive[e]);                                       /* P2 */
                refs[e] = count; is_last = (count == 0); is_first = (count == 1); count = 0
        };
#endif
        if :: is_last -> executable_free(e) :: else fi;
        is_last = false
}

/* The list without its p-th entry. */
inline unlink_at(p)
{
        n_list--;
        do :: p < n_list -> list[p] = list[p + 1]; p++ :: else -> break od;
        list[n_list] = 0; p = 0
}

/* found: of the list, moved to its young end and held. */
inline find_and_hold()
{
        i = 0;
        do :: i < n_list && key[list[i]] != wanted -> i++ :: else -> break od;
        if
        :: i < n_list ->
                found = list[i];
                assert(state[found] != FAILED);                         /* P3 */
                unlink_at(i);
                list[n_list] = found; n_list++;
#ifndef MUTANT_WAITER_NO_REF
                refs[found]++
#endif
        :: else
        fi;
        i = 0
}

/* Waits while it is being built; found is NIL if that failed, or took too long. */
inline join()
{
        do
        :: atomic {
                assert(alive[found]);                                   /* P2 */
                if
                :: state[found] == BUILDING -> asleep[me] = true
                :: else -> break
                fi
           };
           if
           :: !asleep[me]
           :: is_impatient -> atomic { asleep[me] = false; is_late = (state[found] == BUILDING) };
                break
           fi
        od;
        assert(alive[found] && key[found] == wanted);                   /* P2 */
        if
        :: is_late || state[found] == FAILED -> put(found); found = NIL
        :: else
        fi;
        is_late = false
}

inline wake_all()
{
        k = 0;
        do
        :: k < T ->
#ifdef MUTANT_WAKE_ONE
                if :: asleep[k] -> asleep[k] = false; k = T :: else k++ fi
#else
                asleep[k] = false; k++
#endif
        :: else -> break
        od;
        k = 0
}

/* Idle ones, oldest first, until the list has `most` or fewer. n_evicted of them in evicted. */
inline evict(most)
{
        i = 0;
        do
#ifndef MUTANT_NO_EVICTION
        :: n_list > most && i < n_list ->
                if
#if defined(MUTANT_EVICT_HELD)
                :: state[list[i]] == READY ->
#elif defined(MUTANT_EVICT_BUILDING)
                :: list[i] != found && (refs[list[i]] == 1 || state[list[i]] == BUILDING) ->
#else
                :: state[list[i]] == READY && refs[list[i]] == 1 ->
#endif
                        evicted[n_evicted] = list[i]; n_evicted++;
                        k = i; unlink_at(k)
                :: else -> i++
                fi
#endif
        :: else -> break
        od;
        i = 0;
        do                                                              /* P4 */
        :: n_list > most && i < n_list ->
                assert(state[list[i]] == BUILDING || refs[list[i]] > 1); i++      /* P4 */
        :: else -> break
        od;
        i = 0
}

inline drop_all()
{
        do
        :: n_evicted > 0 ->
                n_evicted--;
#ifdef MUTANT_EVICT_HELD
                executable_free(evicted[n_evicted]);
#else
                drop(evicted[n_evicted]);
#endif
                evicted[n_evicted] = 0
        :: else -> break
        od
}

/* The last holder but the list, as far as it knows, looks whether the list is too long. */
inline put(e)
{
        drop(e);
        if
#ifndef MUTANT_PUT_KEEPS
        :: is_first -> is_first = false; atomic { evict(CAP) }; drop_all(); is_first = false
#endif
        :: else
        fi
}

/* entry: on the list and the caller's; or NIL, and found holds another's. */
inline insert()
{
        atomic {
                entry = 0;
                do :: entry < E && alive[entry] -> entry++ :: else -> break od;
                if
                :: entry < E -> alive[entry] = true; key[entry] = wanted;
                        state[entry] = BUILDING; refs[entry] = 2
                :: else -> entry = NIL                  /* host memory is short, say */
                fi
        };
        if
        :: entry != NIL ->
                atomic {
#ifndef MUTANT_NO_SECOND_LOOK
                        find_and_hold();
#endif
                        if
                        :: found == NIL ->
                                builders[wanted]++; assert(builders[wanted] == 1);      /* P1 */
                                list[n_list] = entry; n_list++;
                                found = entry; evict(CAP); found = NIL
                        :: else
                        fi
                };
                drop_all();
                if
                :: found != NIL -> executable_free(entry); entry = NIL; join()
                :: else
                fi
        :: else
        fi
}

/* Builds the entry. found: it; or NIL when that failed. */
inline build()
{
        atomic {
                assert(alive[entry] && state[entry] == BUILDING);       /* P2 */
                i = 0;                                  /* any ready one may be its list's first */
                do
                :: i < n_list && state[list[i]] != READY -> i++
                :: i < n_list && state[list[i]] == READY -> if :: break :: i++ fi
                :: i == n_list -> break
                od;
                if
                :: i < n_list -> donor = list[i];
#ifndef MUTANT_DONOR_NO_REF
                        refs[donor]++
#endif
                :: else
                fi;
                i = 0
        };
        if                                              /* compile */
        :: donor != NIL ->
                assert(alive[donor] && has_program[donor]);             /* P2 */
#ifndef MUTANT_DONOR_NO_REF
                put(donor);
#endif
                donor = NIL
        :: else
        fi;
        if
        :: skip
        :: true ->                                      /* memory is short: idle ones go */
                atomic { found = entry; evict(0); found = NIL };
                drop_all()
        fi;
        if
        :: atomic { has_program[entry] = true; charged++ }
        :: skip                                         /* it fails, or its thread ends */
        fi;
        atomic {
                assert(alive[entry]);                                   /* P2 */
                builders[wanted]--;
                if
                :: has_program[entry] -> state[entry] = READY; found = entry
                :: else ->
                        state[entry] = FAILED;
#ifndef MUTANT_FAILED_STAYS
                        do :: list[i] != entry -> i++ :: else -> break od;
                        unlink_at(i)
#endif
                fi;
#ifdef MUTANT_FAIL_UNSAID
                if :: found != NIL -> wake_all() :: else fi
#else
                wake_all()
#endif
        };
        if
        :: found == NIL ->
#ifndef MUTANT_FAILED_STAYS
                put(entry);
#endif
                put(entry)
        :: else
        fi;
        entry = NIL
}

inline get()
{
        atomic { find_and_hold() };
        if
        :: found != NIL -> join()
        :: else ->
                insert();
                if :: entry != NIL -> build() :: else fi
        fi
}

proctype thread(byte me)
{
        byte n = 0, wanted = 0, found = NIL, entry = NIL, donor = NIL, i = 0, k = 0;
        byte evicted[E], n_evicted = 0;
#ifdef MUTANT_PUT_TWICE
        byte count = 0;
#endif
        bool is_impatient = false, is_late = false, is_last = false, is_first = false;

        do
        :: n < (me == 0 -> N : NB) ->
                n++;
                if
                :: wanted = 0
                :: K > 1 -> wanted = 1
                :: K > 2 -> wanted = 2
                :: K > 3 -> wanted = 3
                fi;
                if :: is_impatient = true :: skip fi;
                if
                :: slot[me] != NIL && key[slot[me]] == wanted           /* that of last time */
                :: slot[me] == NIL || key[slot[me]] != wanted ->
                        get();
                        if
                        :: found != NIL ->
                                if :: slot[me] != NIL -> put(slot[me]) :: else fi;
                                slot[me] = found; found = NIL
                        :: else
                        fi
                fi;
                if
                :: slot[me] != NIL ->
                        assert(alive[slot[me]] && state[slot[me]] == READY);    /* P2 */
                        assert(has_program[slot[me]])                           /* P2 */
                :: else
                fi;
                atomic { wanted = 0; is_impatient = false }
        :: else -> break
        od;
        living--
}

/* session_free: nobody is inside any more. */
proctype closer()
{
        byte i = 0, k = 0, e = 0, found = NIL;
        byte evicted[E], n_evicted = 0;
        bool is_last = false, is_first = false;
#ifdef MUTANT_PUT_TWICE
        byte count = 0;
#endif

        living == 0;
        do
        :: e < T ->
                if :: slot[e] != NIL -> put(slot[e]); slot[e] = NIL :: else fi;
                e++
        :: else -> break
        od;
        assert(n_list <= CAP);                                          /* P4 */
        do
        :: n_list > 0 -> e = list[0]; atomic { unlink_at(i) }; drop(e); is_first = false
        :: else -> break
        od;
        e = 0;
        do
        :: e < E -> assert(!alive[e] && refs[e] == 0); e++              /* P5 */
        :: else -> break
        od;
        assert(charged == 0)                                            /* P5 */
}

init
{
        byte t = 0;

        atomic {
                do :: t < T -> run thread(t); t++ :: else -> break od;
                t = 0;
                run closer()
        }
}

#ifdef LTL
ltl L5 { [] (asleep[0] -> <> (!asleep[0])) }
#endif
