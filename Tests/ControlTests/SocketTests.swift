import Control
import Glibc
import NIOPosix
import Testing

/// What stands at the socket's path before, during and after.
struct SocketTests {
    private func open(_ path: String) throws -> ControlServer {
        try ControlServer(path: path, group: MultiThreadedEventLoopGroup.singleton) { _ in .done("it") }
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test func modesDoNotDependOnTheUmask() throws {
        let scratch = Scratch()
        let path = "\(scratch.path)/run/electd.sock"
        let server = try open(path)
        #expect(mode(path) == 0o660)
        #expect(mode("\(scratch.path)/run") == 0o755)
        // Never served, and gone without a trace.
        server.shutdown()
        #expect(mode(path) == 0)
        rmdir("\(scratch.path)/run")
    }

    @Test func aStaleSocketIsReplaced() throws {
        let scratch = Scratch()
        let path = "\(scratch.path)/s"
        close(try RawClient.listening(at: path))
        #expect(mode(path) != 0)
        let server = try open(path)
        #expect(mode(path) == 0o660)
        server.shutdown()
    }

    @Test func anotherOnesSocketIsNotRemoved() throws {
        let scratch = Scratch()
        let path = "\(scratch.path)/s"
        let server = try open(path)
        unlink(path)
        let listener = try RawClient.listening(at: path)
        defer { close(listener) }
        server.shutdown()
        #expect(mode(path) != 0)
    }

    @Test func aLivingSocketIsNotTouched() throws {
        let scratch = Scratch()
        let path = "\(scratch.path)/s"
        let listener = try RawClient.listening(at: path)
        defer { close(listener) }
        #expect(throws: ControlSocketError.inUse(path)) { _ = try open(path) }
        _ = try RawClient(path)
    }

    @Test func aFileIsNotTouched() throws {
        let scratch = Scratch()
        let path = "\(scratch.path)/s"
        close(Glibc.open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: ControlSocketError.notASocket(path)) { _ = try open(path) }
        #expect(mode(path) == 0o600)
    }

    @Test func impossiblePathsSayWhy() {
        #expect(throws: ControlSocketError.self) { _ = try open("electd.sock") }
        #expect(throws: ControlSocketError.self) { _ = try open("/nonexistent/deep/electd.sock") }
        let long = "/tmp/" + String(repeating: "x", count: 120)
        #expect(throws: ControlSocketError.pathTooLong(long)) { _ = try open(long) }
    }

    @Test func onlyRootAndTheDaemonChangeThings() {
        let authority = ControlAuthority(ownUID: 990)
        let callers = [0, 990, 1000].map { PeerCredentials(pid: 1, uid: $0, gid: 0) }
        #expect(callers.map { authority.permits(.get, to: $0) } == [true, true, true])
        #expect(callers.map { authority.permits(.post, to: $0) } == [true, true, false])
    }

    @Test func aRefusalSaysWhatWasWrong() {
        let check = RequestCheck(authority: ControlAuthority(ownUID: 990))
        func status(_ method: String, _ uri: String, length: String? = nil, uid: uid_t = 1000) -> Int? {
            let caller = PeerCredentials(pid: 1, uid: uid, gid: 0)
            let verdict = check.verdict(method: method, uri: uri, contentLength: length, caller: caller)
            if case .refused(let response) = verdict { return response.status }
            return nil
        }
        #expect(status("GET", "/v1/status?a=b?c") == nil)
        #expect(status("POST", "/v1/transfer") == 403)
        #expect(status("POST", "/v1/transfer", uid: 0) == nil)
        #expect(status("POST", "/v1/maintenance", uid: 990) == nil)
        #expect(status("HEAD", "/v1/status") == 405)
        #expect(status("GET", "/v1/status/") == 404)
        #expect(status("POST", "/v1/server", length: "65536", uid: 0) == nil)
        #expect(status("POST", "/v1/server", length: "65537", uid: 0) == 413)
        #expect(status("POST", "/v1/server", length: "99999999999999999999", uid: 0) == 400)
        #expect(status("POST", "/v1/server", length: "-1", uid: 0) == 400)
    }
}
