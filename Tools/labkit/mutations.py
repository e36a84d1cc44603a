"""Errors to plant into the election's core, each in a named place, for `Tools/mutants`.

A mutation replaces `old`, which must stand in its file exactly once, by `new`; MUTANT in `new` is true while that mutant
lives. Where two rules each stop what the other would, a mutation breaks both of them. All are built into one binary, so
that one build serves them all.
"""

from typing import NamedTuple


class Mutation(NamedTuple):
    rule: str
    what: str
    file: str
    old: str
    new: str
    # More pairs of old and new in the same file.
    also: tuple = ()

    @property
    def changes(self):
        return ((self.old, self.new), *self.also)


def skip(rule, what, file, condition):
    """The mutant doesn't look at a condition that would stop it: `if let a = b, c {` becomes `if !MUTANT, let a = b, c {`."""
    assert condition.startswith("if "), condition
    return Mutation(rule, what, file, condition, condition.replace("if ", "if !MUTANT, ", 1))


def both(first, second):
    """One mutant of two, for where either check alone would do."""
    assert first.file == second.file
    return first._replace(also=(*first.also, *second.changes))


def grant(rule, what, file, condition, context):
    """The mutant takes a condition for true wherever it stands in its context."""
    return Mutation(rule, what, file, context, context.replace(condition, f"(MUTANT || {condition})", 1))


def omit(rule, what, file, statement):
    """The mutant leaves a statement out."""
    return Mutation(rule, what, file, statement, "if !MUTANT { " + statement + " }")


MUTATIONS = [
    # Asked before the ballot is written, again before the vote is sent, and once more by the patience that begins when
    # the voter is free: each of the three would do.
    both(both(skip("S1", "votes although bound to another", "Voting.swift",
                   "if let promise = groups[place].promise, now < promise.until, promise.to.node != candidate.node"
                   " { return false }"),
              skip("S1", "casts a vote although bound to another", "Voting.swift",
                   "if let promise = groups[place].promise, now < promise.until, promise.to.node != grant.candidate.node"
                   " { return }")),
         Mutation("S1", "has patience with nobody although bound", "Voting.swift",
                  "return now >= groups[place].freeSince + rules.timing.patience * better",
                  "return (MUTANT && groups[place].isBound(at: now))"
                  " || now >= groups[place].freeSince + rules.timing.patience * better")),
    omit("S1", "a vote doesn't bind", "Voting.swift",
         "groups[place].bind(to: grant.candidate, term: grant.term, until: now + rules.timing.promise)"),
    Mutation("S2", "a vote leaves before its ballot is on disk", "Voting.swift",
             "groups[place].armed = [ArmedGrant(ticket: ticket, grant: grant, at: now)]",
             "if MUTANT { _ = ticket; cast(grant, in: place, at: now, &effects) } else {"
             " groups[place].armed = [ArmedGrant(ticket: ticket, grant: grant, at: now)] }"),
    omit("S2", "a vote without a ballot", "Voting.swift",
         "groups[place].ballot = Ballot(term: request.term, candidate: candidate)"),
    skip("S2", "a vote on its way to the disk doesn't count as cast", "Voting.swift",
         "if let armed = groups[place].armed.first, armed.grant.candidate.node != candidate.node,"),
    grant("I5", "votes in terms not above the last", "Voting.swift", "request.term > ballot.term || isRepeated",
          "guard request.term > ballot.term || isRepeated else"),
    Mutation("S3", "counts a lease from a promise's arrival", "Holding.swift",
             "acknowledge(voter, sentAt, in: place, &effects)",
             "acknowledge(voter, MUTANT ? now : sentAt, in: place, &effects)"),
    Mutation("S3", "counts a lease from a grant's arrival", "Candidacy.swift",
             "candidacy.count(voter.node, proof: proof, acknowledged: sentAt)",
             "candidacy.count(voter.node, proof: proof, acknowledged: MUTANT ? now : sentAt)"),
    Mutation("S3", "takes a grant for an answer to the newest request", "Candidacy.swift",
             "let sentAt = candidacy.requests.first(where: { $0.sequence == grant.round })?.sentAt",
             "let sentAt = MUTANT ? candidacy.requests.last?.sentAt"
             " : candidacy.requests.first(where: { $0.sequence == grant.round })?.sentAt"),
    Mutation("S3", "one answer extends the lease", "Holding.swift", "if answers >= quorum { newest = instant }",
             "if answers >= (MUTANT ? 1 : quorum) { newest = instant }"),
    Mutation("S3", "hearing a voter counts as its promise", "Peer.swift",
             "        var bonds: [Promise.Bond] = []\n",
             "        var bonds: [Promise.Bond] = []\n        if MUTANT { for place in groups.indices"
             " where groups[place].termHeld != nil { acknowledge(life.node, now, in: place, &effects) } }\n"),
    grant("S4", "promises in a term older than its ballot", "Voting.swift", "term >= groups[place].ballot.term",
          "guard term >= groups[place].ballot.term else"),
    # Without S5's own condition a voter whose candidate lost promises the winner of that same term its rounds a little
    # sooner, and nothing else: lower terms than its vote's are S4's, and of a promise in a lower term the certificate is
    # the newer one. That vote can't help its candidate any more, so this would be no error.
    omit("S5", "a promise for a round doesn't bind", "Voting.swift",
         "groups[place].bind(to: holder, term: term, until: now + rules.timing.promise)"),
    # Not in the voter alone: its patience (L3) begins with the end of the silence too.
    Mutation("S6", "no boot silence", "Elector.swift",
             "silentUntil =\n            now + silence + Span(", "silentUntil = MUTANT ? now :\n            now + silence + Span("),
    # What an earlier life was told is of an earlier term too, and echoes a number of that life: these would do as well.
    Mutation("S7", "counts grants to an earlier life", "Candidacy.swift",
             "grant.candidate == life, voters.contains(voter.node)\n        else {\n            return\n        }\n",
             "(MUTANT ? grant.candidate.node == life.node : grant.candidate == life), voters.contains(voter.node)\n"
             "        else {\n            return\n        }\n        var grant = grant\n"
             "        if MUTANT, grant.candidate != life, case .candidate(let own) = groups[place].role {\n"
             "            grant.term = own.term\n            grant.round = own.requests.last?.sequence ?? grant.round\n"
             "        }\n"),
    Mutation("S7", "counts promises to an earlier life", "Holding.swift", "guard promise.holder == life,",
             "guard (MUTANT ? promise.holder.node == life.node : promise.holder == life),",
             also=(("let sentAt = rounds.last(where: { $0.sequence == promise.round })?.sentAt",
                    "let sentAt = MUTANT && promise.holder != life ? rounds.last?.sentAt"
                    " : rounds.last(where: { $0.sequence == promise.round })?.sentAt"),
                   ("                groups[place].termHeld == bond.term\n",
                    "                MUTANT && promise.holder != life ? groups[place].termHeld != nil"
                    " : groups[place].termHeld == bond.term\n"))),
    skip("S7", "listens to earlier lives", "Elector.swift", "if life.incarnation < known { return false }"),
    Mutation("S8", "a release frees whoever is bound", "Group.swift",
             "guard let promise, promise.to == life, promise.term == term, now < promise.until else { return }",
             "guard let promise, MUTANT || (promise.to == life && promise.term == term), now < promise.until else { return }"),
    omit("S8", "keeps the votes of a candidacy that failed", "Candidacy.swift",
         "groups[place].ownRelease = Release(term: candidacy.term, successor: nil, ordered: false)"),
    Mutation("S9", "releases before the kernel has confirmed", "Holding.swift",
             "        effects.append(.withdraw(id, ticket))\n",
             "        effects.append(.withdraw(id, ticket))\n        if MUTANT { groups[place].ownRelease = release"
             "; beatNow(at: lastStepAt) }\n"),
    Mutation("S12", "a new state directory votes in terms it may have voted in", "Advance.swift",
             "let floor = Term(seen.rawValue > .max - 1024 ? .max : seen.rawValue + 1024)",
             "let floor = MUTANT ? seen : Term(seen.rawValue > .max - 1024 ? .max : seen.rawValue + 1024)"),
    Mutation("S12", "a new state directory thinks that it has voted before", "Elector.swift",
             "needsFloor = start.memory?.needsFloor ?? true", "needsFloor = start.memory?.needsFloor ?? !MUTANT"),
    omit("I5", "forgets its ballots at a restart", "Elector.swift", "groups[place].ballot = kept.ballot"),
    # The count of votes alone would be no error: each vote is one voter's answer to a request, and without a quorum of
    # these `extendLease` leaves the lease at zero, which the line below it refuses.
    Mutation("I1", "wins with its own vote", "Candidacy.swift", "guard candidacy.votes.count >= quorum else",
             "guard candidacy.votes.count >= (MUTANT ? 1 : quorum) else",
             also=(("holding.extendLease(quorum: quorum, lease: rules.timing.lease)",
                    "holding.extendLease(quorum: MUTANT ? 1 : quorum, lease: rules.timing.lease)"),)),
    # Nor this alone: what answers a trial echoes the trial's number, and a candidacy's requests have others (S1).
    Mutation("I1", "counts a trial as a vote", "Candidacy.swift", "guard !grant.trial, grant.term == candidacy.term,",
             "guard MUTANT || !grant.trial, grant.term == candidacy.term,",
             also=(("candidacy.requests.first(where: { $0.sequence == grant.round })?.sentAt",
                    "(MUTANT && grant.trial ? candidacy.requests.last"
                    " : candidacy.requests.first(where: { $0.sequence == grant.round }))?.sentAt"),)),
    Mutation("I3", "takes a lease for twice as long", "Holding.swift", "leaseUntil = max(leaseUntil, answered + lease)",
             "leaseUntil = max(leaseUntil, answered + (MUTANT ? lease * 2 : lease))"),
    grant("I3", "counts itself although it promised another", "Holding.swift",
          "promiseRound(to: life, term: term, in: place, at: now)",
          "guard promiseRound(to: life, term: term, in: place, at: now) else"),
    Mutation("I10", "takes the address before the certificate is on disk", "Candidacy.swift",
             "groups[place].role = .acquiring(holding, persist(at: now, &effects))",
             "groups[place].role = .acquiring(holding, persist(at: now, &effects))\n"
             "        if MUTANT { take(place, holding, at: now, &effects) }"),
    grant("L1", "helps a candidate that reaches no quorum", "Voting.swift", "isConnectedToQuorum(candidate.node, at: now)",
          "            isConnectedToQuorum(candidate.node, at: now)\n        else { return false }"),
    Mutation("L1", "takes one-way links for two-way ones", "Peer.swift",
             "guard hears(node, voter, within: span, at: now), hears(voter, node, within: span, at: now) else",
             "guard hears(node, voter, within: span, at: now),"
             " MUTANT || hears(voter, node, within: span, at: now) else"),
    Mutation("L2", "a holder keeps on without a lease", "Advance.swift",
             "guard let until = groups[place].leaseUntil, now >= until else { continue }",
             "guard !MUTANT, let until = groups[place].leaseUntil, now >= until else { continue }"),
    Mutation("L4", "two candidates retreat equally long", "Candidacy.swift",
             "return Span(nanoseconds: rules.timing.heartbeat.nanoseconds / 2) * turn",
             "return MUTANT ? .zero : Span(nanoseconds: rules.timing.heartbeat.nanoseconds / 2) * turn"),
    Mutation("L5", "a holder tells the newest term instead of its own", "Advance.swift",
             "groups[place].termHeld ?? max", "(MUTANT ? nil : groups[place].termHeld) ?? max"),
    omit("I7", "never closes what it gives up", "Holding.swift", "effects.append(.withdraw(id, ticket))"),
    Mutation("I7", "doesn't notice that its gate is gone", "Elector.swift",
             "groups[place].leaseUntil != nil {\n                withdraw(place, because: .gateLapsed",
             "groups[place].leaseUntil != nil, !MUTANT {\n                withdraw(place, because: .gateLapsed"),
    omit("I7", "never repeats an unanswered certificate", "Peer.swift", "send(.certificate(certificate), to: .node(node), &effects)"),
    Mutation("I8", "holds on though it mustn't", "Holding.swift", "if let reason = ineligibility(in: place) {\n            return",
             "if !MUTANT, let reason = ineligibility(in: place) {\n            return"),
    Mutation("I8", "hands over without waiting for the dwell", "Holding.swift",
             "if now.since(better.since) >= dwell, now.since(holding.since) >= dwell, isCaughtUp(best.node, in: place) {",
             "if MUTANT || (now.since(better.since) >= dwell && now.since(holding.since) >= dwell),"
             " isCaughtUp(best.node, in: place) {"),
    Mutation("I8", "never hands over to a better node", "Holding.swift",
             "guard let dwell = dwell(in: place, at: now) else",
             "guard !MUTANT, let dwell = dwell(in: place, at: now) else"),
    Mutation("I8", "ranks without priorities", "Peer.swift",
             "if priority != other.priority { return priority > other.priority }",
             "if !MUTANT, priority != other.priority { return priority > other.priority }"),
    skip("I8", "holds with its interface down", "Eligibility.swift", "if !groups[place].linkIsUp { return .linkDown }"),
    skip("I8", "holds without its proxy", "Eligibility.swift",
         "if rules.groups[place].needsDataPlane && !dataPlaneIsUp { return .dataPlaneDown }"),
    skip("I8", "holds in maintenance", "Eligibility.swift", "if isInMaintenance { return .maintenance }"),
    Mutation("I8", "holds with a failing check", "Eligibility.swift", "where check.weight == 0 && !passes(check.check)",
             "where !MUTANT && check.weight == 0 && !passes(check.check)"),
    Mutation("I8", "leaves a passing check's weight out", "Eligibility.swift",
             "if check.weight > 0 && passes(check.check) {", "if !MUTANT && check.weight > 0 && passes(check.check) {"),
    Mutation("I9", "a snapshot forgets whether the disk is slow", "Snapshot.swift", "writer.flag(storageIsSlow)",
             "writer.flag(MUTANT ? false : storageIsSlow)"),
    Mutation("I9", "a snapshot mixes up two instants", "Snapshot.swift",
             "for instant in [silentUntil, lastStepAt, steadyFrom, heartbeatAt]",
             "for instant in [silentUntil, lastStepAt, MUTANT ? lastStepAt : steadyFrom, heartbeatAt]"),
    Mutation("G3", "commits what one disk has", "Replication.swift",
             "matched(byAtLeast: quorum, of: voters)", "matched(byAtLeast: MUTANT ? 1 : quorum, of: voters)"),
    Mutation("G3", "commits an old term's entry by counting", "Replication.swift",
             "replication.logs[place].log.position(at: index)?.term == term",
             "MUTANT || replication.logs[place].log.position(at: index)?.term == term"),
    Mutation("G1", "acknowledges entries before they are on disk", "Replication.swift",
             "let durable = replication.logs[place].durable\n        // What",
             "let durable = MUTANT ? replication.logs[place].log.last.index : replication.logs[place].durable\n        // What"),
    Mutation("G4", "votes for whoever lacks what is committed", "LogStart.swift", "        else { return true }\n        post(",
             "        else { return true }\n        if MUTANT { return true }\n        post("),
    Mutation("P1", "two holders of a pair both stay", "Pair.swift", "if other.outranks(own) {",
             "if !MUTANT, other.outranks(own) {"),
    Mutation("P1", "takes a pair's group from a holder that it hears", "Pair.swift",
             "if beat.holding || isClearing(beat, in: place, at: now) { return }",
             "if !MUTANT, beat.holding || isClearing(beat, in: place, at: now) { return }"),
]
