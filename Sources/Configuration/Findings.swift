/// What a reading of one file found wrong, in the order in which it was found.
final class Findings {
    let file: String
    private(set) var problems: [Problem] = []

    init(file: String) { self.file = file }

    /// Whether further problems go untold, so that costly advice needn't be worked out.
    var isFull: Bool { problems.count >= Limit.problems }

    /// Notes a problem, unless there are `Limit.problems` already.
    func report(_ what: String, _ mend: String, at position: Position) {
        guard !isFull else { return }
        problems.append(Problem(file: file, position: position, what: what, mend: mend))
    }

    /// Throws what was found, if anything was.
    func throwIfAny(source: String) throws(ConfigurationErrors) {
        guard !problems.isEmpty else { return }
        // The sort of the standard library is stable: two problems of one place stay in the order of finding.
        var sorted = problems.sorted { $0.position < $1.position }
        if isFull, let last = sorted.last {
            sorted.append(
                Problem(
                    file: file, position: last.position,
                    what: "\(Limit.problems) problems are as many as one reading tells",
                    mend: "mend these, then look again"))
        }
        throw ConfigurationErrors(problems: sorted, source: source)
    }
}
