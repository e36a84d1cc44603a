import Election
import Testing

struct LeaseArithmeticTests {
    private func lease(_ milliseconds: UInt64, ppm: UInt32, lag: UInt64 = 6) -> UInt64 {
        Timing(
            heartbeat: .milliseconds(100), promise: .milliseconds(milliseconds), driftPPM: ppm, lag: .milliseconds(lag)
        )
        .lease.nanoseconds
    }

    /// The table of Specs/protocol.md.
    @Test(arguments: [(500, 493), (100, 93), (50, 43), (35, 28)] as [(UInt64, UInt64)])
    func theTable(_ promise: UInt64, _ whole: UInt64) {
        #expect(lease(promise, ppm: 1_000) / 1_000_000 == whole)
    }

    /// In true time: the holder's slowest clock against the voter's fastest. L / (1 - rho) + lag <= D / (1 + rho).
    @Test(arguments: [0, 1, 100, 1_000, 10_000, 100_000] as [UInt32])
    func theGateIsClosedBeforeAnyPromiseEnds(_ ppm: UInt32) {
        for promise: UInt64 in [7, 10, 35, 50, 100, 333, 500, 1_000, 59_999] {
            let lease = lease(promise, ppm: ppm)
            let million: UInt64 = 1_000_000
            // All sides multiplied by (1 - rho) * (1 + rho), in millionths.
            let closed = lease * million + 6_000_000 * (million - UInt64(ppm))
            let ends = promise * million * million / (million + UInt64(ppm)) * (million - UInt64(ppm))
            #expect(lease == 0 || closed <= ends, "D \(promise) ms, rho \(ppm) ppm")
        }
    }

    @Test func aPromiseShorterThanTheLagLeavesNoLease() { #expect(lease(5, ppm: 1_000) == 0) }

    @Test func spansAndInstantsStopAtTheEndsOfTheirRange() {
        let last = Instant(nanoseconds: .max)
        #expect(last + .milliseconds(1) == last)
        #expect((Span(nanoseconds: .max) + .milliseconds(1)).nanoseconds == .max)
        #expect((Span(nanoseconds: .max) * 3).nanoseconds == .max)
        #expect(Instant.zero.since(last) == .zero)
    }
}
