/// One route as the data path reads it.
struct RouteEntry {
    enum Host {
        case any, exact
        /// Names that end so; the text begins with a dot.
        case below
    }

    enum Path {
        case any, exact, prefix
    }

    enum Action {
        case pool, deny, redirect
    }

    var host = Host.any
    var hostName = OwnedText()
    var path = Path.any
    var pathText = OwnedText()
    var action = Action.pool
    var pool: UInt16 = 0
    /// Of the denial or the redirect.
    var status: UInt16 = 0
    var redirect = RedirectEntry()

    init(_ route: ServicePlan.Route) {
        if let name = route.host?.lowercased() {
            host = name.hasPrefix("*.") ? .below : .exact
            hostName = OwnedText(host == .below ? String(name.dropFirst()) : name)
        }
        switch route.path {
        case .exact(let text): (path, pathText) = (.exact, OwnedText(text))
        case .prefix(let text): (path, pathText) = (.prefix, OwnedText(text))
        case nil: break
        }
        switch route.action {
        case .pool(let place): pool = UInt16(place)
        case .deny(let denied): (action, status) = (.deny, UInt16(denied))
        case .redirect(let rule):
            (action, status) = (.redirect, UInt16(rule.status))
            redirect = RedirectEntry(rule)
        }
    }

    func fits(host name: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        switch host {
        case .any: true
        case .exact: hostName.equalsIgnoringCase(name, count)
        case .below:
            count > hostName.count
                && hostName.equalsIgnoringCase(name + (count - hostName.count), hostName.count)
        }
    }

    func fits(path text: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        switch path {
        case .any: true
        case .exact: pathText.equals(text, count)
        case .prefix: RequestTarget.isBelow(text, count, pathText)
        }
    }

    mutating func deallocate() {
        hostName.deallocate()
        pathText.deallocate()
        redirect.deallocate()
    }
}

/// Where a redirect leads.
struct RedirectEntry {
    private var scheme = OwnedText()
    private var changesScheme = false
    private var host = OwnedText()
    private var path = OwnedText()
    private var prefix = OwnedText()

    init() {}

    init(_ rule: ServicePlan.Redirect) {
        changesScheme = rule.scheme != nil
        scheme = OwnedText(rule.scheme == .https ? "https://" : "http://")
        host = OwnedText(rule.host ?? "")
        path = OwnedText(rule.path ?? "")
        prefix = OwnedText(rule.prefix ?? "")
    }

    /// Writes the Location. Without a scheme or a host of its own it is a path, which every client completes. A request's
    /// port is left out where the scheme changes, because it is another one there.
    ///
    /// - Returns: false: the request names no host, and one is needed.
    func put(_ head: RequestHead, _ bytes: UnsafePointer<UInt8>, into output: inout HeadOutput) -> Bool {
        if changesScheme || host.count > 0 {
            scheme.put(into: &output)
            if host.count > 0 {
                host.put(into: &output)
            } else {
                guard head.hostCount > 0 else { return false }
                let name = bytes + head.hostStart
                output.put(name, RequestTarget.nameCount(ofHost: name, head.hostCount))
            }
        }
        if path.count > 0 {
            path.put(into: &output)
            return true
        }
        prefix.put(into: &output)
        // Two slashes at the beginning would name a host.
        var start = head.pathStart
        let end = start + head.pathCount
        if prefix.count == 0, !changesScheme, host.count == 0 { return false }
        if prefix.endsInSlash { while start < end, bytes[start] == 0x2f { start += 1 } }
        if start == end || (bytes[start] != 0x2f && !prefix.endsInSlash) { output.put("/") }
        output.put(bytes + start, end - start)
        return true
    }

    mutating func deallocate() {
        for text in [scheme, host, path, prefix] {
            var text = text
            text.deallocate()
        }
        self = RedirectEntry()
    }
}

extension OwnedText {
    fileprivate var endsInSlash: Bool { count > 0 && bytes?[count - 1] == 0x2f }
}

/// A service's routes in their order.
struct RouteTable {
    private(set) var entries: UnsafeMutablePointer<RouteEntry>?
    private(set) var count = 0
    /// Some route looks at the path.
    private(set) var needsPath = false

    init() {}

    init(_ routes: [ServicePlan.Route]) {
        if routes.isEmpty { return }
        let entries = UnsafeMutablePointer<RouteEntry>.allocate(capacity: routes.count)
        entries.initialize(from: routes.map(RouteEntry.init), count: routes.count)
        self.entries = entries
        count = routes.count
        needsPath = routes.contains { $0.path != nil }
    }

    /// The first route that fits; nil: none does.
    ///
    /// - Parameters:
    ///   - name: without port.
    ///   - path: normalised.
    func first(
        host name: UnsafePointer<UInt8>, _ nameCount: Int, path: UnsafePointer<UInt8>, _ pathCount: Int
    ) -> UnsafeMutablePointer<RouteEntry>? {
        guard let entries else { return nil }
        for place in 0..<count
        where entries[place].fits(host: name, nameCount) && entries[place].fits(path: path, pathCount) {
            return entries + place
        }
        return nil
    }

    mutating func deallocate() {
        for place in 0..<count { entries?[place].deallocate() }
        entries?.deallocate()
        self = RouteTable()
    }
}

/// A service's own error pages, each as the whole fields and body behind the status line.
struct PageTable {
    struct Page {
        var status: UInt16
        var fields: OwnedText
        var body: OwnedText
    }

    private var pages: UnsafeMutablePointer<Page>?
    private var count = 0

    init() {}

    init(_ errorPages: [ServicePlan.ErrorPage]) {
        if errorPages.isEmpty { return }
        let pages = UnsafeMutablePointer<Page>.allocate(capacity: errorPages.count)
        for (place, page) in errorPages.enumerated() {
            let fields = "content-length: \(page.body.count)\r\ncontent-type: \(page.contentType)\r\n"
            (pages + place).initialize(
                to: Page(status: UInt16(page.status), fields: OwnedText(fields), body: OwnedText(bytes: page.body)))
        }
        self.pages = pages
        count = errorPages.count
    }

    func page(_ status: UInt16) -> Page? {
        guard let pages else { return nil }
        for place in 0..<count where pages[place].status == status { return pages[place] }
        return nil
    }

    mutating func deallocate() {
        for place in 0..<count {
            pages?[place].fields.deallocate()
            pages?[place].body.deallocate()
        }
        pages?.deallocate()
        self = PageTable()
    }
}
