import Configuration
import Sodium
import Wire

extension Configuration {
    /// The keys of all nodes, in the order of their indices.
    ///
    /// - Throws: `DaemonError.state` for bytes that are no key; `electd check` refuses such a file.
    func nodeKeys() throws(DaemonError) -> [NodeKeys] {
        var keys: [NodeKeys] = []
        for node in nodes {
            // Indices and keys go together: one left out would give its neighbours each other's names.
            guard let key = PublicKey(bytes: node.key) else {
                throw .state("\(node.name) has no usable key; give it the one that `electd keygen` prints")
            }
            keys.append(NodeKeys(key: key, former: node.formerKey.flatMap(PublicKey.init(bytes:))))
        }
        return keys
    }

    /// Whether both give every node the same key.
    func hasSameKeys(as other: Configuration) -> Bool {
        nodes.map(\.key) == other.nodes.map(\.key) && nodes.map(\.formerKey) == other.nodes.map(\.formerKey)
    }
}

extension ElectionLoop {
    /// Puts the configuration's keys in force, for what arrives and for whose journals are witnessed.
    func changeKeys() {
        do throws(DaemonError) {
            gatekeeper.change(to: try configuration.nodeKeys())
        } catch {
            log.error("\(error)")
            return
        }
        _ = store.take(.peers(witnesses))
    }

    /// All nodes with their keys, by index.
    var witnesses: [(name: String, key: PublicKey)] {
        zip(configuration.nodes, gatekeeper.keys).map { (name: $0.name, key: $1) }
    }
}
