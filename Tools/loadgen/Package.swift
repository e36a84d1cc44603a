// swift-tools-version: 6.2
import PackageDescription

// A load generator with a fixed schedule, for Tools/bench. A package of its own: building electd doesn't build it.
let package = Package(
    name: "loadgen",
    targets: [
        .systemLibrary(name: "CLinux"),
        .executableTarget(
            name: "loadgen", dependencies: ["CLinux"],
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]),
    ]
)
