import CLinux
import Glibc
import Proxy
import Synchronization
import Testing

/// Counts the objects that Swift's runtime allocates for one thread: classes, arrays, closures' contexts, boxes.
///
/// The runtime calls through a pointer while its switch for instruments is on; both are exported by libswiftCore.
private enum Allocations {
    private typealias Allocate = @convention(c) (UnsafeRawPointer?, Int, Int) -> UnsafeMutableRawPointer?

    /// The thread that is looked at, and how often it allocated; behind a pointer, so that looking costs no allocation.
    nonisolated(unsafe) private static let facts = UnsafeMutablePointer<(thread: pthread_t, count: Int)>.allocate(
        capacity: 1)
    nonisolated(unsafe) private static let original = UnsafeMutablePointer<Allocate>.allocate(capacity: 1)

    /// nil: this runtime has no such switch.
    static func count(of thread: pthread_t, during body: () throws -> Void) rethrows -> Int? {
        let flag = dlsym(nil, "_swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly")
        guard let flag, let hook = dlsym(nil, "_swift_allocObject") else { return nil }
        let pointer = hook.assumingMemoryBound(to: Allocate.self)
        original.initialize(to: pointer.pointee)
        facts.initialize(to: (thread, 0))
        pointer.pointee = { metadata, size, alignment in
            if pthread_equal(pthread_self(), Allocations.facts.pointee.thread) != 0 {
                Allocations.facts.pointee.count += 1
            }
            return Allocations.original.pointee(metadata, size, alignment)
        }
        flag.storeBytes(of: true, as: Bool.self)
        defer {
            flag.storeBytes(of: false, as: Bool.self)
            pointer.pointee = original.pointee
        }
        try body()
        return facts.pointee.count
    }
}

struct AllocationTests {
    @Test(
        "a keep-alive request allocates nothing, with the access log on",
        .enabled(if: !_isDebugAssertConfiguration(), "a debug build keeps in boxes what others have in registers"))
    func keepAlive() throws {
        let backend = try Backend.named("a")
        let log = try AccessLog(workers: 1)
        var web = try service([backend.port], cookie: true)
        web.accessLog = ServicePlan.AccessLog(format: .httplog, sink: ServicePlan.LogSink(.file("/dev/null")))
        let proxy = try ProxyUnderTest(web, log: log, sink: open("/dev/null", O_WRONLY))
        let client = try proxy.client()
        for _ in 0..<200 { #expect(client.get("/")?.status == 200) }
        let thread = try #require(proxy.thread)
        let requests = 2_000
        var good = 0
        let count = Allocations.count(of: thread) {
            for _ in 0..<requests where client.get("/")?.status == 200 { good += 1 }
        }
        #expect(good == requests)
        // What a pulse or a plan may take has nothing to do with requests.
        if let count { #expect(count < requests / 20, "\(count) allocations for \(requests) requests") }
        proxy.stop()
        log.finish()
        backend.stop()
    }
}
