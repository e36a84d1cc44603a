import Glibc
import Simulator
import Testing

/// The scripts of Tests/Scenarios, and what comes of them. `SCENARIOS_REWRITE=1` writes the logs anew.
struct ScenarioTests {
    static let directory = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Scenarios"

    static let names: [String] = {
        guard let entries = opendir(directory) else { return [] }
        defer { closedir(entries) }
        var names: [String] = []
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".txt") { names.append(name) }
        }
        return names.sorted()
    }()

    static func read(_ name: String) throws -> String {
        let file = try #require(fopen("\(directory)/\(name)", "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    private func write(_ text: String, to name: String) throws {
        let file = try #require(fopen("\(Self.directory)/\(name)", "w"))
        defer { fclose(file) }
        fputs(text, file)
    }

    @Test func thereAreScenarios() { #expect(Self.names.count >= 20) }

    @Test(arguments: names)
    func goesAsWritten(_ name: String) throws {
        let scenario = try Scenario(try Self.read(name))
        let log = Scenario.log(of: scenario.run())
        if getenv("SCENARIOS_REWRITE") != nil {
            let script = scenario.script.reversed().drop { $0.isEmpty }.reversed()
            let text = (script + [String(repeating: "=", count: 60)] + log).joined(separator: "\n")
            try write(text + "\n", to: name)
        } else {
            #expect(log == scenario.expected)
        }
    }

    @Test func aMistakeNamesItsLine() {
        #expect(throws: Scenario.Mistake(line: 2, what: "'ricky' is no node")) {
            try Scenario("nodes fred 101, ethyl 100\nat 1s crash ricky\n")
        }
    }
}
