/// The logs as part of the elector's state.
extension Replication {
    func encode(to writer: inout ByteWriter) {
        for log in logs { log.encode(to: &writer) }
        writer.list(busy) { writer, place in writer.varint(UInt64(place)) }
        wakeAt.encode(to: &writer)
        writer.list(writes) { writer, write in
            writer.optional(write.ticket)
            writer.varint(UInt64(write.place))
            writer.varint(write.index)
        }
        writer.varint(lastNumber)
        maintenanceSeen.encode(to: &writer)
    }

    mutating func read(from reader: inout ByteReader, _ rules: Rules) throws(Malformed) {
        for place in logs.indices { logs[place] = try GroupLog(from: &reader, nodes: rules.nodes.count) }
        let count = logs.count
        func place(_ reader: inout ByteReader) throws(Malformed) -> Int {
            let place = try reader.varint(as: Int.self)
            guard (0..<count).contains(place) else { throw .outOfRange }
            return place
        }
        busy = try reader.list(atMost: Bound.groups) { (reader: inout ByteReader) throws(Malformed) in
            try place(&reader)
        }
        wakeAt = try Instant(from: &reader)
        writes = try reader.list(atMost: Bound.groups * 64) { (reader: inout ByteReader) throws(Malformed) in
            LogAwait(ticket: try reader.optional(), place: try place(&reader), index: try reader.varint())
        }
        lastNumber = try reader.varint()
        maintenanceSeen = try LogState.Stamp(from: &reader)
    }
}

extension GroupLog {
    func encode(to writer: inout ByteWriter) {
        log.image.encode(to: &writer)
        writer.varint(durable)
        writer.optional(leading) { writer, leading in leading.encode(to: &writer) }
        writer.optional(followed) { writer, followed in
            followed.holder.encode(to: &writer)
            followed.term.encode(to: &writer)
            writer.varint(followed.index)
        }
        writer.list(marks) { writer, mark in writer.optional(mark) }
        writer.optional(fetch) { writer, fetch in fetch.encode(to: &writer) }
        writer.optional(behindSince)
        writer.list(wishes) { writer, wish in wish.encode(to: &writer) }
        writer.list(uploads) { writer, upload in
            writer.varint(upload.request)
            upload.proposal.encode(to: &writer)
            upload.until.encode(to: &writer)
        }
        writer.optional(examined) { writer, examined in
            examined.proposal.encode(to: &writer)
            writer.optional(examined.obstacle) { $0.text($1) }
            writer.optional(examined.toldAt)
        }
        fetchesFrom.encode(to: &writer)
        writer.flag(isBusy)
        wakeAt.encode(to: &writer)
    }

    init(from reader: inout ByteReader, nodes: Int) throws(Malformed) {
        self.init(nodes: nodes)
        let image = try LogImage(from: &reader)
        guard image.state != nil else { throw .outOfRange }
        log = ReplicatedLog(image)
        durable = try reader.varint()
        leading = try reader.optional { (reader: inout ByteReader) throws(Malformed) in
            try Leading(from: &reader, nodes: nodes)
        }
        takeUpLeading()
        followed = try reader.optional { (reader: inout ByteReader) throws(Malformed) in
            Followed(holder: try NodeLife(from: &reader), term: try Term(from: &reader), index: try reader.varint())
        }
        marks = try reader.list(atMost: nodes) { (reader: inout ByteReader) throws(Malformed) in
            try reader.optional()
        }
        fetch = try reader.optional { (reader: inout ByteReader) throws(Malformed) in try Fetch(from: &reader) }
        behindSince = try reader.optional()
        wishes = try reader.list(atMost: 1024) { (reader: inout ByteReader) throws(Malformed) in
            try Wish(from: &reader)
        }
        uploads = try reader.list(atMost: 1) { (reader: inout ByteReader) throws(Malformed) in
            Upload(
                request: try reader.varint(), proposal: try CommandID(from: &reader), until: try Instant(from: &reader))
        }
        examined = try reader.optional { (reader: inout ByteReader) throws(Malformed) in
            Examined(
                proposal: try CommandID(from: &reader),
                obstacle: try reader.optional { (reader: inout ByteReader) throws(Malformed) in
                    try reader.text(atMost: Bound.refusal)
                }, toldAt: try reader.optional())
        }
        fetchesFrom = try Instant(from: &reader)
        isBusy = try reader.flag()
        wakeAt = try Instant(from: &reader)
        guard marks.count == nodes, durable <= log.last.index else { throw .outOfRange }
    }
}

extension Leading {
    func encode(to writer: inout ByteWriter) {
        term.encode(to: &writer)
        for slot in matched.indices {
            writer.varint(matched[slot])
            writer.varint(next[slot])
            dueAt[slot].encode(to: &writer)
            writer.optional(verdicts[slot]) { $0.text($1) }
        }
        writer.optional(proposal)
        writer.varint(UInt64(proposalSize))
        proposalSince.encode(to: &writer)
        writer.flag(hasDecided)
    }

    init(from reader: inout ByteReader, nodes: Int) throws(Malformed) {
        term = try Term(from: &reader)
        matched = []
        next = []
        dueAt = []
        verdicts = []
        for _ in 0..<nodes {
            matched.append(try reader.varint())
            let first = try reader.varint()
            guard first < .max / 2 else { throw .outOfRange }
            next.append(first)
            dueAt.append(try Instant(from: &reader))
            verdicts.append(
                try reader.optional { (reader: inout ByteReader) throws(Malformed) in
                    try reader.text(atMost: Bound.refusal)
                })
        }
        proposal = try reader.optional()
        proposalSize = try reader.varint(as: Int.self)
        proposalSince = try Instant(from: &reader)
        hasDecided = try reader.flag()
    }
}

extension Fetch {
    func encode(to writer: inout ByteWriter) {
        from.encode(to: &writer)
        writer.flag(isWhole)
        askedAt.encode(to: &writer)
        writer.optional(digest) { $0.fixed($1) }
        writer.fixed(size)
        writer.blob(bytes)
        writer.list(early)
        writer.varint(UInt64(askedUpTo))
    }

    init(from reader: inout ByteReader) throws(Malformed) {
        from = try NodeIndex(from: &reader)
        isWhole = try reader.flag()
        askedAt = try Instant(from: &reader)
        digest = try reader.optional { (reader: inout ByteReader) throws(Malformed) in try reader.fixed() }
        size = try reader.fixed()
        bytes = try reader.blob(atMost: LogImage.limit)
        early = try reader.list(atMost: Bound.logWindow)
        askedUpTo = try reader.varint(as: Int.self)
    }
}

extension Wish {
    func encode(to writer: inout ByteWriter) {
        id.encode(to: &writer)
        command.encode(to: &writer)
        writer.varint(request)
        until.encode(to: &writer)
        writer.optional(sentAt)
        writer.flag(wasSent)
    }

    init(from reader: inout ByteReader) throws(Malformed) {
        id = try CommandID(from: &reader)
        command = try Command(from: &reader)
        request = try reader.varint()
        until = try Instant(from: &reader)
        sentAt = try reader.optional()
        wasSent = try reader.flag()
    }
}
