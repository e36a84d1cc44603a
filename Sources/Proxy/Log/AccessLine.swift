/// What a line of the access log says, collected from the tables and the client's slot. Trivial.
struct AccessLine {
    var record: ExchangeRecord
    var address: ClientAddress
    /// Microseconds of the monotonic clock.
    var ended: UInt64
    var service: OwnedText
    var server: OwnedText?
    var retries: UInt8
    var isHTTP: Bool
    /// Connections of the process and of the service; exchanges of the service and of the server, this one included.
    var processConnections: Int
    var serviceConnections: Int
    var serviceExchanges: Int
    var serverExchanges: Int

    private static let badRequest: StaticString = "<BADREQ>"
    private static let noServer: StaticString = "<NOSRV>"

    // MARK: times

    /// Milliseconds between two points; -1 when the exchange didn't come to the second.
    @inline(__always)
    private func milliseconds(_ from: UInt32, _ to: UInt32) -> Int {
        if to == ExchangeRecord.never || from == ExchangeRecord.never { return -1 }
        return Int(to &- min(from, to)) / 1_000
    }

    private var total: Int { Int(ended &- record.begun) / 1_000 }

    // MARK: HAProxy's formats (its configuration manual, sections 8.2.2 and 8.2.3)

    func putHAProxy(_ clock: LogClock, into output: inout HeadOutput) {
        address.put(into: &output)
        output.put(byte: 0x3a)
        output.put(decimal: Int(address.port))
        output.put(" [")
        clock.putHAProxy(record.begun, into: &output)
        output.put("] ")
        put(service, into: &output)
        output.put(byte: 0x20)
        put(service, into: &output)
        output.put(byte: 0x2f)
        if let server { put(server, into: &output) } else { output.put(Self.noServer) }
        output.put(byte: 0x20)
        putTimes(into: &output)
        if isHTTP {
            output.put(byte: 0x20)
            // No answer: HAProxy says -1.
            output.put(signed: record.status == 0 ? -1 : Int(record.status))
        }
        output.put(byte: 0x20)
        output.put(decimal: Int(truncatingIfNeeded: record.bytesOut))
        output.put(byte: 0x20)
        // Captured cookies: none are captured.
        if isHTTP { output.put("- - ") }
        putState(into: &output)
        output.put(byte: 0x20)
        putCounts(into: &output)
        if !isHTTP { return }
        output.put(" \"")
        if record.lineCount > 0, let text = record.text {
            LogEscape.putHAProxy(text, Int(record.lineCount), into: &output)
        } else {
            output.put(Self.badRequest)
        }
        output.put(byte: 0x22)
    }

    private func putTimes(into output: inout HeadOutput) {
        if isHTTP {
            output.put(signed: milliseconds(0, record.head))
            output.put(byte: 0x2f)
        }
        output.put(signed: milliseconds(isHTTP ? record.head : 0, record.assigned))
        output.put(byte: 0x2f)
        output.put(signed: milliseconds(record.assigned, record.connected))
        output.put(byte: 0x2f)
        if isHTTP {
            output.put(signed: milliseconds(record.connected, record.responded))
            output.put(byte: 0x2f)
        }
        output.put(decimal: total)
    }

    @inline(__always)
    private func putState(into output: inout HeadOutput) {
        output.put(byte: record.cause.rawValue)
        output.put(byte: record.stage.rawValue)
        if !isHTTP { return }
        output.put(byte: record.cookieAsked.rawValue)
        output.put(byte: record.cookieAnswered.rawValue)
    }

    private func putCounts(into output: inout HeadOutput) {
        output.put(decimal: processConnections)
        output.put(byte: 0x2f)
        output.put(decimal: serviceConnections)
        output.put(byte: 0x2f)
        output.put(decimal: serviceExchanges)
        output.put(byte: 0x2f)
        output.put(decimal: serverExchanges)
        output.put(byte: 0x2f)
        if record.isRedispatched { output.put(byte: 0x2b) }
        output.put(decimal: Int(retries))
        output.put(byte: 0x20)
        output.put(decimal: Int(record.aheadAtServer))
        output.put(byte: 0x2f)
        output.put(decimal: Int(record.aheadInService))
    }

    private func put(_ text: OwnedText, into output: inout HeadOutput) {
        if let bytes = text.bytes { output.put(bytes, text.count) } else { output.put(byte: 0x2d) }
    }

    // MARK: JSON

    func putJSON(_ clock: LogClock, into output: inout HeadOutput) {
        output.put("{\"time\":\"")
        LogClock.putUTC(wall: clock.wall(record.begun), into: &output)
        output.put("\",\"service\":\"")
        put(service, into: &output)
        output.put("\",\"client\":\"")
        address.put(into: &output)
        output.put("\",\"client_port\":")
        output.put(decimal: Int(address.port))
        output.put(",\"server\":")
        if let server {
            output.put(byte: 0x22)
            put(server, into: &output)
            output.put(byte: 0x22)
        } else {
            output.put("null")
        }
        if isHTTP { putRequest(into: &output) }
        output.put(",\"bytes_in\":")
        output.put(decimal: Int(truncatingIfNeeded: record.bytesIn))
        output.put(",\"bytes_out\":")
        output.put(decimal: Int(truncatingIfNeeded: record.bytesOut))
        putDurations(into: &output)
        output.put(",\"termination\":\"")
        putState(into: &output)
        output.put("\",\"retries\":")
        output.put(decimal: Int(retries))
        output.put(",\"redispatched\":")
        output.put(record.isRedispatched ? "true" : "false")
        putJSONCounts(into: &output)
    }

    private func putRequest(into output: inout HeadOutput) {
        let count = Int(record.lineCount)
        let (first, last) = Self.spaces(record.text, count)
        output.put(",\"method\":")
        putText(record.text, 0, first, into: &output)
        output.put(",\"uri\":")
        putText(record.text, first + 1, last - first - 1, into: &output)
        output.put(",\"protocol\":")
        putText(record.text, last + 1, count - last - 1, into: &output)
        output.put(",\"host\":")
        putText(record.text, Int(record.lineCount), Int(record.hostCount), into: &output)
        output.put(",\"status\":")
        if record.status == 0 { output.put("null") } else { output.put(decimal: Int(record.status)) }
    }

    /// Before and behind the target of a request line; where it was cut off, the target goes to the end.
    private static func spaces(_ line: Bytes?, _ count: Int) -> (first: Int, last: Int) {
        guard let line, count > 0 else { return (0, 0) }
        var first = 0
        while first < count, line[first] != 0x20 { first &+= 1 }
        var last = count &- 1
        while last > first, line[last] != 0x20 { last &-= 1 }
        return last > first ? (first, last) : (first, count)
    }

    private func putText(_ text: Bytes?, _ start: Int, _ count: Int, into output: inout HeadOutput) {
        guard let text, count > 0 else {
            output.put("null")
            return
        }
        output.put(byte: 0x22)
        LogEscape.putJSON(text + start, count, into: &output)
        output.put(byte: 0x22)
    }

    private func putDurations(into output: inout HeadOutput) {
        if isHTTP { putDuration(",\"request_ms\":", 0, record.head, into: &output) }
        putDuration(",\"queue_ms\":", isHTTP ? record.head : 0, record.assigned, into: &output)
        putDuration(",\"connect_ms\":", record.assigned, record.connected, into: &output)
        if isHTTP { putDuration(",\"response_ms\":", record.connected, record.responded, into: &output) }
        output.put(",\"total_ms\":")
        putMilliseconds(ended &- record.begun, into: &output)
    }

    private func putDuration(_ name: StaticString, _ from: UInt32, _ to: UInt32, into output: inout HeadOutput) {
        output.put(name)
        if to == ExchangeRecord.never || from == ExchangeRecord.never {
            output.put("null")
        } else {
            putMilliseconds(UInt64(to &- min(from, to)), into: &output)
        }
    }

    private func putMilliseconds(_ microseconds: UInt64, into output: inout HeadOutput) {
        output.put(decimal: Int(microseconds / 1_000))
        output.put(byte: 0x2e)
        output.put(digits: Int(microseconds % 1_000), 3)
    }

    private func putJSONCounts(into output: inout HeadOutput) {
        output.put(",\"connections\":{\"process\":")
        output.put(decimal: processConnections)
        output.put(",\"service\":")
        output.put(decimal: serviceConnections)
        output.put("},\"exchanges\":{\"service\":")
        output.put(decimal: serviceExchanges)
        output.put(",\"server\":")
        output.put(decimal: serverExchanges)
        output.put("},\"queued_behind\":{\"server\":")
        output.put(decimal: Int(record.aheadAtServer))
        output.put(",\"service\":")
        output.put(decimal: Int(record.aheadInService))
        output.put("}}")
    }
}

/// Bytes of a hostile client in a line that others parse.
enum LogEscape {
    /// As HAProxy's `url_encode_map`: quotes, `#`, and whatever isn't printable ASCII as # and two digits.
    @inline(__always)
    static func putHAProxy(_ bytes: UnsafePointer<UInt8>, _ count: Int, into output: inout HeadOutput) {
        var run = 0
        var i = 0
        while i < count {
            let byte = bytes[i]
            if byte < 0x20 || byte >= 0x7f || byte == 0x22 || byte == 0x23 {
                output.put(bytes + run, i &- run)
                output.put(byte: 0x23)
                putHexadecimal(byte, into: &output)
                run = i &+ 1
            }
            i &+= 1
        }
        output.put(bytes + run, count &- run)
    }

    /// RFC 8259 section 7. A byte beyond ASCII is written as the character of that number, so that any bytes give a
    /// text, and only ASCII reaches the log.
    @inline(__always)
    static func putJSON(_ bytes: UnsafePointer<UInt8>, _ count: Int, into output: inout HeadOutput) {
        var run = 0
        var i = 0
        while i < count {
            let byte = bytes[i]
            if byte < 0x20 || byte >= 0x7f || byte == 0x22 || byte == 0x5c {
                output.put(bytes + run, i &- run)
                if byte == 0x22 || byte == 0x5c {
                    output.put(byte: 0x5c)
                    output.put(byte: byte)
                } else {
                    output.put("\\u00")
                    putHexadecimal(byte, into: &output)
                }
                run = i &+ 1
            }
            i &+= 1
        }
        output.put(bytes + run, count &- run)
    }

    private static func putHexadecimal(_ byte: UInt8, into output: inout HeadOutput) {
        let digits: StaticString = "0123456789ABCDEF"
        output.put(byte: digits.utf8Start[Int(byte >> 4)])
        output.put(byte: digits.utf8Start[Int(byte & 15)])
    }
}
