/// Where a daemon finds and leaves its things.
package struct DaemonOptions: Sendable {
    package var configurationPath: String
    package var stateDirectory: String
    package var socketPath: String
    /// The binary that is started again as the proxy process.
    package var executable: String
    package var version: String

    package init(
        configurationPath: String, stateDirectory: String, socketPath: String, executable: String, version: String
    ) {
        self.configurationPath = configurationPath
        self.stateDirectory = stateDirectory
        self.socketPath = socketPath
        self.executable = executable
        self.version = version
    }
}

/// Why a daemon can't start or go on; the description names the mend.
package enum DaemonError: Error, CustomStringConvertible {
    case state(String)
    case kernel(String)
    case unavailable(String)

    package var description: String {
        switch self {
        case .state(let why), .kernel(let why), .unavailable(let why): why
        }
    }
}
