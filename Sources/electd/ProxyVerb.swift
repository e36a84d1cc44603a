import ArgumentParser
import Proxy

/// The data plane's process: started by `electd run`, which hands it its sockets.
struct ProxyVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy", abstract: "The proxy process; started by electd run.", shouldDisplay: false)

    /// Where the supervisor puts its end of the channel.
    private static let channel: Int32 = 3

    func run() throws { throw ExitCode(ProxyProcess.run(channel: Self.channel)) }
}
