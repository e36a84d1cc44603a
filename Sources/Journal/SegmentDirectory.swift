import Glibc

/// The files of one node's journal: `NNNNNNNNNN.electd`, the number counting up; closed ones are packed away as
/// `NNNNNNNNNN.electd.gz`, and segments that were found damaged are kept as `NNNNNNNNNN.electd.damaged`.
package struct SegmentDirectory {
    package struct Segment: Hashable, Sendable {
        package var number: UInt64
        package var path: String
        /// Bytes on disk.
        package var size: UInt64
        package var isDamaged: Bool
        package var isPacked: Bool
        /// Nanoseconds since 1970 on the file system's clock.
        package var modified: UInt64
    }

    package static let suffix = ".electd"
    package static let damagedSuffix = ".electd.damaged"
    static let packedSuffix = ".gz"

    let path: String

    package init(_ path: String) { self.path = path }

    static func fileName(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 10 - digits.count)) + digits + suffix
    }

    /// In the order of their numbers.
    package func segments() throws(SystemError) -> [Segment] {
        var found: [Segment] = []
        for name in try names() {
            let isDamaged = name.hasSuffix(Self.damagedSuffix)
            let isPacked = name.hasSuffix(Self.suffix + Self.packedSuffix)
            guard
                let suffix = [Self.damagedSuffix, Self.suffix + Self.packedSuffix, Self.suffix].first(where: {
                    name.hasSuffix($0)
                })
            else { continue }
            let digits = name.dropLast(suffix.count)
            guard digits.count >= 10, digits.allSatisfy(\.isASCIIDigit), let number = UInt64(digits) else { continue }
            var status = stat()
            let file = path + "/" + name
            guard stat(file, &status) == 0 else { continue }
            found.append(
                Segment(
                    number: number, path: file, size: UInt64(max(status.st_size, 0)), isDamaged: isDamaged,
                    isPacked: isPacked,
                    modified: UInt64(max(status.st_mtim.tv_sec, 0)) * 1_000_000_000 + UInt64(status.st_mtim.tv_nsec)))
        }
        found.sort { ($0.number, $0.path) < ($1.number, $1.path) }
        // A crash may leave both forms of a segment; the packed one is made again.
        let plain = Set(found.filter { !$0.isPacked && !$0.isDamaged }.map(\.number))
        return found.filter { !$0.isPacked || !plain.contains($0.number) }
    }

    /// The number that a file's name gives it; nil for one that isn't named like a segment.
    static func number(of path: String) -> UInt64? {
        let name = path.split(separator: "/").last ?? ""
        let digits = name.prefix { $0.isASCIIDigit }
        return digits.count >= 10 && name.dropFirst(digits.count).hasPrefix(suffix) ? UInt64(digits) : nil
    }

    /// The segments that `path` means: a segment itself, a journal's directory, or a state directory.
    package static func files(of path: String) throws(SystemError) -> [String] {
        var status = stat()
        guard stat(path, &status) == 0 else { throw SystemError("stat \(path)") }
        guard status.st_mode & S_IFMT == S_IFDIR else { return [path] }
        let inner = path + "/journal"
        let isState = stat(inner, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        return try SegmentDirectory(isState ? inner : path).segments().map(\.path)
    }

    /// The journal's directory that `path` means: itself, or the one in a state directory.
    package static func of(_ path: String) -> SegmentDirectory {
        var status = stat()
        let inner = path + "/journal"
        let isState = stat(inner, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        return SegmentDirectory(isState ? inner : path)
    }

    /// Removes what a crash left of a segment that was being created: it never was part of the journal.
    func removeUnfinished() throws(SystemError) {
        for name in try names()
        where [Self.suffix, Self.suffix + Self.packedSuffix].contains(where: { name.hasSuffix($0 + unfinishedSuffix) })
        {
            unlink(path + "/" + name)
        }
    }

    func keepAsDamaged(_ segment: Segment) throws(SystemError) {
        guard rename(segment.path, path + "/" + Self.fileName(segment.number) + ".damaged") == 0 else {
            throw SystemError("rename")
        }
        try syncDirectory(path)
    }

    private func names() throws(SystemError) -> [String] {
        guard let directory = opendir(path) else { throw SystemError("opendir") }
        defer { closedir(directory) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else { break }
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        guard errno == 0 else { throw SystemError("readdir") }
        return names
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}
