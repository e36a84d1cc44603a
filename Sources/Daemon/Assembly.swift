import Configuration
import Election
import Glibc
import Journal
import Logging
import Sodium
import VirtualIP
import Wire

/// Builds the election thread and everything it stands on, in the order that a start must keep: what a crash left in
/// the kernel goes first, and the new life is on disk before anything is sent (S7).
struct Assembly {
    let loaded: LoadedConfiguration
    let options: DaemonOptions
    let log: Logger
    let mailbox: Mailbox<ElectionLetter>
    let reports: ElectionReports

    /// - Parameter prepare: what must have succeeded before the node says a word, and must not precede the closed gates.
    /// - Returns: the state directory, whose lock the caller keeps as long as the daemon runs.
    func startElection(after prepare: () throws -> Void) throws -> StateDirectory {
        let interfaces = try cleanKernel()
        try prepare()
        let key = try SigningKey.read(loaded.configuration.identityFile)
        let secret = try ClusterSecret.read(loaded.configuration.secretFile)
        let state = try StateDirectory.open(options.stateDirectory)
        let ballots = try BallotStore.open(in: state)
        let start = try begin(ballots, hasForgottenLogs: LogStore.isMissing(in: state))
        let logs = try LogStore.open(in: state)
        if logs.tornBytes > 0 { log.warning("replicated logs: \(logs.tornBytes) torn bytes at the end were cut") }
        let recalled = logs.recovered
        let elector = Elector(rules: loaded.rules)
        let writer = try openJournal(in: state, key: key, secret: secret, elector: elector, start: start)
        if writer.sealBegan {
            log.notice(
                "journal: its seal begins here, with epoch \(writer.sealStart.epoch), \(writer.sealStart.key): keep that elsewhere"
            )
        }
        if let recovery = writer.recovery { log.warning("journal: \(recovery.finding) in segment \(recovery.segment)") }
        let mailbox = mailbox
        let store = try Store(
            writer: writer, logs: logs, ballots: ballots, heartbeat: loaded.rules.timing.heartbeat
        ) { report in mailbox.post(.store(report)) }
        let this = loaded.rules.this
        let parts = ElectionParts(
            configuration: loaded.configuration, this: loaded.this, elector: elector, mailbox: mailbox, store: store,
            reports: reports, log: log, interfaces: interfaces,
            gatekeeper: Gatekeeper(
                this: this, incarnation: start.incarnation, nodes: try loaded.configuration.nodeKeys(), secret: secret),
            sealer: Sealer(this: this, key: key, secret: secret), key: key, secret: secret)
        let loop = Handover(try ElectionLoop(parts))
        let thread = loaded.configuration.election
        let log = log
        try DedicatedThread.start(name: "electd-election") {
            ThreadCare.apply(realtime: thread.realtime, lockMemory: thread.lockMemory, log: log)
            loop.value.run(from: start, recalling: recalled)
        }
        log.notice(
            "\(loaded.this.name) of cluster \(loaded.configuration.cluster), incarnation \(start.incarnation.rawValue), \(loaded.this.address)"
        )
        return state
    }

    /// Closes the gates and removes what an earlier life left, before this one says a word.
    private func cleanKernel() throws -> VirtualInterfaces? {
        let placements = loaded.configuration.placements(on: loaded.this)
        if placements.isEmpty { return nil }
        let interfaces = try VirtualInterfaces(placements)
        for interface in try interfaces.start().interfaces {
            for leftover in interface.leftovers {
                log.warning("\(interface.name): removed \(leftover), left by an earlier life")
            }
            for warning in interface.warnings { log.warning("\(interface.name): \(warning)") }
            if interface.link == nil {
                log.error("\(interface.name): no such interface; its groups can't be held here until it appears")
            }
            log.info("\(interface.name): fence \(interface.fence.rawValue)")
        }
        return interfaces
    }

    /// Counts the life up, durably.
    ///
    /// - Parameter hasForgottenLogs: what this node acknowledged of the logs is gone: it votes only when it has copied
    ///   them, as a new one (rule G7).
    private func begin(_ ballots: BallotStore, hasForgottenLogs: Bool) throws -> Start {
        var word: DurableWord?
        if let content = ballots.content {
            guard let known = try? DurableWord(bytes: content) else {
                throw DaemonError.state(
                    "\(options.stateDirectory): the votes on disk are not readable by this version; restore the "
                        + "directory, or move it away to start anew as a node that must be voted in again")
            }
            word = known
        }
        // A new directory can't know its earlier lives; seconds since 1970 are beyond them. Nothing is decided by it.
        let incarnation = word.map { $0.incarnation.rawValue + 1 } ?? UInt64(max(time(nil), 1))
        var memory =
            word?.memory
            ?? Memory(groups: [], promise: loaded.rules.timing.promise, maintenance: false, needsFloor: true)
        if hasForgottenLogs { memory.needsFloor = true }
        try ballots.write(DurableWord(incarnation: Incarnation(incarnation), memory: memory).bytes)
        return Start(incarnation: Incarnation(incarnation), memory: memory)
    }

    private func openJournal(
        in state: StateDirectory, key: SigningKey, secret: ClusterSecret, elector: Elector, start: Start
    ) throws -> JournalWriter {
        var genesis = ByteWriter()
        elector.encode(to: &genesis)
        let settings = loaded.configuration.journal
        let size = UInt64(settings.rotateSize)
        return try JournalWriter.open(
            in: state,
            identity: JournalIdentity(
                clusterTag: secret.clusterTag, node: loaded.this.name, incarnation: start.incarnation,
                software: "electd \(options.version)"),
            key: key, genesis: genesis.bytes, at: BootInstant.now(),
            limits: JournalLimits(
                segmentBytes: size, segmentAge: Span(nanoseconds: UInt64(settings.rotateAge.nanoseconds)),
                totalBytes: size * UInt64(settings.retain), segments: settings.retain,
                epoch: Span(nanoseconds: UInt64(settings.epoch.nanoseconds))))
    }
}
