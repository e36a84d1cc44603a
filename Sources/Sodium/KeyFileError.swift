/// Why a key file can't be read or written. The description says what to do about it and holds nothing of the file.
package enum KeyFileError: Error, Hashable, Sendable, CustomStringConvertible {
    case missing(path: String)
    case exists(path: String)
    case notAFile(path: String)
    /// `mode` is the file's permission bits.
    case readableByOthers(path: String, mode: UInt32)
    case foreignOwner(path: String, owner: UInt32)
    /// `expected` is the word the file should begin with.
    case malformed(path: String, expected: String)
    /// `errno` of the call that failed.
    case unreadable(path: String, errno: Int32)
    case unwritable(path: String, errno: Int32)

    package var description: String {
        switch self {
        case .missing(let path):
            "\(path): no such file; make one with 'electd keygen' (identity) or 'electd secret' (cluster secret)"
        case .exists(let path):
            "\(path) exists and is not overwritten; choose another name, or move the old key away first"
        case .notAFile(let path):
            "\(path) is not a regular file; give the path of a key file"
        case .readableByOthers(let path, let mode):
            "\(path) has mode \(String(mode, radix: 8)), so others can read the key; "
                + "chmod 600 it, and make a new key if somebody may have read it"
        case .foreignOwner(let path, let owner):
            "\(path) belongs to user \(owner), who could exchange it; chown it to the user that runs electd"
        case .malformed(let path, let expected):
            "\(path) is not one line '\(expected)BASE64'; restore it from its backup, or make a new one"
        case .unreadable(let path, let code):
            "\(path) can't be read: \(describe(errno: code)); check the path and the permissions of its directories"
        case .unwritable(let path, let code):
            "\(path) can't be written: \(describe(errno: code)); check the directory's permissions and free space"
        }
    }
}
