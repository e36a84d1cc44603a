/* The safety of an election (Specs/protocol.md, S1 to S9) for SPIN: three voters, one group, majority mode.

   Time is discrete. A tick takes the same from every clock; that clocks differ in their rates is lease.smt2's part. A
   node may let any number of ticks pass without doing anything: that is a pause, a slow disk, a late timer, or a
   datagram under way. The kernel's gate runs on meanwhile, also when the daemon is dead.

   The network is a set: what was once sent may arrive at any later time, often, in any order, or never. That covers loss,
   duplication, reordering, delay and replay. Messages bind a life (S7), so what concerns a dead one is taken out of it.

   Bounds, each searched exhaustively:
     T  terms              K  requests for votes a candidacy     R  lease rounds a term
     D  ticks of a promise C  crashes in all
   -DWITNESS   node 2 votes and never holds
   -DDISK      a vote's way to the disk takes time (S2); without, it takes none
   -DQUEUE     orders to the gate may wait before the kernel has them (S9, S10)
   -DM_...     one deliberate error; every one must be caught, see Specs/check. -DINDIRECT leaves the assertions out
               that would state an error's opposite (I4, I6), so that it is its consequence that is caught. */
#ifndef T
#define T 2
#endif
#ifndef K
#define K 1
#endif
#ifndef R
#define R 1
#endif
#ifndef D
#define D 2
#endif
#ifndef C
#define C 1
#endif
#define Q 2
#define NONE 0
#define CANDIDATE 1
#define HOLDER 2

#define BIT(v) (1 << (v))
#define COUNT(set) (((set) & 1) + (((set) >> 1) & 1) + (((set) >> 2) & 1))
#define AT(t, c) ((t) * 3 + (c))

/* Voters. The ballot is on disk; all else dies with the daemon. */
bit up[3];
byte boot[3];                        /* ticks of boot silence left (S6) */
byte ballot[3];                      /* term voted in last */
#ifdef DISK
byte armed[3], armedFor[3], armedAt[3];  /* a vote on its way to the disk: term, candidate + 1, request answered */
#define ARMED(v) armed[v]
#else
#define ARMED(v) 0
#endif
byte bound[3], boundTo[3], boundIn[3];   /* promise: ticks left, node + 1, term */
byte known[3];                       /* term of the newest certificate followed */

/* Candidates and holders. */
byte role[3], term[3];
byte asked[3], askLeft[6];           /* requests sent; D less the ticks since each */
byte rounds[3], roundLeft[6];        /* rounds sent; D less the ticks since each */
byte gate[3];                        /* ticks until the kernel closes it */
#ifdef QUEUE
byte queued[3];                      /* an order to the gate that the kernel doesn't have yet: its deadline */
#endif

/* The network, and what the world remembers of it. */
byte requests[(T + 1) * 3];          /* newest request number by term and candidate */
byte grants[(T + 1) * 6];            /* voters, by term, candidate and request */
byte certificate[T + 1];             /* holder + 1 */
byte beats[T + 1];                   /* newest round of the holder in that term */
byte promises[(T + 1) * 2];          /* voters, by term and round */
byte released;                       /* terms */
byte crashes, askers;
byte voted[3], votedFor[3];          /* the newest term in which the node's vote was sent, and for whom: for I5 */

#define RELEASED(t) ((released >> (t)) & 1)
#define GRANTS(t, c, k) grants[AT(t, c) * 2 + (k) - 1]
#define ALLGRANTS(t, c) (grants[AT(t, c) * 2] | grants[AT(t, c) * 2 + 1])
#define MAX(a, b) ((a) > (b) -> (a) : (b))

#ifdef M_RELEASE_OF_ANY_TERM
#define FREED(v) (released != 0)
#else
#define FREED(v) RELEASED(boundIn[v])
#endif

/* S1, S11: may v vote for c? */
#ifdef M_PROMISE_NOT_CHECKED
#define FREE(v, c) 1
#else
#define FREE(v, c) (bound[v] == 0 || FREED(v) || boundTo[v] == (c) + 1)
#endif

/* S5: may v answer rounds of term t? */
#define FOLLOWS(v, t) (bound[v] == 0 || FREED(v) || boundTo[v] == certificate[t] || (t) > boundIn[v])

/* S4 */
#ifdef M_PROMISE_IN_OLD_TERM
#define IN_TERM(v, t) 1
#else
#define IN_TERM(v, t) ((t) >= ballot[v] && (t) >= ARMED(v))
#endif

#ifdef M_NO_BOOT_SILENCE
#define SILENCE 0
#else
#define SILENCE D
#endif

#ifdef M_MINORITY_RENEWS
#define QR 1
#else
#define QR Q
#endif

/* I2 */
#define ALONE(i) ((i) == 0 || gate[0] == 0) && ((i) == 1 || gate[1] == 0) && ((i) == 2 || gate[2] == 0)

/* I3: while i's gate is open, a quorum of voters can't help anybody else. */
#define KEEPS(v, i) ((bound[v] >= gate[i] && boundTo[v] == (i) + 1) || !up[v] || boot[v] >= gate[i])
#define LEASED(i) (gate[i] == 0 || KEEPS(0, i) + KEEPS(1, i) + KEEPS(2, i) >= Q)

#ifdef QUEUE
#define OPEN(i, until) queued[i] = (until)
#define APPLY(i) :: d_step { queued[i] > 0 -> printf("node %d: gate armed for %d\n", i, queued[i]); \
    if :: queued[i] > gate[i] -> gate[i] = queued[i]; assert(ALONE(i)) :: else fi; queued[i] = 0 }
#ifdef M_RELEASE_WITH_ORDER_OUTSTANDING
#define NO_ORDER(i) 1
#else
#define NO_ORDER(i) (queued[i] == 0)
#endif
#else
#define OPEN(i, until) if :: (until) > gate[i] -> gate[i] = (until); assert(ALONE(i)) :: else fi
#define APPLY(i)
#define NO_ORDER(i) 1
#endif

#ifdef M_LEASE_FROM_RECEIPT
#define FROM(left) ((left) > 0 -> D : 0)
#else
#define FROM(left) (left)
#endif

#define BIND(v, t, c) bound[v] = D; boundTo[v] = (c) + 1; boundIn[v] = t
#define UNBIND(v) bound[v] = 0; boundTo[v] = 0; boundIn[v] = 0
/* Out of office: what only a candidate or holder needs is nothing, so that equal states are one. */
#define NO_REQUESTS(v) asked[v] = 0; askLeft[(v) * 2] = 0; askLeft[(v) * 2 + 1] = 0
#define NO_ROUNDS(v) rounds[v] = 0; roundLeft[(v) * 2] = 0; roundLeft[(v) * 2 + 1] = 0
#define STAND_DOWN(v) role[v] = NONE; term[v] = 0; NO_REQUESTS(v); NO_ROUNDS(v)

/* A node asks for votes in a term of its own, or asks again in it. The holder's own vote is a grant like any other. */
/* Nothing here ranks the nodes, so the first that ever asks may be called 0, and the next one 1. */
#define ASK(i, t) :: d_step { (i) <= askers && up[i] && boot[i] == 0 && role[i] == NONE && ARMED(i) == 0 && FREE(i, i) && \
    (t) > ballot[i] && (t) > known[i] && requests[AT(t, i)] == 0 -> \
    printf("node %d: asks in term %d\n", i, t); role[i] = CANDIDATE; term[i] = t; asked[i] = 1; \
    requests[AT(t, i)] = 1; askers = MAX(askers, (i) + 1); askLeft[i * 2] = D; askLeft[i * 2 + 1] = 0 }
#if K >= 2
#define ASK_AGAIN(i) :: d_step { up[i] && role[i] == CANDIDATE && asked[i] == 1 -> \
    printf("node %d: asks again\n", i); asked[i] = 2; requests[AT(term[i], i)] = 2; askLeft[i * 2 + 1] = D }
#else
#define ASK_AGAIN(i)
#endif

/* A vote, which is a promise too (S1). */
#define SEND(v, t, c, k) \
    assert(voted[v] < (t) || (voted[v] == (t) && votedFor[v] == (c) + 1)); /* I5 */ \
    assert(ONDISK(v, t)); /* I4 */ \
    voted[v] = t; votedFor[v] = (c) + 1; \
    GRANTS(t, c, k) = GRANTS(t, c, k) | BIT(v); BIND(v, t, c)
#ifdef INDIRECT
#define ONDISK(v, t) 1
#else
#define ONDISK(v, t) (ballot[v] == (t))
#endif
#define VOTABLE(v, t, c, k) up[v] && boot[v] == 0 && requests[AT(t, c)] >= (k) && FREE(v, c) && \
    ARMED(v) == 0 && (t) > ballot[v] && (t) > known[v]
#ifdef DISK
/* S2: the ballot goes to the disk first. A vote under way counts as cast. */
#ifdef M_VOTE_BEFORE_PERSIST
#define EARLY(v, t, c, k) SEND(v, t, c, k)
#define LATE(v) skip
#else
#define EARLY(v, t, c, k) skip
#define LATE(v) \
    if :: armedFor[v] != 0 && FREE(v, armedFor[v] - 1) && armed[v] > known[v] -> \
        SEND(v, armed[v], armedFor[v] - 1, armedAt[v]) \
    :: else fi
#endif
#define VOTE(v, t, c, k) :: d_step { VOTABLE(v, t, c, k) -> \
    printf("node %d: term %d for node %d goes to disk\n", v, t, c); \
    if :: (v) != (c) && role[v] != NONE -> STAND_DOWN(v) :: else fi; \
    armed[v] = t; armedFor[v] = (c) + 1; armedAt[v] = k; EARLY(v, t, c, k) }
#define CAST(v) :: d_step { up[v] && armed[v] != 0 -> printf("node %d: term %d is on disk\n", v, armed[v]); \
    ballot[v] = armed[v]; LATE(v); armed[v] = 0; armedFor[v] = 0; armedAt[v] = 0 }
#else
#define VOTE(v, t, c, k) :: d_step { VOTABLE(v, t, c, k) -> printf("node %d: votes in term %d for node %d\n", v, t, c); \
    if :: (v) != (c) && role[v] != NONE -> STAND_DOWN(v) :: else fi; \
    ballot[v] = t; SEND(v, t, c, k) }
#define CAST(v)
#endif
#if K >= 2
/* A vote that is on disk is given again for a newer request. */
#define REPEAT(v, c) :: d_step { up[v] && boot[v] == 0 && requests[AT(ballot[v], c)] == 2 && ARMED(v) == 0 && \
    ballot[v] > known[v] && (ALLGRANTS(ballot[v], c) & BIT(v)) && !(GRANTS(ballot[v], c, 2) & BIT(v)) && FREE(v, c) -> \
    printf("node %d: votes again\n", v); SEND(v, ballot[v], c, 2) }
#else
#define REPEAT(v, c)
#endif

/* A quorum's grants: the certificate. S3: the lease counts from the newest request that a quorum echoes. */
#ifdef M_GRANT_OF_OLD_REQUEST
#define NEWEST(i) (asked[i] == 2 -> askLeft[(i) * 2 + 1] : askLeft[(i) * 2])
#else
#define NEWEST(i) MAX(askLeft[(i) * 2], (COUNT(GRANTS(term[i], i, 2)) >= Q -> askLeft[(i) * 2 + 1] : 0))
#endif
#define WIN(i) :: d_step { up[i] && role[i] == CANDIDATE && COUNT(ALLGRANTS(term[i], i)) >= Q && NEWEST(i) > 0 -> \
    printf("node %d: wins term %d, lease of %d\n", i, term[i], NEWEST(i)); \
    OPEN(i, FROM(NEWEST(i))); NO_REQUESTS(i); \
    assert(certificate[term[i]] == 0 || certificate[term[i]] == (i) + 1); /* I1 */ \
    certificate[term[i]] = (i) + 1; known[i] = term[i]; role[i] = HOLDER }

/* Lease rounds: the holder's heartbeat, a voter's promise, the renewal. That a voter follows every certificate that it
   could know of would only take steps from it; it knows one when it promises in its term. */
#define ROUND(i) :: d_step { up[i] && role[i] == HOLDER && rounds[i] < R && IN_TERM(i, term[i]) && \
    FOLLOWS(i, term[i]) -> \
    printf("node %d: round %d of term %d\n", i, rounds[i] + 1, term[i]); \
    roundLeft[(i) * 2 + rounds[i]] = D; rounds[i] = rounds[i] + 1; beats[term[i]] = rounds[i]; \
    promises[term[i] * 2 + rounds[i] - 1] = promises[term[i] * 2 + rounds[i] - 1] | BIT(i); BIND(i, term[i], i) }
#define PROMISE(v, t, r) :: d_step { up[v] && beats[t] >= (r) && known[v] <= (t) && certificate[t] != 0 && certificate[t] != (v) + 1 && \
    !(promises[(t) * 2 + (r) - 1] & BIT(v)) && IN_TERM(v, t) && FOLLOWS(v, t) -> \
    printf("node %d: promises round %d of term %d\n", v, r, t); \
    STAND_DOWN(v); known[v] = t; \
    promises[(t) * 2 + (r) - 1] = promises[(t) * 2 + (r) - 1] | BIT(v); BIND(v, t, certificate[t] - 1) }
#ifdef M_RELAY_RENEWS
/* That somebody heard the holder, perhaps passed on, is taken for a promise. */
#define HEARD(v, t, r) :: d_step { up[v] && beats[t] >= (r) && certificate[t] != (v) + 1 && \
    !(promises[(t) * 2 + (r) - 1] & BIT(v)) -> printf("node %d: hears round %d of term %d\n", v, r, t); \
    promises[(t) * 2 + (r) - 1] = promises[(t) * 2 + (r) - 1] | BIT(v) }
#else
#define HEARD(v, t, r)
#endif
#define RENEW(i, r) :: d_step { up[i] && role[i] == HOLDER && rounds[i] >= (r) && \
    COUNT(promises[term[i] * 2 + (r) - 1]) >= QR && FROM(roundLeft[(i) * 2 + (r) - 1]) > gate[i] -> \
    printf("node %d: round %d renews for %d\n", i, r, roundLeft[(i) * 2 + (r) - 1]); \
    OPEN(i, FROM(roundLeft[(i) * 2 + (r) - 1])) }

/* Giving up: closed and confirmed by the kernel, then said (S8, S9). */
#ifdef M_RELEASE_BEFORE_REMOVAL
#define REMOVE(i) skip
#else
#define REMOVE(i) gate[i] = 0
#endif
#ifdef INDIRECT
#define CLOSED(i) 1
#else
#define CLOSED(i) (gate[i] == 0)
#endif
#define RELEASE(i) :: d_step { up[i] && role[i] == HOLDER && NO_ORDER(i) -> \
    printf("node %d: releases term %d\n", i, term[i]); \
    REMOVE(i); assert(CLOSED(i)); /* I6 */ released = released | BIT(term[i]); STAND_DOWN(i); \
    if :: boundTo[i] == (i) + 1 -> UNBIND(i) :: else fi }
#ifdef M_RELEASE_IS_LICENCE
#define LICENCE(i) :: d_step { up[i] && role[i] == NONE && released != 0 && gate[i] == 0 -> \
    printf("node %d: takes what was released\n", i); released = 0; gate[i] = D; assert(ALONE(i)) }
#else
#define LICENCE(i)
#endif

/* A crash takes the daemon and what wasn't on disk; the gate is the kernel's. What was said to this life is void. */
#define VOID(v, t) requests[AT(t, v)] = 0; grants[AT(t, v) * 2] = 0; grants[AT(t, v) * 2 + 1] = 0; \
    if :: certificate[t] == (v) + 1 -> beats[t] = 0; promises[(t) * 2] = 0; promises[(t) * 2 + 1] = 0 :: else fi
#if T >= 3
#define VOID3(v) VOID(v, 3)
#else
#define VOID3(v) skip
#endif
#define VOID_VOTE(u, v) if :: armedFor[u] == (v) + 1 -> armedFor[u] = 0; armedAt[u] = 0 :: else fi
#ifdef DISK
#define VOID_VOTES(v) VOID_VOTE(0, v); VOID_VOTE(1, v); VOID_VOTE(2, v)
#define NO_VOTE(v) armed[v] = 0; armedFor[v] = 0; armedAt[v] = 0
#else
#define VOID_VOTES(v) skip
#define NO_VOTE(v) skip
#endif
#ifdef M_OLD_LIFE_COUNTS
#define FORGET(v) skip
#define RESUME(v) if :: ballot[v] > 0 && certificate[ballot[v]] == (v) + 1 -> \
    role[v] = HOLDER; term[v] = ballot[v]; known[v] = ballot[v]; rounds[v] = 0 :: else fi
#else
#define FORGET(v) VOID(v, 1); VOID(v, 2); VOID3(v); VOID_VOTES(v)
#define RESUME(v) skip
#endif
#define CRASH(v) :: d_step { up[v] && crashes < C -> printf("node %d: crashes\n", v); crashes++; up[v] = 0; boot[v] = 0; \
    NO_VOTE(v); UNBIND(v); known[v] = 0; STAND_DOWN(v); FORGET(v) }
#define START(v) :: d_step { !up[v] -> printf("node %d: starts\n", v); up[v] = 1; boot[v] = SILENCE; RESUME(v) }

#define DOWN(x) if :: x > 0 -> x-- :: else fi
#define TICK1(v) DOWN(bound[v]); if :: bound[v] == 0 -> boundTo[v] = 0; boundIn[v] = 0 :: else fi; \
    DOWN(boot[v]); DOWN(gate[v]); DOWN(askLeft[v * 2]); DOWN(askLeft[v * 2 + 1]); \
    DOWN(roundLeft[v * 2]); DOWN(roundLeft[v * 2 + 1])
#define BUSY(v) bound[v] + boot[v] + gate[v] + askLeft[v * 2] + askLeft[v * 2 + 1] + roundLeft[v * 2] + roundLeft[v * 2 + 1]
#ifdef M_RELATIVE_DEADLINE
#define TICKQ skip
#elif defined(QUEUE)
#define TICKQ DOWN(queued[0]); DOWN(queued[1]); DOWN(queued[2])
#else
#define TICKQ skip
#endif
#define TICK :: d_step { BUSY(0) + BUSY(1) + BUSY(2) > 0 -> \
    assert(LEASED(0) && LEASED(1) && LEASED(2)); /* I3 */ \
    TICK1(0); TICK1(1); TICK1(2); TICKQ; printf("tick: gates %d %d %d\n", gate[0], gate[1], gate[2]) }

#if T >= 3
#define TERMS(x, v, c) x(v, 1, c) x(v, 2, c) x(v, 3, c)
#else
#define TERMS(x, v, c) x(v, 1, c) x(v, 2, c)
#endif
#if K >= 2
#define VOTES(v, t, c) VOTE(v, t, c, 1) VOTE(v, t, c, 2)
#else
#define VOTES(v, t, c) VOTE(v, t, c, 1)
#endif
#if R >= 2
#define FOLLOW(v, t, c) PROMISE(v, t, 1) PROMISE(v, t, 2) HEARD(v, t, 1) HEARD(v, t, 2)
#define RENEWALS(i) RENEW(i, 1) RENEW(i, 2)
#else
#define FOLLOW(v, t, c) PROMISE(v, t, 1) HEARD(v, t, 1)
#define RENEWALS(i) RENEW(i, 1)
#endif
#define ASKS(i, t, c) ASK(i, t)
#define VOTER(v) TERMS(VOTES, v, 0) TERMS(VOTES, v, 1) THIRD(v) CAST(v) REPEAT(v, 0) REPEAT(v, 1) \
    TERMS(FOLLOW, v, 0) CRASH(v) START(v)
#define CANDIDACY(i) TERMS(ASKS, i, 0) ASK_AGAIN(i) WIN(i) ROUND(i) RENEWALS(i) RELEASE(i) LICENCE(i) APPLY(i)
#ifdef WITNESS
#define THIRD(v)
#define THIRD_CANDIDACY
#else
#define THIRD(v) TERMS(VOTES, v, 2) REPEAT(v, 2)
#define THIRD_CANDIDACY CANDIDACY(2)
#endif

init {
    d_step { up[0] = 1; up[1] = 1; up[2] = 1 }
    do
    TICK
    VOTER(0) VOTER(1) VOTER(2)
    CANDIDACY(0) CANDIDACY(1) THIRD_CANDIDACY
    od
}
