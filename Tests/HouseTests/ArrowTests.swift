import Testing

/// Arrows run one way: ARCHITECTURE.md draws them, this holds the sources to them.
struct ArrowTests {
    /// Which modules of this package each module may import. The command line sees everything below it.
    static let arrows: [String: Set<String>] = [
        "Election": [],
        "Sodium": ["CSodium", "CNettle"],
        "Wire": ["Election", "Sodium"],
        "Journal": ["Election", "Sodium", "CZlib", "CLinux"],
        "Replay": ["Journal", "Election"],
        "Questions": ["Replay", "Journal", "Wire", "Election", "Sodium"],
        "VirtualIP": ["CLinux"],
        "Health": [],
        "Proxy": ["CLinux"],
        "Configuration": ["Election", "Sodium"],
        "Control": [],
        "Simulator": ["Election"],
        "Daemon": [
            "CLinux", "Control", "Proxy", "Health", "VirtualIP", "Journal", "Wire", "Configuration", "Election",
            "Sodium",
        ],
        "electd": [
            "Daemon", "Questions", "Replay", "Simulator", "Control", "Proxy", "Health", "VirtualIP", "Journal", "Wire",
            "Configuration",
            "Election", "Sodium",
        ],
    ]

    @Test("every import follows the arrows")
    func importsFollowTheArrows() throws {
        let own = Set(Self.arrows.keys).union(["CSodium", "CNettle", "CLinux", "CZlib"])
        for file in try House.files("Sources", ".swift") {
            let allowed = try #require(
                Self.arrows[file.module], "\(file.path) is in a module that the rule doesn't know")
            for (line, module) in file.imports where own.contains(module) {
                #expect(allowed.contains(module), "\(file.path):\(line): \(file.module) may not import \(module)")
            }
        }
    }

    @Test("Election imports nothing at all")
    func electionImportsNothing() throws {
        for file in try House.files("Sources/Election", ".swift") {
            #expect(file.imports.isEmpty, "\(file.path) imports \(file.imports.map(\.module))")
        }
    }

    @Test("the data plane and the core stay free of Foundation")
    func noFoundation() throws {
        for module in ["Election", "Proxy", "VirtualIP", "Wire", "Journal", "Sodium"] {
            for file in try House.files("Sources/\(module)", ".swift") {
                for (line, imported) in file.imports {
                    #expect(!imported.hasPrefix("Foundation"), "\(file.path):\(line): no Foundation here")
                }
            }
        }
    }

    @Test("Package.swift declares no arrow that the rule doesn't allow")
    func manifestAgrees() throws {
        let manifest = try House.text("Package.swift")
        for (module, allowed) in Self.arrows.sorted(by: { $0.key < $1.key }) where module != "electd" {
            let declaration = try #require(Self.declaration(of: module, in: manifest), "no module \(module)")
            let modules = Self.arrows.keys.sorted() + ["CSodium", "CNettle", "CLinux", "CZlib"]
            for other in modules where declaration.contains("\"\(other)\"") {
                #expect(other == module || allowed.contains(other), "Package.swift lets \(module) depend on \(other)")
            }
        }
    }

    /// From `module("NAME"` to the start of the next declaration.
    private static func declaration(of module: String, in manifest: String) -> Substring? {
        let compact = manifest.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for opening in ["module(\"\(module)\"", "module( \"\(module)\""] {
            guard let start = compact.range(of: opening) else { continue }
            let rest = compact[start.upperBound...]
            let ends = ["module(", ".executableTarget(", "tests("].compactMap { rest.range(of: $0)?.lowerBound }
            return Substring(compact[start.lowerBound..<(ends.min() ?? compact.endIndex)])
        }
        return nil
    }
}
