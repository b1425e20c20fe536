/* SPDX-License-Identifier: Apache-2.0 */
/* list.pml: the list of blocks that other streams free, by itself and with more blocks than
 * memory.pml has: one owner takes all, several threads push.
 *
 * What it models: push and sort_pushed of src/memory/cached.c. Nouns: block: the owner's, at a
 * pusher (who was given it and frees it again), or on the list. The owner gives out what it has
 * taken, so that a block comes back while others still look at the list.
 *
 * Properties:
 * S2 a block is in one place: at the end all are with the owner, with pushers, or on the list.
 * S4 what is taken off the list was pushed there and is there still.
 * S6 no invalid end state.
 *
 * Sizes: P pushers, each frees K blocks; B blocks; R rounds of the owner. */
#ifndef P
#define P 2
#endif
#ifndef K
#define K 2
#endif
#ifndef B
#define B 3
#endif
#ifndef R
#define R 3
#endif
#define NIL 255
#define OWNED 0
#define GIVEN 1                 /* somebody may free it */
#define FREEING 2
#define LISTED 3

byte head = NIL, next[B] = NIL, place[B];
byte working = P + 1;

proctype pusher()
{
        byte k = 0, b = 0, h = 0;
        bool ok = false;

        do
        :: k < K ->
                k++;
                atomic {
                        b = 0;
                        do :: b < B && place[b] != GIVEN -> b++ :: else -> break od;
                        if :: b < B -> place[b] = FREEING :: else -> b = NIL fi
                };
                if
                :: b != NIL ->
                        h = head;
                        do
                        :: !ok ->
                                atomic {
#ifndef MUTANT_PUSH_LATE
                                        next[b] = h;
#endif
                                        if
                                        :: head == h -> head = b; ok = true; place[b] = LISTED
                                        :: else -> h = head
                                        fi
                                }
                        :: ok -> break
                        od;
#ifdef MUTANT_PUSH_LATE
                        next[b] = h;
#endif
                        ok = false; h = 0
                :: else
                fi;
                b = 0
        :: else -> break
        od;
        working--
}

proctype owner()
{
        byte r = 0, h = NIL, b = 0;

        do
        :: r < R ->
                r++;
#ifdef MUTANT_TAKE_BY_STORE
                h = head;
                head = NIL;
#else
                d_step { h = head; head = NIL };
#endif
                do
                :: h != NIL ->
                        assert(place[h] == LISTED);                     /* S4 */
                        d_step { place[h] = OWNED; b = next[h]; next[h] = NIL; h = b; b = 0 }
                :: else -> break
                od;
                b = 0;
                do
                :: b < B ->
                        if
                        :: place[b] == OWNED -> if :: place[b] = GIVEN :: skip fi
                        :: else
                        fi;
                        b++
                :: else -> break
                od;
                b = 0
        :: else -> break
        od;
        working--
}

#ifdef MUTANT_STEAL
/* Takes one block by a compare-and-swap of the head: the head may be another time the same. */
proctype thief()
{
        byte h = NIL, after = 0;

        h = head;
        if
        :: h != NIL ->
                after = next[h];
                atomic {
                        if
                        :: head == h -> head = after; place[h] = OWNED
                        :: else
                        fi
                }
        :: else
        fi
}
#endif

/* Looks when nothing moves any more. */
proctype auditor()
{
        byte b = 0, n = 0, h = 0;

        working == 0;
        d_step {
                h = head;
                do
                :: h != NIL && n <= B -> assert(place[h] == LISTED);    /* S4 */
                        n++; h = next[h]
                :: else -> break
                od;
                do
                :: b < B ->
                        assert(place[b] != FREEING);                    /* S2 */
                        if :: place[b] == LISTED -> n-- :: else fi;
                        b++
                :: else -> break
                od;
                assert(n == 0)                                          /* S2 */
        }
}

init
{
        byte i = 0;

        atomic {
                head = 0; next[0] = 1; place[0] = LISTED; place[1] = LISTED; place[2] = GIVEN;
                do :: i < P -> run pusher(); i++ :: else -> break od;
                i = 0;
#ifdef MUTANT_STEAL
                run thief();
#endif
                run owner(); run auditor()
        }
}
