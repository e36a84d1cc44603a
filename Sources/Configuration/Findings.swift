/// What a reading of one file found wrong, in the order in which it was found.
final class Findings {
    let file: String
    private(set) var problems: [Problem] = []
    private var dropped = false

    init(file: String) { self.file = file }

    /// Notes a problem; beyond `Limit.problems` only that there are more.
    func report(_ what: String, _ mend: String, at position: Position) {
        guard problems.count < Limit.problems else {
            dropped = true
            return
        }
        problems.append(Problem(file: file, position: position, what: what, mend: mend))
    }

    /// Throws what was found, if anything was.
    func throwIfAny(source: String) throws(ConfigurationErrors) {
        guard !problems.isEmpty else { return }
        // The sort of the standard library is stable: two problems of one place stay in the order of finding.
        var sorted = problems.sorted { $0.position < $1.position }
        if dropped, let last = sorted.last {
            sorted.append(
                Problem(
                    file: file, position: last.position, what: "there are more than \(Limit.problems) problems",
                    mend: "mend these first"))
        }
        throw ConfigurationErrors(problems: sorted, source: source)
    }
}
