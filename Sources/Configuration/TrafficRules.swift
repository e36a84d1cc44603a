extension Configuration {
    /// What a service does with requests besides spreading them over its servers.
    package struct TrafficRules: Equatable, Sendable {
        package var forwarding = Forwarding()
        package var request = HeaderChanges()
        package var response = HeaderChanges()
        /// In the file's order: the first that fits decides.
        package var routes: [Route] = []
        /// The first is the default. Empty: one of all servers.
        package var pools: [Pool] = []
        /// Sorted by status.
        package var errorPages: [ErrorPage] = []
        /// Whose connections begin with a PROXY header.
        package var acceptProxy: [Network] = []
    }

    package struct Network: Equatable, Sendable, CustomStringConvertible {
        package let address: IPAddress
        /// 0 to 32 or 128.
        package let prefixLength: Int

        package var description: String { "\(address)/\(prefixLength)" }
    }

    package struct Forwarding: Equatable, Sendable {
        package enum Existing: String, CaseIterable, Sendable {
            case append, replace, keep
        }

        package enum Scheme: String, CaseIterable, Sendable {
            case http, https
        }

        package var header = "X-Forwarded-For"
        package var existing = Existing.append
        package var except: [Network] = []
        /// Forwarded of RFC 7239.
        package var forwarded = false
        /// X-Forwarded-Proto.
        package var scheme: Scheme?
        /// X-Forwarded-Port.
        package var port = false
    }

    package struct HeaderChanges: Equatable, Sendable {
        package struct Field: Equatable, Sendable {
            package let name: String
            package let value: String
        }

        package var remove: [String] = []
        package var set: [Field] = []
        package var add: [Field] = []
    }

    package struct Pool: Equatable, Sendable {
        package let name: String
        package let balance: Balance
        /// Names of the service's servers.
        package let servers: [String]
    }

    package struct Route: Equatable, Sendable {
        package enum Path: Equatable, Sendable {
            case exact(String), prefix(String)
        }

        package enum Action: Equatable, Sendable {
            case pool(String)
            case deny(Int)
            case redirect(Redirect)
        }

        /// In mode tcp the name in the ClientHello.
        package let host: String?
        package let path: Path?
        package let action: Action
    }

    package struct Redirect: Equatable, Sendable {
        package let status: Int
        package let scheme: Forwarding.Scheme?
        package let host: String?
        package let path: String?
        package let prefix: String?
    }

    package struct ErrorPage: Equatable, Sendable {
        /// Bytes of one page, and of all of a configuration.
        package static let limit = 32_768
        package static let all = 4_194_304

        package let status: Int
        package let file: String
        let place: Position
        /// Read by `checkFiles`.
        package var body: [UInt8] = []

        /// By the file's ending.
        package var contentType: String {
            switch file.split(separator: ".").last {
            case "json": "application/json"
            case "txt": "text/plain; charset=utf-8"
            default: "text/html; charset=utf-8"
            }
        }
    }

    package enum ProxyHeader: String, CaseIterable, Equatable, Sendable {
        case v1, v2
    }

    /// The same with the error pages that `checkFiles` has read.
    package func with(pages: [String: [UInt8]]) -> Configuration {
        var copy = self
        for service in copy.services.indices {
            for page in copy.services[service].traffic.errorPages.indices {
                let file = copy.services[service].traffic.errorPages[page].file
                copy.services[service].traffic.errorPages[page].body = pages[file] ?? []
            }
        }
        return copy
    }
}

extension ConfigurationFile {
    /// The error pages that services name, by path. They go out to everyone, so nothing is asked of their owner.
    func readPages(_ findings: Findings) -> [String: [UInt8]] {
        var pages: [String: [UInt8]] = [:]
        var total = 0
        for page in configuration.services.flatMap(\.traffic.errorPages) {
            let label = "error page \(page.file)"
            do throws(FileTrouble) {
                let body = try OpenFile(path: page.file).contents(max: Configuration.ErrorPage.limit)
                if body.starts(with: "HTTP/".utf8) {
                    findings.report(
                        "\(label) begins with a status line", "keep only what stands below the empty line",
                        at: page.place)
                }
                pages[page.file] = body
                total += body.count
            } catch {
                findings.report("\(label) \(error.what)", error.mend(page.file), at: page.place)
            }
            if total > Configuration.ErrorPage.all {
                findings.report("the error pages up to here are longer than 4 MiB", "shorten them", at: page.place)
                return pages
            }
        }
        return pages
    }
}
