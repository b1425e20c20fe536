/* SPDX-License-Identifier: Apache-2.0 */
/* sharded.pml: the stream-ordered allocator of 1 or 8 shards, the baseline.
 *
 * What it models: src/memory/sharded.c, with the parts that both allocators share: fences.c or
 * blocks.c, pieces.c (the cap), memory.c (handles), and trib__stream_next_value of
 * src/stream/stream_pool.c. memory.pml models the shipped one.
 *
 * Nouns: thread t leases stream t, and allocates, uses, shares, releases, revives a stale handle
 * and trims, N actions in all. block: a slot {generation, holders}, use mask, fences, home shard;
 * SPARE (no memory), LISTED (in a shard's free list), LIVE, or in hand (on its way). device: moves
 * each stream's timeline on. box: hands a reference to another thread. One size class. A section
 * under a shard's mutex is one atomic step; so is each compare-and-swap.
 *
 * Properties:
 * S1 a block is handed out on stream o only if its last use on every other stream is finished.
 * S2 a block is in one place: a free list, the spares, or one holder's hands.
 * S3 one last holder; no release below 0.
 * S13 a handle of an earlier generation is refused, whatever became of its slot.
 * S5 at the end all blocks are free, and what is reserved is what the device gave.
 * S6 no invalid end state.
 * S8 what goes back to the device is used by no stream any more.
 * S9 reserved <= LIMIT in every state.
 * L1 (LTL) a released block is usable in the end.
 *
 * Sizes: L streams, B slots, N actions of each, SHARDS shards, LIMIT blocks of the device. */
#ifndef L
#define L 2
#endif
#ifndef B
#define B 2
#endif
#ifndef N
#define N 4
#endif
#ifndef SHARDS
#define SHARDS 2
#endif
#ifndef LIMIT
#define LIMIT 2
#endif
#define NIL 255
#ifdef MUTANT_TRIM_OWN
#define TRIM_EXCEPT me          /* as if it were for its own use */
#else
#define TRIM_EXCEPT L
#endif
#ifdef NO_DEVICE_FAULT
#define FAILING false
#else
#define FAILING true
#endif
#define SPARE 0
#define IN_HAND 1
#define LISTED 2
#define LIVE 3

typedef row { byte at[L] };

byte submitted[L], completed[L];

/* Blocks. */
byte place[B];                  /* SPARE .. LIVE */
byte generation[B] = 1, holders[B];
byte mask[B];                   /* use mask: bit l: stream l */
byte fenced[B], shard[B];
row fences[B];
row last_use[B];                /* ghost: the truth */
byte births[B];                 /* ghost: how often the slot was handed out */
byte reserved;

byte box[L] = NIL, box_generation[L];
byte living = L;

/* ok: all streams but me have passed the block's fences; me = L: all streams. */
inline is_past(b, except)
{
        ok = true; i = 0;
        do
        :: i < L ->
                if
                :: (fenced[b] & (1 << i)) && i != except && fences[b].at[i] > completed[i] ->
                        ok = false
                :: else
                fi;
                i++
        :: else -> break
        od;
        i = 0
}

/* For use on stream o. */
inline assert_free_for(b, o)
{
        i = 0;
        do
        :: i < L -> assert(i == o || last_use[b].at[i] <= completed[i]); i++    /* S1 */
        :: else -> break
        od;
        i = 0
}

/* For the device. */
inline assert_unused(b)
{
        i = 0;
        do
        :: i < L -> assert(last_use[b].at[i] <= completed[i]); i++              /* S8 */
        :: else -> break
        od;
        i = 0
}

/* The first of shard s that is past its fences. */
inline take_from(s)
{
        d_step {
                b = 0;
                do
                :: b < B ->
                        ok = false;
                        if
                        :: place[b] == LISTED && shard[b] == s -> is_past(b, me)
                        :: else
                        fi;
#ifdef MUTANT_NO_FENCE_CHECK
                        ok = (place[b] == LISTED && shard[b] == s);
#endif
                        if :: ok -> break :: else fi;
                        b++
                :: else -> break
                od;
                ok = false;
                if
                :: b < B ->
#ifndef MUTANT_TAKE_LATE
                        place[b] = IN_HAND
#endif
                :: else -> b = NIL
                fi
        }
#ifdef MUTANT_TAKE_LATE
        ; if :: b != NIL -> place[b] = IN_HAND :: else fi
#endif
}

inline take_free()
{
        j = 0; b = NIL;
        do
        :: j < SHARDS && b == NIL -> take_from((me + j) % SHARDS); j++
        :: else -> break
        od;
        j = 0
}

/* A slot with memory of the device, or NIL. */
inline new_block()
{
#ifdef MUTANT_RESERVE_LATE
        ok = (reserved < LIMIT);
        if :: ok -> reserved++ :: else fi;
#else
        d_step { ok = (reserved < LIMIT); if :: ok -> reserved++ :: else fi };
#endif
        assert(reserved <= LIMIT);                                      /* S9 */
        if
        :: ok ->
                d_step {
                        ok = false; b = 0;
                        do :: b < B && place[b] != SPARE -> b++ :: else -> break od;
                        if :: b < B -> place[b] = IN_HAND; fenced[b] = 0 :: else -> b = NIL fi
                };
                if
                :: b == NIL -> reserved--                       /* no slot */
                :: b != NIL && FAILING -> place[b] = SPARE; b = NIL; reserved--
                :: b != NIL                                     /* the device gives it */
                fi
        :: else
        fi;
        ok = false
}

/* freed: something went back to the device. */
inline trim()
{
        j = 0;
        do
        :: j < SHARDS ->
                t = 0;
                d_step {
                        do
                        :: t < B ->
                                ok = false;
                                if
                                :: place[t] == LISTED && shard[t] == j -> is_past(t, TRIM_EXCEPT)
                                :: else
                                fi;
                                if :: ok -> place[t] = IN_HAND; taken = taken | (1 << t) :: else fi;
                                t++
                        :: else -> break
                        od;
                        t = 0; ok = false
                };
                do
                :: t < B && (taken & (1 << t)) ->
                        d_step { assert_unused(t) };
#ifndef MUTANT_TRIM_KEEPS_COUNT
                        reserved--;
#endif
                        d_step { assert(place[t] == IN_HAND); place[t] = SPARE };        /* S2 */
                        freed = true; t++
                :: t < B && !(taken & (1 << t)) -> t++
                :: else -> break
                od;
                t = 0; taken = 0;
                j++
        :: else -> break
        od;
        j = 0
}

inline alloc()
{
        take_free();
        if :: b == NIL -> new_block() :: else fi;
        if
        :: b == NIL -> trim(); if :: freed -> new_block() :: else fi; freed = false
        :: else
        fi;
        if
        :: b != NIL ->
                d_step {
                        assert(place[b] == IN_HAND && holders[b] == 0);         /* S2 */
                        assert_free_for(b, me);
                        shard[b] = me % SHARDS;
                        mask[b] = 1 << me;
                        place[b] = LIVE; holders[b] = 1;
                        mine = b; my_generation = generation[b]
                }
        :: else                         /* TRIB_OUT_OF_MEMORY */
        fi;
        b = 0
}

/* The holder launches work on its own stream. */
inline launch()
{
#ifdef MUTANT_FENCE_AT_USE
        d_step { mask[mine] = mask[mine] | (1 << me); fences[mine].at[me] = submitted[me] };
#endif
#ifndef MUTANT_NO_USE
        d_step { assert(place[mine] == LIVE); mask[mine] = mask[mine] | (1 << me) };    /* S2 */
#endif
        d_step { submitted[me]++; last_use[mine].at[me] = submitted[me] }
}

inline retire(r)
{
#ifdef MUTANT_LIST_FIRST
        d_step { assert(place[r] == LIVE); place[r] = LISTED; fenced[r] = 0 };  /* S2 */
#endif
        fenced[r] = mask[r];
        j = 0;
        do
        :: j < L ->
                if
#ifndef MUTANT_FENCE_AT_USE
                :: fenced[r] & (1 << j) -> fences[r].at[j] = submitted[j]
#endif
                :: else
                fi;
                j++
        :: else -> break
        od;
        j = 0;
#ifndef MUTANT_LIST_FIRST
        d_step { assert(place[r] == LIVE); place[r] = LISTED }          /* S2, S3 */
#endif
}

/* Release {r, g}. ok: it was a valid handle. */
inline release(r, g)
{
#ifdef MUTANT_HOLDERS_PLAIN
        seen = holders[r];
        seen--;
        d_step {
                ok = true; holders[r] = seen; last = (seen == 0); seen = 0;
                if :: last -> generation[r]++ :: else fi
        };
#else
        d_step {
                ok = (generation[r] == g && holders[r] > 0);
                last = false;
                if
                :: ok -> holders[r]--; last = (holders[r] == 0)
                :: else
                fi;
#ifndef MUTANT_SAME_GENERATION
                if :: last -> generation[r]++ :: else fi
#endif
        };
#endif
        assert(ok);                                                     /* S3 */
        if :: last -> retire(r) :: else fi;
        last = false; ok = false
}

/* A stale handle: retain gives a reference only if it is the very block that it named. */
inline revive()
{
        d_step {
                ok = (generation[old] == old_generation && holders[old] > 0);
                if
                :: ok ->
                        assert(place[old] == LIVE && births[old] == old_birth);  /* S13 */
                        holders[old]++; mine = old; my_generation = old_generation
                :: else
                fi;
                ok = false
        }
}

proctype thread(byte me)
{
        byte n = 0, b = 0, i = 0, j = 0, t = 0, taken = 0;
        byte mine = NIL, my_generation = 0, old = NIL, old_generation = 0, old_birth = 0;
#ifdef MUTANT_HOLDERS_PLAIN
        byte seen = 0;
#endif
        bool ok = false, last = false, freed = false;

        do
        :: n < N ->
                n++;
                if
                :: mine == NIL ->
                        alloc();
                        d_step {
                                if
                                :: mine != NIL -> births[mine]++; old = mine;
                                        old_generation = my_generation; old_birth = births[mine]
                                :: else
                                fi
                        }
                :: mine == NIL && old != NIL -> revive()
                :: mine == NIL && box[me] != NIL ->
                        d_step { mine = box[me]; my_generation = box_generation[me];
                                 box[me] = NIL; box_generation[me] = 0 }
                :: mine == NIL -> trim(); freed = false
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
        byte b = 0, n = 0;

        (_nr_pr == 2 + L && living == 0);
        do
        :: b < B ->
                assert(holders[b] == 0);                                /* S5 */
                assert(place[b] == LISTED || place[b] == SPARE);        /* S5 */
                if :: place[b] == LISTED -> n++ :: else fi;
                b++
        :: else -> break
        od;
        assert(n == reserved)                                           /* S5 */
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
#define USABLE (place[0] != LISTED || (fences[0].at[0] <= completed[0] && \
                                       fences[0].at[1] <= completed[1]))
ltl L1 { [] (place[0] == LISTED -> <> (USABLE)) }
#endif
