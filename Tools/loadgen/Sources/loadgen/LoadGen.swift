import CLinux
import Glibc

/// `loadgen ADDRESS PORT RATE SECONDS CONNECTIONS`: sends GET / at fixed instants, whatever the answers do, and prints
/// one JSON object. A latency counts from the instant at which a request was due, so that a server that stalls can't
/// hide it by being asked less (the coordinated omission of closed loops).
@main
struct LoadGen {
    static func main() {
        let words = CommandLine.arguments
        guard words.count == 6, let port = UInt16(words[2]), let rate = Double(words[3]), rate > 0,
            let seconds = Double(words[4]), seconds > 0, let count = Int(words[5]), (1...1_000).contains(count)
        else {
            fail("usage: loadgen ADDRESS PORT RATE SECONDS CONNECTIONS")
        }
        signal(SIGPIPE, SIG_IGN)
        var run = Run(address: words[1], port: port, rate: rate, seconds: seconds, connections: count)
        run.play()
        print(run.report)
    }

    static func fail(_ text: String) -> Never {
        let line = Array("loadgen: \(text)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
        exit(64)
    }
}

enum Answer {
    case incomplete, whole
    /// The connection is gone.
    case closed
    /// Its status isn't 2xx, or it doesn't say how long it is.
    case refused
}

/// Requests without a good answer, by what came instead.
struct Errors {
    var closed = 0
    var refused = 0
    var silent = 0

    var all: Int { closed + refused + silent }
}

/// One connection, which has one request on its way at most.
struct Connection {
    var descriptor: Int32
    /// When its request was due, in nanoseconds; nil: it is free.
    var due: UInt64?
    var received: [UInt8] = []

    init(_ address: String, _ port: UInt16) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        guard descriptor >= 0, inet_pton(AF_INET, address, &name.sin_addr) == 1 else {
            LoadGen.fail("no socket for \(address)")
        }
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, length) }
        }
        guard code == 0 else { LoadGen.fail("\(address):\(port) does not accept: error \(errno)") }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Takes what has come.
    mutating func takeAnswer() -> Answer {
        var piece = [UInt8](repeating: 0, count: 16_384)
        let count = recv(descriptor, &piece, piece.count, 0)
        if count < 0 { return errno == EAGAIN ? .incomplete : .closed }
        if count == 0 { return .closed }
        received += piece[..<count]
        guard let end = headEnd() else { return .incomplete }
        guard received.count > 9, received[9] == 0x32, let length = contentLength(end) else { return .refused }
        guard received.count >= end + length else { return .incomplete }
        received.removeAll(keepingCapacity: true)
        return .whole
    }

    private func headEnd() -> Int? {
        guard received.count >= 4 else { return nil }
        for i in 3..<received.count where received[i] == 10 && received[i - 1] == 13 && received[i - 2] == 10 {
            return i + 1
        }
        return nil
    }

    private func contentLength(_ end: Int) -> Int? {
        let head = String(decoding: received[..<end], as: UTF8.self).lowercased()
        guard let line = head.split(separator: "\r\n").first(where: { $0.hasPrefix("content-length:") }) else {
            return nil
        }
        return Int(line.dropFirst(15).drop { $0 == " " })
    }
}

/// The schedule and what came of it.
struct Run {
    private let address: String
    private let port: UInt16
    private let interval: Double
    private let seconds: Double
    private let request: [UInt8]
    private var connections: [Connection]
    private var waits: [pollfd]
    private let timer: Int32
    private var free: [Int]
    private var latencies: [UInt64] = []
    private var errors = Errors()
    private var next = 0
    private var begin: UInt64 = 0
    private let total: Int

    init(address: String, port: UInt16, rate: Double, seconds: Double, connections count: Int) {
        self.address = address
        self.port = port
        self.seconds = seconds
        interval = 1e9 / rate
        total = Int(rate * seconds)
        request = Array("GET / HTTP/1.1\r\nHost: \(address)\r\n\r\n".utf8)
        connections = (0..<count).map { _ in Connection(address, port) }
        waits = connections.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        timer = polling_timer(CLOCK_MONOTONIC)
        waits.append(pollfd(fd: timer, events: Int16(POLLIN), revents: 0))
        free = Array(0..<count)
        latencies.reserveCapacity(total)
    }

    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private func due(_ number: Int) -> UInt64 { begin + UInt64(Double(number) * interval) }

    mutating func play() {
        begin = Self.now()
        // Answers that are late have as long again; what hasn't come then is an error.
        let end = begin + UInt64(seconds * 2e9) + 1_000_000_000
        while latencies.count + errors.all < total {
            let now = Self.now()
            if now > end {
                errors.silent = total - latencies.count - errors.closed - errors.refused
                return
            }
            while next < total, due(next) <= now, let index = free.popLast() { send(index) }
            wait(until: next < total && !free.isEmpty ? due(next) : now + 10_000_000)
            for index in connections.indices where waits[index].revents != 0 { receive(index) }
        }
    }

    private mutating func send(_ index: Int) {
        connections[index].due = due(next)
        next += 1
        if Glibc.send(connections[index].descriptor, request, request.count, 0) != request.count {
            lose(index, \.closed)
        }
    }

    private mutating func wait(until instant: UInt64) {
        if instant < Self.now() + 20_000 { return }  // no timer is that exact
        _ = polling_timer_set(timer, instant)
        _ = poll(&waits, nfds_t(waits.count), -1)
        _ = polling_timer_expirations(timer)
    }

    private mutating func receive(_ index: Int) {
        switch connections[index].takeAnswer() {
        case .incomplete: break
        case .whole:
            guard let due = connections[index].due else { return }
            latencies.append(Self.now() - due)
            connections[index].due = nil
            free.append(index)
        case .closed: lose(index, \.closed)
        case .refused: lose(index, \.refused)
        }
    }

    /// Counts the request as failed, and takes a new connection.
    private mutating func lose(_ index: Int, _ kind: WritableKeyPath<Errors, Int>) {
        if connections[index].due != nil {
            errors[keyPath: kind] += 1
            free.append(index)
        }
        close(connections[index].descriptor)
        connections[index] = Connection(address, port)
        waits[index].fd = connections[index].descriptor
    }

    var report: String {
        let sorted = latencies.sorted()
        func percentile(_ share: Double) -> Double {
            sorted.isEmpty ? 0 : Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]) / 1_000
        }
        let values = [
            "requests": Double(sorted.count), "errors": Double(errors.all), "closed": Double(errors.closed),
            "refused": Double(errors.refused), "silent": Double(errors.silent), "p50_us": percentile(0.5),
            "p99_us": percentile(0.99), "p999_us": percentile(0.999),
        ]
        let members = values.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }
        return "{" + members.joined(separator: ", ") + "}"
    }
}
