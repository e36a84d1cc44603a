import Glibc
import Health
import Testing

/// Notify scripts: in order, one at a time, never lost the latest.
struct NotifierTests {
    private func notice(_ path: String, _ role: String, group: String = "router37", term: UInt64 = 12) -> Notice {
        Notice(path: path, role: role, group: group, term: term, reason: "link eth1 is down")
    }

    @Test func scriptIsToldEverything() async throws {
        let scratch = Scratch()
        let script = scratch.script(
            "notify",
            "echo \"$1|$2|$3|$4|$ELECTD_ROLE|$ELECTD_GROUP|$ELECTD_TERM|$ELECTD_REASON\" > \(scratch.path)/said")
        let reports = Collected<NoticeReport>()
        let notifier = Notifier { reports.add($0) }
        notifier.notify(notice(script, "holder"))
        await notifier.drain(withinMS: 60_000)
        #expect(reports.all.map(\.succeeded) == [true])
        #expect(scratch.text("said") == "holder|router37|12|link eth1 is down|holder|router37|12|link eth1 is down\n")
    }

    @Test func oneGroupsNoticesComeInOrder() async throws {
        let scratch = Scratch()
        // The first one is the slowest: side by side, the others would overtake it.
        let script = scratch.script("notify", "[ $3 = 1 ] && sleep 0.5; echo $3 >> \(scratch.path)/order")
        let notifier = Notifier { _ in }
        for term in UInt64(1)...6 { notifier.notify(notice(script, "holder", term: term)) }
        await notifier.drain(withinMS: 60_000)
        #expect(scratch.numbers("order") == [1, 2, 3, 4, 5, 6])
    }

    @Test func groupsDoNotWaitForOneAnother() async throws {
        let scratch = Scratch()
        let slow = scratch.script("slow", "sleep 600")
        let quick = scratch.script("quick", "exit 0")
        let reports = Collected<NoticeReport>()
        let notifier = Notifier { reports.add($0) }
        notifier.notify(notice(slow, "holder", group: "a"))
        notifier.notify(notice(quick, "holder", group: "b"))
        #expect(try await reports.when { !$0.isEmpty }.first?.notice.group == "b")
        let started = ContinuousClock.now
        await notifier.drain(withinMS: 100)
        #expect(started.duration(to: .now) < .seconds(60))
    }

    @Test func aSlowScriptLosesTheOldest() async throws {
        let scratch = Scratch()
        let script = scratch.script(
            "notify",
            "echo $3 >> \(scratch.path)/order; while [ ! -e \(scratch.path)/go ]; do sleep 0.02; done")
        let reports = Collected<NoticeReport>()
        let notifier = Notifier { reports.add($0) }
        notifier.notify(notice(script, "holder", term: 1))
        try await eventually { scratch.numbers("order") == [1] }
        for term in UInt64(2)...20 { notifier.notify(notice(script, "holder", term: term)) }
        scratch.write("go", "")
        await notifier.drain(withinMS: 60_000)
        #expect(scratch.numbers("order") == [1] + (13...20))
        #expect(reports.all.map(\.dropped).reduce(0, +) == 11)
    }

    @Test func timeoutKillsTheWholeGroup() async throws {
        let scratch = Scratch()
        let script = scratch.script("notify", "sleep 600 & echo $! $$ > \(scratch.path)/pids; wait")
        let reports = Collected<NoticeReport>()
        let notifier = Notifier(timeoutMS: 600) { reports.add($0) }
        notifier.notify(notice(script, "holder"))
        let report = try await reports.when { !$0.isEmpty }.first
        #expect(report?.succeeded == false && report?.detail.hasPrefix("timeout") == true)
        #expect(scratch.numbers("pids").count == 2)
        for pid in scratch.numbers("pids") { #expect(try await eventually { isGone(pid) }) }
    }

    @Test func whatAScriptStartsOnPurposeLives() async throws {
        let scratch = Scratch()
        let script = scratch.script("notify", "sleep 600 & echo $! > \(scratch.path)/pid")
        let notifier = Notifier { _ in }
        notifier.notify(notice(script, "holder"))
        await notifier.drain(withinMS: 60_000)
        let pid = try #require(scratch.numbers("pid").first)
        #expect(!isGone(pid))
        kill(pid, SIGKILL)
    }

    @Test func aMissingScriptIsReported() async throws {
        let reports = Collected<NoticeReport>()
        let notifier = Notifier { reports.add($0) }
        notifier.notify(notice("/no/such/script", "fault"))
        await notifier.drain(withinMS: 60_000)
        #expect(reports.all.first?.detail == "/no/such/script: No such file or directory")
    }
}
