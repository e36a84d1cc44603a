import Configuration
import Testing

@Suite struct FormTests {
    @Test(
        arguments: [
            ("500ms", 500_000_000), ("2s", 2_000_000_000), ("1.5s", 1_500_000_000), ("0.000000001s", 1), ("7us", 7000),
            ("3ns", 3),
            ("1m", 60_000_000_000), ("1min", 60_000_000_000), ("1h", 3_600_000_000_000), ("0s", 0),
            ("2 s", 2_000_000_000),
            ("1.0ns", 1), ("0.50m", 30_000_000_000), ("2d", 172_800_000_000_000),
        ] as [(String, Int64)])
    func durations(text: String, nanoseconds: Int64) throws {
        #expect(try TimeSpan(parsing: text).nanoseconds == nanoseconds)
    }

    @Test(
        arguments: [
            ("", .notANumber), ("s", .notANumber), ("-1s", .notANumber), ("+1s", .notANumber), ("1", .noUnit(1)),
            ("1.5", .notANumber),
            ("1.s", .notANumber), (".5s", .notANumber), ("1.5ns", .notANumber), ("1e3s", .unknownUnit("e3s")),
            ("1S", .unknownUnit("S")),
            ("99999999999999999999s", .notANumber), ("9223372036854775807s", .notANumber), ("１s", .notANumber),
            ("9223372036.9s", .notANumber),
        ] as [(String, TimeSpan.Mistake)])
    func whatIsNoDuration(text: String, mistake: TimeSpan.Mistake) {
        #expect(throws: mistake) { try TimeSpan(parsing: text) }
    }

    @Test func durationsPrintInTheirLargestWholeUnit() {
        #expect(
            ([1, 1000, 1_000_000, 500_000_000, 60_000_000_000, 1_500_000_000, 0] as [Int64]).map {
                "\(TimeSpan(nanoseconds: $0))"
            }
                == ["1ns", "1us", "1ms", "500ms", "60s", "1500ms", "0s"])
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("2001:DB8:0:0::1", "2001:db8::1"), ("::1", "::1"), ("::", "::"),
        ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
    ])
    func addresses(text: String, printed: String) {
        #expect(IPAddress(text)?.description == printed)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.4 ", "::ffff:1.2.3.4", "fe80::1%eth0", "g::", ":",
        "1:2", "٠.٠.٠.٠", "1.2.3.4\0",
    ])
    func whatIsNoAddress(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func base64IsStrict() {
        for length in 1...40 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ 5) }
            #expect(strictBase64(Array(base64(bytes).utf8)) == bytes)
        }
        #expect(base64([UInt8](repeating: 1, count: 32)) == String(Landlord.fredKey.dropFirst(8)))
        for text in [
            "", "A", "AA", "AAA", "AB==", "AAB=", "A===", "====", "AA=A", "AAAA\n", "AA-_", " AAA", "AAAA====",
        ] {
            #expect(strictBase64(Array(text.utf8)) == nil, "\(text)")
        }
    }

    @Test(
        arguments: [
            ("hertbeat", "heartbeat"), ("Heartbeat", "heartbeat"), ("laese", "lease"), ("timout", "timeout"),
            ("xyz", nil), ("", nil),
        ] as [(String, String?)])
    func nearestNames(word: String, meant: String?) {
        #expect(nearest(to: word, among: ["heartbeat", "lease", "timeout", "rho"]) == meant)
    }

    @Test func aLongWordCostsLittle() {
        #expect(nearest(to: String(repeating: "a", count: 1_000_000), among: ["heartbeat"]) == nil)
    }
}
