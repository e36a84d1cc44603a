/* Pair mode (Specs/protocol.md, "Pair") for SPIN: two nodes, node 0 ranks higher.

   Synchronous rounds of one message time: each node acts on what the other sent a round ago, if the link let it through.
   Until `calm`, links change and nodes crash at will; from then on nothing fails.
     P1  both directions delivering: at most one holder after two message times, and never a new double
     P2  and one holder, once a node has waited through the silence
   -DI2             asserts that there are never two holders. It must FAIL: pair mode is VRRP's trade
   -DM_TAKE_BACK    the better one takes the group instead of waiting to be handed it
   -DM_BOTH_STAY    the lower one doesn't close */
#define D 3
#define CALM_MOST 20
/* A little longer than D: clocks differ in their rates (S6). */
#define SILENCE (D + 2)

bit up[2], holds[2], next[2];
bit link[2];                 /* what the other sent arrives at node i */
bit sent[2], claimed[2];     /* a round ago: something, and a claim */
byte unheard[2], boot[2];    /* ticks until silence counts */
byte calm;
bit isCalm, single;

#define DOWN(x) if :: x > 0 -> x-- :: else fi

#ifdef M_BOTH_STAY
#define YIELDS 0
#else
#define YIELDS (i == 1)
#endif
#ifdef M_TAKE_BACK
#define TAKES_FROM_HOLDER (i == 0)
#else
#define TAKES_FROM_HOLDER 0
#endif

inline act(i, other) {
    next[i] = holds[i];
    if
    :: !up[i] -> skip
    :: up[i] && sent[other] && link[i] ->
        unheard[i] = D;
        if
        :: holds[i] && claimed[other] && YIELDS -> next[i] = 0
        :: !holds[i] && !claimed[other] && i == 0 && boot[i] == 0 -> next[i] = 1
        :: !holds[i] && claimed[other] && boot[i] == 0 && TAKES_FROM_HOLDER -> next[i] = 1
        :: else
        fi
    :: else ->
        DOWN(unheard[i]);
        if :: up[i] && unheard[i] == 0 && boot[i] == 0 -> next[i] = 1 :: else fi
    fi;
    DOWN(boot[i])
}

inline fate(i) {
    if
    :: link[i] = 0
    :: link[i] = 1
    fi;
    if
    :: skip
    :: up[i] -> up[i] = 0; holds[i] = 0
    :: !up[i] -> up[i] = 1; unheard[i] = D; boot[i] = SILENCE
    fi
}

init {
    d_step { up[0] = 1; up[1] = 1; unheard[0] = D; unheard[1] = D; boot[0] = SILENCE; boot[1] = SILENCE }
    do
    :: atomic {
        if
        :: !isCalm -> fate(0); fate(1)
        :: !isCalm -> isCalm = 1
        :: isCalm && calm < CALM_MOST -> calm++
        :: isCalm && calm == CALM_MOST
        fi;
        if :: isCalm -> link[0] = 1; link[1] = 1 :: else fi;
        act(0, 1);
        act(1, 0);
        holds[0] = next[0] && up[0];
        holds[1] = next[1] && up[1];
        sent[0] = up[0];
        sent[1] = up[1];
        claimed[0] = holds[0];
        claimed[1] = holds[1];
#ifdef I2
        assert(!(holds[0] && holds[1]));
#endif
        assert(calm < 3 || !(holds[0] && holds[1])); /* P1 */
        if
        :: calm == 0 -> single = 0
        :: calm >= 2 && !(holds[0] && holds[1]) -> single = 1
        :: else
        fi;
        assert(!(single && holds[0] && holds[1])); /* P1 */
        assert(calm < SILENCE + 3 || !(up[0] || up[1]) || holds[0] || holds[1]) /* P2 */
    }
    od
}
