import Election
import Replay

/// Events and effects in words; what names the journals bring along can't do harm on a terminal.
struct Words {
    private let wording: Wording

    init(_ rules: Rules) { wording = Wording(rules: rules) }

    func text(_ event: Event) -> String { harmless(wording.text(event), atMost: 400) }
    func text(_ effect: Effect) -> String { harmless(wording.text(effect), atMost: 400) }
}
