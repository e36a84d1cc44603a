import Glibc

/// An open descriptor that is closed with its last owner.
final class FileDescriptor {
    let raw: Int32

    init(owning raw: Int32) { self.raw = raw }

    deinit { _ = Glibc.close(raw) }

    /// Sets an integer socket option; returns errno, or 0.
    func setOption(_ level: Int32, _ name: Int32, _ value: Int32) -> Int32 {
        var value = value
        return setsockopt(raw, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 ? 0 : errno
    }

    /// Binds to a `sockaddr_nl`, `sockaddr_ll` or the like; returns errno, or 0.
    func bind<Address>(to address: Address) -> Int32 {
        var address = address
        return withUnsafeBytes(of: &address) { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return EINVAL }
            let status = Glibc.bind(raw, base.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
            return status == 0 ? 0 : errno
        }
    }

    /// Waits until readable; false after `milliseconds`. Interrupted waits are repeated.
    func waitReadable(milliseconds: Int32) -> Bool {
        let end = BootClock.now() + .milliseconds(UInt64(max(0, milliseconds)))
        while true {
            var entry = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
            let left = Int32(end.remaining(after: BootClock.now()) / 1_000_000)
            let count = poll(&entry, 1, left)
            if count > 0 { return true }
            if count == 0 { return false }
            guard errno == EINTR else { return true }
        }
    }
}
