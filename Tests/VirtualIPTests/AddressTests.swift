import Testing
import VirtualIP

@Suite struct AddressTests {
    @Test(arguments: [
        ("192.0.2.200/32", "192.0.2.200/32"), ("192.0.2.200", "192.0.2.200/32"), ("192.0.2.200/24", "192.0.2.200/24"),
        ("2001:DB8:0:0::7/64", "2001:db8::7/64"), ("fe80::1", "fe80::1/128"),
    ])
    func parsesAndPrints(_ text: String, _ printed: String) throws {
        #expect(try VirtualAddress(parsing: text).description == printed)
    }

    @Test(arguments: [
        "", "/", "fred", "192.0.2", "192.0.2.256", "192.0.2.1/0", "192.0.2.1/33", "192.0.2.1/", "192.0.2.1/3 2",
        "192.0.2.1/+3", "192.0.2.1/32/32", " 192.0.2.1", "192.0.2.1\0", "2001:db8::1/129", "0.0.0.0", "::",
        "224.0.0.18", "255.255.255.255", "240.0.0.1", "ff02::1", "::ffff:192.0.2.1", "fe80::1%eth0",
        String(repeating: "1", count: 5_000),
    ])
    func refusesWithAMend(_ text: String) {
        do {
            let address = try VirtualAddress(parsing: text)
            Issue.record("\(text) was read as \(address)")
        } catch {
            #expect(!error.mend.isEmpty)
            #expect(error.reason.utf8.count < 200)
        }
    }

    @Test func ordersByFamilyThenAddress() throws {
        let sorted = try ["192.0.2.9", "192.0.2.10", "2001:db8::9", "2001:db8::10"].map {
            try VirtualAddress(parsing: $0)
        }
        #expect(sorted.reversed().sorted() == sorted)
    }

    @Test func bytesGoBothWays() throws {
        let address = try VirtualAddress(parsing: "2001:db8:1:2:3:4:5:6/64")
        #expect(address.bytes == [0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6])
        #expect(VirtualAddress(bytes: address.bytes, prefixLength: 64) == address)
        #expect(VirtualAddress(bytes: [1, 2, 3], prefixLength: 8) == nil)
        #expect(VirtualAddress(bytes: [1, 2, 3, 4], prefixLength: 33) == nil)
    }

    @Test func hardwareAddress() {
        #expect(HardwareAddress([2, 0xfc, 0, 0, 0x1a, 1])?.description == "02:fc:00:00:1a:01")
        #expect(HardwareAddress([1, 2, 3]) == nil)
    }
}
