import CLinux
import Glibc
import Proxy
import Synchronization
import Testing

/// Blocking sockets with a limit on everything: what the tests' clients and servers talk through.
final class Wire: @unchecked Sendable {
    let fd: Int32
    private var buffer: [UInt8] = []

    init(_ fd: Int32) {
        self.fd = fd
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { Glibc.close(fd) }

    /// Connects to 127.0.0.1.
    convenience init(to port: UInt16) throws {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(fd >= 0)
        var name = loopback(port)
        let code = socket_connect(fd, &name, 16)
        self.init(fd)
        try #require(code == 0, "connect to \(port): \(errno)")
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                raw.baseAddress.map { socket_send(fd, $0 + sent, bytes.count - sent) } ?? 0
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    /// Since the connection began, with data or without (tcpi_segs_in of TCP_INFO).
    var segmentsReceived: UInt32 { socket_info(fd, 140) }

    func shutOutput() { shutdown(fd, Int32(SHUT_WR)) }

    /// Closes with a reset.
    func reset() {
        _ = socket_set_reset_on_close(fd)
        shutdown(fd, Int32(SHUT_RDWR))
    }

    /// false: the end, or nothing came in time.
    private func more() -> Bool {
        var piece = [UInt8](repeating: 0, count: 65_536)
        let count = recv(fd, &piece, piece.count, 0)
        if count <= 0 { return false }
        buffer += piece[..<count]
        return true
    }

    /// Everything until the other side closes.
    func readAll() -> [UInt8] {
        while more() {}
        defer { buffer.removeAll() }
        return buffer
    }

    func read(_ count: Int) -> [UInt8]? {
        while buffer.count < count { if !more() { return nil } }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    /// Through the first occurrence of `mark`; nil when the connection ends before it.
    func read(through mark: String) -> String? {
        let mark = Array(mark.utf8)
        var searched = 0
        while true {
            if let end = find(mark, from: searched) {
                defer { buffer.removeFirst(end) }
                return String(decoding: buffer[..<end], as: UTF8.self)
            }
            searched = max(0, buffer.count - mark.count)
            if !more() { return nil }
        }
    }

    private func find(_ mark: [UInt8], from start: Int) -> Int? {
        guard buffer.count >= mark.count, start <= buffer.count - mark.count else { return nil }
        for i in start...(buffer.count - mark.count) where buffer[i..<i + mark.count].elementsEqual(mark) {
            return i + mark.count
        }
        return nil
    }

    /// The other side has closed (and said nothing more).
    var isAtEnd: Bool { buffer.isEmpty && !more() }

    /// A message's body by its head; `untilClose` when the head doesn't say.
    func readBody(_ head: String, untilClose: Bool) -> [UInt8]? {
        if field("transfer-encoding", in: head) == "chunked" {
            var body: [UInt8] = []
            while let line = read(through: "\r\n"),
                let size = Int(line.dropLast(1).prefix { $0 != ";" }.prefix { $0.isHexDigit }, radix: 16)
            {
                if size == 0 {
                    while let trailer = read(through: "\r\n") { if trailer == "\r\n" { return body } }
                    return nil
                }
                guard let piece = read(size + 2) else { return nil }
                body += piece.dropLast(2)
            }
            return nil
        }
        if let length = field("content-length", in: head).flatMap({ Int($0) }) { return read(length) }
        return untilClose ? readAll() : []
    }
}

func field(_ name: String, in head: String) -> String? {
    for line in head.split(separator: "\r\n").dropFirst() {
        guard let colon = line.firstIndex(of: ":") else { continue }
        if line[..<colon].lowercased() == name { return String(line[line.index(after: colon)...].drop { $0 == " " }) }
    }
    return nil
}

struct Response {
    var status: Int
    var head: String
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
}

extension Wire {
    /// The next response; nil when the connection ends first.
    func readResponse(toHead: Bool = false) -> Response? {
        guard let head = read(through: "\r\n\r\n"), let status = Int(head.dropFirst(9).prefix(3)) else { return nil }
        if toHead || status == 204 || status == 304 || status < 200 {
            return Response(status: status, head: head, body: [])
        }
        guard let body = readBody(head, untilClose: true) else { return nil }
        return Response(status: status, head: head, body: body)
    }

    func get(_ path: String, _ lines: String = "") -> Response? {
        send("GET \(path) HTTP/1.1\r\nHost: test\r\n\(lines)\r\n")
        return readResponse()
    }
}

func loopback(_ port: UInt16) -> sockaddr_in {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return name
}

/// A socket bound to a free port of 127.0.0.1.
func bindLoopback(port: UInt16 = 0, listening: Bool = true, nonBlocking: Bool = false) throws -> (
    fd: Int32, port: UInt16
) {
    let fd = nonBlocking ? socket_open(AF_INET, 1, 0) : socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    try #require(fd >= 0)
    _ = socket_set_reuse_address(fd)
    var name = loopback(port)
    try #require(socket_bind(fd, &name, 16) == 0, "bind: \(errno)")
    var length = socklen_t(16)
    _ = socket_local_name(fd, &name, &length)
    if listening { try #require(listen(fd, 512) == 0) }
    return (fd, UInt16(bigEndian: name.sin_port))
}

/// Runs `body` on a thread of its own.
func spawn(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    let code = pthread_create(
        &thread, nil,
        { argument in
            guard let argument else { return nil }
            Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
            return nil
        }, box.toOpaque())
    precondition(code == 0, "a test needs a thread")
    pthread_detach(thread)
}

/// A server of the test's own: each connection runs `serve` on a thread.
final class Backend: Sendable {
    let port: UInt16
    private let listener: Int32
    private let state = Mutex((accepted: 0, requests: [String](), stopped: false))

    var accepted: Int { state.withLock { $0.accepted } }
    /// Heads of the requests that came, with those of every connection.
    var requests: [String] { state.withLock { $0.requests } }

    init(port: UInt16 = 0, _ serve: @escaping @Sendable (Wire, Backend) -> Void) throws {
        let (fd, port) = try bindLoopback(port: port)
        listener = fd
        self.port = port
        spawn { [self] in
            while true {
                let fd = accept(listener, nil, nil)
                if state.withLock({ $0.stopped }) || fd < 0 {
                    if fd >= 0 { close(fd) }
                    close(listener)
                    return
                }
                state.withLock { $0.accepted += 1 }
                let wire = Wire(fd)
                spawn { serve(wire, self) }
            }
        }
    }

    /// Stops accepting; the port refuses from then on.
    func stop() {
        state.withLock { $0.stopped = true }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    func note(_ head: String) { state.withLock { $0.requests.append(head) } }

    /// Answers every request with its name, its path and its body's size, until the client closes.
    static func named(_ name: String, port: UInt16 = 0, keepAlive: Bool = true) throws -> Backend {
        try Backend(port: port) { wire, backend in
            while let head = wire.read(through: "\r\n\r\n") {
                backend.note(head)
                guard let body = wire.readBody(head, untilClose: false) else { return }
                let text = "\(name) \(head.split(separator: " ").dropFirst().first ?? "?") \(body.count)"
                let close = !keepAlive || field("connection", in: head) == "close"
                let isHead = head.hasPrefix("HEAD ")
                wire.send(
                    "HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\(close ? "Connection: close\r\n" : "")\r\n\(isHead ? "" : text)"
                )
                if close { return }
            }
        }
    }
}

/// A worker on a thread, as the proxy process has it, with one service.
final class ProxyUnderTest: Sendable {
    let port: UInt16
    let inbox = WorkerInbox()
    private let done = Mutex(false)
    private let worker = Mutex<pthread_t?>(nil)
    /// The worker's.
    var thread: pthread_t? { worker.withLock { $0 } }
    private let pulses: Int32
    private let pulseEnd: Int32

    /// - Parameters:
    ///   - log: takes the service's lines.
    ///   - sink: the descriptor behind the service's sink; the log's from here on.
    ///   - number: among the workers that share `gauges`.
    init(
        _ service: ServicePlan.Service, log: AccessLog? = nil, sink: Int32? = nil, number: UInt8 = 0,
        gauges: ConnectionGauges = ConnectionGauges()
    ) throws {
        // As the proxy process does: splice(2) has no MSG_NOSIGNAL.
        signal(SIGPIPE, SIG_IGN)
        let (fd, port) = try bindLoopback(nonBlocking: true)
        self.port = port
        var ends: [Int32] = [-1, -1]
        try #require(socket_packet_pair(&ends) == 0)
        (pulses, pulseEnd) = (ends[0], ends[1])
        var service = service
        service.listeners = [try ServicePlanTests.endpoint("127.0.0.1:\(port)")]
        let plan = ServicePlan(services: [service])
        let logs = log?.take(plan, sink.map { [$0] } ?? []) ?? []
        inbox.post(.plan(plan, serial: 1, listeners: [[fd]], logs: logs))
        let channel = ends[1]
        spawn { [self] in
            Standstill.admit()
            worker.withLock { $0 = pthread_self() }
            do throws(WorkerError) {
                let descriptors = try ProxyDescriptors()
                var worker = try ProxyWorker(
                    number: number, slab: descriptors, inbox: inbox, gauges: gauges, channel: channel, log: log)
                worker.run()
                descriptors.unmap()
            } catch { preconditionFailure("\(error)") }
            done.withLock { $0 = true }
        }
    }

    deinit {
        close(pulses)
        close(pulseEnd)
    }

    func stop() {
        inbox.post(.stop)
        while !done.withLock({ $0 }) { usleep(1_000) }
    }

    func set(
        _ server: Int, health: ServicePlan.Health? = nil, duty: ServicePlan.Duty? = nil, weight: Int? = nil
    ) {
        inbox.post(.server(service: 0, server: server, health: health, duty: duty, weight: weight))
        // Commands are taken before the events that follow them; connecting is such an event.
        usleep(20_000)
    }

    func client() throws -> Wire { try Wire(to: port) }

    /// What comes for the worker during `body` it finds in one turn.
    func whileStopped(_ body: () throws -> Void) throws {
        let thread = try #require(thread)
        signal(SIGUSR2) { _ in
            Standstill.began.store(true, ordering: .releasing)
            while Standstill.began.load(ordering: .acquiring) { usleep(100) }
        }
        Standstill.began.store(false, ordering: .releasing)
        pthread_kill(thread, SIGUSR2)
        while !Standstill.began.load(ordering: .acquiring) { usleep(100) }
        defer { Standstill.began.store(false, ordering: .releasing) }
        try body()
    }
}

/// For one worker at a time: its signal handler can't be told anything else.
private enum Standstill {
    static let began = Atomic(false)

    /// Threads that a test's thread starts inherit libdispatch's mask, which lets no signal in.
    static func admit() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGUSR2)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
}

func service(
    _ ports: [UInt16], mode: ServicePlan.Mode = .http, connection: ServicePlan.ConnectionPolicy = .keepAlive,
    cookie: Bool = false, retries: Int = 3, maxConnections: Int = 100,
    timeouts: ServicePlan.Timeouts = ServicePlan.Timeouts(
        connect: 5_000, client: 20_000, server: 20_000, request: 10_000)
) throws -> ServicePlan.Service {
    ServicePlan.Service(
        name: "web", listeners: [], mode: mode, connection: connection, forwardedFor: true,
        cookie: cookie ? ServicePlan.Cookie(name: "SERVERNAME") : nil, retries: retries, maxConnections: maxConnections,
        timeouts: timeouts,
        servers: try ports.enumerated().map { place, port in
            ServicePlan.Server(
                name: "s\(place)", address: try ServicePlanTests.endpoint("127.0.0.1:\(port)"),
                cookie: cookie ? "s\(place)" : nil, health: .up)
        })
}

/// A port on which nobody listens, held by nobody: it refuses.
func refusingPort() throws -> UInt16 {
    let (fd, port) = try bindLoopback(listening: false)
    close(fd)
    return port
}
