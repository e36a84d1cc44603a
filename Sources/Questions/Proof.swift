import Journal
import Replay
import Sodium

/// `electd prove`: that a record is in a journal which its node has signed, for somebody who has nothing but the proof
/// and public keys.
package struct Proof {
    /// The proof itself (c2sp.org/tlog-proof), to be kept or handed on.
    package let text: String
    package let answer: Answer

    package init(of name: RecordName, in archive: JournalArchive) throws(QuestionError) {
        let record = archive.text(name)
        guard let journal = archive.journal(of: name.node),
            let segment = journal.segments.first(where: { $0.number == name.segment })
        else { throw .unknownRecord(record, why: "that segment isn't here") }
        let proof: RecordProof
        do throws(ProofError) {
            proof = try RecordProof.make(segment.path, record: name.record)
        } catch {
            switch error {
            case .noRecord: throw .unknownRecord(record, why: "\(error)")
            default: throw .notProven("\(record) can't be proven: \(error)")
            }
        }
        guard proof.isGenuine else { throw .notProven("\(record) can't be proven: its checkpoint isn't genuine") }
        text = proof.text
        answer = Self.answer(proof, record, segment.path)
    }

    private static func answer(_ proof: RecordProof, _ record: String, _ path: String) -> Answer {
        let what = RecordText.text(proof.record, of: proof.opening)
        let node = harmless(proof.opening.node)
        let cosigners = proof.cosignatures.map { harmless($0.node) }
        let checkpoint = proof.checkpoint
        var lines = [
            "\(record) is \(what)",
            "it is in frame \(proof.index) of segment \(proof.opening.segment) of \(node)'s journal, whose leaf is "
                + hex(proof.leaf),
            "\(proof.path.count) hashes lead from there to the root \(hex(checkpoint.root)) of \(checkpoint.frames) frames",
            "\(node) signed that root in the checkpoint of epoch \(checkpoint.epoch), at "
                + "\(TimeText.text(Int64(clamping: checkpoint.wallClock.nanoseconds))) by its wall clock, with "
                + "\(proof.opening.key)",
        ]
        lines.append(
            cosigners.isEmpty
                ? "no peer's cosignature of it is in this journal" : "cosigned by \(cosigners.joined(separator: ", "))")
        let json = JSONText.fields([
            "schema": .number(1 as Int64), "record": .text(record), "text": .text(what), "node": .text(node),
            "segment": .number(proof.opening.segment), "file": .text(harmless(path)),
            "frame": .text(hex(proof.frame)), "index": .number(proof.index), "leaf": .text(hex(proof.leaf)),
            "path": .list(proof.path.map { .text(hex($0)) }), "root": .text(hex(checkpoint.root)),
            "frames": .number(checkpoint.frames), "epoch": .number(checkpoint.epoch),
            "time": .text(TimeText.text(Int64(clamping: checkpoint.wallClock.nanoseconds))),
            "key": .text(proof.opening.key.description), "epoch_key": .text(proof.sealKey.description),
            "verifier_key": .text(CheckpointNote.verifierKey(of: proof.opening)),
            "cosigned_by": .list(cosigners.map { .text($0) }), "proof": .text(proof.text),
        ])
        return Answer(lines: lines, json: json)
    }

    /// Checks a proof that somebody handed over.
    ///
    /// - Parameter keys: of the node, and of peers whose cosignatures matter.
    package static func check(_ text: String, keys: [String: PublicKey]) throws(QuestionError) -> Answer {
        do throws(ProofError) {
            let told = try ToldProof(parsing: text)
            let cosigners = try told.check(keys)
            let what = told.record.map { RecordText.text($0, of: nil) } ?? "a run of quiet steps"
            let node = harmless(told.node)
            var lines = [
                "genuine: frame \(told.index) of the first \(told.frames) of segment \(told.segment) of \(node)'s journal "
                    + "(cluster \(harmless(told.clusterTag)), epoch \(told.epoch.map(String.init) ?? "?")), signed by \(node)",
                "it holds \(what)",
            ]
            lines.append(
                cosigners.isEmpty
                    ? "no cosignature was checked: none is there of those whose keys were given"
                    : "cosigned by \(cosigners.map { harmless($0) }.joined(separator: ", "))")
            return Answer(
                lines: lines,
                json: .fields([
                    "schema": .number(1 as Int64), "genuine": .flag(true), "node": .text(node),
                    "segment": .number(told.segment), "index": .number(told.index), "frames": .number(told.frames),
                    "epoch": told.epoch.map { .number($0) }, "text": .text(what),
                    "cosigned_by": .list(cosigners.map { .text(harmless($0)) }),
                ]))
        } catch {
            if case .noKey = error { throw .keyMissing("\(error)") }
            throw .notProven("\(error)")
        }
    }
}
