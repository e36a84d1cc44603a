// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

/// A module of the house and the arrows that leave it; `Tests/HouseTests` holds the sources to them.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "electd",
    products: [.executable(name: "electd", targets: ["electd"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "CNettle", pkgConfig: "nettle", providers: [.apt(["nettle-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CLinux"),
        module("Election"),
        module("Sodium", ["CSodium", "CNettle"]),
        module("Wire", ["Election", "Sodium"]),
        module("Journal", ["Election", "Sodium", "CZlib", "CLinux"]),
        module("Replay", ["Journal", "Election"]),
        module("Questions", ["Replay", "Journal", "Wire", "Election", "Sodium"]),
        module("VirtualIP", ["CLinux"]),
        module(
            "Health",
            [
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ]),
        module("Proxy", ["CLinux"]),
        module("Configuration", ["Election", "Sodium", .product(name: "Yams", package: "Yams")]),
        module(
            "Control",
            [
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        module("Simulator", ["Election"]),
        module(
            "Daemon",
            [
                "CLinux", "Control", "Proxy", "Health", "VirtualIP", "Journal", "Wire", "Configuration", "Election",
                "Sodium",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        .executableTarget(
            name: "electd",
            dependencies: [
                "Daemon", "Questions", "Replay", "Simulator", "Control", "Configuration", "Journal", "Proxy", "Sodium",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        tests("ElectionTests", ["Election"]),
        tests("WireTests", ["Wire", "Sodium", "Election"]),
        tests("JournalTests", ["Journal", "Replay", "Sodium", "Election"]),
        tests("QuestionsTests", ["Questions", "Replay", "Journal", "Sodium", "Election"]),
        tests("VirtualIPTests", ["VirtualIP"]),
        tests("HealthTests", ["Health"]),
        tests("ProxyTests", ["Proxy"]),
        tests("ConfigurationTests", ["Configuration", "Election", "Sodium"]),
        tests("ControlTests", ["Control"]),
        tests("SimulatorTests", ["Simulator", "Election"]),
        tests("HouseTests", []),
    ]
)
