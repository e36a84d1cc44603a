extension ServicePlan {
    /// One line for each request, or in TCP mode for each connection.
    package struct AccessLog: Hashable, Sendable {
        package enum Format: UInt8, CaseIterable, Sendable {
            case json
            /// HAProxy's `option httplog`, in TCP mode its `option tcplog`.
            case httplog
        }

        package var format: Format
        package var sink: LogSink

        package init(format: Format, sink: LogSink) {
            self.format = format
            self.sink = sink
        }
    }

    /// Where lines go. Services with equal sinks share one descriptor.
    package struct LogSink: Hashable, Sendable {
        package enum Place: Hashable, Sendable {
            /// An absolute path; the file is made when it isn't there, and only ever appended to.
            case file(String)
            case stdout
            /// The journal's own protocol, on its socket (systemd's "Native Journal Protocol").
            case journald
            /// A datagram socket's path, as /dev/log.
            case syslogSocket(String)
            case syslogUDP(Endpoint)
        }

        package enum Framing: UInt8, CaseIterable, Sendable {
            case rfc3164, rfc5424
        }

        package var place: Place
        /// Of syslog: 0 (kern) to 23 (local7), RFC 5424 section 6.2.1.
        package var facility: UInt8
        package var framing: Framing
        /// How syslog and the journal call us: 1 to 32 bytes of printable ASCII.
        package var tag: String

        package init(
            _ place: Place, facility: UInt8 = 16, framing: Framing = .rfc3164, tag: String = "electd"
        ) {
            self.place = place
            self.facility = facility
            self.framing = framing
            self.tag = tag
        }
    }

    /// Every sink of the plan once, in the order of the services: so their descriptors are handed over.
    package var sinks: [LogSink] {
        var sinks: [LogSink] = []
        for case let sink? in services.map({ $0.accessLog?.sink }) where !sinks.contains(sink) { sinks.append(sink) }
        return sinks
    }
}

extension ServicePlan.LogSink {
    func validate() throws(ServicePlanError) {
        let isTag = (1...32).contains(tag.utf8.count) && tag.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
        guard isTag, facility <= 23 else { throw .damaged("a log's tag or facility is out of range") }
        switch place {
        case .file(let path), .syslogSocket(let path):
            let limit = if case .file = place { 4_095 } else { 107 }
            guard path.utf8.first == 0x2f, path.utf8.count <= limit, !path.utf8.contains(0) else {
                throw .damaged("a log's path isn't absolute, or too long")
            }
        case .syslogUDP(let endpoint):
            guard endpoint.port != 0 else { throw .damaged("a log's port is 0") }
        case .stdout, .journald: break
        }
    }
}

extension ServicePlan.AccessLog {
    func encode(into writer: inout PlanWriter) {
        writer.put(format.rawValue)
        writer.put(sink.facility)
        writer.put(sink.framing.rawValue)
        writer.put(sink.tag)
        switch sink.place {
        case .file(let path):
            writer.put(UInt8(0))
            writer.put(UInt16(path.utf8.count))
            writer.put(Array(path.utf8))
        case .stdout: writer.put(UInt8(1))
        case .journald: writer.put(UInt8(2))
        case .syslogSocket(let path):
            writer.put(UInt8(3))
            writer.put(path)
        case .syslogUDP(let endpoint):
            writer.put(UInt8(4))
            endpoint.encode(into: &writer)
        }
    }

    init(from reader: inout PlanReader) throws(ServicePlanError) {
        format = try reader.takeCase()
        let facility = try reader.take(UInt8.self)
        let framing: ServicePlan.LogSink.Framing = try reader.takeCase()
        let tag = try reader.takeText()
        let place: ServicePlan.LogSink.Place
        switch try reader.take(UInt8.self) {
        case 0:
            let bytes = try reader.takeBytes(Int(reader.take(UInt16.self)))
            guard let path = String(validating: bytes, as: UTF8.self) else { throw .damaged("a path isn't UTF-8") }
            place = .file(path)
        case 1: place = .stdout
        case 2: place = .journald
        case 3: place = .syslogSocket(try reader.takeText())
        case 4: place = .syslogUDP(try ServicePlan.Endpoint(from: &reader))
        default: throw .damaged("an unknown place of a log")
        }
        sink = ServicePlan.LogSink(place, facility: facility, framing: framing, tag: tag)
    }
}
