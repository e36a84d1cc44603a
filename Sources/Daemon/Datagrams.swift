import Election
import Wire

extension ElectionLoop {
    /// A wrong or hostile datagram costs a counter and nothing else.
    func take(_ arrival: Gatekeeper.Arrival) {
        switch arrival {
        case .packet(let reception):
            accepted += 1
            step(.received(reception))
        case .ownSignatureFromElsewhere: stopForSecondIdentity()
        case .equivocation(let proof): note(proof)
        }
    }

    private func note(_ proof: Equivocation) {
        let text =
            "\(elector.rules.name(of: proof.by.node)) signed two contents under one number: it lies, or its key is in use twice"
        if problems[text] == nil { log.critical("\(text)") }
        problems[text] = BootInstant.now()
    }

    private func stopForSecondIdentity() {
        guard fatalCause == nil else { return }
        fatalCause = .secondIdentity
        log.critical("\(FatalCause.secondIdentity)")
        step(.leaving)
    }

    func send(_ packet: Packet, to destination: Destination) {
        // Only heartbeats say where the journal stands: grants stay small, and a certificate carries many.
        var mark: JournalMark?
        if case .heartbeat = packet.message { mark = store.mark }
        let frame = sealer.sign(packet, journal: mark)
        if destination == .node(elector.rules.this) {
            // The own vote, as signed: part of the certificate like the others'.
            events.append(.received(Reception(packet: packet, relay: nil, proof: frame.bytes, journal: nil)))
            return
        }
        gatekeeper.sent(frame)
        for datagram in sealer.datagrams([frame]) {
            switch destination {
            case .node(let node): post(datagram, to: node)
            case .everyone:
                for node in elector.rules.indices where node != elector.rules.this { post(datagram, to: node) }
            }
        }
    }

    func relay(_ origin: NodeIndex, to peer: NodeIndex) {
        guard let frame = gatekeeper.newestHeartbeat(of: origin) else { return }
        for datagram in sealer.datagrams([frame]) { post(datagram, to: peer) }
    }

    private func post(_ datagram: [UInt8], to node: NodeIndex) {
        socket.send(datagram, to: node)
        sent += 1
    }
}
