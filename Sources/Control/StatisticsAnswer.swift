import NIOHTTP1

/// An answer of the statistics page, with the fields that keep browsers from making more of it.
struct StatisticsAnswer: Sendable {
    var status: HTTPResponseStatus
    var contentType = "text/plain; charset=utf-8"
    var body: [UInt8]
    var fields: [(name: String, value: String)] = []

    init(_ status: HTTPResponseStatus, _ text: String) {
        self.status = status
        body = Array((text + "\n").utf8)
    }

    init(_ report: StatusReport, as form: StatisticsRequest.Form) {
        status = .ok
        switch form {
        case .page(let refreshing):
            contentType = "text/html; charset=utf-8"
            body = Array(StatisticsPage.render(report, refreshing: refreshing).utf8)
        case .json:
            contentType = "application/json"
            body = report.json()
        case .metrics:
            contentType = MetricsText.contentType
            body = Array(MetricsText.render(report).utf8)
        case .csv: body = Array(StatisticsCSV.render(report).utf8)
        }
    }

    init(_ refusal: StatisticsRequest.Refusal, path: String) {
        switch refusal {
        case .malformed: self.init(.badRequest, "not a request of HTTP/1.1 with one Host")
        case .notFound: self.init(.notFound, "nothing here; the statistics are at another path")
        case .withBody: self.init(.payloadTooLarge, "a question has no body")
        case .wrongMethod:
            self.init(.methodNotAllowed, "GET and HEAD only")
            fields = [("allow", "GET, HEAD")]
        }
    }

    static func unauthorized(realm: String) -> StatisticsAnswer {
        var answer = StatisticsAnswer(.unauthorized, "user and password, please")
        answer.fields = [("www-authenticate", "Basic realm=\"\(realm)\", charset=\"UTF-8\"")]
        return answer
    }

    static var busy: StatisticsAnswer {
        var answer = StatisticsAnswer(.tooManyRequests, "too many passwords wait to be checked; try again")
        answer.fields = [("retry-after", "1")]
        return answer
    }

    static let silent = StatisticsAnswer(.serviceUnavailable, "the daemon does not answer")

    /// - Parameter isLast: the connection ends with it.
    func head(isLast: Bool) -> HTTPResponseHead {
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: contentType)
        headers.add(name: "content-length", value: String(body.count))
        headers.add(name: "cache-control", value: "no-store")
        headers.add(
            name: "content-security-policy",
            value: "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
                + "frame-ancestors 'none'")
        headers.add(name: "x-content-type-options", value: "nosniff")
        headers.add(name: "referrer-policy", value: "no-referrer")
        for field in fields { headers.add(name: field.name, value: field.value) }
        if isLast { headers.add(name: "connection", value: "close") }
        return HTTPResponseHead(version: .http1_1, status: status, headers: headers)
    }
}
