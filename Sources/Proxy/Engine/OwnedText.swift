import Glibc

/// A text in memory of its own, for tables that the data path reads: what `String` would count references for.
struct OwnedText {
    private(set) var bytes: Bytes?
    private(set) var count = 0

    init() {}

    init(_ text: String) { self.init(bytes: Array(text.utf8)) }

    init(bytes utf8: [UInt8]) {
        count = utf8.count
        guard count > 0 else { return }
        let copy = Bytes.allocate(capacity: count)
        utf8.withUnsafeBufferPointer { source in
            if let base = source.baseAddress { copy.update(from: base, count: source.count) }
        }
        bytes = copy
    }

    @inline(__always)
    func equals(_ other: UnsafePointer<UInt8>, _ otherCount: Int) -> Bool {
        guard count == otherCount, let bytes else { return false }
        return memcmp(bytes, other, count) == 0
    }

    func equals(_ other: OwnedText) -> Bool {
        guard let bytes = other.bytes else { return count == 0 }
        return equals(bytes, other.count)
    }

    mutating func deallocate() {
        bytes?.deallocate()
        bytes = nil
        count = 0
    }
}
