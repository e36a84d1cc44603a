import Control
import Testing

/// The JSON that scripts outside the project read.
struct StatusReportTests {
    @Test func fieldsWithoutAValueAreNull() throws {
        var report = StatusReport(version: "0.1.0", node: "fred", cluster: "landlord", uptimeMS: 5, configHash: "5d1f")
        var group = GroupStatus(
            name: "router37", mode: .pair, role: .standby, term: 0, holder: nil, leaseMSLeft: nil, priority: 101,
            eligible: true, interface: "eth1", fence: .lifetime)
        group.virtualAddresses = [VirtualAddressStatus(address: "192.0.2.200/32", held: false)]
        group.checks = [GroupCheckStatus(name: "web", passing: nil, weight: 2, detail: "")]
        report.groups = [group]
        report.nodes = [
            NodeStatus(
                name: "ethyl", address: "192.0.2.202:3737", heardMSAgo: nil, incarnation: nil, eligible: nil,
                configHash: nil)
        ]
        #expect(
            String(decoding: report.json(), as: UTF8.self) == """
                {"cluster":"landlord","config_hash":"5d1f","datagrams":{"accepted":0,"dropped":[],"sent":0},\
                "groups":[{"address_conflicts":[],"certificate":[],"checks":[{"detail":"","name":"web",\
                "passing":null,"since_ms":null,"weight":2}],"eligible":true,"fence":"lifetime","holder":null,\
                "ineligible_reasons":[],"interface":"eth1","last_change":null,"last_change_ms_ago":null,\
                "lease_ms_left":null,"log":null,"mode":"pair","name":"router37","priority":101,"role":"standby","term":0,\
                "virtual_addresses":[{"address":"192.0.2.200/32","held":false}]}],"journal":null,\
                "log":null,"maintenance":false,"node":"fred","nodes":[{"address":"192.0.2.202:3737","config_hash":null,\
                "eligible":null,"heard_ms_ago":null,"hears_us":null,"incarnation":null,"name":"ethyl",\
                "witness":false}],"notes":[],"problems":[],"proxy":null,"schema":1,"services":[],"silent_after_ms":1500,\
                "uptime_ms":5,"version":"0.1.0"}

                """)
    }

    @Test(arguments: [StatusSamples.healthy, StatusSamples.broken, StatusSamples.two])
    func readsItsOwnJSON(_ report: StatusReport) throws {
        var report = report
        report.addFindings()
        #expect(try StatusReport.decode(report.json()) == report)
        #expect(try StatusReport.decode(report.json()).json() == report.json())
    }

    @Test func missingOptionalFieldsReadAsNull() throws {
        let text = String(decoding: StatusSamples.healthy.json(), as: UTF8.self)
        let older = text.replacingFirst("\"last_change\":\"took over from ethyl: better priority\",", with: "")
        #expect(older != text)
        #expect(try StatusReport.decode(Array(older.utf8)).groups.first?.lastChange == nil)
    }

    @Test func healthyHasNoFindings() {
        var report = StatusSamples.healthy
        report.addFindings()
        #expect(report.problems.isEmpty && report.notes.isEmpty)
    }

    @Test func outagesComeFirst() {
        var report = StatusSamples.healthy
        report.problems = ["the journal's disk is full"]
        report.nodes[1].heardMSAgo = 9_000
        report.groups[0].virtualAddresses[0].held = false
        report.addFindings()
        #expect(
            report.problems == [
                "the journal's disk is full", "router37: fred holds it, but 192.0.2.200/32 is not on eth1",
                "ethyl has not been heard for 9 s",
            ])
    }

    @Test func aNodeThatHearsNobodyDoesNotKnowWhoHolds() {
        var report = StatusSamples.broken
        report.nodes[2].heardMSAgo = nil
        report.addFindings()
        #expect(report.problems.first == "router37: ethyl hears nobody, and can't tell whether somebody holds it")
        #expect(!StatusTable.render(report, color: false).contains("held by nobody"))
    }
}

extension String {
    fileprivate func replacingFirst(_ part: String, with other: String) -> String {
        guard let range = firstRange(of: part) else { return self }
        return replacingCharacters(in: range, with: other)
    }

    private func replacingCharacters(in range: Range<String.Index>, with other: String) -> String {
        String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
    }
}
