import Glibc

extension ConfigurationFile {
    /// Looks at the files that the configuration names, and finds out which node this is.
    ///
    /// Key files must be regular, owned by root or the caller, and closed to everyone else; programs that run with the
    /// daemon's rights must not be writable by others. Key files' contents are never read here.
    ///
    /// - Parameters:
    ///   - secretBytes: the length of the cluster's secret.
    ///   - publicKey: reads the identity in a file and gives its 32 bytes of public key. What it throws is shown.
    /// - Returns: the node whose key the identity is.
    package func checkFiles(
        secretBytes: Int = 32, publicKey: (_ identityPath: String) throws -> [UInt8]
    ) throws(ConfigurationErrors) -> Configuration.Node {
        let findings = Findings(file: path)
        let secret = KeyFile(
            key: "secret_file", path: configuration.secretFile, place: places.secretFile,
            maker: "run `electd secret --out \(configuration.secretFile)` on one node and copy the file to the others")
        let identity = KeyFile(
            key: "identity_file", path: configuration.identityFile, place: places.identityFile,
            maker: "run `electd keygen --out \(configuration.identityFile)` and put what it prints under `nodes`")
        if let length = secret.check(findings), length != Int64(secretBytes) {
            findings.report(
                "\(secret.label) has \(length) bytes instead of \(secretBytes)", secret.maker, at: secret.place)
        }
        let node = identity.check(findings) == nil ? nil : owner(of: identity, publicKey, findings: findings)
        checkUsersFile(findings)
        checkPrograms(findings)
        try findings.throwIfAny(source: source)
        guard let node else { preconditionFailure("an identity of no node must have been reported") }
        return node
    }

    /// The node that has the identity's public key.
    private func owner(
        of identity: KeyFile, _ publicKey: (String) throws -> [UInt8], findings: Findings
    ) -> Configuration.Node? {
        let key: [UInt8]
        do {
            key = try publicKey(identity.path)
        } catch {
            findings.report("\(identity.label) holds no usable key: \(error)", identity.maker, at: identity.place)
            return nil
        }
        if let node = configuration.nodes.first(where: { $0.key == key }) { return node }
        findings.report(
            "\(identity.label) holds the key of no node: ed25519:\(base64(key))",
            "put that key under `nodes`, or name this node's own identity file", at: identity.place)
        return nil
    }

    private func checkUsersFile(_ findings: Findings) {
        guard let users = configuration.statistics?.usersFile else { return }
        let label = "users_file \(users)"
        do throws(FileTrouble) {
            let file = try OpenFile(path: users)
            if file.status.st_mode & 0o022 != 0 {
                findings.report(
                    "\(label) can be written by others (mode \(octal(file.status.st_mode)))",
                    "run `chmod go-w \(users)`",
                    at: places.usersFile)
            }
        } catch {
            findings.report("\(label) \(error.what)", error.mend(users), at: places.usersFile)
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

    /// The file's length, if it is a file that keeps a secret; otherwise nil, after reporting why not.
    func check(_ findings: Findings) -> Int64? {
        do throws(FileTrouble) {
            let file = try OpenFile(path: path)
            var isSafe = true
            let mode = file.status.st_mode
            if mode & 0o077 != 0 {
                let verb = mode & 0o044 != 0 ? "read" : "used"
                findings.report(
                    "\(label) can be \(verb) by others (mode \(octal(mode)))", "run `chmod 600 \(path)`", at: place)
                isSafe = false
            }
            if file.status.st_uid != 0, file.status.st_uid != geteuid() {
                findings.report("\(label) belongs to user \(file.status.st_uid)", "run `chown root \(path)`", at: place)
                isSafe = false
            }
            return isSafe ? Int64(file.status.st_size) : nil
        } catch {
            findings.report("\(label) \(error.what)", error == .system(ENOENT) ? maker : error.mend(path), at: place)
            return nil
        }
    }
}

private func octal(_ mode: mode_t) -> String {
    let digits = String(mode & 0o7777, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}
