import CLinux
import Glibc

/// The log thread's work: takes lines out of the rings and brings them to their sinks.
struct LogWriter {
    private let desk: LogDesk
    private let bell: Int32
    private let hatch: Int32
    private var targets: [LogTarget?] = []
    private var services: [[UInt8]] = []
    private var clock = LogClock()
    private static let waitMilliseconds: Int32 = 1_000

    /// - Parameters:
    ///   - bell: an eventfd that says that there is something to do.
    ///   - hatch: where the sinks' descriptors come out.
    init(_ desk: LogDesk, bell: Int32, hatch: Int32) {
        self.desk = desk
        self.bell = bell
        self.hatch = hatch
    }

    mutating func run() {
        while true {
            let isLast = desk.isEnding
            if !isLast {
                var wait = pollfd(fd: bell, events: Int16(POLLIN), revents: 0)
                poll(&wait, 1, Self.waitMilliseconds)
            }
            _ = polling_silence(bell)
            takeNews()
            clock.set(monotonic: 0)
            for ring in desk.rings { ring.drain { line in write(line) } }
            for number in targets.indices { lose(targets[number]?.flush() ?? 0) }
            if isLast { break }
        }
        for number in targets.indices { targets[number]?.end() }
    }

    private mutating func takeNews() {
        for news in desk.takeNews() {
            switch news {
            case .services(let names): services = names.map { Array($0.utf8) }
            case .sink(let number, let sink, let ticket):
                while targets.count <= number { targets.append(nil) }
                targets[number]?.end()
                targets[number] = LogTarget(sink, fd: descriptor(ticket))
            case .retired(let number):
                guard targets.indices.contains(number) else { continue }
                targets[number]?.end()
                targets[number] = nil
            }
        }
    }

    /// The descriptor that came with a ticket; those with earlier ones were overtaken. -1: there is none.
    private func descriptor(_ wanted: UInt64) -> Int32 {
        var ticket: UInt64 = 0
        var found = [Int32](repeating: -1, count: Int(SOCKET_DESCRIPTORS_MAX))
        while true {
            var count = 0
            let received = withUnsafeMutableBytes(of: &ticket) { raw in
                socket_receive_descriptors(hatch, raw.baseAddress, raw.count, &found, &count)
            }
            if received < 0 && errno == EINTR { continue }
            guard received == MemoryLayout<UInt64>.size else { return -1 }
            if ticket == wanted { return count > 0 ? found[0] : -1 }
            for fd in found.prefix(count) { close(fd) }
        }
    }

    private mutating func write(_ line: LogRing.Line) {
        guard targets.indices.contains(Int(line.sink)), targets[Int(line.sink)] != nil else {
            lose(1)
            return
        }
        let service = services.indices.contains(Int(line.service)) ? services[Int(line.service)] : []
        lose(targets[Int(line.sink)]?.add(line, service: service, clock) ?? 0)
    }

    private func lose(_ lines: Int) { if lines > 0 { desk.lose(lines) } }
}

/// One sink, and what is collected for it: bytes of a file, or datagrams.
struct LogTarget {
    private let sink: ServicePlan.LogSink
    private var fd: Int32
    private let buffer: Bytes
    private var count = 0
    /// Of the datagrams in the buffer.
    private let lengths: UnsafeMutablePointer<UInt32>
    private var lines = 0
    /// It took nothing the last time: it isn't waited for any more until it takes something.
    private var isStalled = false
    /// The last line was cut off.
    private var isTorn = false
    private var lastConnect: UInt64 = 0
    private let introduction: LogIntroduction

    private static let capacity = 65_536
    /// Room that a line may need beyond its own bytes.
    private static let overhead = 1_024
    private static let patienceMilliseconds: Int32 = 100

    init(_ sink: ServicePlan.LogSink, fd: Int32) {
        self.sink = sink
        self.fd = fd
        buffer = .allocate(capacity: Self.capacity)
        lengths = .allocate(capacity: Int(SOCKET_BATCH_MAX))
        introduction = LogIntroduction(sink)
    }

    private var isStream: Bool {
        switch sink.place {
        case .file, .stdout: true
        case .journald, .syslogSocket, .syslogUDP: false
        }
    }

    /// - Returns: how many lines were lost, to make room for this one.
    mutating func add(_ line: LogRing.Line, service: [UInt8], _ clock: LogClock) -> Int {
        var lost = 0
        if count + line.count + Self.overhead > Self.capacity || lines == Int(SOCKET_BATCH_MAX) && !isStream {
            lost = flush()
        }
        var output = HeadOutput(buffer + count, capacity: Self.capacity - count)
        if isStream && isTorn && count == 0 { output.put(byte: 0x0a) }
        introduction.put(line, service: service, clock, into: &output)
        if isStream { output.put(byte: 0x0a) } else { lengths[lines] = UInt32(output.count) }
        count += output.count
        lines += 1
        return lost
    }

    /// - Returns: how many of the lines collected were lost.
    mutating func flush() -> Int {
        defer {
            count = 0
            lines = 0
        }
        if lines == 0 { return 0 }
        return isStream ? writeStream() : sendDatagrams()
    }

    mutating func end() {
        if fd >= 0 { close(fd) }
        fd = -1
        buffer.deallocate()
        lengths.deallocate()
    }

    // MARK: files, pipes

    private mutating func writeStream() -> Int {
        var written = 0
        while written < count {
            // A pipe that is ready takes this much without blocking (pipe(7), PIPE_BUF); a file is always ready.
            let piece = sink.place == .stdout ? min(count - written, 4_096) : count - written
            guard awaitRoom() else { break }
            let taken = write(fd, buffer + written, piece)
            if taken < 0 && (errno == EINTR || errno == EAGAIN) { continue }
            if taken <= 0 { break }
            written += taken
            isStalled = false
        }
        isTorn = written < count && (written == 0 ? isTorn : buffer[written - 1] != 0x0a)
        if written == count { return 0 }
        return (written..<count).reduce(0) { $0 + (buffer[$1] == 0x0a ? 1 : 0) }
    }

    /// Waits a moment for a slow reader, once.
    private mutating func awaitRoom() -> Bool {
        var wait = pollfd(fd: fd, events: Int16(POLLOUT), revents: 0)
        if poll(&wait, 1, isStalled ? 0 : Self.patienceMilliseconds) > 0 {
            return wait.revents & Int16(POLLOUT) != 0
        }
        isStalled = true
        return false
    }

    // MARK: datagrams

    private mutating func sendDatagrams() -> Int {
        var sent = 0
        var start = 0
        var hasRetried = false
        while sent < lines {
            let count = socket_send_batch(fd, buffer + start, lengths + sent, UInt32(lines - sent))
            if count > 0 {
                for place in sent..<sent + Int(count) { start += Int(lengths[place]) }
                sent += Int(count)
                isStalled = false
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN, ENOBUFS:
                guard awaitRoom() else { return lines - sent }
            case EMSGSIZE:
                // This one is too long for whoever takes it; the others aren't.
                start += Int(lengths[sent])
                sent += 1
                return 1 + sendRest(from: sent, start)
            default:
                // Nobody was there: a datagram before this one said so (ECONNREFUSED), or the other end was started anew.
                if hasRetried || !reconnect() { return lines - sent }
                hasRetried = true
            }
        }
        return 0
    }

    private mutating func sendRest(from first: Int, _ start: Int) -> Int {
        var lost = 0
        var start = start
        for place in first..<lines {
            let count = Int(lengths[place])
            if socket_send(fd, buffer + start, count) < 0 { lost += 1 }
            start += count
        }
        return lost
    }

    /// Connects again, at most once a second. UDP needs it only after the address came into being.
    private mutating func reconnect() -> Bool {
        if case .syslogUDP = sink.place, errno == ECONNREFUSED { return true }
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let now = UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000
        if lastConnect != 0 && now - lastConnect < 1_000 { return false }
        lastConnect = now
        return LogSocket.connect(fd, to: sink.place)
    }
}

/// What stands around a line for whoever takes it.
struct LogIntroduction {
    private let sink: ServicePlan.LogSink
    private let host: [UInt8]
    private let tag: [UInt8]
    private let process: Int
    /// Informational (RFC 5424 section 6.2.1).
    private static let severity = 6

    init(_ sink: ServicePlan.LogSink) {
        self.sink = sink
        tag = Array(sink.tag.utf8)
        process = Int(getpid())
        var name = [CChar](repeating: 0, count: 65)
        let code = gethostname(&name, name.count - 1)
        let bytes = name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
        let isUsable = code == 0 && !bytes.isEmpty && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7f }
        host = isUsable ? bytes : [0x2d]
    }

    func put(_ line: LogRing.Line, service: [UInt8], _ clock: LogClock, into output: inout HeadOutput) {
        switch sink.place {
        case .file, .stdout: break
        case .journald:
            putJournal(line, service, into: &output)
            return
        case .syslogSocket, .syslogUDP:
            output.put(byte: 0x3c)
            output.put(decimal: Int(sink.facility) * 8 + Self.severity)
            output.put(byte: 0x3e)
            if sink.framing == .rfc5424 {
                putRFC5424(line, into: &output)
            } else {
                putRFC3164(line, clock, into: &output)
            }
        }
        output.put(line.bytes, line.count)
    }

    /// RFC 3164; without the host's name on this machine's own socket, as syslog(3).
    private func putRFC3164(_ line: LogRing.Line, _ clock: LogClock, into output: inout HeadOutput) {
        clock.putBSD(wall: line.wall, into: &output)
        output.put(byte: 0x20)
        if case .syslogUDP = sink.place {
            put(host, into: &output)
            output.put(byte: 0x20)
        }
        put(tag, into: &output)
        output.put(byte: 0x5b)
        output.put(decimal: process)
        output.put("]: ")
    }

    private func putRFC5424(_ line: LogRing.Line, into output: inout HeadOutput) {
        output.put("1 ")
        LogClock.putUTC(wall: line.wall, into: &output)
        output.put(byte: 0x20)
        put(host, into: &output)
        output.put(byte: 0x20)
        put(tag, into: &output)
        output.put(byte: 0x20)
        output.put(decimal: process)
        output.put(" - - ")
    }

    /// Fields as lines: no line of ours has a line end in it, so none needs the binary form.
    private func putJournal(_ line: LogRing.Line, _ service: [UInt8], into output: inout HeadOutput) {
        output.put("PRIORITY=6\nSYSLOG_FACILITY=")
        output.put(decimal: Int(sink.facility))
        output.put("\nSYSLOG_IDENTIFIER=")
        put(tag, into: &output)
        output.put("\nELECTD_SERVICE=")
        put(service, into: &output)
        output.put("\nMESSAGE=")
        output.put(line.bytes, line.count)
        output.put(byte: 0x0a)
    }

    private func put(_ bytes: [UInt8], into output: inout HeadOutput) {
        bytes.withUnsafeBufferPointer { raw in
            if let base = raw.baseAddress { output.put(base, raw.count) }
        }
    }
}
