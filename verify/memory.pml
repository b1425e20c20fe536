/* SPDX-License-Identifier: Apache-2.0 */
/* memory.pml: the stream-ordered caching allocator with caches per stream.
 *
 * What it models: src/memory: the caches (enter, try, take all, settle, limbo), the drop with its
 * fences, the push on another stream's cache, central and its segments, the ladder with donation
 * and the wait for a fence, the byte cap, trim, handles with generations, and the word that says
 * that memory is in transit. sharded.pml models the other allocator, by shards.
 *
 * Nouns: thread t leases stream t, and allocates, uses, shares, releases, revives a stale handle
 * and trims, N actions in all. cache s: an owner word, a list, limbo, and rhead, where the threads
 * of other streams push. block: one unit of a segment with its slot {generation, holders}, use
 * mask and fences. segment: U units that the device gives and takes at once. device: moves each
 * stream's timeline on. box: hands a reference to another thread. One size class.
 *
 * Steps: each compare-and-swap, exchange, load or store of an atomic word is a step of its own, and
 * so is a section under central's mutex. Plain accesses inside a cache belong to the step before
 * them: nobody else may touch the same, which S7 asserts. The fences of one block are compared in
 * one step: timelines only grow, so a comparison that is spread over time finds nothing else.
 *
 * Properties (the names are docs/verification.md's):
 * S1 a block is handed out on stream o only if its last use on every other stream is finished.
 * S2 a block is in one place: live, list, remote, limbo, central, or one thread's hands.
 * S3 one last holder; no release below 0.
 * S4 what is taken from rhead was pushed there.
 * S5 at the end all blocks are free, nobody holds one, reserved is what the device gave.
 * S6 no invalid end state.
 * S7 one thread at a time is inside a cache.
 * S8 what goes to central or back to the device is used by no stream any more.
 * S9 reserved <= LIMIT in every state, and the device has given no more than that.
 * S13 a handle of an earlier generation is refused, whatever became of its slot.
 * S14 a thread gets OUT_OF_MEMORY only if no unit stayed free through its whole last round, be it
 *     in a cache, in central, as room under the cap, or in transit in another thread's hands; and
 *     not before its deadline while a fence is left to wait for.
 * L1 (LTL) the fences of a released block pass in the end.
 * L6 (LTL) an allocation ends.
 *
 * Sizes: L streams, SEGMENTS of U units (B blocks), as many as the cap allows; N actions of each
 * thread; FAULTS device allocations that fail; HINTS: a release may be near any stream (a hint of
 * before); TRIMS: whether threads trim. */
#ifndef L
#define L 2
#endif
#ifndef SEGMENTS
#define SEGMENTS 2
#endif
#ifndef U
#define U 1
#endif
#ifndef N
#define N 3
#endif
#ifndef FAULTS
#define FAULTS 0
#endif
#ifndef HINTS
#define HINTS 0
#endif
#ifndef TRIMS
#define TRIMS 1
#endif
#ifndef SLICES
#define SLICES 0
#endif
#ifndef CHARGES
#define CHARGES 0
#endif
#define B (SEGMENTS * U)
#define LIMIT SEGMENTS
#define NIL 255
#define ALL L                   /* "except no stream" */

/* Where a block is. MOVING: unlinked by a trim, a donation or a refill, not yet given back. */
#define ABSENT 0
#define CENTRAL 1
#define LISTED 2
#define LIMBO 3
#define REMOTE 4
#define LIVE 5
#define IN_HAND 6
#define MOVING 7
#define CHARGED 8

typedef row { byte at[L] };

byte submitted[L], completed[L];

/* Caches. */
byte owner[L];                  /* 0: nobody, else thread + 1 */
byte rhead[L] = NIL;            /* pushed by others */
byte took[L] = NIL;             /* taken off rhead, not settled yet; of who is inside */

/* Blocks. */
byte place[B];
byte home[B], rnext[B] = NIL;
byte generation[B] = 1, holders[B];
byte mask[B];                   /* use mask: bit l: stream l */
byte fenced[B];
row fences[B];
row last_use[B];                /* ghost: the truth */
byte births[B];                 /* ghost: how often the slot was handed out */

/* The cap; what the device has given (ghost). */
byte reserved, on_device;
byte faults;

/* The gate: 0 open, 1 taken, 2 taken and somebody may sleep. */
byte gate;
bool sleeps[L];

byte box[L] = NIL, box_generation[L];
byte living = L;
/* Ghosts: the units that have been free for t, or just released, since its round began. */
byte stayed[L], stayed_released[L];
#ifdef LTL
bool allocates[L];
#endif

/* ok: all streams but one have passed the block's fences. */
inline is_past(r, except)
{
        ok = true; i = 0;
        do
        :: i < L ->
                if
                :: (fenced[r] & (1 << i)) && i != except && fences[r].at[i] > completed[i] ->
                        ok = false
                :: else
                fi;
                i++
        :: else -> break
        od;
        i = 0
}

/* S1: for use on stream o. */
inline assert_free_for(r, o)
{
        i = 0;
        do
        :: i < L -> assert(i == o || last_use[r].at[i] <= completed[i]); i++    /* S1 */
        :: else -> break
        od;
        i = 0
}

/* S8: for anybody, or for the device. */
inline assert_unused(r)
{
        i = 0;
        do
#ifndef NO_S8
        :: i < L -> assert(last_use[r].at[i] <= completed[i]); i++              /* S8 */
#endif
        :: else -> break
        od;
        i = 0
}

/* --- the gate: src/base/sync.c --- */

inline gate_enter()
{
        d_step { ok = (gate == 0); if :: ok -> gate = 1 :: else fi };
        do
        :: ok -> break
        :: else ->
#ifdef MUTANT_GATE_FORGETS
                d_step { ok = (gate == 0); gate = (ok -> 1 : 2) };
#else
                d_step { ok = (gate == 0); gate = 2 };
#endif
                if
                :: !ok ->
                        atomic { if :: gate == 2 -> sleeps[me] = true :: else fi };
                        !sleeps[me]
                :: else
                fi
        od;
        ok = false
}

inline gate_leave()
{
        d_step { ok = (gate == 2); gate = 0 };
#ifdef MUTANT_GATE_NO_WAKE
        ok = false;
#endif
        if
        :: ok ->
                atomic {
                        if
                        :: sleeps[0] -> sleeps[0] = false
                        :: sleeps[1] -> sleeps[1] = false
                        :: sleeps[L - 1] -> sleeps[L - 1] = false
                        :: else
                        fi
                };
                ok = false
        :: else
        fi
}

/* --- caches --- */

inline enter(s)
{
        atomic { owner[s] == 0 -> owner[s] = me + 1 }
}

inline leave(s)
{
        d_step { assert(owner[s] == me + 1); owner[s] = 0 }             /* S7 */
}

/* Inside s, and part of a step: block r, which only we know, to the list or to limbo. */
inline settle(s, r)
{
        assert(owner[s] == me + 1 && home[r] == s);                     /* S7 */
        is_past(r, s);
#ifdef MUTANT_NO_FENCE_CHECK
        ok = true;
#endif
        if
        :: ok -> place[r] = LISTED; fenced[r] = fenced[r] & (1 << s)
        :: else -> place[r] = LIMBO
        fi;
        ok = false
}

/* Inside s, and part of a step: b: a block of the list for stream s, or NIL. */
inline pop(s)
{
        assert(owner[s] == me + 1);                                     /* S7 */
        b = 0;
        do :: b < B && !(place[b] == LISTED && home[b] == s) -> b++ :: else -> break od;
        if
        :: b < B -> hand_out(b)
        :: else -> b = NIL
        fi
}

/* Part of a step: b is mine now. */
inline hand_out(r)
{
        assert(holders[r] == 0);                                        /* S2 */
        assert_free_for(r, me);
        place[r] = LIVE;
        i = 0;
        do
        :: i < L -> stayed[i] = stayed[i] & (255 - (1 << r));
                stayed_released[i] = stayed_released[i] & (255 - (1 << r)); i++
        :: else -> break
        od;
        i = 0
}

/* Inside s, and part of a step: one of the blocks in `took` is settled. ok: there was one. */
inline sort_taken(s)
{
        ok = (took[s] != NIL);
        if
        :: ok ->
                assert(owner[s] == me + 1);                             /* S7 */
                h = took[s];
                assert(place[h] == REMOTE);                             /* S4 */
                took[s] = rnext[h]; rnext[h] = NIL;
                settle(s, h);
                ok = true; h = 0
        :: else
        fi
}

/* Inside s: one of the blocks that others pushed, all of which go to `took` at once. */
inline sort_pushed(s)
{
        if
        :: took[s] == NIL ->
#ifdef MUTANT_TAKE_BY_STORE
                took[s] = rhead[s];
                rhead[s] = NIL
#else
                d_step { took[s] = rhead[s]; rhead[s] = NIL }
#endif
        :: else
        fi;
        d_step { sort_taken(s) }
}

inline sort_all_pushed(s)
{
        do
        :: sort_pushed(s); if :: ok :: !ok -> break fi
        od;
        ok = false
}

inline settle_limbo(s)
{
        j = 0;
        do
        :: j < B && place[j] == LIMBO && home[j] == s -> d_step { settle(s, j); j++ }
        :: j < B && !(place[j] == LIMBO && home[j] == s) -> j++
        :: else -> break
        od;
        j = 0
}

inline own_cache_inside()
{
        if
        :: b == NIL ->
                do
                :: sort_pushed(me);
                        if
                        :: ok -> d_step { pop(me) }; if :: b != NIL -> break :: else fi
                        :: !ok -> break
                        fi
                od;
                ok = false;
                if :: b == NIL -> settle_limbo(me); d_step { pop(me) } :: else fi
        :: else
        fi;
        leave(me)
}

/* --- central and the device --- */

/* Part of a step: unit r of central is mine. */
inline take_unit(r)
{
        assert(place[r] == CENTRAL);                                    /* S2 */
        assert_unused(r);
        home[r] = me; hand_out(r)
}

/* Part of a step: b: a unit of central, or NIL. */
inline take_central()
{
        b = 0;
        do :: b < B && place[b] != CENTRAL -> b++ :: else -> break od;
        if
        :: b < B -> take_unit(b)
        :: else -> b = NIL
        fi
}

/* A compare-and-swap, so part of one step. ok: there was room. */
#ifdef MUTANT_RESERVE_LATE
#define HAS_ROOM ok             /* as it was when I looked */
#define LOOK_FOR_ROOM ok = (reserved < LIMIT)
#else
#define HAS_ROOM (reserved < LIMIT)
#define LOOK_FOR_ROOM skip
#endif
inline reserve()
{
        ok = HAS_ROOM;
        if :: ok -> reserved++; assert(reserved <= LIMIT) :: else fi    /* S9 */
}

/* b: a unit of a new segment, or NIL. */
inline grow()
{
        LOOK_FOR_ROOM;
        d_step { reserve() };
        if
        :: ok && faults < FAULTS ->                     /* the device has none */
                d_step {
                        faults++; ok = false; t = 0;
                        do
                        :: t < B && place[t] == ABSENT ->
                                stayed[me] = stayed[me] & (255 - (1 << t));
                                stayed_released[me] = stayed_released[me] & (255 - (1 << t)); t++
                        :: t < B && place[t] != ABSENT -> t++
                        :: else -> break
                        od;
                        t = 0
                };
                reserved--
        :: ok ->
                d_step { on_device++; assert(on_device <= LIMIT) };     /* S9 */
                d_step {
                        t = 0; ok = false;
                        do :: place[t] != ABSENT -> t = t + U :: else -> break od;
                        j = 0;
                        do
                        :: j < U -> assert(place[t + j] == ABSENT);     /* S2 */
                                place[t + j] = CENTRAL; fenced[t + j] = 0; j++
                        :: else -> break
                        od;
                        t = 0; j = 0;
                        take_central()
                }
        :: !ok
        fi
}

/* All wholly free segments back to the device. freed: there was one. */
inline free_segments()
{
        s = 0;
        do
        :: s < B ->
                d_step {
                        ok = true; t = 0;
                        do
                        :: t < U ->
#ifdef MUTANT_FREE_PARTIAL
                                if :: t > 0 && place[s + t] != CENTRAL -> t = U - 1
                                   :: else ok = ok && (place[s + t] == CENTRAL) fi;
#else
                                ok = ok && (place[s + t] == CENTRAL);
#endif
                                t++
                        :: else -> break
                        od;
                        t = 0;
                        do
                        :: t < U && ok -> assert(place[s + t] == CENTRAL);      /* S2 */
                                place[s + t] = MOVING; t++
                        :: else -> break
                        od;
                        t = 0
                };
#ifdef MUTANT_UNRESERVE_FIRST
                if :: ok -> reserved-- :: else fi;
#endif
                if
                :: ok ->
                        d_step {
                                do
                                :: t < U -> assert_unused(s + t);
#ifdef MUTANT_GENERATION_RESET
                                        generation[s + t] = 1;
#endif
                                        place[s + t] = ABSENT; t++
                                :: else -> break
                                od;
                                t = 0; on_device--
                        };
#if !defined(MUTANT_TRIM_KEEPS_COUNT) && !defined(MUTANT_UNRESERVE_FIRST)
                        reserved--;
#endif
                        d_step { freed = true; ok = false }
                :: else
                fi;
                s = s + U
        :: else -> break
        od;
        s = 0
}

/* Every cache gives what is past all its fences to central. */
inline donate_all()
{
        s = 0;
        do
        :: s < L ->
                enter(s);
#ifndef MUTANT_DONATE_LISTS_ONLY
                sort_all_pushed(s);
#endif
                d_step {
                        assert(owner[s] == me + 1);                     /* S7 */
                        t = 0;
                        do
                        :: t < B ->
#ifdef MUTANT_DONATE_LISTS_ONLY
                                if
                                :: home[t] == s && place[t] == LISTED ->
#else
                                if
                                :: home[t] == s && (place[t] == LISTED || place[t] == LIMBO) ->
#endif
#if defined(MUTANT_DONATE_NO_FENCE)
                                        ok = true;
#elif defined(MUTANT_DONATE_OWN)
                                        is_past(t, s);
#else
                                        is_past(t, ALL);
#endif
                                        if
                                        :: ok -> assert_unused(t);
                                                place[t] = MOVING; taken = taken | (1 << t)
                                        :: else
                                        fi;
                                        ok = false
                                :: else
                                fi;
                                t++
                        :: else -> break
                        od;
                        t = 0
                };
                leave(s);
                if
                :: taken != 0 ->
                        d_step {
                                do
                                :: t < B ->
                                        if
                                        :: taken & (1 << t) ->
                                                assert(place[t] == MOVING);     /* S2 */
                                                place[t] = CENTRAL; fenced[t] = 0
                                        :: else
                                        fi;
                                        t++
                                :: else -> break
                                od;
                                t = 0; taken = 0
                        }
                :: else
                fi;
                s++
        :: else -> break
        od;
        s = 0
}

/* What released blocks wait for: wait_on, wait_for is a fence of one; again: one waits no more. */
inline look_at_fences()
{
        s = 0;
        do
        :: s < L ->
                enter(s);
                sort_all_pushed(s);
                d_step {
                        assert(owner[s] == me + 1);                     /* S7 */
                        t = 0;
                        do
                        :: t < B ->
                                if
                                :: home[t] == s && (place[t] == LISTED || place[t] == LIMBO) ->
#ifndef MUTANT_LOOK_PAST
                                        is_past(t, ALL);
                                        if :: ok -> again = true; ok = false :: else fi;
#endif
                                        note_fence(t)
                                :: else
                                fi;
                                t++
                        :: else -> break
                        od;
                        t = 0
                };
                leave(s);
                s++
        :: else -> break
        od;
        s = 0
}

/* Part of a step: a fence of block r that has not passed. */
inline note_fence(r)
{
        i = 0;
        do
        :: i < L ->
                if
                :: (fenced[r] & (1 << i)) && fences[r].at[i] > completed[i] ->
                        wait_on = i; wait_for = fences[r].at[i]
                :: else
                fi;
                i++
        :: else -> break
        od;
        i = 0
}

/* --- allocation --- */

/* Part of a step, ghost: the units that are free for a stream, and those that are released. */
inline look_around(whom)
{
        stayed[me] = 0; stayed_released[me] = 0; t = 0;
        do
        :: t < B ->
                ok = (place[t] == ABSENT || place[t] == CENTRAL || place[t] == MOVING);
                if
                :: place[t] == LISTED || place[t] == LIMBO || place[t] == REMOTE ->
                        if
                        :: home[t] == whom -> is_past(t, whom)
                        :: else -> is_past(t, ALL)
                        fi
                :: else
                fi;
                if :: ok -> stayed[me] = stayed[me] | (1 << t) :: else fi;
                if
                :: place[t] != LIVE && place[t] != IN_HAND && place[t] != CHARGED ->
                        stayed_released[me] = stayed_released[me] | (1 << t)
                :: else
                fi;
                t++
        :: else -> break
        od;
        t = 0; ok = false
}

/* Rungs 1 to 5, inside the gate. */
inline climb()
{
        atomic {
                owner[me] == 0 -> owner[me] = me + 1; d_step { sort_taken(me); ok = false; pop(me) }
        };
        own_cache_inside();
        if :: b == NIL -> d_step { take_central() } :: else fi;
        if
        :: b == NIL -> is_due = true            /* much is reserved and not live */
        :: true
        fi;
        if
        :: is_due ->
                donate_all();
                d_step { take_central() };
                if :: b == NIL -> free_segments(); freed = false :: else fi
        :: else
        fi;
        if :: b == NIL -> grow() :: else fi;
        if
        :: b == NIL -> donate_all(); d_step { take_central() }
        :: else
        fi;
        is_due = false;
        if
        :: b == NIL ->
                free_segments();
                if :: freed -> freed = false; grow() :: else fi
        :: else
        fi;
        if
        :: b == NIL -> look_at_fences()
        :: else
        fi
}

inline ladder()
{
        if :: is_late = true :: skip fi;
        do
        ::
                d_step { take_central() };
                if :: b != NIL -> break :: else fi;
#ifndef MUTANT_NO_GATE
                gate_enter();
#endif
                d_step { wait_on = NIL; wait_for = 0; look_around(me) };
                climb();
#ifndef MUTANT_NO_GATE
                gate_leave();
#endif
                if
                :: b != NIL -> break
                :: b == NIL && (is_late || (wait_on == NIL && !again)) -> break
                :: b == NIL && !is_late && again -> again = false
                :: b == NIL && !is_late && !again && wait_on != NIL ->
#ifdef MUTANT_NO_WAIT
                        break
#else
                        if
                        :: completed[wait_on] >= wait_for
                        :: is_late = true
#if SLICES
                        :: true                 /* looks at the others */
#endif
                        fi
#endif
                fi
        od;
        atomic {
#ifndef NO_S14
                assert(b != NIL || stayed[me] == 0);                    /* S14 */
                assert(b != NIL || is_late || stayed_released[me] == 0);        /* S14 */
#endif
                stayed[me] = 0; stayed_released[me] = 0;
                wait_on = NIL; wait_for = 0; is_late = false; again = false
        }
}

inline alloc()
{
#ifdef LTL
        allocates[me] = true;
#endif
        b = NIL;
        atomic {
                if
#ifdef MUTANT_OWNER_IGNORED
                :: true -> owner[me] = me + 1; d_step { sort_taken(me); ok = true; pop(me) }
#else
                :: owner[me] == 0 -> owner[me] = me + 1;
                        d_step { sort_taken(me); ok = true; pop(me) }
                :: else
#endif
                fi
        };
        if :: ok -> ok = false; own_cache_inside() :: else fi;
        if :: b == NIL -> ladder() :: else fi;
        d_step {
                if
                :: b != NIL ->
                        mask[b] = 1 << me; holders[b] = 1;
                        mine = b; my_generation = generation[b];
                        births[b]++; old = b; old_generation = my_generation;
                        old_birth = births[b]
                :: else                         /* TRIB_OUT_OF_MEMORY */
                fi;
                b = 0
#ifdef LTL
                ; allocates[me] = false
#endif
        }
}

inline trim()
{
#ifndef MUTANT_TRIM_NO_GATE
        gate_enter();
#endif
        donate_all();
        free_segments();
        freed = false;
#ifndef MUTANT_TRIM_NO_GATE
        gate_leave();
#endif
        skip
}

#if CHARGES
/* A program takes room under the cap: a segment that cannot be. b: it, or NIL. */
inline count_room()
{
        LOOK_FOR_ROOM;
        d_step {
                reserve();
                if
                :: ok ->
                        ok = false; b = 0;
                        on_device++; assert(on_device <= LIMIT);        /* S9 */
                        do :: place[b] != ABSENT -> b = b + U :: else -> break od;
                        hand_out(b); place[b] = CHARGED
                :: else
                fi
        }
}

inline charge()
{
        b = NIL;
        count_room();
        if
        :: b == NIL ->
                gate_enter();
                d_step { look_around(ALL) };
                donate_all();
                free_segments();
                freed = false;
#ifdef MUTANT_CHARGE_OUTSIDE
                gate_leave();
                count_room()
#else
                count_room();
                gate_leave()
#endif
                ;
#if U == 1
                d_step { assert(b != NIL || stayed[me] == 0) };    /* S14 */
#endif
                d_step { stayed[me] = 0; stayed_released[me] = 0 }
        :: else
        fi;
        if
        :: b != NIL -> on_device--; d_step { place[b] = ABSENT; reserved-- }
        :: else
        fi;
        b = 0
}
#endif

/* --- use and release --- */

/* The holder launches work on its own stream. */
inline launch()
{
#ifdef MUTANT_RECORD_FIRST
        d_step { mask[mine] = mask[mine] | (1 << me); fences[mine].at[me] = submitted[me] };
#endif
#ifndef MUTANT_NO_RECORD
        if
        :: home[mine] != me ->
                d_step {
                        assert(place[mine] == LIVE);                            /* S2 */
                        mask[mine] = mask[mine] | (1 << me)
                }
        :: else
        fi;
#endif
        d_step { submitted[me]++; last_use[mine].at[me] = submitted[me] }
}

inline take_fences(r)
{
        fenced[r] = mask[r];
        j = 0;
        do
        :: j < L ->
                if
#ifndef MUTANT_RECORD_FIRST
                :: fenced[r] & (1 << j) -> fences[r].at[j] = submitted[j]
#endif
                :: else
                fi;
                j++
        :: else -> break
        od;
        j = 0
}

inline push(r)
{
        h = rhead[home[r]];
        do
        ::
                atomic {
#ifndef MUTANT_PUSH_LATE
                        rnext[r] = h;
#endif
                        if
#ifdef MUTANT_PUSH_BY_STORE
                        :: true -> rhead[home[r]] = r; ok = true; place[r] = REMOTE
#else
                        :: rhead[home[r]] == h -> rhead[home[r]] = r; ok = true;
#ifndef MUTANT_PUSH_LATE
                                place[r] = REMOTE
#endif
                        :: else -> h = rhead[home[r]]
#endif
                        fi
                };
                if :: ok -> break :: else fi
        od;
#ifdef MUTANT_PUSH_LATE
        atomic { place[r] = REMOTE; rnext[r] = h };
#endif
        h = 0; ok = false
}

inline give_back(r)
{
        atomic {
                if
                :: near == home[r] && owner[near] == 0 -> owner[near] = me + 1; ok = true
                :: else
                fi
        };
        if
        :: ok ->
                d_step { assert(place[r] == IN_HAND); settle(near, r) };        /* S2 */
                leave(near)
        :: else -> push(r)
        fi;
        ok = false
}

/* Release {r, g}. */
inline release(r, g)
{
#ifdef MUTANT_REF_NONATOMIC
        seen = holders[r];
        seen--;
        d_step {
                ok = true; holders[r] = seen; last = (seen == 0); seen = 0;
                if :: last -> generation[r]++; place[r] = IN_HAND :: else fi
        };
#else
        d_step {
                ok = (generation[r] == g && holders[r] > 0);
                last = false;
                if
                :: ok -> holders[r]--; last = (holders[r] == 0)
                :: else
                fi;
                if
                :: last -> assert(place[r] == LIVE); place[r] = IN_HAND;        /* S2, S3 */
#ifndef MUTANT_SAME_GENERATION
                        generation[r]++
#endif
                :: else
                fi
        };
#endif
        assert(ok);                                                     /* S3 */
        ok = false;
        if
        :: last ->
                if
                :: near = me
#if HINTS
                :: near = (me + 1) % L
#endif
                fi;
#ifndef MUTANT_LATE_FENCE
                take_fences(r);
#endif
                give_back(r);
#ifdef MUTANT_LATE_FENCE
                take_fences(r);
#endif
                near = 0
        :: else
        fi;
        last = false
}

/* A stale handle: retain gives a reference only if it is the very block that it named. */
inline revive()
{
        d_step {
                if
#ifdef MUTANT_RETAIN_BY_SLOT
                :: holders[old] > 0 ->
#else
                :: generation[old] == old_generation && holders[old] > 0 ->
#endif
                        assert(place[old] == LIVE && births[old] == old_birth);  /* S13 */
                        holders[old]++; mine = old; my_generation = old_generation
                :: else
                fi
        }
}

#ifdef MUTANT_STEAL
/* A thief takes a single block from the next cache's rhead. */
inline steal()
{
        h = rhead[(me + 1) % L];
        if
        :: h != NIL ->
                j = rnext[h];
                atomic {
                        if
                        :: rhead[(me + 1) % L] == h -> rhead[(me + 1) % L] = j; ok = true
                        :: else
                        fi
                };
                if
                :: ok -> ok = false;
                        mask[h] = mask[h] | (1 << ((me + 1) % L));
                        take_fences(h);
                        enter(me);
                        d_step { home[h] = me; rnext[h] = NIL; settle(me, h) };
                        leave(me)
                :: else
                fi
        :: else
        fi;
        h = 0; j = 0
}
#endif

proctype thread(byte me)
{
        byte n = 0, b = 0, h = 0, i = 0, j = 0, s = 0, t = 0, taken = 0, seen = 0, near = 0;
        byte mine = NIL, my_generation = 0, old = NIL, old_generation = 0, old_birth = 0;
        byte wait_on = NIL, wait_for = 0;
        bool ok = false, last = false, freed = false, is_late = false, again = false;
        bool is_due = false;

        do
        :: n < N ->
                n++;
                if
                :: mine == NIL -> alloc()
                :: mine == NIL && old != NIL -> revive()
                :: mine == NIL && box[me] != NIL ->
                        d_step { mine = box[me]; my_generation = box_generation[me];
                                 box[me] = NIL; box_generation[me] = 0 }
#if TRIMS
                :: mine == NIL -> trim()
#endif
#ifdef MUTANT_STEAL
                :: mine == NIL -> steal()
#endif
#if CHARGES
                :: mine == NIL -> charge()
#endif
                :: mine != NIL -> launch()
                :: mine != NIL && box[(me + 1) % L] == NIL ->           /* share it */
                        atomic {
                                if
                                :: box[(me + 1) % L] == NIL ->
                                        assert(generation[mine] == my_generation);      /* S3 */
                                        holders[mine]++;
                                        box[(me + 1) % L] = mine;
                                        box_generation[(me + 1) % L] = my_generation
                                :: else
                                fi
                        }
                :: mine != NIL -> release(mine, my_generation);
                        mine = NIL; my_generation = 0
                fi
        :: else -> break
        od;
        if
        :: mine != NIL -> release(mine, my_generation); mine = NIL; my_generation = 0
        :: else
        fi;
        d_step { old = NIL; old_generation = 0; old_birth = 0 };
        living--;
        living == 0;
        if
        :: box[me] != NIL -> release(box[me], box_generation[me]); box[me] = NIL
        :: else
        fi
}

proctype device(byte d)
{
end:    do
#ifndef MUTANT_LOST_COMPLETION
        :: completed[d] < submitted[d] -> completed[d]++
#else
        :: completed[d] + 1 < submitted[d] -> completed[d]++
#endif
        od
}

/* Looks when nothing moves any more. */
proctype auditor()
{
        byte b = 0, n = 0, h = 0, m = 0;

        (_nr_pr == 2 + L && living == 0);
        d_step {
                do
                :: b < B ->
                        assert(holders[b] == 0);                        /* S3, S5 */
                        assert(place[b] < LIVE);                                /* S5 */
                        if :: place[b] != ABSENT -> n++ :: else fi;
                        if :: place[b] == REMOTE -> m++ :: else fi;
                        b++
                :: else -> break
                od;
                assert(n == reserved * U && reserved == on_device && gate == 0);        /* S5 */
                b = 0;
                do
                :: b < L ->
                        assert(owner[b] == 0);                          /* S5 */
                        h = (took[b] != NIL -> took[b] : rhead[b]);
                        do
                        :: h != NIL ->
                                assert(place[h] == REMOTE && home[h] == b && m > 0);    /* S5 */
                                m--;
                                if
                                :: rnext[h] == NIL && took[b] != NIL -> took[b] = NIL;
                                        h = rhead[b]
                                :: else -> h = rnext[h]
                                fi
                        :: else -> break
                        od;
                        b++
                :: else -> break
                od;
                assert(m == 0)                                          /* S5 */
        }
}

init
{
        byte t = 0;

        atomic {
                do :: t < L -> run device(t); t++ :: else -> break od;
                run auditor();
                t = 0;
                do :: t < L -> run thread(t); t++ :: else -> break od;
                t = 0
        }
}

#ifdef LTL
#define IS_FREED (place[0] == LISTED || place[0] == LIMBO || place[0] == REMOTE)
#define PASSED(l) (!(fenced[0] & (1 << l)) || fences[0].at[l] <= completed[l])
ltl L1 { [] (IS_FREED -> <> (!IS_FREED || (PASSED(0) && PASSED(1)))) }
ltl L6 { [] (allocates[0] -> <> (!allocates[0])) }
#endif
