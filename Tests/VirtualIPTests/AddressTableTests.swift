import Glibc
import Testing
import VirtualIP

@Suite(.serialized, .enabled(if: TestNamespace.isRoot)) struct AddressTableTests {
    private func node(_ table: AddressTable) throws -> Int32 {
        try #require(try table.links().first { $0.name == TestNamespace.node }).state.index
    }

    @Test(arguments: ["192.0.2.200/32", "192.0.2.200/24", "2001:db8::200/128", "2001:db8::200/64"])
    func addRenewRemove(_ text: String) throws {
        try TestNamespace.run { () throws in
            let address = try VirtualAddress(parsing: text)
            let table = try AddressTable()
            let index = try node(table)
            try table.add([address], on: index, validSeconds: 30)
            let entry = try #require(try table.list(on: index).first { $0.address == address })
            #expect(entry.isOurs)
            #expect((28...30).contains(entry.validSeconds))
            try table.add([address], on: index, validSeconds: 300)
            let renewed = try #require(try table.list(on: index).first { $0.address == address })
            #expect((298...300).contains(renewed.validSeconds))
            #expect(try TestNamespace.shell("ip address show tentative to \(text)").isEmpty)
            try table.remove([address], from: index)
            #expect(try !table.list(on: index).contains { $0.address == address })
        }
    }

    @Test func removingWhatIsNotThereIsConfirmed() throws {
        try TestNamespace.run { () throws in
            let table = try AddressTable()
            let addresses = try [VirtualAddress(parsing: "192.0.2.200"), VirtualAddress(parsing: "2001:db8::200")]
            try table.remove(addresses, from: try node(table))
            try table.remove(addresses, from: 9_999)
        }
    }

    @Test func anUnknownInterfaceIsATypedError() throws {
        try TestNamespace.run { () throws in
            let table = try AddressTable()
            let address = try VirtualAddress(parsing: "192.0.2.200")
            let error = #expect(throws: VirtualIPError.self) {
                try table.add([address], on: 9_999, validSeconds: 1)
            }
            #expect(error?.kind == .noInterface)
            #expect(error?.what.contains("192.0.2.200/32") == true)
        }
    }

    /// The backstop: whatever happens to this process, the kernel takes the address away.
    @Test func theKernelRemovesALapsedAddress() throws {
        try TestNamespace.run { () throws in
            let table = try AddressTable()
            let index = try node(table)
            let addresses = try [VirtualAddress(parsing: "192.0.2.200"), VirtualAddress(parsing: "2001:db8::200")]
            try table.add(addresses, on: index, validSeconds: 1)
            let start = BootClock.now()
            var gone: [VirtualAddress: UInt64] = [:]
            while gone.count < 2, BootClock.now() - start < 3_000_000_000 {
                TestNamespace.sleep(milliseconds: 10)
                let present = try table.list(on: index).map(\.address)
                for address in addresses where !present.contains(address) && gone[address] == nil {
                    gone[address] = (BootClock.now() - start) / 1_000_000
                }
            }
            print(
                "valid_lft 1 s: removed after \(addresses.map { "\($0) \(gone[$0] ?? 0) ms" }.joined(separator: ", "))")
            // The kernel looks once a second at the latest, so up to a second more is its right.
            #expect(addresses.allSatisfy { (900...2_100).contains(gone[$0] ?? 0) })
        }
    }

    /// A virtual address that became the subnet's primary must not take the machine's own address along.
    @Test func removingAPrimaryKeepsTheRest() throws {
        try TestNamespace.run { () throws in
            let table = try AddressTable()
            let index = try node(table)
            let address = try VirtualAddress(parsing: "198.51.100.200/24")
            try table.promoteSecondaries(on: index)
            try table.add([address], on: index, validSeconds: 30)
            try TestNamespace.shell("ip address add 198.51.100.1/24 dev \(TestNamespace.node)")
            try table.remove([address], from: index)
            let kept = try VirtualAddress(parsing: "198.51.100.1/24")
            #expect(try table.list(on: index).contains { $0.address == kept })
        }
    }

    @Test func leftoversGoOthersStay() throws {
        try TestNamespace.run { () throws in
            let table = try AddressTable()
            let index = try node(table)
            let forgotten = try VirtualAddress(parsing: "192.0.2.77")
            let configured = try VirtualAddress(parsing: "192.0.2.200/32")
            try table.add([forgotten], on: index, validSeconds: 300)
            // By hand, and with another prefix length: still a second holder.
            try TestNamespace.shell("ip address add 192.0.2.200/24 dev \(TestNamespace.node)")
            let removed = try table.removeLeftovers(on: index, configured: [configured])
            #expect(removed.map(\.addressText) == ["192.0.2.77", "192.0.2.200"])
            let left = try table.list(on: index).map(\.address.addressText)
            #expect(left.contains("192.0.2.201") && left.contains("2001:db8::201"))
            #expect(try table.removeLeftovers(on: index, configured: [configured]).isEmpty)
        }
    }

    @Test func hundredsInOneGo() throws {
        try TestNamespace.run { () throws in
            let table = try AddressTable()
            let index = try node(table)
            let addresses = try (1...300).map { try VirtualAddress(parsing: "198.51.\($0 / 200).\($0 % 200 + 1)") }
            try table.add(addresses, on: index, validSeconds: 60)
            #expect(try table.list(on: index).filter(\.isOurs).count == 300)
            try table.remove(addresses, from: index)
            #expect(try table.list(on: index).filter(\.isOurs).isEmpty)
        }
    }
}
