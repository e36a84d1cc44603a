import CLinux
import Glibc
import Synchronization

/// Letters from any thread to the one that waits on `descriptor`. Posting never waits.
final class Mailbox<Letter: Sendable>: Sendable {
    /// An eventfd: readable while letters are there.
    let descriptor: Int32
    private let capacity: Int
    private let letters = Mutex<[Letter]>([])

    /// - Parameter capacity: letters that may wait; a further one is refused, and its writer told so.
    init(capacity: Int) throws(SystemCallError) {
        self.capacity = capacity
        descriptor = polling_bell()
        guard descriptor >= 0 else { throw SystemCallError("eventfd") }
    }

    deinit { close(descriptor) }

    @discardableResult
    func post(_ letter: Letter) -> Bool {
        let isTaken = letters.withLock { letters in
            guard letters.count < capacity else { return false }
            letters.append(letter)
            return true
        }
        ring()
        return isTaken
    }

    /// Everything that came, oldest first.
    func collect() -> [Letter] {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
        return letters.withLock { letters in
            defer { letters.removeAll(keepingCapacity: true) }
            return letters
        }
    }

    var isEmpty: Bool { letters.withLock { $0.isEmpty } }

    /// Waits for a letter, at most so long.
    func wait(milliseconds: Int32) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&entry, 1, milliseconds)
    }

    private func ring() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }
}

/// A system call that failed, as the daemon reports it at its start.
package struct SystemCallError: Error, CustomStringConvertible {
    package let call: String
    package let code: Int32

    init(_ call: String, code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    package var description: String { "\(call): \(String(cString: strerror(code)))" }
}

/// A value that changes its thread exactly once, before it is used there.
struct Handover<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}

/// Runs `body` on a thread of its own.
final class DedicatedThread: Sendable {
    private let body: @Sendable () -> Void
    private let name: String

    private init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }

    /// - Parameter name: at most 15 bytes, as `top -H` shows it.
    static func start(name: String, body: @escaping @Sendable () -> Void) throws(SystemCallError) {
        let thread = DedicatedThread(name: name, body: body)
        var handle = pthread_t()
        let context = Unmanaged.passRetained(thread)
        let result = pthread_create(
            &handle, nil,
            { context in
                guard let context else { return nil }
                let thread = Unmanaged<DedicatedThread>.fromOpaque(context).takeRetainedValue()
                _ = process_set_thread_name(thread.name)
                thread.body()
                return nil
            }, context.toOpaque())
        guard result == 0 else {
            context.release()
            throw SystemCallError("pthread_create", code: result)
        }
        pthread_detach(handle)
    }
}
