import Configuration
import Election
import Glibc
import Journal

/// The configurations that the cluster agreed on, as files: `STATE/configuration/EPOCH.yaml`. The newest is in force,
/// the ones before are what `electd apply --previous` goes back to; 0 is the file from before the first.
package struct EpochFiles: Sendable {
    private static let kept: UInt64 = 8

    let directory: String

    package init(stateDirectory: String) { directory = stateDirectory + "/configuration" }

    package func path(of epoch: UInt64) -> String { "\(directory)/\(epoch).yaml" }

    /// The newest epoch that there is a file of; nil when there is none.
    package var newest: UInt64? {
        guard let entries = opendir(directory) else { return nil }
        defer { closedir(entries) }
        var newest: UInt64?
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasSuffix(".yaml"), let number = UInt64(name.dropLast(5)), number > 0 else { continue }
            newest = max(newest ?? 0, number)
        }
        return newest
    }

    /// The file's bytes; nil when it can't be read or is too long.
    func text(of epoch: UInt64) -> [UInt8]? {
        let descriptor = open(path(of: epoch), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count <= Bound.configurationText {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { return bytes }
            bytes += buffer.prefix(count)
        }
        return nil
    }

    /// Durable when it returns: a node that said it can take a configuration has room for it.
    func propose(_ text: [UInt8]) throws(DaemonError) {
        if mkdir(directory, 0o700) != 0 && errno != EEXIST { throw failed("mkdir") }
        try write(text, to: directory + "/proposed")
    }

    /// The proposal becomes an epoch's file; what came before it is kept as the epoch before, if it isn't there yet.
    func adopt(_ text: [UInt8], as epoch: UInt64, before: [UInt8]) throws(DaemonError) {
        if mkdir(directory, 0o700) != 0 && errno != EEXIST { throw failed("mkdir") }
        if epoch > 0, access(path(of: epoch - 1), F_OK) != 0 { try write(before, to: path(of: epoch - 1)) }
        try write(text, to: path(of: epoch))
        unlink(directory + "/proposed")
        if epoch > Self.kept { unlink(path(of: epoch - Self.kept)) }
    }

    private func write(_ bytes: [UInt8], to path: String) throws(DaemonError) {
        let unfinished = path + ".new"
        let descriptor = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failed("open") }
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress?.advanced(by: done), bytes.count - done)
            }
            if count < 0 && errno != EINTR { break }
            done += max(count, 0)
        }
        let isWhole = done == bytes.count && fsync(descriptor) == 0
        let cause = failed("write")
        close(descriptor)
        guard isWhole else {
            unlink(unfinished)
            throw cause
        }
        guard rename(unfinished, path) == 0 else { throw failed("rename") }
        let directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw failed("open") }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw failed("fsync") }
    }

    private func failed(_ call: String) -> DaemonError {
        .unavailable("\(directory): \(call): \(strerror(errno).map { String(cString: $0) } ?? "error \(errno)")")
    }
}

extension EpochFiles {
    /// The configuration that a start begins with: the newest epoch's, unless the file says something else of what
    /// promises rest on, or in pair mode of keys. Those change only with every node stopped and a new file everywhere; then
    /// the file holds, and the epochs are from before.
    package func chosen(over file: LoadedConfiguration) -> (loaded: LoadedConfiguration, epoch: UInt64, note: String?) {
        guard let newest, let text = text(of: newest) else { return (file, 0, nil) }
        if text == file.text { return (file, newest, nil) }
        let path = path(of: newest)
        let epoch: LoadedConfiguration
        do throws(ConfigurationErrors) {
            epoch = try LoadedConfiguration.load(text: text, as: path, on: file)
        } catch {
            return (file, 0, "\(path) can't be taken, so the file is: \(error.problems.first.map { "\($0)" } ?? "?")")
        }
        guard epoch.rules.safetyDigest == file.rules.safetyDigest, epoch.this.name == file.this.name else {
            return (
                file, 0, "the file is for other nodes, timing or addresses than \(path), so the file is taken"
            )
        }
        let isPair = file.configuration.groups.allSatisfy { $0.mode == .pair }
        let hasSameKeys = epoch.configuration.hasSameKeys(as: file.configuration)
        if isPair && !hasSameKeys {
            return (file, 0, "the file has other keys than \(path), so the file is taken")
        }
        let keys = hasSameKeys ? "" : ", in keys too; `electd apply` changes them"
        return (
            epoch, newest, "configuration epoch \(newest) is in force (\(path)), which the file differs from\(keys)"
        )
    }
}
