/// Status codes with the words that go with them (RFC 9110 section 15).
enum Reason {
    static func put(_ status: UInt16, into output: inout HeadOutput) {
        output.put(decimal: Int(status))
        output.put(byte: CharacterClass.space)
        let words = words(status)
        output.put(words.utf8Start, words.utf8CodeUnitCount)
    }

    static func words(_ status: UInt16) -> StaticString {
        switch status {
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Time-out"
        case 410: "Gone"
        case 413: "Payload Too Large"
        case 421: "Misdirected Request"
        case 425: "Too Early"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 451: "Unavailable For Legal Reasons"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Time-out"
        case 505: "HTTP Version Not Supported"
        case 400..<500: "Request Refused"
        default: "Internal Server Error"
        }
    }
}

extension PageTable.Page {
    /// The whole response; a HEAD request gets its head only.
    func put(into output: inout HeadOutput, isHead: Bool) {
        output.put("HTTP/1.1 ")
        Reason.put(status, into: &output)
        output.put("\r\n")
        fields.put(into: &output)
        output.put("cache-control: no-cache\r\nconnection: close\r\n\r\n")
        if !isHead { body.put(into: &output) }
    }
}
