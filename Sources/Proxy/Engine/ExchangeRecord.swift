/// What is remembered of a client's exchange until it is over: for the access log, and for the latencies. Trivial: it
/// lies in the client's slot.
struct ExchangeRecord {
    /// A point in time that the exchange hasn't come to.
    static let never = UInt32.max

    /// Microseconds of the monotonic clock: when the connection was accepted (TCP mode) or the request's first byte
    /// came. 0: no exchange is going on.
    var begun: UInt64 = 0
    /// Microseconds after `begun`, at most 71 minutes: the head was whole; a server was chosen for the first time; it
    /// was connected; its response's head was whole.
    var head = ExchangeRecord.never
    var assigned = ExchangeRecord.never
    var connected = ExchangeRecord.never
    var responded = ExchangeRecord.never
    /// Bytes sent to the client, or queued for it.
    var bytesOut: UInt64 = 0
    /// Bytes that came from the client.
    var bytesIn: UInt64 = 0
    /// The request's line and host as they came, in a buffer of the pool's smallest class; nil: nobody logs them.
    var text: Bytes?
    var lineCount: UInt16 = 0
    var hostCount: UInt16 = 0
    /// 0: none was sent.
    var status: UInt16 = 0
    /// Requests ahead in the server's and in the service's queue when it was put there.
    var aheadAtServer: UInt16 = 0
    var aheadInService: UInt16 = 0
    var cause = Cause.none
    var stage = Stage.none
    var cookieAsked = CookieAsked.unused
    var cookieAnswered = CookieAnswered.unused
    /// It went to another server than the one tried first.
    var isRedispatched = false

    /// Who or what ended it before its time: HAProxy's first letter of the termination state.
    enum Cause: UInt8 {
        case none = 0x2d
        /// `C`, `c`: the client closed, the client's timeout.
        case client = 0x43
        case clientTimeout = 0x63
        /// `S`, `s`: the server closed or refused, the server's timeout.
        case server = 0x53
        case serverTimeout = 0x73
        /// `P`: refused by a rule, or because it isn't HTTP.
        case proxy = 0x50
        /// `R`: out of descriptors, memory, or places.
        case resource = 0x52
        /// `I`: our own mistake.
        case `internal` = 0x49
        /// `D`, `K`: the server was marked down; an operator ended it.
        case down = 0x44
        case killed = 0x4b
        /// `L`: answered by the proxy itself, as by a redirect.
        case local = 0x4c
    }

    /// How far it had come: HAProxy's second letter.
    enum Stage: UInt8 {
        case none = 0x2d
        case request = 0x52
        case queue = 0x51
        case connect = 0x43
        case headers = 0x48
        case data = 0x44
        /// The server was done, the client didn't take the rest.
        case last = 0x4c
    }

    /// What the request's persistence cookie was: HAProxy's third letter.
    enum CookieAsked: UInt8 {
        case unused = 0x2d
        case absent = 0x4e
        case invalid = 0x49
        case down = 0x44
        case valid = 0x56
    }

    /// What became of it in the response: HAProxy's fourth letter.
    enum CookieAnswered: UInt8 {
        case unused = 0x2d
        case notSet = 0x4e
        case inserted = 0x49
        case updated = 0x55
        case passed = 0x50
    }

    @inline(__always)
    var isOpen: Bool { begun != 0 }

    /// `now` as an offset.
    @inline(__always)
    func offset(_ now: UInt64) -> UInt32 { UInt32(clamping: min(now &- begun, UInt64(Self.never) - 1)) }
}
