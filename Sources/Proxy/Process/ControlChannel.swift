import CLinux
import Glibc
import Synchronization

/// The proxy process's end of the channel: takes the supervisor's messages apart and posts them to the workers.
package final class ControlChannel: Sendable {
    let descriptor: Int32
    private let inboxes: [WorkerInbox]
    private let log: AccessLog?
    private let assembly = Mutex(Assembly())
    private let garbled = Mutex(false)

    /// Something came that the supervisor doesn't say.
    var isGarbled: Bool { garbled.withLock { $0 } }

    /// A plan while it comes in.
    private struct Assembly {
        var plan: [UInt8] = []
        var listeners: [Int32] = []
        var logs: [Int32] = []
    }

    /// A plan's bytes and sockets are bounded by the plan's own limits; this is far beyond them.
    private static let planLimit = 16_777_216
    private static let listenerLimit = 65_536

    init(descriptor: Int32, inboxes: [WorkerInbox], log: AccessLog?) {
        self.descriptor = descriptor
        self.inboxes = inboxes
        self.log = log
    }

    /// Takes what has come. false: the supervisor is gone, or doesn't speak as it should.
    func receive() -> Bool {
        for _ in 0..<64 {
            switch ChannelMessage.receive(descriptor) {
            case .nothing: return true
            case .closed: return false
            case .message(let bytes, let fds):
                if take(bytes, fds) { continue }
                garbled.withLock { $0 = true }
                return false
            }
        }
        return true
    }

    private func take(_ message: [UInt8], _ fds: [Int32]) -> Bool {
        var reader = PlanReader(message)
        guard let raw = try? reader.take(UInt8.self), let kind = ChannelMessage.Kind(rawValue: raw) else {
            return false
        }
        switch kind {
        case .planBegin:
            assembly.withLock { assembly in
                for fd in assembly.listeners + assembly.logs { close(fd) }
                assembly = Assembly()
            }
            return true
        case .planPart:
            return assembly.withLock { assembly in
                assembly.plan.append(contentsOf: message.dropFirst())
                return assembly.plan.count <= Self.planLimit
            }
        case .listeners:
            return assembly.withLock { assembly in
                assembly.listeners.append(contentsOf: fds)
                return assembly.listeners.count <= Self.listenerLimit
            }
        case .logs:
            return assembly.withLock { assembly in
                assembly.logs.append(contentsOf: fds)
                return assembly.logs.count <= ServicePlan.Limit.services
            }
        case .planCommit: return (try? commit(&reader)) ?? false
        case .server: return (try? setServer(&reader)) ?? false
        case .stop:
            for inbox in inboxes { inbox.post(.stop) }
            return true
        case .hello, .pulse, .latencies: return false
        }
    }

    private func commit(_ reader: inout PlanReader) throws(ServicePlanError) -> Bool {
        let serial: UInt32 = try reader.take()
        let planCount: UInt32 = try reader.take()
        let listenerCount: UInt32 = try reader.take()
        let complete = assembly.withLock { assembly in
            let complete = assembly
            assembly = Assembly()
            return complete
        }
        guard complete.plan.count == planCount, complete.listeners.count == listenerCount else { return false }
        let plan = try ServicePlan(decoding: complete.plan)
        let sockets = plan.services.reduce(0) { $0 + $1.listeners.count } * inboxes.count
        guard sockets == complete.listeners.count, plan.sinks.count == complete.logs.count else { return false }
        let logs = log?.take(plan, complete.logs) ?? []
        for (worker, inbox) in inboxes.enumerated() {
            var next = worker
            let mine = plan.services.map { service in
                service.listeners.map { _ in
                    defer { next += inboxes.count }
                    return complete.listeners[next]
                }
            }
            inbox.post(.plan(plan, serial: serial, listeners: mine, logs: logs))
        }
        return true
    }

    private func setServer(_ reader: inout PlanReader) throws(ServicePlanError) -> Bool {
        let service = Int(try reader.take(UInt16.self))
        let server = Int(try reader.take(UInt16.self))
        let health: ServicePlan.Health = try reader.takeCase()
        let duty: ServicePlan.Duty = try reader.takeCase()
        let weight = Int(try reader.take(UInt16.self))
        for inbox in inboxes {
            inbox.post(.server(service: service, server: server, health: health, duty: duty, weight: weight))
        }
        return true
    }
}
