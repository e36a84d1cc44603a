import CSodium
import Glibc

/// The form of a file that holds 32 secret bytes: one line, `WORD:BASE64`, mode 0600.
struct KeyFile {
    /// What the line begins with, colon included.
    let word: String

    static let identity = KeyFile(word: "electd-identity-v1:")
    static let clusterSecret = KeyFile(word: "electd-secret-v1:")

    private static let secretCount = 32
    /// 32 bytes in Base64.
    private static let base64Count = 44

    /// - Throws: an error whose text names the mend.
    func read(_ path: String) throws(KeyFileError) -> SecretBytes {
        // Not blocking: a FIFO in the file's place must not stop the daemon.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw errno == ENOENT ? .missing(path: path) : .unreadable(path: path, errno: errno)
        }
        defer { close(descriptor) }
        try checkGuarded(descriptor, path)
        let prefix = [UInt8](word.utf8)
        let expected = prefix.count + Self.base64Count
        // One byte more than may be there, so that a longer file is noticed.
        var got = 0
        var readError: Int32 = 0
        let text = SecretBytes(count: expected + 2) { memory in
            while got < memory.count {
                let count = Glibc.read(descriptor, memory.baseAddress?.advanced(by: got), memory.count - got)
                if count < 0 && errno == EINTR { continue }
                if count < 0 { readError = errno }
                if count <= 0 { break }
                got += count
            }
        }
        guard readError == 0 else { throw .unreadable(path: path, errno: readError) }
        let isFramed = text.withBytes { bytes in
            (got == expected || (got == expected + 1 && bytes[expected] == UInt8(ascii: "\n")))
                && prefix.indices.allSatisfy { bytes[$0] == prefix[$0] }
        }
        guard isFramed else { throw .malformed(path: path, expected: word) }
        var decoded = false
        let secret = SecretBytes(count: Self.secretCount) { memory in
            decoded = text.withBytes { Self.decode($0 + prefix.count, into: memory) }
        }
        guard decoded else { throw .malformed(path: path, expected: word) }
        return secret
    }

    /// Creates the file, and its directory entry, durably. An existing file of that name stays as it is.
    func write(_ secret: SecretBytes, to path: String) throws(KeyFileError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw errno == EEXIST ? .exists(path: path) : .unwritable(path: path, errno: errno)
        }
        defer { close(descriptor) }
        let prefix = [UInt8](word.utf8)
        let line = SecretBytes(count: prefix.count + Self.base64Count + 1) { memory in
            memory.copyBytes(from: prefix)
            Self.encode(secret, into: UnsafeMutableRawBufferPointer(rebasing: memory[prefix.count...]))
            // Base64 ended with a NUL; the line ends with a newline.
            memory[memory.count - 1] = UInt8(ascii: "\n")
        }
        let written = line.withBytes { Glibc.write(descriptor, $0, line.count) }
        guard written == line.count, fsync(descriptor) == 0, syncDirectory(of: path) else {
            let code = written < 0 || written == line.count ? errno : ENOSPC
            unlink(path)
            throw .unwritable(path: path, errno: code)
        }
    }

    private func checkGuarded(_ descriptor: Int32, _ path: String) throws(KeyFileError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(path: path, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        guard status.st_mode & 0o077 == 0 else {
            throw .readableByOthers(path: path, mode: status.st_mode & 0o7777)
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw .foreignOwner(path: path, owner: status.st_uid)
        }
    }

    private static func decode(_ text: UnsafePointer<UInt8>, into memory: UnsafeMutableRawBufferPointer) -> Bool {
        text.withMemoryRebound(to: CChar.self, capacity: base64Count) { characters in
            var count = 0
            let outcome = sodium_base642bin(
                memory.octets, memory.count, characters, base64Count, nil,
                &count, nil, sodium_base64_VARIANT_ORIGINAL)
            return outcome == 0 && count == memory.count
        }
    }

    private static func encode(_ secret: SecretBytes, into memory: UnsafeMutableRawBufferPointer) {
        secret.withBytes { bytes in
            memory.octets.withMemoryRebound(to: CChar.self, capacity: memory.count) { characters in
                _ = sodium_bin2base64(
                    characters, memory.count, bytes, secret.count, sodium_base64_VARIANT_ORIGINAL)
            }
        }
    }
}

/// Makes the name of a new file survive a power failure.
func syncDirectory(of path: String) -> Bool {
    let directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return fsync(descriptor) == 0
}

/// The C library's words for an error number.
func describe(errno code: Int32) -> String {
    strerror(code).map { String(cString: $0) } ?? "error \(code)"
}
