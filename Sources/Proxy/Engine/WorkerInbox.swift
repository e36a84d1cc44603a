import CLinux
import Glibc
import Synchronization

/// What a worker is told, in the order it was told.
package enum WorkerCommand: Sendable {
    /// Replaces the plan. `listeners` are descriptors that become the worker's, a list for each service of the plan;
    /// `logs` the number of each service's sink, -1 for none.
    case plan(ServicePlan, serial: UInt32, listeners: [[Int32]], logs: [Int] = [])
    /// What is known about a server of the current plan; nil leaves it as it is.
    case server(
        service: Int, server: Int, health: ServicePlan.Health?, duty: ServicePlan.Duty?, weight: Int? = nil)
    /// Returns from `run`.
    case stop
}

/// A worker's mailbox: any thread posts, the worker's own event loop is woken and takes.
package final class WorkerInbox: Sendable {
    private let commands = Mutex<[WorkerCommand]>([])
    /// An eventfd; -1 when the kernel had none left.
    let bell: Int32

    package init() { bell = polling_bell() }

    deinit { if bell >= 0 { close(bell) } }

    package func post(_ command: WorkerCommand) {
        commands.withLock { $0.append(command) }
        polling_ring(bell)
    }

    func takeAll() -> [WorkerCommand] {
        _ = polling_silence(bell)
        return commands.withLock { commands in
            let all = commands
            commands.removeAll()
            return all
        }
    }
}
