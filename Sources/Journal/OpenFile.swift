import Glibc

/// A failed system call.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let call: String
    package let code: Int32

    init(_ call: String, _ code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    /// The disk, or this user's part of it, is full: trying again later may help.
    package var isNoSpace: Bool { code == ENOSPC || code == EDQUOT }

    package var description: String {
        "\(call): \(strerror(code).map { String(cString: $0) } ?? "error \(code)")"
    }
}

/// A file descriptor that is closed exactly once. Calls that a signal interrupted are repeated.
struct OpenFile: ~Copyable {
    let descriptor: Int32

    init(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(SystemError) {
        descriptor = open(path, flags | O_CLOEXEC, mode)
        if descriptor < 0 { throw SystemError("open") }
    }

    deinit { close(descriptor) }

    func status() throws(SystemError) -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemError("fstat") }
        return status
    }

    /// Whether these are the file's first bytes; its position stays.
    func begins(with expected: [UInt8]) -> Bool {
        var found = [UInt8](repeating: 0, count: expected.count)
        return pread(descriptor, &found, found.count, 0) == found.count && found == expected
    }

    /// Fills `bytes` from `index` on as far as one call does; 0 at the end of the file.
    func read(into bytes: inout [UInt8], from index: Int) throws(SystemError) -> Int {
        while true {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress?.advanced(by: index), buffer.count - index)
            }
            if count >= 0 { return count }
            if errno != EINTR { throw SystemError("read") }
        }
    }

    /// Writes from `index` on at the file's position; returns what the kernel took, which may be less.
    func write(_ bytes: [UInt8], from index: Int) throws(SystemError) -> Int {
        while true {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress?.advanced(by: index), buffer.count - index)
            }
            if count >= 0 { return count }
            if errno != EINTR { throw SystemError("write") }
        }
    }

    func writeAll(_ bytes: [UInt8], at offset: Int) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                pwrite(descriptor, buffer.baseAddress?.advanced(by: done), bytes.count - done, off_t(offset + done))
            }
            if count < 0 && errno != EINTR { throw SystemError("pwrite") }
            done += max(count, 0)
        }
    }

    func syncData() throws(SystemError) {
        // Never repeated: after a failed sync the kernel may have dropped the pages and report success.
        guard fdatasync(descriptor) == 0 else { throw SystemError("fdatasync") }
    }

    func syncAll() throws(SystemError) {
        guard fsync(descriptor) == 0 else { throw SystemError("fsync") }
    }

    func truncate(to size: UInt64) throws(SystemError) {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw SystemError("ftruncate") }
    }
}

/// Makes names within `directory` survive a power failure.
func syncDirectory(_ directory: String) throws(SystemError) {
    let file = try OpenFile(directory, O_RDONLY | O_DIRECTORY)
    try file.syncAll()
}

/// A new file appears under its name with all its content, or not at all.
func createDurably(
    _ name: String, in directory: String, fill: (borrowing OpenFile) throws(SystemError) -> Void
) throws(SystemError) -> OpenFile {
    let path = directory + "/" + name
    let temporary = path + unfinishedSuffix
    unlink(temporary)
    let file = try OpenFile(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW)
    do throws(SystemError) {
        try fill(file)
        try file.syncAll()
        guard rename(temporary, path) == 0 else { throw SystemError("rename") }
    } catch {
        unlink(temporary)
        throw error
    }
    try syncDirectory(directory)
    return file
}

let unfinishedSuffix = ".new"
