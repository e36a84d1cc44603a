import CLinux
import Glibc

/// How often a worker shows that its loop turns.
enum PulseInterval {
    static let ticks: UInt32 = 3
    static let milliseconds = 3 * TimerWheel.tickMilliseconds
}

/// The sign of life that a worker's own loop sends: if the loop is wedged, it stops.
extension ProxyWorker {
    mutating func beat() {
        lastPulse = now
        resumeAllListeners()
        markAllFreed()
        reviewServers()
        feedStarved()
        fillReserve()
        pulses &+= 1
        if pulses % 128 == 0 { buffers.trim() }
        if channel < 0 { return }
        var output = HeadOutput(outputBuffer, capacity: ChannelMessage.limit)
        beginPulse(&output)
        for index in 0..<tables.serviceCount where tables.services[index].isPlanned && tables.services[index].isDirty {
            let entry = tables.services + index
            if !put(entry.pointee.planService, CounterEntry.ofService, entry.pointee.counters, &output) { return }
            entry.pointee.isDirty = false
        }
        for index in 0..<tables.serverCount where tables.servers[index].isPlanned && tables.servers[index].isDirty {
            let entry = tables.servers + index
            entry.pointee.counters.idleConnCur = UInt64(max(0, entry.pointee.idleCount))
            if !put(entry.pointee.planService, entry.pointee.planServer, entry.pointee.counters, &output) { return }
            entry.pointee.isDirty = false
        }
        if !sendPulse(output) { markAll() }
        sendLatencies()
    }

    /// Services and servers whose latencies go with one pulse at most: they are large, and their turn comes.
    private static let latenciesAtOnce = 20

    /// Sends the latencies that have changed, a few with each pulse, going round.
    private mutating func sendLatencies() {
        var output = HeadOutput(outputBuffer, capacity: ChannelMessage.limit)
        output.truncate(to: 0)
        output.put(byte: ChannelMessage.Kind.latencies.rawValue)
        output.put(byte: number)
        putRaw(tables.serial, &output)
        let head = output.count
        let all = tables.serviceCount + tables.serverCount
        let first = nextLatency
        var seen = 0
        while seen < all, output.count + LatencyEntry.size <= min(ChannelMessage.limit, Self.latencyBytes) {
            let index = (first + seen) % all
            seen += 1
            nextLatency = (index + 1) % all
            if index < tables.serviceCount {
                putLatencies(ofService: index, &output)
            } else {
                putLatencies(ofServer: index - tables.serviceCount, &output)
            }
        }
        if output.count > head && !sendPulse(output) {
            // They are still marked as new; the next pulse begins with them.
            nextLatency = first
            return
        }
        for place in 0..<seen {
            let index = (first + place) % all
            if index < tables.serviceCount {
                tables.services[index].hasNewLatencies = false
            } else {
                tables.servers[index - tables.serviceCount].hasNewLatencies = false
            }
        }
    }

    private static var latencyBytes: Int { 6 + latenciesAtOnce * LatencyEntry.size }

    private func putLatencies(ofService index: Int, _ output: inout HeadOutput) {
        let entry = tables.services + index
        guard entry.pointee.isPlanned, entry.pointee.hasNewLatencies else { return }
        putRaw(entry.pointee.planService, &output)
        putRaw(CounterEntry.ofService, &output)
        putRaw(tables.serviceLatencies[index], &output)
    }

    private func putLatencies(ofServer index: Int, _ output: inout HeadOutput) {
        let entry = tables.servers + index
        guard entry.pointee.isPlanned, entry.pointee.hasNewLatencies else { return }
        putRaw(entry.pointee.planService, &output)
        putRaw(entry.pointee.planServer, &output)
        putRaw(tables.serverLatencies[index], &output)
    }

    /// What was put into a message that didn't leave has to go again.
    private func markAll() {
        for index in 0..<tables.serviceCount { tables.services[index].isDirty = true }
        for index in 0..<tables.serverCount { tables.servers[index].isDirty = true }
    }

    private func beginPulse(_ output: inout HeadOutput) {
        output.truncate(to: 0)
        output.put(byte: ChannelMessage.Kind.pulse.rawValue)
        output.put(byte: number)
        putRaw(tables.serial, &output)
        putRaw(accessLog?.linesLost ?? 0, &output)
    }

    /// false: the supervisor doesn't take more now; what wasn't sent stays marked and goes with a later pulse.
    private func put(_ service: UInt16, _ server: UInt16, _ counters: ProxyCounters, _ output: inout HeadOutput) -> Bool
    {
        if output.count + CounterEntry.size > ChannelMessage.limit {
            if !sendPulse(output) {
                markAll()
                return false
            }
            beginPulse(&output)
        }
        putRaw(service, &output)
        putRaw(server, &output)
        putRaw(counters, &output)
        return true
    }

    /// Both ends are the same binary on the same machine: values go as they lie in memory.
    private func putRaw<Value: BitwiseCopyable>(_ value: Value, _ output: inout HeadOutput) {
        withUnsafeBytes(of: value) { raw in
            if let base = raw.baseAddress { output.put(base.assumingMemoryBound(to: UInt8.self), raw.count) }
        }
    }

    /// Never waits: a supervisor that was stopped must not stop us.
    private func sendPulse(_ output: HeadOutput) -> Bool { socket_send(channel, output.base, output.count) >= 0 }
}
