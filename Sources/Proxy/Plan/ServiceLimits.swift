extension ServicePlan {
    /// Servers are left out for a while when requests show that they fail, before or without a check that does.
    ///
    /// Never the last one that could take a request, and never more than `share` of a service's servers.
    package struct Ejection: Hashable, Sendable {
        /// Attempts to connect that failed in a row, 0 to 1000; 0: never. One that wasn't answered in time counts as all
        /// of them, because the next would cost its client as much.
        package var errors: Int
        /// Responses in a row that are 5xx, broken or missing, 0 to 1000; 0: never.
        package var serverErrors: Int
        /// The first time lasts so long, each further one in a row twice as long as the one before, up to 32 times. 100 ms
        /// to 1 h.
        package var duration: Milliseconds
        /// Percent of a service's servers, 1 to 100; at least one server in any case.
        package var share: Int

        package init(errors: Int = 3, serverErrors: Int = 0, duration: Milliseconds = 2_000, share: Int = 50) {
            self.errors = errors
            self.serverErrors = serverErrors
            self.duration = duration
            self.share = share
        }
    }

    /// What one client address (an IPv6 /64) may have and do. 0: no limit.
    package struct SourceLimits: Hashable, Sendable {
        /// Connections at once, up to `Limit.connections`. Further ones are reset.
        package var connections: Int
        /// Requests (TCP mode: connections) in `period`, up to 1,000,000; they may come all at once. Further ones get 429.
        package var requests: Int
        /// 100 ms to 1 h.
        package var period: Milliseconds

        package init(connections: Int = 0, requests: Int = 0, period: Milliseconds = 1_000) {
            self.connections = connections
            self.requests = requests
            self.period = period
        }
    }

    /// What a service takes from a client before it gives up.
    package struct ClientLimits: Hashable, Sendable {
        /// Bytes of a request's head, 1,024 to 32,768.
        package var headBytes: Int
        /// Header fields in it, 10 to 1,000.
        package var headFields: Int
        /// Bytes a second that a request's body must come with and a response be taken with, over 10 s each, while it is
        /// the client that is waited for. 0: no limit; up to 1,048,576.
        package var bodyRate: Int
        package var source: SourceLimits

        package init(
            headBytes: Int = 16_384, headFields: Int = 100, bodyRate: Int = 240, source: SourceLimits = SourceLimits()
        ) {
            self.headBytes = headBytes
            self.headFields = headFields
            self.bodyRate = bodyRate
            self.source = source
        }
    }
}

extension ServicePlan.Ejection {
    func encode(into writer: inout PlanWriter) {
        writer.put(UInt16(errors))
        writer.put(UInt16(serverErrors))
        writer.put(duration)
        writer.put(UInt8(share))
    }

    init(from reader: inout PlanReader) throws(ServicePlanError) {
        self.init(
            errors: Int(try reader.take(UInt16.self)), serverErrors: Int(try reader.take(UInt16.self)),
            duration: try reader.take(), share: Int(try reader.take(UInt8.self)))
    }

    func validate(in service: String) throws(ServicePlanError) {
        try ServicePlan.require((0...1_000).contains(errors), "the errors that eject in \(service)")
        try ServicePlan.require((0...1_000).contains(serverErrors), "the server errors that eject in \(service)")
        try ServicePlan.require((100...3_600_000).contains(duration), "the time of an ejection in \(service)")
        try ServicePlan.require((1...100).contains(share), "the share that may be ejected in \(service)")
    }
}

extension ServicePlan.ClientLimits {
    func encode(into writer: inout PlanWriter) {
        writer.put(UInt32(headBytes))
        writer.put(UInt16(headFields))
        writer.put(UInt32(bodyRate))
        writer.put(UInt32(source.connections))
        writer.put(UInt32(source.requests))
        writer.put(source.period)
    }

    init(from reader: inout PlanReader) throws(ServicePlanError) {
        self.init(
            headBytes: Int(try reader.take(UInt32.self)), headFields: Int(try reader.take(UInt16.self)),
            bodyRate: Int(try reader.take(UInt32.self)),
            source: .init(
                connections: Int(try reader.take(UInt32.self)), requests: Int(try reader.take(UInt32.self)),
                period: try reader.take()))
    }

    func validate(in service: String) throws(ServicePlanError) {
        try ServicePlan.require((1_024...32_768).contains(headBytes), "the size of a head in \(service)")
        try ServicePlan.require((10...1_000).contains(headFields), "the number of header fields in \(service)")
        try ServicePlan.require((0...1_048_576).contains(bodyRate), "the rate of a body in \(service)")
        try ServicePlan.require(
            (0...ServicePlan.Limit.connections).contains(source.connections), "connections of a source in \(service)")
        try ServicePlan.require((0...1_000_000).contains(source.requests), "requests of a source in \(service)")
        try ServicePlan.require(
            (100...3_600_000).contains(source.period), "the period of a source's requests in \(service)")
    }
}
