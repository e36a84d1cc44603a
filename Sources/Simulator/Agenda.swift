/// What is going to happen, earliest first; of two things at one instant the one that was entered first.
struct Agenda {
    enum Kind: UInt8 {
        /// `slot` of the world's events happens to `node`; `life` 0 for whatever life it is in.
        case event
        /// `node` looks whether its deadline has come.
        case timer
        /// The first write in `node`'s queue is done.
        case written
        /// `node` runs on after a pause.
        case resume
        /// `slot` of the plan.
        case action
        /// `node` announces its addresses for the group of place `slot`.
        case announce
        /// The liveness checkers look.
        case look
    }

    struct Entry {
        var at: UInt64
        var order: UInt64
        var slot: UInt32
        var life: UInt32
        var node: UInt8
        var kind: Kind

        fileprivate func isBefore(_ other: Entry) -> Bool {
            at != other.at ? at < other.at : order < other.order
        }
    }

    private var heap: [Entry] = []
    /// What was known from the beginning, latest first: the heap stays as small as what is under way.
    private var plan: [Entry] = []
    private var entered: UInt64 = 0

    /// - Parameter plan: when each action of the plan is due; their slots are their places in it.
    init(plan: [UInt64]) {
        for (slot, at) in plan.enumerated() {
            entered += 1
            self.plan.append(Entry(at: at, order: entered, slot: UInt32(slot), life: 0, node: 0, kind: .action))
        }
        self.plan.sort { $1.isBefore($0) }
    }

    mutating func enter(_ kind: Kind, at: UInt64, node: UInt8 = 0, life: UInt32 = 0, slot: UInt32 = 0) {
        entered += 1
        let new = Entry(at: at, order: entered, slot: slot, life: life, node: node, kind: kind)
        heap.append(new)
        heap.withUnsafeMutableBufferPointer { heap in
            var child = heap.count - 1
            while child > 0 {
                let parent = (child - 1) / 2
                guard new.isBefore(heap[parent]) else { break }
                heap[child] = heap[parent]
                child = parent
            }
            heap[child] = new
        }
    }

    mutating func next() -> Entry? {
        guard let first = heap.first else { return plan.popLast() }
        if let planned = plan.last, planned.isBefore(first) { return plan.popLast() }
        let last = heap.removeLast()
        if heap.isEmpty { return first }
        heap.withUnsafeMutableBufferPointer { heap in
            var parent = 0
            while true {
                var child = 2 * parent + 1
                if child + 1 < heap.count && heap[child + 1].isBefore(heap[child]) { child += 1 }
                guard child < heap.count, heap[child].isBefore(last) else { break }
                heap[parent] = heap[child]
                parent = child
            }
            heap[parent] = last
        }
        return first
    }
}
