import Control
import Glibc
import Synchronization
import Testing

/// `admin:admin` as HAProxy's how-to has it, and `admin:wrong`, in Base64.
private let right = "YWRtaW46YWRtaW4="
private let wrong = "YWRtaW46d3Jvbmc="
private let loopback: [UInt8] = [127, 0, 0, 1]

/// A verification that counts, and takes as long as it is told to.
private final class Verifier: Sendable {
    let calls = Atomic(0)
    private let delay: UInt32

    init(delayMS: UInt32 = 0) { delay = delayMS * 1000 }

    func users(password: String = "admin") -> StatisticsUsers {
        StatisticsUsers(realm: "electd statistics") { user, given in
            self.calls.add(1, ordering: .relaxed)
            usleep(self.delay)
            return user == Array("admin".utf8) && given == Array(password.utf8)
        } fingerprint: { bytes in
            // The daemon's is a keyed hash.
            bytes.reversed()
        }
    }
}

/// A server on a port of its own, which runs while the closure does.
private func withServer(
    users: StatisticsUsers?, noteRejection: @escaping @Sendable (ClientSource) -> Void = { _ in },
    report: @escaping @Sendable () async -> StatusReport? = { StatusSamples.healthy },
    _ body: (UInt16, StatisticsServer) async throws -> Void
) async throws {
    let server = try StatisticsServer(
        address: loopback, port: 0, site: .init(path: "/stats", users: users), noteRejection: noteRejection,
        report: report)
    let service = Task { try await server.run() }
    do {
        try await body(server.port, server)
    } catch {
        service.cancel()
        throw error
    }
    server.shutdown()
    try await service.value
}

private func expect(
    _ status: Int, _ port: UInt16, _ target: String, login: String? = nil, at place: SourceLocation = #_sourceLocation
) async throws {
    let answer = try await WebClient.ask(port, target, login: login)
    #expect(answer.status == status, "\(target)", sourceLocation: place)
}

struct StatisticsServerTests {
    @Test func onlyThoseWithThePasswordLook() async throws {
        let rejections = Mutex<[String]>([])
        try await withServer(users: Verifier().users()) { source in
            rejections.withLock { $0.append("\(source)") }
        } _: { port, _ in
            let without = try await WebClient.ask(port, "/stats")
            #expect(without.status == 401)
            #expect(without["www-authenticate"] == "basic realm=\"electd statistics\", charset=\"utf-8\"")
            #expect(!without.body.contains("router37"))
            #expect(rejections.withLock { $0 } == [])
            for login in [wrong, "YWRtaW4=", "OmFkbWlu", "%%%%", "", String(repeating: "QUFB", count: 400)] {
                let answer = try await WebClient.ask(port, "/stats", login: login)
                #expect(answer.status == 401, "\(login)")
                #expect(!answer.body.contains("router37"))
            }
            // A name without a password and a password without a name; the others were no credentials at all.
            #expect(rejections.withLock { $0 } == ["127.0.0.1", "127.0.0.1"])
            let page = try await WebClient.ask(port, "/stats", login: right)
            #expect(page.status == 200)
            #expect(page.body.contains("router37"))
            #expect(page["content-type"] == "text/html; charset=utf-8")
            #expect(page["cache-control"] == "no-store")
            #expect(page["x-content-type-options"] == "nosniff")
            #expect(page["content-security-policy"]?.hasPrefix("default-src 'none';") == true)
            let twice = "GET /stats HTTP/1.1\r\nhost: x\r\nauthorization: Basic \(right)\r\n"
            let ambiguous = try await WebClient.ask(
                port, raw: twice + "authorization: Basic \(wrong)\r\nconnection: close\r\n\r\n")
            #expect(ambiguous?.status == 401)
        }
    }

    @Test func everyQuestionHasItsAnswer() async throws {
        try await withServer(users: nil) { port, _ in
            let page = try await WebClient.ask(port, "/stats")
            #expect(page.status == 200)
            #expect(page.body.contains("http-equiv=\"refresh\""))
            let head = try await WebClient.ask(port, "/stats", method: "HEAD")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(head["content-length"] == page["content-length"])
            let still = try await WebClient.ask(port, "/stats;norefresh")
            #expect(!still.body.contains("http-equiv=\"refresh\""))
            for target in ["/stats?json", "/stats;json", "http://192.0.2.200:8989/stats?json"] {
                let json = try await WebClient.ask(port, target)
                #expect(json["content-type"] == "application/json")
                #expect(try StatusReport.decode(Array(json.body.utf8)) == StatusSamples.healthy, "\(target)")
            }
            for target in ["/stats;csv", "/stats?csv", "/stats;csv;norefresh"] {
                let csv = try await WebClient.ask(port, target)
                #expect(csv.body.hasPrefix("# pxname,svname,qcur,"), "\(target)")
            }
            for target in ["/", "/statsx", "/stats/", "/stat", "/favicon.ico", "/stats/../stats", "*", "http://x"] {
                try await expect(404, port, target)
            }
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
                let answer = try await WebClient.ask(port, "/stats", method: method)
                #expect(answer.status == 405)
                #expect(answer["allow"] == "get, head")
            }
        }
    }

    @Test func wrongBytesEndTheirConnectionOnly() async throws {
        try await withServer(users: nil) { port, _ in
            let many = String(repeating: "y", count: 400_000)
            let fields = String(repeating: "a: b\r\n", count: 200)
            let answered: [(String, Int)] = [
                ("no HTTP at all\r\n\r\n", 400), ("\u{0}\u{1}\u{2}\u{3}\r\n\r\n", 400),
                ("GET /stats HTTP/1.1\r\n\r\n", 400), ("GET /stats HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400),
                ("GET /stats HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc", 413),
                ("GET /stats HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 413),
                ("GET /stats HTTP/1.0\r\n\r\n", 200),
            ]
            for (text, status) in answered {
                let answer = try await WebClient.ask(port, raw: text)
                #expect(answer?.status == status, "\(text.prefix(40))")
            }
            // A connection that is closed with bytes unread is reset, and the answer may be lost with it.
            for text in [
                "GET /stats HTTP/1.1\r\nhost: x\r\nx: \(many)", "GET /\(many)",
                "GET /stats HTTP/1.1\r\nhost: x\r\n\(fields)\r\n",
            ] {
                let answer = try await WebClient.ask(port, raw: text)
                #expect(answer?.status != 200, "\(text.prefix(40))")
            }
            try await expect(200, port, "/stats")
        }
    }

    @Test func aConnectionTakesOneQuestionAfterTheOther() async throws {
        try await withServer(users: nil) { port, _ in
            let question = "GET /stats;csv HTTP/1.1\r\nhost: x\r\n"
            let text = try await blocking {
                let client = try WebClient(port: port)
                client.send("\(question)\r\n\(question)\r\n\(question)connection: close\r\n\r\n")
                return client.everything()
            }
            #expect(text.components("HTTP/1.1 200 OK").count == 4)
        }
    }

    @Test func oneSourceCannotTakeAllConnections() async throws {
        try await withServer(users: nil) { port, _ in
            var clients: [WebClient] = []
            for _ in 0..<16 {
                let client = try WebClient(port: port)
                let answer = try await blocking {
                    client.send("HEAD /stats HTTP/1.1\r\nhost: x\r\n\r\n")
                    return client.something()
                }
                #expect(answer.hasPrefix("HTTP/1.1 200"))
                clients.append(client)
            }
            let question = "GET /stats HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            let over = try? await WebClient.ask(port, raw: question)
            #expect(over == nil)
            clients.removeLast()
            let admitted = try await eventually { (try? await WebClient.ask(port, raw: question)) != nil }
            #expect(admitted)
            withExtendedLifetime(clients) {}
        }
    }

    @Test func aDaemonThatDoesNotAnswerIs503() async throws {
        try await withServer(users: nil, report: { nil }) { port, _ in
            try await expect(503, port, "/stats")
        }
    }
}

struct StatisticsPasswordTests {
    @Test func aGoodPasswordIsVerifiedOnce() async throws {
        let verifier = Verifier()
        try await withServer(users: verifier.users()) { port, server in
            for _ in 0..<5 {
                try await expect(200, port, "/stats", login: right)
            }
            #expect(verifier.calls.load(ordering: .relaxed) == 1)
            // Somebody else's password is not taken for it.
            try await expect(401, port, "/stats", login: wrong)
            // Who may look changes: nobody is remembered.
            await server.replace(.init(path: "/figures", users: verifier.users(password: "other")))
            try await expect(401, port, "/figures", login: right)
            try await expect(404, port, "/stats", login: right)
            await server.replace(.init(path: "/stats", users: nil))
            try await expect(200, port, "/stats")
        }
    }

    @Test func theSamePasswordAskedAtOnceIsVerifiedOnce() async throws {
        let verifier = Verifier(delayMS: 300)
        try await withServer(users: verifier.users()) { port, _ in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { tasks in
                for _ in 0..<8 {
                    tasks.addTask { try await WebClient.ask(port, "/stats", login: right).status }
                }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses == Array(repeating: 200, count: 8))
            #expect(verifier.calls.load(ordering: .relaxed) == 1)
        }
    }

    @Test func guessersDoNotKeepTheOthersOut() async throws {
        let verifier = Verifier(delayMS: 50)
        try await withServer(users: verifier.users()) { port, _ in
            try await expect(200, port, "/stats", login: right)
            let guesses = ["YTpi", "YTpj", "YTpk", "YTpl", "YTpm", "YTpn"]
            let statuses = try await withThrowingTaskGroup(of: Int.self) { tasks in
                for guess in guesses {
                    tasks.addTask { try await WebClient.ask(port, "/stats", login: guess).status }
                }
                // Whoever was right goes on looking, beside those who wait.
                try await eventually { verifier.calls.load(ordering: .relaxed) > 1 }
                try await expect(200, port, "/stats", login: right)
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.allSatisfy { $0 == 401 || $0 == 429 })
            #expect(statuses.contains(401))
        }
    }

    @Test func passwordsAreVerifiedOneAfterTheOther() async throws {
        let verifier = Verifier(delayMS: 200)
        try await withServer(users: verifier.users()) { port, _ in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { tasks in
                for guess in ["YTpi", "YTpj", "YTpk", "YTpl", "YTpm", "YTpn"] {
                    tasks.addTask { try await WebClient.ask(port, "/stats", login: guess).status }
                }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            // Two places for one source: those who come while both are taken are told to come again.
            #expect(statuses.count { $0 == 429 } >= 1)
            #expect(verifier.calls.load(ordering: .relaxed) == statuses.count { $0 == 401 })
        }
    }
}

struct StatisticsSocketTests {
    private func open(_ address: [UInt8], port: UInt16 = 0) -> Result<StatisticsServer, StatisticsSocketError> {
        Result { () throws(StatisticsSocketError) in
            try StatisticsServer(address: address, port: port, site: .init(path: "/stats", users: nil)) { nil }
        }
    }

    @Test func anAddressThatIsNotHereCanBeListenedOn() {
        // 192.0.2.0/24 and 2001:db8::/32 are for documentation (RFC 5737, RFC 3849).
        let documentation: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]
        let addresses: [[UInt8]] = [[192, 0, 2, 200], documentation]
        for address in addresses {
            switch open(address) {
            case .success(let server):
                #expect(server.port > 0)
                server.shutdown()
                #expect(server.port == 0)
            case .failure(let error): #expect(error.code == EAFNOSUPPORT)
            }
        }
    }

    @Test func aPortThatIsTakenIsSaid() throws {
        let first = try open(loopback).get()
        let second = open(loopback, port: first.port)
        let error: StatisticsSocketError? = if case .failure(let error) = second { error } else { nil }
        #expect(error?.code == EADDRINUSE)
        let text = error.map { "\($0)" } ?? ""
        #expect(text.hasPrefix("statistics on 127.0.0.1:\(first.port): bind: "))
        #expect(text.contains("choose another port"))
        first.shutdown()
    }
}
