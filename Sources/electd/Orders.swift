import ArgumentParser
import Control

struct Transfer: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Moves a group to another node, without a gap between the two.",
        discussion: "The group stays there, also when a node with a higher priority is ready, until that node "
            + "fails or the group is transferred again.")

    @Argument(help: "The group.")
    var group: String

    @Argument(help: "The node that is to hold it.")
    var node: String

    @OptionGroup var control: ControlOption

    func run() throws { try Asking(control).order(.transfer, TransferOrder(group: group, node: node)) }
}

struct Maintenance: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Takes a node out of service, or back; also across restarts.",
        discussion: "Without NODE: the node that is asked, at once, also when no majority is there. Of another "
            + "node a majority has to know, and it follows as soon as it does.")

    enum Switch: String, ExpressibleByArgument, CaseIterable {
        case on, off
    }

    @Argument(help: "on: hand over what this node holds and take nothing; off: take part again.")
    var state: Switch

    @Argument(help: "The node; this one if not given.")
    var node: String?

    @OptionGroup var control: ControlOption

    func run() throws {
        try Asking(control).order(.maintenance, MaintenanceOrder(on: state == .on, node: node))
    }
}

struct Server: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Drains a server, takes it out, makes it ready again, or weighs it: on every node.",
        discussion: "Any node may be asked. It answers when a majority has the order on disk, so that a failover "
            + "keeps it; 'ready' and a weight hold until the next order, whatever the configuration says.")

    enum State: String, ExpressibleByArgument, CaseIterable {
        case drain, ready, maintenance, weight
    }

    @Argument(help: "SERVICE/NAME, as in the configuration.")
    var server: String

    @Argument(
        help:
            "drain: no new clients, bound ones are still served. maintenance: nobody. ready: as its checks say. weight N."
    )
    var state: State

    @Argument(help: "With weight: its share of the clients, 0 to 256.")
    var weight: Int?

    @OptionGroup var control: ControlOption

    func validate() throws {
        if server.split(separator: "/", omittingEmptySubsequences: false).count != 2 {
            throw ValidationError("'\(server)' is not SERVICE/NAME, as in cluster37/fred")
        }
        if (state == .weight) != (weight != nil) {
            throw ValidationError(state == .weight ? "weight takes a number, 0 to 256" : "only weight takes a number")
        }
        if let weight, !(0...256).contains(weight) { throw ValidationError("a weight is 0 to 256") }
    }

    func run() throws {
        let parts = server.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let duty: ServerOrder.State? =
            switch state {
            case .drain: .drain
            case .ready: .ready
            case .maintenance: .maintenance
            case .weight: nil
            }
        try Asking(control).order(
            .server, ServerOrder(service: parts[0], server: parts[1], state: duty, weight: weight))
    }
}
