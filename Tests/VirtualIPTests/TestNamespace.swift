import CLinux
import Glibc
import Testing
import VirtualIP

/// Runs tests in a network namespace of their own, so that nothing touches the machine's interfaces.
///
/// A namespace belongs to a thread (unshare(2)); the body is synchronous and so stays on it. The namespace, with
/// all its interfaces and tables, vanishes when the thread leaves it.
enum TestNamespace {
    static let isRoot = geteuid() == 0

    /// Two ends of a cable: `node` is the machine under test, with 192.0.2.201/24 and 2001:db8::201/64; `peer` has no
    /// addresses and is spoken through raw frames only.
    static let node = "node0"
    static let peer = "peer0"

    static func run(_ body: () throws -> Void) throws {
        let home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        try #require(home >= 0)
        try #require(netlink_unshare(Int32(ELECTD_CLONE_NEWNET)) == 0, "unshare: \(String(cString: strerror(errno)))")
        defer {
            // Going on in the wrong namespace would run the next test on nothing: better to stop.
            let status = netlink_setns(home, Int32(ELECTD_CLONE_NEWNET))
            precondition(status == 0, "can't return to the first network namespace")
            close(home)
        }
        try addCable()
        try body()
    }

    static func addCable() throws {
        try shell("ip link add \(node) type veth peer name \(peer)")
        try shell("ip address add 192.0.2.201/24 dev \(node)")
        try shell("ip address add 2001:db8::201/64 dev \(node) nodad")
        try shell("ip link set lo up")
        try shell("ip link set \(peer) up")
        try shell("ip link set \(node) up")
        // The operational state follows a moment later; without this wait it would be an event in some test.
        for _ in 0..<200 {
            let links = try AddressTable().links().filter { $0.name == node || $0.name == peer }
            if links.allSatisfy(\.state.isUsable) { return }
            sleep(milliseconds: 5)
        }
        Issue.record("the test's cable didn't come up")
    }

    /// Runs a command line and returns its output; fails the test if it fails. posix_spawn keeps the thread's namespace.
    @discardableResult
    static func shell(_ line: String, mayFail: Bool = false) throws -> String {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        posix_spawn_file_actions_addclose(&actions, ends[0])
        defer { posix_spawn_file_actions_destroy(&actions) }
        var child: pid_t = 0
        let arguments: [UnsafeMutablePointer<CChar>?] = ["/bin/sh", "-c", line].map { (word: String) in strdup(word) }
        defer { arguments.forEach { free($0) } }
        let status = posix_spawn(&child, "/bin/sh", &actions, nil, arguments + [nil], environ)
        close(ends[1])
        try #require(status == 0)
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(ends[0], &buffer, buffer.count)
            if count <= 0 { break }
            output += buffer.prefix(count)
        }
        close(ends[0])
        var code: Int32 = 0
        waitpid(child, &code, 0)
        let text = String(decoding: output, as: UTF8.self)
        try #require(mayFail || code == 0, "\(line): \(text)")
        return text
    }

    static func sleep(milliseconds: UInt32) { usleep(milliseconds * 1_000) }
}

/// Says loudly what wasn't tested; where everything must be tested (CI), that is a failure.
@Test func namespaceTestsNeedRoot() {
    guard !TestNamespace.isRoot else { return }
    print("SKIPPED: the VirtualIP namespace tests need root; nothing about the kernel was tested")
    if getenv("CI") != nil { Issue.record("CI must run the VirtualIP tests as root") }
}
