import Glibc

extension ConfigurationFile {
    /// Looks at the files that the configuration names, and finds out which node this is.
    ///
    /// Key files must be regular, owned by root or the caller, and closed to everyone else; programs that run with the
    /// daemon's rights must not be writable by others. What is in key files only the two closures see; what they throw
    /// is shown to the user, so it must not quote a file's content.
    ///
    /// - Parameters:
    ///   - secret: throws if the file holds no cluster secret.
    ///   - publicKey: the 32 bytes of public key of the identity in a file.
    ///   - users: told who may look at the statistics, where a file says so.
    ///   - pages: told the error pages that services name, by path.
    /// - Returns: the node whose key the identity is.
    package func checkFiles(
        secret readSecret: (_ path: String) throws -> Void, publicKey: (_ path: String) throws -> [UInt8],
        users: (UsersFile) -> Void = { _ in }, pages: ([String: [UInt8]]) -> Void = { _ in }
    ) throws(ConfigurationErrors) -> Configuration.Node {
        let findings = Findings(file: path)
        let secret = KeyFile(
            key: "secret_file", path: configuration.secretFile, place: places.secretFile,
            maker: "run `electd secret --out \(configuration.secretFile)` on one node and copy the file to the others")
        let identity = KeyFile(
            key: "identity_file", path: configuration.identityFile, place: places.identityFile,
            maker: "run `electd keygen --out \(configuration.identityFile)` and put what it prints under `nodes`")
        if secret.isGuarded(findings) { secret.use(readSecret, findings) }
        let key = identity.isGuarded(findings) ? identity.use(publicKey, findings) : nil
        let node = key.flatMap { owner(of: $0, in: identity, findings) }
        checkUsersFile(findings).map(users)
        pages(readPages(findings))
        checkPrograms(findings)
        try findings.throwIfAny(source: source)
        guard let node else { preconditionFailure("an identity of no node must have been reported") }
        return node
    }

    /// The node that has the identity's public key.
    private func owner(of key: [UInt8], in identity: KeyFile, _ findings: Findings) -> Configuration.Node? {
        if let node = configuration.nodes.first(where: { $0.key == key }) { return node }
        if let node = configuration.nodes.first(where: { $0.formerKey == key }) {
            findings.report(
                "\(identity.label) holds the former key of \(node.name)",
                "put the identity there that `key` of \(node.name) belongs to", at: identity.place)
            return nil
        }
        findings.report(
            "\(identity.label) holds the key of no node: ed25519:\(base64(key))",
            "put that key under `nodes`, or name this node's own identity file", at: identity.place)
        return nil
    }

    private func checkUsersFile(_ findings: Findings) -> UsersFile? {
        guard let path = configuration.statistics?.usersFile else { return nil }
        let label = "users_file \(path)"
        let content: [UInt8]
        do throws(FileTrouble) {
            let file = try OpenFile(path: path)
            if file.status.st_mode & 0o022 != 0 {
                findings.report(
                    "\(label) can be written by others (mode \(octal(file.status.st_mode)))",
                    "run `chmod go-w \(path)`",
                    at: places.usersFile)
            }
            content = try file.contents(max: UsersFile.byteLimit)
        } catch {
            findings.report("\(label) \(error.what)", error.mend(path), at: places.usersFile)
            return nil
        }
        do throws(UsersFile.Mistake) {
            return try UsersFile(parsing: content)
        } catch {
            findings.report("\(label) \(error)", "make its lines with `electd password USER`", at: places.usersFile)
            return nil
        }
    }

    /// Programs run as root, so whoever can write one is root. A check's program may be installed later; `on_change` is
    /// run once in a while and would be missed when it matters.
    private func checkPrograms(_ findings: Findings) {
        for group in configuration.groups {
            guard let program = group.onChange, let place = places.onChange[group.name] else { continue }
            checkProgram(program, "on_change", mustExist: true, at: place, findings)
        }
        for check in configuration.checks {
            guard case .command(let words) = check.probe, let program = words.first,
                let place = places.command[check.name]
            else { continue }
            checkProgram(program, "command", mustExist: false, at: place, findings)
        }
    }

    private func checkProgram(_ path: String, _ key: String, mustExist: Bool, at place: Position, _ findings: Findings)
    {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let trouble = FileTrouble.system(errno)
            if mustExist { findings.report("\(key) \(path) \(trouble.what)", trouble.mend(path), at: place) }
            return
        }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o111 != 0 else {
            findings.report(
                "\(key) \(path) isn't a program", "name an executable file; perhaps `chmod +x` it", at: place)
            return
        }
        if status.st_mode & 0o022 != 0 {
            findings.report(
                "\(key) \(path) runs with the daemon's rights and can be written by others (mode \(octal(status.st_mode)))",
                "run `chmod go-w \(path)`", at: place)
        }
    }
}

/// A file that holds a secret, and the key that names it.
private struct KeyFile {
    let key: String
    let path: String
    let place: Position
    /// The mend where the file must be made.
    let maker: String

    var label: String { "\(key) \(path)" }

    /// Whether it is a file that keeps its content to electd.
    func isGuarded(_ findings: Findings) -> Bool {
        do throws(FileTrouble) {
            let status = try OpenFile(path: path).status
            let mode = status.st_mode
            let isClosed = mode & 0o077 == 0
            if !isClosed {
                findings.report(
                    "\(label) can be \(mode & 0o044 != 0 ? "read" : "used") by others (mode \(octal(mode)))",
                    "run `chmod 600 \(path)`; make a new one if somebody may have read it", at: place)
            }
            let isOwned = status.st_uid == 0 || status.st_uid == geteuid()
            if !isOwned {
                findings.report("\(label) belongs to user \(status.st_uid)", "run `chown root \(path)`", at: place)
            }
            return isClosed && isOwned
        } catch {
            findings.report("\(label) \(error.what)", error == .system(ENOENT) ? maker : error.mend(path), at: place)
            return false
        }
    }

    /// What a closure makes of the file's content; nil after reporting what it threw.
    @discardableResult
    func use<Value>(_ read: (String) throws -> Value, _ findings: Findings) -> Value? {
        do {
            return try read(path)
        } catch {
            findings.report("\(key) can't be used: \(error)", maker, at: place)
            return nil
        }
    }
}

private func octal(_ mode: mode_t) -> String {
    let digits = String(mode & 0o7777, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}
