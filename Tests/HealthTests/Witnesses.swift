import Glibc
import Synchronization

/// Collects what a module reports and lets a test wait for it.
final class Collected<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    func add(_ element: Element) { elements.withLock { $0.append(element) } }

    var all: [Element] { elements.withLock { $0 } }

    /// All of them as soon as they satisfy `condition`, or after ten seconds whatever there is.
    func when(_ condition: ([Element]) -> Bool) async throws -> [Element] {
        try await eventually { condition(all) }
        return all
    }
}

/// Waits until `condition` holds, for ten seconds at most: slow machines run these tests, too.
@discardableResult
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<1000 {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}

/// A directory of its own, removed with its contents at the end.
struct Scratch: ~Copyable {
    let path: String

    init() {
        var template = Array("/tmp/electd-health-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } ?? "/nonexistent"
        }
    }

    deinit {
        // Flat by construction.
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                unlink("\(path)/\(name)")
            }
            closedir(directory)
        }
        rmdir(path)
    }

    func script(_ name: String, _ body: String) -> String {
        write(name, "#!/bin/sh\n\(body)\n", mode: 0o755)
    }

    @discardableResult
    func write(_ name: String, _ text: String, mode: mode_t = 0o644) -> String {
        let file = "\(path)/\(name)"
        let descriptor = open(file, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, mode)
        let bytes = Array(text.utf8)
        _ = Glibc.write(descriptor, bytes, bytes.count)
        close(descriptor)
        return file
    }

    func text(_ name: String) -> String? {
        let descriptor = open("\(path)/\(name)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    }

    func numbers(_ name: String) -> [Int32] {
        (text(name) ?? "").split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
    }
}

/// Ended: no such process, or a zombie whose adoptive parent hasn't looked yet.
func isGone(_ pid: pid_t) -> Bool {
    guard kill(pid, 0) == 0 || errno != ESRCH else { return true }
    let descriptor = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return true }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = read(descriptor, &bytes, bytes.count)
    // "pid (name) state ...", and the name may hold parentheses.
    return String(decoding: bytes[..<max(0, count)], as: UTF8.self).split(separator: ") ").last?.first == "Z"
}

/// Ended, and reaped by us.
func isReaped(_ pid: pid_t) -> Bool { kill(pid, 0) != 0 && errno == ESRCH }
