// swift-tools-version: 6.2
import PackageDescription

// The modules under test, instrumented, with the fuzz targets beside them: a target sees what its module sees. A package
// of its own, so that nobody who builds electd builds this.

let instrumented: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .unsafeFlags(["-sanitize=fuzzer,address"]),
]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: instrumented)
}

let package = Package(
    name: "electd",
    targets: [
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium"),
        .systemLibrary(name: "CNettle", pkgConfig: "nettle"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib"),
        .systemLibrary(name: "CLinux"),
        module("Election"),
        module("Sodium", ["CSodium", "CNettle"]),
        module("Wire", ["Election", "Sodium"]),
        module("Journal", ["Election", "Sodium", "CZlib", "CLinux"]),
        module("Proxy", ["CLinux"]),
        .executableTarget(
            name: "fuzz",
            dependencies: ["Proxy", "Wire", "Journal", "Election", "Sodium"],
            swiftSettings: [
                .swiftLanguageMode(.v6), .enableExperimentalFeature("Extern"), .unsafeFlags(["-sanitize=address"]),
            ],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]),
    ]
)
