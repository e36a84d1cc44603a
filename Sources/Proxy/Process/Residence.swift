import Glibc

/// What is in memory only because starting up touched it: the dynamic loader and Swift's runtime look once at most pages
/// of every library, 20 MB of them, and serving needs a few.
enum Residence {
    /// Gives up the unchanged pages of programs and libraries. Whatever is needed comes back from the page cache, where
    /// the control process's own mappings keep it.
    static func trim() {
        guard let file = fopen("/proc/self/smaps", "r") else { return }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 4_096)
        var mapping: (start: UInt, count: Int)?
        while fgets(&line, Int32(line.count), file) != nil {
            let bytes = line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
            let words = bytes.split(whereSeparator: { $0 == 0x20 || $0 == 0x0a }).map {
                String(decoding: $0, as: UTF8.self)
            }
            if words.count == 3, words[0] == "Anonymous:" {
                // A page that was written, as the loader's relocations are, is nowhere else.
                if let mapping, words[1] == "0" {
                    madvise(UnsafeMutableRawPointer(bitPattern: mapping.start), mapping.count, MADV_DONTNEED)
                }
                mapping = nil
            } else if words.count >= 6, words[0].contains("-") {
                mapping = readOnlyFile(words)
            }
        }
    }

    /// `start-end permissions offset device inode path` (proc_pid_smaps(5)); nil: writable, or no file.
    private static func readOnlyFile(_ words: [String]) -> (start: UInt, count: Int)? {
        let ends = words[0].split(separator: "-").map { UInt($0, radix: 16) }
        guard ends.count == 2, let start = ends[0], let end = ends[1], end > start, words[1].hasPrefix("r"),
            !words[1].contains("w"), words[4] != "0"
        else { return nil }
        return (start, Int(end - start))
    }
}
