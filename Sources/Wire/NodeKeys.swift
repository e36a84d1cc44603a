import Sodium

/// Whose signatures count as a node's.
package struct NodeKeys: Hashable, Sendable {
    package var key: PublicKey
    /// The key that it had before. Votes it signed with that still count within certificates, which outlive a change of
    /// keys; nothing else does. Specs/safety.md, "A node's key".
    package var former: PublicKey?

    package init(key: PublicKey, former: PublicKey? = nil) {
        self.key = key
        self.former = former
    }
}
