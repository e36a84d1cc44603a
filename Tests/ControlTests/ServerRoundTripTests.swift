import Control
import Glibc
import NIOPosix
import Synchronization
import Testing

/// A server on a socket of its own, which runs while the closure does.
private func withServer(
    handler: @escaping ControlServer.Handler, _ body: (ControlClient, String, ControlServer) async throws -> Void
) async throws {
    let scratch = Scratch()
    // The directory is missing on purpose.
    let path = "\(scratch.path)/run/electd.sock"
    let server = try ControlServer(path: path, group: MultiThreadedEventLoopGroup.singleton, handler: handler)
    let service = Task { try await server.run() }
    do {
        try await body(ControlClient(path: path, timeoutMS: 60_000), path, server)
    } catch {
        service.cancel()
        throw error
    }
    server.shutdown()
    try await service.value
    #expect(access(path, F_OK) != 0, "the socket's name stays behind")
    rmdir("\(scratch.path)/run")
}

struct ServerRoundTripTests {
    @Test func questionsReachTheHandlerAndAnswersComeBack() async throws {
        let seen = Mutex<[ControlRequest]>([])
        try await withServer { request in
            seen.withLock { $0.append(request) }
            switch request.route {
            case .status: return .json(StatusSamples.healthy)
            case .metrics: return .text("electd_up 1")
            case .transfer:
                guard let order = try? request.order(TransferOrder.self) else { return .refusal(400, "malformed") }
                return .done("\(order.group) to \(order.node)")
            default: return .refusal(409, "not now")
            }
        } _: { client, _, _ in
            let status = try await blocking { try client.get(.status, query: "wait=1") }
            #expect(status.status == 200)
            #expect(try StatusReport.decode(status.body) == StatusSamples.healthy)
            let metrics = try await blocking { try client.get(.metrics) }
            #expect(String(decoding: metrics.body, as: UTF8.self) == "electd_up 1\n")
            let order = TransferOrder(group: "router37", node: "ethyl")
            let transfer = try await blocking { try client.post(.transfer, order) }
            #expect(String(decoding: transfer.body, as: UTF8.self) == "{\"done\":\"router37 to ethyl\"}\n")
            let refusal = try await blocking { try client.post(.maintenance, MaintenanceOrder(on: true)) }
            #expect(refusal.status == 409)
        }
        let requests = seen.withLock { $0 }
        #expect(requests.map(\.route) == [.status, .metrics, .transfer, .maintenance])
        #expect(requests.first?.query == "wait=1")
        #expect(requests.allSatisfy { $0.caller.uid == geteuid() && $0.caller.pid == getpid() })
    }

    @Test func wrongQuestionsNeverReachTheHandler() async throws {
        let calls = Atomic(0)
        try await withServer { _ in
            calls.add(1, ordering: .relaxed)
            return .done("it")
        } _: { client, _, _ in
            let questions: [(String, String, Int)] = [
                ("GET", "/", 404), ("GET", "/v1/statusx", 404), ("POST", "/v1/status", 405),
                ("GET", "/v1/transfer", 405),
                ("DELETE", "/v1/server", 405), ("GET", "/v1/../v1/status", 404),
            ]
            for (method, target, status) in questions {
                let answer = try await blocking { try client.exchange(method, target, []) }
                #expect(answer.status == status, "\(method) \(target)")
            }
            let nonsense = try await blocking { try client.exchange(raw: Array("no HTTP at all\r\n\r\n".utf8)) }
            #expect(nonsense.status == 400)
        }
        #expect(calls.load(ordering: .relaxed) == 0)
    }

    @Test func bodiesAreBounded() async throws {
        let largest = Atomic(0)
        try await withServer { request in
            largest.store(request.body.count, ordering: .relaxed)
            return .done("it")
        } _: { client, _, _ in
            let fits = [UInt8](repeating: 0x20, count: 64 * 1024)
            let fitting = try await blocking { try client.exchange("POST", "/v1/transfer", fits) }
            #expect(fitting.status == 200)
            #expect(largest.load(ordering: .relaxed) == 64 * 1024)
            // Announced, and refused before it is sent.
            let announced = "POST /v1/transfer HTTP/1.1\r\nhost: x\r\ncontent-length: 65537\r\n\r\n"
            let refused = try await blocking { try client.exchange(raw: Array(announced.utf8)) }
            #expect(refused.status == 413)
            // Not announced: counted.
            let chunk = "8000\r\n" + String(repeating: "x", count: 0x8000) + "\r\n"
            let chunked =
                "POST /v1/transfer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + chunk + chunk + chunk
            let counted = try await blocking { try client.exchange(raw: Array(chunked.utf8)) }
            #expect(counted.status == 413)
            // A head without an end.
            let head = "GET /v1/status HTTP/1.1\r\nx: " + String(repeating: "y", count: 400_000)
            let answer = try? await blocking { try client.exchange(raw: Array(head.utf8)) }
            #expect(answer == nil || answer?.status == 400)
        }
        #expect(largest.load(ordering: .relaxed) == 64 * 1024)
    }

    @Test func oneConnectionTakesSeveralRequests() async throws {
        try await withServer { request in
            .text(request.route.rawValue)
        } _: { client, path, _ in
            let pipelined =
                "GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n"
                + "GET /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            let text = try await blocking { try RawClient(path).everything(after: pipelined) }
            let status = text.components("HTTP/1.1 ").map { String($0.prefix(3)) }
            #expect(status == ["", "200", "404", "200"])
            #expect(text.contains("/v1/health"))
        }
    }

    @Test func connectionsAreLimited() async throws {
        try await withServer { _ in
            .done("it")
        } _: { client, path, _ in
            let room = ControlServer.connectionLimit - (geteuid() == 0 ? 0 : ControlServer.reservedForRoot)
            var idle: [RawClient] = []
            for _ in 0..<room {
                let client = try RawClient(path)
                // Answered, so certainly taken: the one more below isn't taken before it by another event loop.
                let answer = try await blocking {
                    try client.first(after: "GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n")
                }
                #expect(answer.hasPrefix("HTTP/1.1 200"))
                idle.append(client)
            }
            // One more is closed without an answer.
            let over = try? await blocking { try client.get(.status) }
            #expect(over == nil)
            idle.removeLast()
            let admitted = try await eventually { (try? await blocking { try client.get(.status) }) != nil }
            #expect(admitted)
            withExtendedLifetime(idle) {}
        }
    }

    @Test func shutdownLetsAnAnswerFinish() async throws {
        let asked = Atomic(false)
        try await withServer { _ in
            asked.store(true, ordering: .relaxed)
            try? await Task.sleep(for: .milliseconds(300))
            return .done("it")
        } _: { client, path, server in
            let answer = Task { try await blocking { try client.get(.status) } }
            try await eventually { asked.load(ordering: .relaxed) }
            server.shutdown()
            #expect(try await answer.value.status == 200)
        }
    }
}

struct ControlClientTests {
    @Test func aMissingSocketIsUnreachable() {
        let client = ControlClient(path: "/nonexistent/electd.sock")
        #expect(throws: ControlClientError.self) { try client.get(.status) }
        do throws(ControlClientError) {
            _ = try client.get(.status)
        } catch {
            #expect("\(error)".contains("electd is not running"))
            if case .unreachable(let path, _) = error {
                #expect(path == "/nonexistent/electd.sock")
            } else {
                Issue.record("\(error)")
            }
        }
        let long = ControlClient(path: "/" + String(repeating: "x", count: 200))
        #expect(throws: ControlClientError.self) { try long.get(.status) }
    }

    @Test func aSilentDaemonTimesOut() throws {
        let scratch = Scratch()
        let path = "\(scratch.path)/s"
        let listener = try RawClient.listening(at: path)
        defer { close(listener) }
        #expect(throws: ControlClientError.timeout(path: path, milliseconds: 200)) {
            try ControlClient(path: path, timeoutMS: 200).get(.status)
        }
    }
}
