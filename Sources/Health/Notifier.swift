import Synchronization

/// What a group's `on_change` script is told.
package struct Notice: Sendable, Equatable {
    /// Absolute path of the script.
    package let path: String
    /// `holder`, `standby`, `witness`, `observer` or `fault`.
    package let role: String
    package let group: String
    package let term: UInt64
    /// One word or short phrase that says why the role changed.
    package let reason: String

    package init(path: String, role: String, group: String, term: UInt64, reason: String) {
        self.path = path
        self.role = role
        self.group = group
        self.term = term
        self.reason = reason
    }

    var arguments: [String] { [path, role, group, String(term), reason] }

    var environment: [String: String] {
        ["ELECTD_ROLE": role, "ELECTD_GROUP": group, "ELECTD_TERM": String(term), "ELECTD_REASON": reason]
    }
}

/// How a notify script ended.
package struct NoticeReport: Sendable, Equatable {
    package let notice: Notice
    package let succeeded: Bool
    package let detail: String
    /// Notices of this group dropped before this one, because the script was too slow for them.
    package let dropped: Int
}

/// Runs the groups' `on_change` scripts: one at a time and in order within a group, groups side by side.
///
/// A script that is slower than the changes loses the oldest waiting ones, never the latest. Scripts get `role group
/// term reason` as arguments, and the same as ELECTD_ROLE, ELECTD_GROUP, ELECTD_TERM and ELECTD_REASON.
package final class Notifier: Sendable {
    /// Notices of one group that wait behind the running script.
    package static let queueLimit = 8

    private struct Line {
        var waiting: [Notice] = []
        var dropped = 0
        var worker: Task<Void, Never>?
    }

    private let lines = Mutex<[String: Line]>([:])
    private let environment: [String: String]
    private let timeoutMS: Int
    private let report: @Sendable (NoticeReport) -> Void

    /// - Parameters:
    ///   - timeoutMS: after it the script's whole process group is killed, 1 ... 3,600,000.
    ///   - environment: further variables; names that don't begin with `ELECTD_` are left out.
    ///   - report: gets the end of each script.
    package init(
        timeoutMS: Int = 30_000, environment: [String: String] = [:],
        report: @escaping @Sendable (NoticeReport) -> Void
    ) {
        self.timeoutMS = min(max(timeoutMS, 1), 3_600_000)
        self.environment = environment
        self.report = report
    }

    /// Queues a notice. Never blocks for longer than a lock held over an array's append, so any thread may call it.
    package func notify(_ notice: Notice) {
        lines.withLock { lines in
            var line = lines[notice.group] ?? Line()
            line.waiting.append(notice)
            if line.waiting.count > Self.queueLimit {
                line.waiting.removeFirst()
                line.dropped += 1
            }
            if line.worker == nil { line.worker = Task { await self.work(notice.group) } }
            lines[notice.group] = line
        }
    }

    /// Waits until all scripts have run, for `milliseconds` at most, then kills those that still run and drops the
    /// rest. For the way out: the script that says `standby` should get its turn.
    package func drain(withinMS milliseconds: Int) async {
        let answer = FirstAnswer<Bool>()
        let workers = lines.withLock { $0.values.compactMap(\.worker) }
        let waiting = Task {
            for worker in workers { await worker.value }
            answer.give(true)
        }
        let limit = Task {
            try await Task.sleep(for: .milliseconds(milliseconds))
            answer.give(false)
        }
        let finished = await answer.value()
        limit.cancel()
        guard !finished else { return }
        lines.withLock { lines in
            for group in lines.keys { lines[group]?.waiting = [] }
        }
        for worker in workers { worker.cancel() }
        // The kills are on their way; a script that the kernel can't end is not waited for.
        let killed = FirstAnswer<Void>()
        Task {
            await waiting.value
            killed.give(())
        }
        Task {
            try await Task.sleep(for: .seconds(1))
            killed.give(())
        }
        await killed.value()
    }

    private func work(_ group: String) async {
        while let (notice, dropped) = next(group) {
            let command = Command(
                arguments: notice.arguments, environment: environment.merging(notice.environment) { $1 },
                timeoutMS: timeoutMS, leftovers: .kept)
            let result = CommandProbe.result(await command.run(), timeoutMS: timeoutMS)
            let succeeded = if case .passed = result { true } else { false }
            report(NoticeReport(notice: notice, succeeded: succeeded, detail: result.detail, dropped: dropped))
        }
    }

    /// The group's next notice; without one, its worker ends.
    private func next(_ group: String) -> (Notice, Int)? {
        lines.withLock { lines in
            guard var line = lines[group] else { return nil }
            guard !line.waiting.isEmpty else {
                lines[group] = nil
                return nil
            }
            let notice = line.waiting.removeFirst()
            let dropped = line.dropped
            line.dropped = 0
            lines[group] = line
            return (notice, dropped)
        }
    }
}
