import CLinux
import Glibc

/// What control and proxy process say to each other: one message a packet, over a SOCK_SEQPACKET pair. Both ends are
/// the same binary, so the layout is private to this module.
enum ChannelMessage {
    /// Bytes in one message.
    static let limit = 32_768

    enum Kind: UInt8 {
        // To the proxy process, in this order first.
        case hello = 1
        /// Throws away what came of an earlier plan.
        case planBegin
        case planPart
        /// Listening sockets: for each service, for each of its listeners, one for each worker.
        case listeners
        case planCommit
        /// Health, duty and weight of one server of the plan that was committed last.
        case server
        case stop
        /// Descriptors of the plan's log sinks, in their order.
        case logs = 32
        // From it.
        case pulse = 64
        /// Some services' and servers' latencies.
        case latencies
    }

    /// The first message: everything that has to be known before privileges are given up.
    struct Hello: Equatable {
        var uid: UInt32
        var gid: UInt32
        /// The supervisor's process id, to notice when it ended before the kernel was told to watch it.
        var parent: Int32
        var threads: UInt8
        /// Open files to ask for.
        var descriptors: UInt32
        /// Milliseconds to serve on when the supervisor has ended.
        var linger: UInt32

        var bytes: [UInt8] {
            var writer = PlanWriter()
            writer.put(Kind.hello.rawValue)
            writer.put(uid)
            writer.put(gid)
            writer.put(parent)
            writer.put(threads)
            writer.put(descriptors)
            writer.put(linger)
            return writer.bytes
        }

        init(uid: UInt32, gid: UInt32, parent: Int32, threads: UInt8, descriptors: UInt32, linger: UInt32) {
            self.uid = uid
            self.gid = gid
            self.parent = parent
            self.threads = threads
            self.descriptors = descriptors
            self.linger = linger
        }

        init?(_ message: [UInt8]) {
            var reader = PlanReader(message)
            do throws(ServicePlanError) {
                guard try reader.take(UInt8.self) == Kind.hello.rawValue else { return nil }
                uid = try reader.take()
                gid = try reader.take()
                parent = try reader.take()
                threads = try reader.take(UInt8.self)
                descriptors = try reader.take()
                linger = try reader.take()
            } catch { return nil }
            guard reader.isAtEnd, (1...ServicePlan.Limit.threads).contains(Int(threads)) else { return nil }
        }
    }

    /// A plan and its sockets as messages, with the descriptors that go with each.
    static func messages(
        of plan: [UInt8], serial: UInt32, listeners: [Int32], logs: [Int32]
    ) -> [(bytes: [UInt8], fds: [Int32])] {
        var messages: [(bytes: [UInt8], fds: [Int32])] = [([Kind.planBegin.rawValue], [])]
        let part = limit - 1
        for start in stride(from: 0, to: plan.count, by: part) {
            let end = min(start + part, plan.count)
            messages.append(([Kind.planPart.rawValue] + plan[start..<end], []))
        }
        let most = Int(SOCKET_DESCRIPTORS_MAX)
        for (kind, descriptors) in [(Kind.listeners, listeners), (.logs, logs)] {
            for start in stride(from: 0, to: descriptors.count, by: most) {
                let end = min(start + most, descriptors.count)
                messages.append(([kind.rawValue], Array(descriptors[start..<end])))
            }
        }
        var commit = PlanWriter()
        commit.put(Kind.planCommit.rawValue)
        commit.put(serial)
        commit.put(UInt32(plan.count))
        commit.put(UInt32(listeners.count))
        messages.append((commit.bytes, []))
        return messages
    }

    static func server(
        service: Int, server: Int, health: ServicePlan.Health, duty: ServicePlan.Duty, weight: Int
    ) -> [UInt8] {
        var writer = PlanWriter()
        writer.put(Kind.server.rawValue)
        writer.put(UInt16(service))
        writer.put(UInt16(server))
        writer.put(health.rawValue)
        writer.put(duty.rawValue)
        writer.put(UInt16(weight))
        return writer.bytes
    }

    /// Receives one message. nil: none is there now (`EAGAIN`), or the channel is broken.
    static func receive(_ channel: Int32) -> Received {
        var bytes = [UInt8](repeating: 0, count: limit)
        var fds = [Int32](repeating: -1, count: Int(SOCKET_DESCRIPTORS_MAX))
        var fdCount = 0
        let count = socket_receive_descriptors(channel, &bytes, bytes.count, &fds, &fdCount)
        if count > 0 { return .message(Array(bytes[..<count]), Array(fds[..<fdCount])) }
        for fd in fds[..<fdCount] { close(fd) }
        if count < 0 && (errno == EAGAIN || errno == EINTR) { return .nothing }
        return .closed
    }

    enum Received {
        case message([UInt8], [Int32])
        case nothing
        case closed
    }
}

/// One service's or server's counters in a pulse, as they lie in memory.
struct CounterEntry {
    static let ofService = UInt16.max
    static let size = 4 + MemoryLayout<ProxyCounters>.size

    var service: Int
    /// nil: the service itself.
    var server: Int?
    var counters: ProxyCounters
}

/// A pulse, as the supervisor reads it.
struct Pulse {
    var worker: Int
    var serial: UInt32
    /// Lines of the access log that no sink took; every worker says the process's number.
    var linesLost: UInt64
    var entries: [CounterEntry]

    /// nil: not a pulse, or a damaged one.
    init?(_ message: [UInt8]) {
        let head = 14
        guard message.count >= head, message[0] == ChannelMessage.Kind.pulse.rawValue,
            (message.count - head) % CounterEntry.size == 0
        else { return nil }
        worker = Int(message[1])
        (serial, linesLost, entries) = message.withUnsafeBytes { raw in
            let serial = raw.loadUnaligned(fromByteOffset: 2, as: UInt32.self)
            let entries = stride(from: head, to: raw.count, by: CounterEntry.size).map { start in
                let server = raw.loadUnaligned(fromByteOffset: start + 2, as: UInt16.self)
                return CounterEntry(
                    service: Int(raw.loadUnaligned(fromByteOffset: start, as: UInt16.self)),
                    server: server == CounterEntry.ofService ? nil : Int(server),
                    counters: raw.loadUnaligned(fromByteOffset: start + 4, as: ProxyCounters.self))
            }
            return (serial, raw.loadUnaligned(fromByteOffset: 6, as: UInt64.self), entries)
        }
    }
}

/// One service's or server's latencies, as they lie in memory.
struct LatencyEntry {
    static let size = 4 + MemoryLayout<Latencies>.size

    var service: Int
    /// nil: the service itself.
    var server: Int?
    var latencies: Latencies
}

/// Latencies, as the supervisor reads them.
struct LatencyReport {
    var worker: Int
    var serial: UInt32
    var entries: [LatencyEntry]

    /// nil: something else, or a damaged one.
    init?(_ message: [UInt8]) {
        let head = 6
        guard message.count >= head, message[0] == ChannelMessage.Kind.latencies.rawValue,
            (message.count - head) % LatencyEntry.size == 0
        else { return nil }
        worker = Int(message[1])
        (serial, entries) = message.withUnsafeBytes { raw in
            let entries = stride(from: head, to: raw.count, by: LatencyEntry.size).map { start in
                let server = raw.loadUnaligned(fromByteOffset: start + 2, as: UInt16.self)
                return LatencyEntry(
                    service: Int(raw.loadUnaligned(fromByteOffset: start, as: UInt16.self)),
                    server: server == CounterEntry.ofService ? nil : Int(server),
                    latencies: raw.loadUnaligned(fromByteOffset: start + 4, as: Latencies.self))
            }
            return (raw.loadUnaligned(fromByteOffset: 2, as: UInt32.self), entries)
        }
    }
}
