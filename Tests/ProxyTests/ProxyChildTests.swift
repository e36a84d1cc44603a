import Glibc
import Proxy
import Testing

struct ProxyChildTests {
    @Test("a process that loops or lacks a core is told from one that is stopped")
    func starving() throws {
        let child = try #require(ProxyChild.start("/bin/sh", ["-c", "while :; do :; done"]))
        defer {
            child.kill()
            waitpid(child.pid, nil, 0)
            child.close()
        }
        let comes = { (expected: Bool) in
            for _ in 0..<500 where child.isRunnable != expected { usleep(10_000) }
            return child.isRunnable == expected
        }
        #expect(comes(true))
        kill(child.pid, SIGSTOP)
        #expect(comes(false))
    }
}
