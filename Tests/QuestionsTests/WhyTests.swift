import Election
import Questions
import Testing

/// Incidents whose cause is known, in one thread: `why` must name it.
@Suite struct WhyTests {
    private func causes(_ cluster: Cluster, _ paths: [String]? = nil) throws -> [String] {
        try cluster.commit()
        let archive = try JournalArchive.open(paths ?? cluster.journals)
        let answer = try Why(try Chronicle.read(archive)).explain(.last(nil, node: nil))
        guard case .list(let causes)? = answer.json["causes"] else { return [] }
        return causes.map { cause in
            let kind = text(cause["kind"])
            let node = text(cause["node"])
            let detail = text(cause["detail"])
            return kind + (node.isEmpty ? "" : " " + node) + (detail.isEmpty ? "" : " " + detail)
        }
    }

    private func text(_ value: JSONText?) -> String {
        if case .text(let text)? = value { text } else { "" }
    }

    private func settled(_ settings: Cluster.Settings = Cluster.Settings()) throws -> Cluster {
        let cluster = try Cluster(settings)
        cluster.run(3000)
        #expect(cluster.holder == "fred")
        return cluster
    }

    @Test func theFirstElectionHasNoCauseBefore() throws {
        #expect(try causes(try settled()) == ["first_election"])
    }

    @Test func aHolderThatIsCutOff() throws {
        let cluster = try settled()
        cluster.isolate("fred")
        cluster.run(2500)
        #expect(cluster.holder == "ethyl")
        #expect(try causes(cluster) == ["isolated fred"])
        // Without its own journal nobody can tell.
        let others = try causes(cluster, [cluster.path("ethyl"), cluster.path("lucy")])
        #expect(others == ["silent fred"], "\(others)")
    }

    @Test func aNetworkThatWorksOneWayOnly() throws {
        let mute = try settled()
        for other in ["ethyl", "lucy"] { mute.cut("fred", other) }
        mute.run(2500)
        #expect(try causes(mute) == ["mute fred"])
        let deaf = try settled()
        for other in ["ethyl", "lucy"] { deaf.cut(other, "fred") }
        deaf.run(2500)
        #expect(deaf.holder == "ethyl")
        #expect(try causes(deaf) == ["deaf fred"])
    }

    @Test func aHolderThatIsKilled() throws {
        let cluster = try settled()
        try cluster.kill("fred")
        cluster.run(2500)
        #expect(cluster.holder == "ethyl")
        #expect(try causes(cluster) == ["crashed fred"])
    }

    @Test func aHolderThatIsFrozen() throws {
        let cluster = try settled()
        cluster.freeze("fred")
        cluster.run(1800)
        cluster.thaw("fred")
        cluster.run(700)
        #expect(cluster.holder == "ethyl")
        #expect(try causes(cluster) == ["stood_still fred"])
    }

    @Test func aCheckThatFails() throws {
        let cluster = try settled()
        cluster.give(.check(0, passing: false), to: "fred")
        cluster.run(1000)
        #expect(cluster.holder == "ethyl")
        #expect(try causes(cluster) == ["check_failed fred web"])
    }

    @Test func aCheckThatOnlyWeighs() throws {
        var settings = Cluster.Settings()
        settings.weight = 5
        settings.preempt = .milliseconds(800)
        let cluster = try settled(settings)
        cluster.give(.check(0, passing: false), to: "fred")
        cluster.run(3000)
        #expect(cluster.holder == "ethyl")
        #expect(try causes(cluster) == ["check_failed fred web"])
    }

    @Test func theInterfaceGoesDown() throws {
        let cluster = try settled()
        cluster.give(.link(Cluster.group, up: false), to: "fred")
        cluster.run(1000)
        #expect(try causes(cluster) == ["link_down fred"])
    }

    @Test func theProxyHangs() throws {
        let cluster = try settled()
        cluster.give(.dataPlane(up: false), to: "fred")
        cluster.run(1000)
        #expect(try causes(cluster) == ["data_plane_down fred"])
    }

    @Test func anOperatorDidIt() throws {
        let transfer = try settled()
        transfer.give(.transfer(Cluster.group, to: NodeIndex(0)), to: "lucy")
        transfer.run(1000)
        #expect(transfer.holder == "ethyl")
        #expect(try causes(transfer) == ["operator_transfer lucy"])
        let maintenance = try settled()
        maintenance.give(.maintenance(true), to: "fred")
        maintenance.run(1000)
        #expect(try causes(maintenance) == ["maintenance fred"])
    }

    @Test func aDiskThatTakesNothing() throws {
        let cluster = try settled()
        cluster.stickDisk("ethyl", true)
        cluster.run(300)
        try cluster.kill("fred")
        cluster.run(4000)
        #expect(cluster.holder == nil)
        let stuck = try causes(cluster)
        #expect(stuck.contains("crashed fred") && stuck.contains("disk_slow ethyl"), "\(stuck)")
        cluster.stickDisk("ethyl", false)
        cluster.run(2000)
        #expect(cluster.holder == "ethyl")
        let mended = try causes(cluster)
        #expect(mended.contains("crashed fred") && mended.contains("disk_slow ethyl"), "\(mended)")
    }

    @Test func anotherConfiguration() throws {
        let cluster = try settled()
        try cluster.kill("ethyl")
        cluster.run(300)
        try cluster.restart("ethyl", safety: 99)
        cluster.run(3000)
        try cluster.kill("fred")
        cluster.run(4000)
        #expect(cluster.holder == nil)
        let found = try causes(cluster)
        #expect(found.contains("configuration_mismatch ethyl"), "\(found)")
    }

    @Test func theMajorityIsGone() throws {
        let cluster = try settled()
        try cluster.kill("ethyl")
        try cluster.kill("lucy")
        cluster.run(3000)
        #expect(cluster.holder == nil)
        #expect(Set(try causes(cluster)) == ["crashed ethyl", "crashed lucy"])
    }

    @Test func aBetterNodeThatComesBack() throws {
        var settings = Cluster.Settings()
        settings.preempt = .milliseconds(800)
        let cluster = try settled(settings)
        try cluster.kill("fred")
        cluster.run(3000)
        #expect(cluster.holder == "ethyl")
        try cluster.restart("fred")
        cluster.run(4000)
        #expect(cluster.holder == "fred")
        let found = try causes(cluster)
        #expect(found == ["node_returned fred"], "\(found)")
    }

    @Test func acrossARotation() throws {
        let cluster = try settled()
        cluster.isolate("fred")
        cluster.run(350)
        for name in ["ethyl", "fred", "lucy"] { try cluster.rotate(name) }
        cluster.run(2500)
        #expect(try causes(cluster) == ["isolated fred"])
    }
}
