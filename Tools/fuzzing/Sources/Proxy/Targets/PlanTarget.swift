import CLinux
import Glibc

/// Bytes as a plan: what is taken holds its bounds, and is written again as it was read.
///
/// The first byte chooses: the rest is the plan itself, or changes to a good one.
enum PlanTarget {
    static func run(_ data: FuzzInput) {
        guard let first = data.first else { return }
        let bytes = first & 1 == 0 ? Array(data.dropping(1)) : GoodPlan.changed(by: data.dropping(1))
        guard let plan = try? ServicePlan(decoding: bytes) else { return }
        guard let again = try? plan.encoded() else { violated("a plan that was read can't be written") }
        guard let twice = try? ServicePlan(decoding: again) else { violated("a plan that was written can't be read") }
        require(twice == plan, "a plan changes on its way")
    }
}

/// A plan with something in every list, so that the fuzzer needn't find its form.
enum GoodPlan {
    private static let bytes: [UInt8] = {
        guard let listener = ServicePlan.Endpoint("127.0.0.1:80"), let address = ServicePlan.Endpoint("[::1]:8080")
        else { violated("an address isn't one") }
        let servers = ["fred", "ethyl"].map { ServicePlan.Server(name: $0, address: address, cookie: $0) }
        let web = ServicePlan.Service(
            name: "web", listeners: [listener], forwardedFor: true, cookie: ServicePlan.Cookie(name: "id"),
            servers: servers)
        do throws(ServicePlanError) {
            return try ServicePlan(services: [web]).encoded()
        } catch { violated("the good plan isn't good: \(error)") }
    }()

    /// Each change is a place of two bytes and the byte that is put there; a place beyond the end cuts it off.
    static func changed(by changes: FuzzInput) -> [UInt8] {
        var bytes = Self.bytes
        for start in stride(from: 0, to: changes.count - 2, by: 3) {
            let place = Int(changes[start]) << 8 | Int(changes[start + 1])
            if place < bytes.count { bytes[place] = changes[start + 2] } else { bytes.removeLast(min(bytes.count, 1)) }
        }
        return bytes
    }
}

/// Messages between control and proxy process. The first byte chooses: each is a length, a number of descriptors, and
/// that many bytes; or they bring a changed plan, as the supervisor would.
enum ChannelTarget {
    static func run(_ data: FuzzInput) {
        _ = ChannelMessage.Hello(Array(data))
        _ = Pulse(Array(data))
        var ends: (Int32, Int32) = (-1, -1)
        let made = withUnsafeMutablePointer(to: &ends) {
            $0.withMemoryRebound(to: Int32.self, capacity: 2) { socket_packet_pair($0) }
        }
        require(made == 0, "no socket pair")
        let inbox = WorkerInbox()
        let channel = ControlChannel(descriptor: ends.1, inboxes: [inbox], log: nil)
        if (data.first ?? 0) & 1 == 0 {
            send(data.dropping(1), to: ends.0)
        } else {
            sendPlan(data.dropping(1), to: ends.0)
        }
        while channel.receive(), !isEmpty(ends.1) {}
        for case .plan(let plan, serial: _, let listeners, logs: _) in inbox.takeAll() {
            require((try? plan.validate()) != nil, "a plan beyond its bounds was committed")
            require(listeners.count == plan.services.count, "listeners for other services")
        }
        // Descriptors that came with a message and found no use are the process's to keep, and it ends with the channel.
        _ = process_close_range(UInt32(min(ends.0, ends.1)), UInt32.max)
    }

    private static func sendPlan(_ data: FuzzInput, to channel: Int32) {
        let plan = GoodPlan.changed(by: data)
        for (bytes, fds) in ChannelMessage.messages(of: plan, serial: 1, listeners: [channel], logs: []) {
            var fds = fds
            _ = socket_send_descriptors(channel, bytes, bytes.count, &fds, fds.count)
        }
    }

    private static func send(_ data: FuzzInput, to channel: Int32) {
        var rest = data
        var messages = 0
        while rest.count > 3, messages < 32 {
            let size = min(Int(rest[0]) << 8 | Int(rest[1]), rest.count - 3)
            var fds = [Int32](repeating: channel, count: Int(rest[2]) % 4)
            let bytes = Array(rest[3..<3 + size])
            rest = rest.dropping(3 + size)
            if bytes.isEmpty { continue }
            _ = socket_send_descriptors(channel, bytes, bytes.count, &fds, fds.count)
            messages += 1
        }
    }

    private static func isEmpty(_ channel: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(channel, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) <= 0
    }
}
