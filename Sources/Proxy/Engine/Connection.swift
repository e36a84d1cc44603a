/// One socket of a worker, as a trivial value in a slab: no references, nothing to count, nothing to initialise twice.
///
/// A client and the server that answers it are two slots that name each other in `peer`. What a field means depends on
/// `role` and `phase`; `Connection()` is a free slot.
package struct Connection {
    enum Role: UInt8 {
        case free, listener, client, server
        /// The worker's mailbox bell and the channel to the supervisor.
        case bell, channel
    }

    enum Phase: UInt8 {
        /// Client: the next request's head. Server: the response's head.
        case head
        /// The message's body is on its way to the peer.
        case body
        /// Client: its request is complete, the response isn't. Tries are going on as long as there is no answer.
        case response
        /// Client: a PROXY header has to come first.
        case greeting
        /// Client: a ClientHello tells which pool takes the connection.
        case hello
        /// Bytes go both ways unread: TCP mode, or after 101.
        case tunnel
        /// Client: what is queued is sent, then the connection ends.
        case closing
        /// Client: all is sent and shut; what it still says is thrown away, so that it can read our answer.
        case lingering
        /// Server: connect hasn't come to its end.
        case connecting
        /// Server: kept for the next request, of whichever client.
        case idle
        /// Server: kept for the next request of the one client in `bound`.
        case bound
    }

    var generation: UInt32 = 0
    /// The other side's descriptor; -1: none.
    var peer: Int32 = -1
    var flags = ConnectionFlags()
    var role = Role.free
    var phase = Phase.head
    /// The worker that owns the descriptor.
    var owner: UInt8 = 0
    /// Client: failed attempts for this request.
    var attempts: UInt8 = 0
    /// Index in the worker's table of services.
    var service: UInt16 = 0
    /// Server: index in the worker's table of servers. Client: the one its cookie names, `noServer` if none.
    var server: UInt16 = Connection.noServer
    /// Client: the server that was tried last.
    var lastServer: UInt16 = Connection.noServer
    /// Client: place of its request's pool in the service.
    var pool: UInt16 = 0
    /// Server: interim responses so far.
    var interims: UInt8 = 0
    var heldClass: UInt8 = 0
    var queueClass: UInt8 = 0
    /// Framing of what this socket sends us.
    var body = MessageBody.none

    /// Received and not yet understood: a partial head, or requests that wait for their turn.
    var held: Bytes?
    /// To be sent on this socket. A request stays here after it was sent (`rewindable`) until the server answers.
    var queue: Bytes?
    var heldCount: Int32 = 0
    var queueSent: Int32 = 0
    var queueCount: Int32 = 0

    /// A pipe with bytes for this socket.
    var pipeRead: Int32 = -1
    var pipeWrite: Int32 = -1
    var pipeCount: Int32 = 0

    /// Tick at which something must have happened; 0: none. The wheel looks at it when the slot's turn comes.
    var deadline: UInt32 = 0
    var wheelTick: UInt32 = 0
    var wheelNext: Int32 = -1
    var wheelPrevious: Int32 = -1

    /// Client: an idle server connection that nobody else may use; server: that client. -1: none.
    var bound: Int32 = -1

    /// Neighbours in the server's list of idle connections, or in the list of clients that wait.
    var idleNext: Int32 = -1
    var idlePrevious: Int32 = -1

    /// Client: what its request's place on a ring comes from; 0: nothing.
    var hash: UInt64 = 0
    /// Client: when the search for a server began, and how long its request may wait for a place (0: not yet).
    var soughtSince: UInt32 = 0
    var queueUntil: UInt32 = 0
    /// Client: its turn among those who wait, and the server it waits for (`noServer`: any of its pool).
    var ticket: UInt32 = 0
    var waitsFor: UInt16 = Connection.noServer

    /// Client: the source that counts its connection; 0: none does.
    var source: UInt64 = 0
    /// Client: until when it has to have moved enough bytes (0: it needn't), and the kernel's count when that began.
    var rateDue: UInt32 = 0
    var rateMark: UInt32 = 0

    /// Client: servers tried for this request, by their place in the service.
    var tried: UInt64 = 0
    var address = ClientAddress()
    /// Client: what is remembered of its exchange.
    var exchange = ExchangeRecord()
    /// Client and listener: what is connected to; the address only where a PROXY header told it.
    var local = ClientAddress()

    static let noServer = UInt16.max
    static let noPool = UInt16.max

    @inline(__always)
    var hasUnsent: Bool { queueSent < queueCount || pipeCount > 0 }
}

/// Yes-or-no facts about a connection. Constants are computed, not stored: no initialiser runs for them.
struct ConnectionFlags: OptionSet {
    var rawValue: UInt64 = 0

    @inline(__always) private static func bit(_ place: UInt64) -> ConnectionFlags { .init(rawValue: 1 << place) }

    /// The kernel may have bytes for us: set by an event, cleared by a short read.
    @inline(__always) static var readable: ConnectionFlags { bit(0) }
    /// The peer sends nothing more: short reads don't mean that the end was read.
    @inline(__always) static var peerClosed: ConnectionFlags { bit(1) }
    /// Both directions are dead.
    @inline(__always) static var hungUp: ConnectionFlags { bit(2) }
    /// In the worker's list of connections to look at again before it waits.
    @inline(__always) static var queued: ConnectionFlags { bit(3) }
    @inline(__always) static var inWheel: ConnectionFlags { bit(4) }
    /// EPOLLOUT is among the events watched.
    @inline(__always) static var watchesOutput: ConnectionFlags { bit(5) }
    /// `held` was parsed and found too short.
    @inline(__always) static var heldIsPartial: ConnectionFlags { bit(6) }
    /// Our direction is shut (after a flush, if something is still queued).
    @inline(__always) static var shut: ConnectionFlags { bit(7) }
    @inline(__always) static var shutAfterFlush: ConnectionFlags { bit(8) }
    /// The end of what the peer sends was read.
    @inline(__always) static var ended: ConnectionFlags { bit(9) }
    /// Reads come in full buffers: move the bytes with splice.
    @inline(__always) static var bulk: ConnectionFlags { bit(10) }

    // Client.
    /// It keeps the connection after this response.
    @inline(__always) static var keepsAlive: ConnectionFlags { bit(11) }
    @inline(__always) static var asksHead: ConnectionFlags { bit(12) }
    @inline(__always) static var replayable: ConnectionFlags { bit(13) }
    @inline(__always) static var isHTTP10: ConnectionFlags { bit(14) }
    @inline(__always) static var asksUpgrade: ConnectionFlags { bit(15) }
    /// Bytes of a response have gone to the client: nobody else can answer any more.
    @inline(__always) static var answered: ConnectionFlags { bit(16) }
    /// A pooled connection was stale: take a fresh one.
    @inline(__always) static var avoidsPool: ConnectionFlags { bit(17) }
    /// The next request's first byte is there, its deadline runs.
    @inline(__always) static var headStarted: ConnectionFlags { bit(18) }
    @inline(__always) static var bindsConnection: ConnectionFlags { bit(19) }
    /// Counted in its service.
    @inline(__always) static var counted: ConnectionFlags { bit(20) }

    /// By its method the response may be cached.
    @inline(__always) static var cacheable: ConnectionFlags { bit(26) }
    /// In a list of those who wait for a place at a server; its own queue holds the request.
    @inline(__always) static var waits: ConnectionFlags { bit(32) }
    /// The same, but for the next round of attempts.
    @inline(__always) static var pauses: ConnectionFlags { bit(33) }
    /// Counted among the exchanges of a server that has a limit.
    @inline(__always) static var holdsPlace: ConnectionFlags { bit(34) }
    /// Waits for buffers.
    @inline(__always) static var starved: ConnectionFlags { bit(37) }
    /// Client: a server took its request and closed without an answer.
    @inline(__always) static var brokeOff: ConnectionFlags { bit(38) }
    /// Client: the kernel waits with its last bytes for the FIN.
    @inline(__always) static var corked: ConnectionFlags { bit(39) }
    /// It is its turn: it needn't stand behind those who wait.
    @inline(__always) static var isNext: ConnectionFlags { bit(35) }

    /// A PROXY header has said who it is.
    @inline(__always) static var isIntroduced: ConnectionFlags { bit(27) }

    // Server.
    /// It has to be told first who the client is.
    @inline(__always) static var owesIntroduction: ConnectionFlags { bit(28) }
    /// That the peer's kernel takes what we send was looked at.
    @inline(__always) static var reachSeen: ConnectionFlags { bit(36) }
    /// The queue holds every byte that this server was or will be sent.
    @inline(__always) static var rewindable: ConnectionFlags { bit(21) }
    /// Bytes of this request have left for the server.
    @inline(__always) static var sent: ConnectionFlags { bit(22) }
    /// The connection came out of the pool.
    @inline(__always) static var reused: ConnectionFlags { bit(23) }
    /// It takes no more of the request's body; what it says is still read.
    @inline(__always) static var sendBroken: ConnectionFlags { bit(24) }
    /// Bytes of the response have come.
    @inline(__always) static var responded: ConnectionFlags { bit(25) }
}

package typealias ConnectionSlot = UnsafeMutablePointer<Connection>
