import Testing
import VirtualIP

@Suite struct EncodingTests {
    let hardware = HardwareAddress([2, 0, 0, 0, 0, 0x0a])

    /// RFC 5227 section 3: a request whose sender and target are the address; and the reply Linux accepts at once.
    @Test func gratuitousARPInBothForms() throws {
        let frames = AnnouncementFrame.all(
            for: try VirtualAddress(parsing: "192.0.2.200"), from: try #require(hardware))
        let ethernet: [UInt8] = [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 10, 8, 6]
        let head: [UInt8] = [0, 1, 8, 0, 6, 4]
        let sender: [UInt8] = [2, 0, 0, 0, 0, 10, 192, 0, 2, 200]
        #expect(
            frames == [
                ethernet + head + [0, 1] + sender + [0, 0, 0, 0, 0, 0, 192, 0, 2, 200],
                ethernet + head + [0, 2] + sender + [2, 0, 0, 0, 0, 10, 192, 0, 2, 200],
            ])
    }

    /// RFC 4861 section 4.4. The checksum comes from another implementation.
    @Test func unsolicitedNeighborAdvertisement() throws {
        let frames = AnnouncementFrame.all(
            for: try VirtualAddress(parsing: "2001:db8::200"), from: try #require(hardware))
        let address: [UInt8] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0]
        let allNodes: [UInt8] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        let ethernet: [UInt8] = [0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 10, 0x86, 0xdd]
        let header: [UInt8] = [0x60, 0, 0, 0, 0, 32, 58, 255]
        let message: [UInt8] = [136, 0, 0xf5, 0x23, 0x20, 0, 0, 0]
        #expect(frames == [ethernet + header + address + allNodes + message + address + [2, 1, 2, 0, 0, 0, 0, 10]])
    }

    /// rtnetlink(7): header, struct ifaddrmsg, IFA_LOCAL, IFA_ADDRESS, IFA_FLAGS, IFA_CACHEINFO, IFA_PROTO.
    @Test func newAddressMessage() throws {
        let address = try VirtualAddress(parsing: "192.0.2.200/32")
        var writer = NetlinkWriter()
        writer.message(type: 20, flags: 0x505, sequence: 7) {
            AddressTable.encode(address, index: 3, validSeconds: 1, into: &$0)
        }
        let header: [UInt8] = [76, 0, 0, 0, 20, 0, 5, 5, 7, 0, 0, 0, 0, 0, 0, 0]
        let body: [UInt8] = [2, 32, 0, 0, 3, 0, 0, 0]
        let addresses: [UInt8] = [8, 0, 2, 0, 192, 0, 2, 200, 8, 0, 1, 0, 192, 0, 2, 200]
        let flags: [UInt8] = [8, 0, 8, 0, 0, 2, 0, 0]
        let cache: [UInt8] = [20, 0, 6, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(writer.bytes == header + body + addresses + flags + cache + [5, 0, 11, 0, 0xed, 0, 0, 0])
    }

    @Test func hostileLengthsEndTheWalk() {
        let attributes: [[UInt8]] = [
            [0, 0, 1, 0], [3, 0, 1, 0], [255, 255, 1, 0], [9, 0, 1, 0, 1, 2, 3, 4], [4, 0], [],
        ]
        for bytes in attributes {
            bytes.withUnsafeBytes { raw in
                var walk = NetlinkAttributes(raw)
                #expect(walk.next() == nil)
            }
        }
        var messages = 0
        for length in [UInt8(0), 15, 17, 255] {
            let bytes: [UInt8] = [length, 0, 0, 0] + [UInt8](repeating: 0, count: 12)
            bytes.withUnsafeBytes { raw in forEachMessage(in: raw) { _ in messages += 1 } }
        }
        #expect(messages == 0)
    }

    /// Each attribute keeps its neighbours aligned, whatever its length.
    @Test func walksWhatItWrites() {
        var writer = NetlinkWriter()
        writer.message(type: 1, flags: 0, sequence: 1) { message in
            for length in 0..<9 { message.attribute(length + 1, [UInt8](repeating: 7, count: length)) }
        }
        var seen: [Int] = []
        writer.bytes.withUnsafeBytes { raw in
            forEachMessage(in: raw) { message in
                for (type, value) in NetlinkAttributes(message.payload) {
                    #expect(value.count == type - 1)
                    seen.append(type)
                }
            }
        }
        #expect(seen == Array(1...9))
    }

    @Test func everyInterfaceHasItsOwnTable() {
        let names = ["eth1", "eth0.10", "eth0_2e10", "eth0-10", "Eth1", "br lan", "é"]
        let tables = names.map { GateRules.tableName(interface: $0) }
        #expect(tables.first == "electd_eth1")
        #expect(tables[1] == "electd_eth0_2e10")
        #expect(Set(tables).count == names.count)
        #expect(tables.allSatisfy { $0.utf8.allSatisfy { $0 == 95 || (48...122).contains($0) } })
    }
}
