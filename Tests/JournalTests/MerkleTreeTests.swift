import Journal
import Sodium
import Testing

@Suite struct MerkleTreeTests {
    /// The eight leaves and roots that Certificate Transparency's implementations are tested with.
    private let leaves: [[UInt8]] = [
        [], [0x00], [0x10], [0x20, 0x21], [0x30, 0x31], [0x40, 0x41, 0x42, 0x43],
        [0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57], Array(0x60...0x6F),
    ]

    @Test func rootsAreThoseOfCertificateTransparency() {
        var tree = MerkleTree()
        #expect(hex(tree.root) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        for leaf in leaves { leaf.withUnsafeBytes { tree.append($0) } }
        #expect(tree.count == 8)
        #expect(hex(tree.root) == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")
    }

    @Test func everyLeafIsProvenAndNothingElse() {
        for count in 1...33 {
            let hashes = (0..<count).map { Sha256.hash([0, UInt8($0)]) }
            let root = MerkleProof.root(of: hashes[...])
            for index in 0..<count {
                let path = MerkleProof.inclusion(of: index, in: hashes[...])
                let place = UInt64(index)
                let all = UInt64(count)
                #expect(MerkleProof.isIncluded(hashes[index], at: place, of: all, by: path, under: root))
                var streamed = InclusionPath(to: place, of: all)
                for hash in hashes { streamed.add(hash) }
                #expect(streamed.hashes == path)
                #expect(!MerkleProof.isIncluded(hashes[index], at: place + 1, of: all, by: path, under: root))
                #expect(!MerkleProof.isIncluded(root, at: place, of: all, by: path, under: root) || count == 1)
                #expect(!MerkleProof.isIncluded(hashes[index], at: place, of: all, by: path + [root], under: root))
            }
        }
    }

    @Test func growthIsProvenAndNothingElse() {
        let hashes = (0..<33).map { Sha256.hash([0, UInt8($0)]) }
        for count in 1...33 {
            let root = MerkleProof.root(of: hashes[..<count])
            for earlier in 1...count {
                let before = MerkleProof.root(of: hashes[..<earlier])
                let path = MerkleProof.consistency(from: earlier, in: hashes[..<count])
                let (old, new) = (UInt64(earlier), UInt64(count))
                #expect(MerkleProof.isConsistent(from: old, before, to: new, root, by: path))
                let other = Sha256.hash(before)
                #expect(!MerkleProof.isConsistent(from: old, other, to: new, root, by: path))
                #expect(!MerkleProof.isConsistent(from: old, before, to: new, other, by: path))
            }
        }
    }
}

func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}
