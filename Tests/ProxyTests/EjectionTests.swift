import CLinux
import Glibc
import Proxy
import Synchronization
import Testing

/// Servers that fail, and how little of it clients notice.
@Suite(.serialized)
struct EjectionTests {
    /// A listener whose queue is full: it answers no further SYN, as a dead host does.
    final class SilentPort {
        let port: UInt16
        private let listener: Int32
        private var fillers: [Int32] = []

        init() throws {
            let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var name = loopback(0)
            try #require(socket_bind(fd, &name, 16) == 0)
            var length = socklen_t(16)
            _ = socket_local_name(fd, &name, &length)
            try #require(listen(fd, 0) == 0)
            listener = fd
            port = UInt16(bigEndian: name.sin_port)
            for _ in 0..<4 {
                let filler = socket_open(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                var name = loopback(port)
                _ = socket_connect(filler, &name, 16)
                fillers.append(filler)
            }
            usleep(50_000)
        }

        deinit { for fd in fillers + [listener] { close(fd) } }
    }

    private static func milliseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int(time.tv_sec) * 1_000 + Int(time.tv_nsec) / 1_000_000
    }

    @Test("a silent server costs one client a short wait, and the others nothing")
    func silent() throws {
        let silent = try SilentPort()
        let good = try Backend.named("good")
        var plan = try service([silent.port, good.port], cookie: true)
        plan.timeouts.attempt = 400
        plan.ejection.duration = 60_000
        let proxy = try ProxyUnderTest(plan)
        var slow = 0
        for i in 0..<20 {
            let start = Self.milliseconds()
            let cookie = i % 2 == 0 ? "Cookie: SERVERNAME=s0\r\n" : ""
            #expect(try proxy.client().get("/", cookie)?.text.hasPrefix("good") == true)
            if Self.milliseconds() - start > 300 { slow += 1 }
        }
        #expect(slow <= 2, "\(slow) of 20 clients waited")
        proxy.stop()
        good.stop()
    }

    @Test("refusing servers, however many, are passed over at once")
    func refusing() throws {
        let good = try Backend.named("good")
        let ports = try (0..<8).map { _ in try refusingPort() } + [good.port]
        let proxy = try ProxyUnderTest(try service(ports, retries: 3))
        for _ in 0..<20 { #expect(try proxy.client().get("/")?.text.hasPrefix("good") == true) }
        proxy.stop()
        good.stop()
    }

    @Test("5xx in a row eject, never the last, and a good answer brings back")
    func serverErrors() throws {
        let isBad = Mutex(true)
        let bad = try Backend { wire, backend in
            while let head = wire.read(through: "\r\n\r\n") {
                backend.note(head)
                let status = isBad.withLock { $0 } ? "500 Oh" : "200 OK"
                wire.send("HTTP/1.1 \(status)\r\nContent-Length: 3\r\n\r\nbad")
            }
        }
        let good = try Backend.named("good")
        var plan = try service([bad.port, good.port])
        plan.ejection = ServicePlan.Ejection(errors: 3, serverErrors: 3, duration: 1_500)
        let proxy = try ProxyUnderTest(plan)
        let client = try proxy.client()
        for _ in 0..<6 { _ = client.get("/") }
        for _ in 0..<10 { #expect(client.get("/")?.text.hasPrefix("good") == true) }
        // The last one serves, whatever it says.
        proxy.set(1, health: .down)
        for _ in 0..<5 { #expect(client.get("/")?.status == 500) }
        isBad.withLock { $0 = false }
        proxy.set(1, health: .up)
        var isBack = false
        for _ in 0..<500 where !isBack {
            isBack = client.get("/")?.text == "bad"
            usleep(20_000)
        }
        #expect(isBack)
        proxy.stop()
        bad.stop()
        good.stop()
    }

    @Test("close_sessions: what a server had that is marked down ends, or goes elsewhere")
    func closeSessions() throws {
        let held = try Backend { wire, _ in
            _ = wire.read(through: "\r\n\r\n")
            _ = wire.readAll()
        }
        let good = try Backend.named("good")
        var plan = try service([held.port, good.port], cookie: true)
        plan.closesSessions = true
        let proxy = try ProxyUnderTest(plan)
        let client = try proxy.client()
        client.send("GET / HTTP/1.1\r\nHost: t\r\nCookie: SERVERNAME=s0\r\n\r\n")
        let post = try proxy.client()
        post.send("POST / HTTP/1.1\r\nHost: t\r\nCookie: SERVERNAME=s0\r\nContent-Length: 2\r\n\r\nhi")
        usleep(100_000)
        proxy.set(0, health: .down)
        #expect(client.readResponse()?.text.hasPrefix("good") == true)
        #expect(post.readResponse()?.status == 502)
        proxy.stop()
        held.stop()
        good.stop()
    }
}
