/// What a request's place on a ring comes from, out of a head that the parser has found good.
enum RequestHash {
    /// The target's path, with or without its query. Only the path of `http://host/path`: both forms name one thing.
    static func ofTarget(_ bytes: UnsafePointer<UInt8>, _ count: Int, withQuery: Bool) -> UInt64 {
        var start = 0
        while start < count, bytes[start] != CharacterClass.space { start &+= 1 }
        start &+= 1
        var end = start
        while end < count, bytes[end] != CharacterClass.space { end &+= 1 }
        if start < end, bytes[start] != 0x2f { start = pathStart(bytes, start, end) }
        if !withQuery {
            var i = start
            while i < end, bytes[i] != 0x3f { i &+= 1 }
            end = i
        }
        return start < end ? nonZero(Hash.of(bytes + start, end &- start)) : 1
    }

    /// Behind `scheme://authority`.
    private static func pathStart(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
        var i = start
        var slashes = 0
        while i < end {
            if bytes[i] == 0x2f { slashes &+= 1 }
            if slashes == 3 || bytes[i] == 0x3f { return i }
            i &+= 1
        }
        return end
    }

    /// The value of the first field of that name; 0: there is none, or an empty one.
    static func ofField(_ bytes: UnsafePointer<UInt8>, _ count: Int, name: OwnedText) -> UInt64 {
        guard let wanted = name.bytes else { return 0 }
        var line = FieldLine()
        var position = 0
        // Empty lines before the request line (RFC 9112 section 2.2).
        while position &+ 1 < count, bytes[position] == CharacterClass.carriageReturn { position &+= 2 }
        while position < count, bytes[position] != CharacterClass.lineFeed { position &+= 1 }
        position &+= 1
        while position < count, line.scan(bytes, at: position, limit: count) == .field {
            if line.nameCount == name.count, equals(bytes + line.start, wanted, name.count) {
                // An empty value says as little as none, as HAProxy reads it.
                if line.valueEnd == line.valueStart { return 0 }
                return nonZero(Hash.of(bytes + line.valueStart, line.valueEnd &- line.valueStart))
            }
            position = line.next
        }
        return 0
    }

    private static func equals(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        for i in 0..<count where lowercase(a[i]) != lowercase(b[i]) { return false }
        return true
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    private static func nonZero(_ hash: UInt64) -> UInt64 { hash == 0 ? 1 : hash }
}

extension ProxyWorker {
    /// 0: the pool doesn't go by the request, or the request hasn't got what it goes by.
    @inline(__always)
    func requestHash(
        _ service: UnsafePointer<ServiceEntry>, _ client: ConnectionSlot, _ bytes: UnsafePointer<UInt8>, _ count: Int
    ) -> UInt64 {
        guard let pool = service.pointee.pool(client.pointee.pool) else { return 0 }
        switch pool.pointee.key {
        case .none: return 0
        case .path: return RequestHash.ofTarget(bytes, count, withQuery: false)
        case .uri: return RequestHash.ofTarget(bytes, count, withQuery: true)
        case .header: return RequestHash.ofField(bytes, count, name: pool.pointee.keyName)
        }
    }
}
