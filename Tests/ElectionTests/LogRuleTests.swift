import Election
import Testing

/// The rules of Specs/protocol.md, "Log", each on one elector.
struct LogRuleTests {
    private let web = ServerName(service: "web", server: "s1")

    private func acknowledgement(_ bench: Bench, of peer: NodeIndex, durable: UInt64, term: UInt64 = 1) -> Message {
        .log([
            .acknowledge(
                LogAcknowledgement(
                    group: Bench.office, holder: bench.life(bench.this), term: Term(term), durable: durable,
                    committed: .start))
        ])
    }

    private func log(_ bench: Bench) throws -> ReplicatedLog { try #require(bench.elector.log(of: Bench.office)) }

    private func entries(_ contents: [LogContent], after place: LogPosition, term: UInt64) -> [LogEntry] {
        var last = place
        return contents.map { content in
            let entry = LogEntry(after: last, term: Term(term), content: content)
            last = entry.position
            return entry
        }
    }

    private func append(_ entries: [LogEntry], after place: LogPosition, term: UInt64, committed: UInt64 = 0) -> Message
    {
        .log([
            .append(
                LogAppend(
                    group: Bench.office, term: Term(term), place: place, entries: entries, committed: committed,
                    oldest: 0))
        ])
    }

    private func acknowledgements(_ bench: Bench) -> [LogAcknowledgement] {
        bench.sent.flatMap { packet -> [LogAcknowledgement] in
            guard case .log(let parts) = packet.message else { return [] }
            return parts.compactMap { if case .acknowledge(let word) = $0 { word } else { nil } }
        }
    }

    private func answers(_ bench: Bench) -> [CommandOutcome] {
        bench.effects.compactMap { if case .answered(_, let outcome) = $0 { outcome } else { nil } }
    }

    /// lucy follows fred, who holds term 1.
    private func follower() -> Bench {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: [Bench.ethyl, Bench.fred])
        lucy.certify(Bench.fred, term: 1, voters: [Bench.fred, Bench.ethyl])
        lucy.forget()
        return lucy
    }

    @Test func G1_nothingIsAcknowledgedBeforeItIsOnDisk() throws {
        var lucy = follower()
        lucy.writesAtOnce = false
        let held = entries([.held(lucy.life(Bench.fred), because: .elected)], after: .start, term: 1)
        lucy.receive(append(held, after: .start, term: 1), from: Bench.fred)
        #expect(try log(lucy).last.index == 1)
        #expect(acknowledgements(lucy).isEmpty)
        let tickets = lucy.effects.compactMap { if case .persist(let ticket) = $0 { ticket } else { nil } }
        for ticket in tickets { lucy.step(.persisted(ticket)) }
        #expect(acknowledgements(lucy).map(\.durable) == [1])
    }

    @Test func G1_entriesComeFromTheCertifiedHolderOnly() throws {
        var lucy = follower()
        let held = entries([.held(lucy.life(Bench.ethyl), because: .elected)], after: .start, term: 2)
        lucy.receive(append(held, after: .start, term: 2), from: Bench.ethyl)
        #expect(try log(lucy).last.index == 0)
    }

    @Test func G1_whatContradictsTheHolderGoesUnlessItIsCommitted() throws {
        var lucy = follower()
        let life = lucy.life(Bench.fred)
        let old = entries(
            [.held(life, because: .elected), .released(life, Release(term: Term(1), successor: nil, ordered: false))],
            after: .start, term: 1)
        lucy.receive(append(old, after: .start, term: 1, committed: 1), from: Bench.fred)
        #expect(try log(lucy).last.index == 2)
        lucy.certify(Bench.ethyl, term: 2, voters: [Bench.fred, Bench.ethyl])
        let new = entries([.held(lucy.life(Bench.ethyl), because: .elected)], after: old[0].position, term: 2)
        lucy.receive(append(new, after: old[0].position, term: 2), from: Bench.ethyl)
        #expect(try log(lucy).last == new[0].position)
        let other = entries([.held(lucy.life(Bench.ethyl), because: .handedOver)], after: .start, term: 2)
        lucy.receive(append(other, after: .start, term: 2), from: Bench.ethyl)
        #expect(try log(lucy).position(at: 1) == old[0].position)
    }

    @Test func G2_aHolderBeginsWithAnEntryOfItsOwnTermWrittenWithTheCertificate() throws {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        let log = try log(fred)
        #expect(log.last.index == 1 && log.last.term == Term(1))
        #expect(log.committed == 0, "lucy has not confirmed it")
    }

    @Test func G3_committedIsWhatAQuorumHasOnDisk() throws {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.hear(Bench.lucy)
        fred.receive(acknowledgement(fred, of: Bench.lucy, durable: 1), from: Bench.lucy)
        #expect(try log(fred).committed == 1)
        fred.step(.command(5, Bench.office, .server(web, .duty(.drain))))
        #expect(try log(fred).committed == 1 && answers(fred).isEmpty)
        fred.receive(acknowledgement(fred, of: Bench.lucy, durable: 2), from: Bench.lucy)
        #expect(answers(fred) == [.committed(index: 2)])
        #expect(fred.elector.logState(of: Bench.office)?.setting(of: web)?.duty == .drain)
    }

    /// Its log was folded since the piece before, and ends before the place that is asked for.
    @Test func G5_whoAsksBeyondALogsEndGetsItFromTheBeginning() throws {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.hear(Bench.lucy)
        fred.forget()
        fred.receive(.log([.want(LogWant(group: Bench.office, place: nil, offset: 100_000))]), from: Bench.lucy)
        let pieces = fred.sent.flatMap { packet -> [LogPiece] in
            guard case .log(let parts) = packet.message else { return [] }
            return parts.compactMap { if case .piece(let piece) = $0 { piece } else { nil } }
        }
        #expect(pieces.first?.offset == 0)
    }

    @Test func G3_anotherTermsAcknowledgementCountsForNothing() throws {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.receive(acknowledgement(fred, of: Bench.lucy, durable: 1, term: 2), from: Bench.lucy)
        #expect(try log(fred).committed == 0)
    }

    @Test func G3_anEarlierTermsEntryIsCommittedOnlyWithOneOfTheOwnTerm() throws {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.wait(600)
        fred.step(.withdrawn(Bench.office, try #require(fred.withdrawal)))
        fred.forget()
        fred.becomeHolder()
        #expect(try log(fred).position(at: 1)?.term == Term(1))
        #expect(try log(fred).last.term == Term(2))
        fred.hear(Bench.lucy)
        fred.receive(acknowledgement(fred, of: Bench.lucy, durable: 1, term: 2), from: Bench.lucy)
        #expect(try log(fred).committed == 0, "a quorum has it, and a later holder may still lack it")
        let last = try log(fred).last.index
        fred.receive(acknowledgement(fred, of: Bench.lucy, durable: last, term: 2), from: Bench.lucy)
        #expect(try log(fred).committed == last)
    }

    @Test func G4_nobodyGetsAVoteWhoseLogEndsBeforeTheVotersOwn() throws {
        var lucy = follower()
        let held = entries([.held(lucy.life(Bench.fred), because: .elected)], after: .start, term: 1)
        lucy.receive(append(held, after: .start, term: 1), from: Bench.fred)
        lucy.wait(700, hearing: [Bench.ethyl])
        lucy.forget()
        lucy.ask(Bench.ethyl, term: 2)
        #expect(lucy.grants.isEmpty)
        let told = lucy.sent.contains { packet in
            guard case .log(let parts) = packet.message else { return false }
            return parts.contains { if case .longer = $0 { true } else { false } }
        }
        #expect(told, "the candidate is told what it lacks")
        let complete = VoteRequest(
            group: Bench.office, term: Term(2), trial: false, priority: 100, logTerm: Term(1), logIndex: 1)
        lucy.receive(.voteRequest(complete), from: Bench.ethyl)
        #expect(lucy.grants.count == 1)
    }

    @Test func G6_withoutAHolderNothingIsDoneAndTheAnswerSaysSo() {
        var lucy = Bench(Bench.lucy)
        lucy.wait(600, hearing: [Bench.ethyl])
        lucy.step(.command(9, Bench.office, .server(web, .duty(.drain))))
        lucy.wait(4_800, hearing: [Bench.ethyl])
        #expect(answers(lucy).isEmpty)
        lucy.wait(400, hearing: [Bench.ethyl])
        #expect(answers(lucy) == [.noHolder])
    }

    @Test func G6_anOrderIsTakenOnceHoweverOftenItComes() throws {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.hear(Bench.lucy)
        let id = CommandID(origin: fred.life(Bench.lucy), number: 1)
        for _ in 0..<3 {
            fred.receive(.log([.order(Bench.office, id, .server(web, .duty(.drain)))]), from: Bench.lucy)
        }
        #expect(try log(fred).last.index == 2)
        fred.receive(acknowledgement(fred, of: Bench.lucy, durable: 2), from: Bench.lucy)
        fred.receive(.log([.order(Bench.office, id, .server(web, .duty(.drain)))]), from: Bench.lucy)
        #expect(try log(fred).last.index == 2)
    }

    @Test func G6_nobodyOrdersInAnothersName() throws {
        var fred = Bench(Bench.fred)
        fred.becomeHolder()
        fred.hear(Bench.lucy)
        let id = CommandID(origin: fred.life(Bench.ethyl), number: 1)
        fred.receive(.log([.order(Bench.office, id, .server(web, .duty(.drain)))]), from: Bench.lucy)
        #expect(try log(fred).last.index == 1)
    }

    @Test func G8_aConfigurationThatOneNodeCantTakeIsInForceNowhere() throws {
        for obstacle in ["", "no room"] {
            var fred = Bench(Bench.fred)
            fred.becomeHolder()
            fred.hear(Bench.lucy)
            fred.step(.propose(3, text: Array("cluster: x".utf8)))
            for index in 2...3 {
                fred.receive(acknowledgement(fred, of: Bench.lucy, durable: UInt64(index)), from: Bench.lucy)
            }
            let proposal = try #require(fred.elector.logState(of: Bench.office)?.proposal)
            fred.step(.examined(Bench.office, proposal.id, obstacle: ""))
            #expect(try log(fred).last.index == 3, "lucy has not answered")
            fred.receive(.log([.verdict(Bench.office, proposal: proposal.id, obstacle: obstacle)]), from: Bench.lucy)
            #expect(try log(fred).last.index == 4)
            fred.receive(acknowledgement(fred, of: Bench.lucy, durable: 4), from: Bench.lucy)
            let epoch = fred.elector.logState(of: Bench.office)?.epoch
            #expect(epoch?.text == (obstacle.isEmpty ? Array("cluster: x".utf8) : nil))
            #expect(answers(fred) == [obstacle.isEmpty ? .committed(index: 4) : .refused("lucy: no room")])
        }
    }

    @Test func G9_aNodesOwnMaintenanceNeedsNobody() {
        var lucy = Bench(Bench.ethyl)
        lucy.step(.maintenance(true))
        #expect(lucy.elector.isUnderMaintenance)
    }

    @Test func G10_aPairsHolderNeedsOnlyItsOwnDisk() throws {
        var fred = Bench(Bench.fred, mode: .pair)
        fred.wait(1_200)
        fred.step(.command(5, Bench.office, .server(web, .duty(.drain))))
        #expect(answers(fred) == [.committed(index: 2)])
    }
}

/// The log itself, and what it comes to.
struct ReplicatedLogTests {
    private let life = NodeLife(node: NodeIndex(0), incarnation: Incarnation(1))
    private let web = ServerName(service: "web", server: "s1")

    private func log(_ contents: [LogContent]) -> ReplicatedLog {
        var log = ReplicatedLog()
        for content in contents {
            log.apply(.entries(after: log.last, [LogEntry(after: log.last, term: Term(1), content: content)]))
        }
        return log
    }

    private func order(_ number: UInt64, _ command: Command) -> LogContent {
        .command(CommandID(origin: life, number: number), command)
    }

    /// FIPS 180-4's examples.
    @Test func theHashIsSHA256() {
        func hex(_ digest: Digest) -> String {
            var writer = ByteWriter()
            digest.encode(to: &writer)
            return writer.bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
        #expect(
            hex(Digest(of: Array("abc".utf8))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(hex(Digest(of: [])) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let long = Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)
        #expect(hex(Digest(of: long)) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    }

    @Test func theSameEntriesComeToTheSameState() {
        let contents = [
            .held(life, because: .elected), order(1, .server(web, .duty(.drain))), order(2, .server(web, .weight(7))),
        ]
        var one = log(contents)
        var other = log(contents)
        one.apply(.committed(3))
        for index: UInt64 in 1...3 { other.apply(.committed(index)) }
        #expect(one.stateHash == other.stateHash && one.state == other.state)
        #expect(one.state.setting(of: web)?.weight == 7 && one.state.setting(of: web)?.duty == .drain)
    }

    @Test func anOrderThatComesTwiceOrLateIsPassedOver() {
        var log = log([
            order(2, .server(web, .duty(.drain))), order(1, .server(web, .duty(.maintenance))),
            order(2, .server(web, .duty(.ready))),
        ])
        log.apply(.committed(3))
        #expect(log.state.setting(of: web)?.duty == .drain)
    }

    @Test func anImageIsTheWholeLog() throws {
        var log = log([.held(life, because: .elected), order(1, .server(web, .duty(.drain)))])
        log.apply(.committed(1))
        var writer = ByteWriter()
        log.image.encode(to: &writer)
        var reader = ByteReader(writer.bytes)
        let read = ReplicatedLog(try LogImage(from: &reader))
        #expect(read == log && read.last == log.last && read.stateHash == log.stateHash)
    }

    @Test func whatIsCommittedIsNeverOverwritten() {
        var log = log([.held(life, because: .elected), order(1, .server(web, .duty(.drain)))])
        log.apply(.committed(2))
        let last = log.last
        log.apply(
            .entries(after: .start, [LogEntry(after: .start, term: Term(2), content: .held(life, because: .ordered))]))
        #expect(log.last == last)
    }
}
