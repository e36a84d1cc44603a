/// What a message head may weigh. HAProxy's defaults are 16 KiB less 1 KiB for its own lines, and 101 headers.
enum HeadLimit {
    /// Bytes, from the first of the start line to the empty line.
    static let bytes = 16_384
    static let fields = 100
    static let method = 32
    /// Names in Connection beyond those that we know.
    static let connectionOptions = 16
    /// Bytes that rewriting adds at most: header rules (`HeaderChanges.bytes`), Set-Cookie, Forwarded and its like,
    /// Connection, Cache-Control.
    static let growth = 8_192
    /// Interim (1xx) responses to one request.
    static let interimResponses = 32
}

/// What a parser says about the bytes it was given.
enum HeadVerdict: Equatable {
    /// The head is whole and was rewritten.
    case complete
    /// Good so far; more bytes are needed.
    case incomplete
    /// Must not be passed on; the status to answer with.
    case rejected(UInt16)
}
