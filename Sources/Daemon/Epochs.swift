import Configuration
import Election
import Glibc
import ServiceLifecycle

/// Configurations for the whole cluster: looked at, taken, gone back from (Specs/protocol.md, G8).
extension RunningDaemon {
    var epochFiles: EpochFiles { EpochFiles(stateDirectory: options.stateDirectory) }

    /// Why this node can't take a configuration; nil when it can.
    func obstacle(to text: [UInt8], named name: String) -> String? {
        let new: LoadedConfiguration
        do throws(ConfigurationErrors) {
            let file = try ConfigurationFile.parse(bytes: text, file: name)
            if let node = file.configuration.node(named: current.this.name), node.key != current.this.key {
                return "it gives this node another key than it runs with; stop electd here, apply it on another node, "
                    + "then start electd here with the new identity"
            }
            new = try LoadedConfiguration.load(file, on: current)
        } catch {
            return error.problems.map { "\($0)" }.joined(separator: "\n")
        }
        return obstacle(to: new)
    }

    func obstacle(to new: LoadedConfiguration) -> String? {
        if let clash = new.groupClash { return clash }
        if let obstacle = current.obstacle(to: new) { return obstacle }
        if proxy == nil && !new.configuration.servicePlan(on: new.this).services.isEmpty {
            return "the first services need a restart of electd"
        }
        return nil
    }

    func examine(_ group: GroupID, _ proposal: CommandID, _ text: [UInt8]) {
        var obstacle = obstacle(to: text, named: "proposal") ?? ""
        if obstacle.isEmpty {
            do throws(DaemonError) { try epochFiles.propose(text) } catch { obstacle = "\(error)" }
        }
        if !obstacle.isEmpty { log.warning("the proposed configuration can't be taken here: \(obstacle)") }
        mailbox.post(.examined(group, proposal, obstacle: obstacle.firstBytes(Bound.refusal)))
    }

    /// The cluster has agreed: kept on disk first, so that a restart begins with it.
    func adopt(_ epoch: LogState.Epoch, checks: Reloadable) async {
        let name = epochFiles.path(of: epoch.number)
        let new: LoadedConfiguration
        do throws(ConfigurationErrors) {
            new = try LoadedConfiguration.load(text: epoch.text, as: name, on: current)
        } catch {
            return complain("configuration epoch \(epoch.number) can't be taken here: \(error)")
        }
        if new.rules.safetyDigest != current.rules.safetyDigest {
            log.warning("configuration epoch \(epoch.number) is for other nodes, timing or addresses: not taken")
            return
        }
        do throws(DaemonError) {
            try epochFiles.adopt(epoch.text, as: epoch.number, before: current.text)
        } catch {
            complain("configuration epoch \(epoch.number) can't be kept: \(error)")
        }
        if let obstacle = await put(new, checks) {
            return complain("configuration epoch \(epoch.number) can't be taken here: \(obstacle)")
        }
        cluster.epochInForce = epoch.number
        log.notice("configuration epoch \(epoch.number) is in force")
    }

    private func complain(_ what: String) {
        log.error("\(what)")
        mailbox.post(.problem(what))
    }

    /// Both branches of a pair's log, for whoever asks later.
    func keep(_ branches: [LogImage], of group: GroupID) {
        let directory = options.stateDirectory + "/forks"
        mkdir(directory, 0o700)
        let number = (0..<Self.forksKept).first { access("\(directory)/\($0)-kept.log", F_OK) != 0 }
        guard let number else {
            log.warning("\(directory) has \(Self.forksKept) forks already; move them away to keep the next")
            return
        }
        for (branch, name) in zip(branches, ["kept", "other"]) {
            var writer = ByteWriter()
            group.encode(to: &writer)
            branch.encode(to: &writer)
            let path = "\(directory)/\(number)-\(name).log"
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { continue }
            _ = writer.bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            fsync(descriptor)
            close(descriptor)
        }
        log.warning("two branches of a log met; both are kept as \(directory)/\(number)-*.log")
    }

    private static let forksKept = 64
}

extension String {
    /// At most so many bytes of the text, at a character's end.
    func firstBytes(_ count: Int) -> String {
        var short = self
        while short.utf8.count > count { short.removeLast() }
        return short
    }
}

/// Does what the logs and SIGHUP ask for, one after the other.
struct ClusterService: Service {
    let daemon: RunningDaemon
    let handle: Reloadable

    func run() async throws {
        await withGracefulShutdownHandler {
            for await task in daemon.cluster.tasks {
                switch task {
                case .reload: await daemon.reload(handle)
                case .examine(let group, let proposal, let text): daemon.examine(group, proposal, text)
                case .adopt(let epoch): await daemon.adopt(epoch, checks: handle)
                case .keep(let group, let branches): daemon.keep(branches, of: group)
                }
            }
        } onGracefulShutdown: {
            daemon.cluster.finish()
        }
    }
}
