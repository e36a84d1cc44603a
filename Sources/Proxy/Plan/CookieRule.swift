extension ServicePlan {
    /// HAProxy's `cookie NAME insert indirect nocache` and its further words.
    package struct Cookie: Equatable, Sendable {
        package enum SameSite: UInt8, CaseIterable, Sendable {
            case lax, strict, none
        }

        package var name: String
        /// The proxy sets the cookie when the request's didn't name the server that answers.
        package var insert: Bool
        /// Servers don't see it: that pair is taken out of the request.
        package var indirect: Bool
        /// A cacheable response that sets it says `Cache-Control: private`.
        package var nocache: Bool
        /// A cookie of this name that the server sets goes to the client, and then the proxy sets none.
        package var preserve = false
        package var secure = false
        package var httpOnly = false
        package var sameSite: SameSite?
        /// Seconds, 1 to `maxAgeLimit`; nil: until the browser ends.
        package var maxAge: UInt32?
        package var domain: String?
        package var path = "/"

        /// Ten years.
        package static let maxAgeLimit: UInt32 = 315_360_000

        package init(name: String, insert: Bool = true, indirect: Bool = true, nocache: Bool = true) {
            self.name = name
            self.insert = insert
            self.indirect = indirect
            self.nocache = nocache
        }

        /// The whole field that names a server, with its CR LF; attributes in HAProxy's order.
        func line(value: String) -> String {
            var line = "set-cookie: \(name)=\(value); path=\(path)"
            if let domain { line += "; domain=\(domain)" }
            if let maxAge { line += "; Max-Age=\(maxAge)" }
            if httpOnly { line += "; HttpOnly" }
            if secure { line += "; Secure" }
            switch sameSite {
            case .lax: line += "; SameSite=Lax"
            case .strict: line += "; SameSite=Strict"
            case .some(.none): line += "; SameSite=None"
            case nil: break
            }
            return line + "\r\n"
        }
    }
}

extension ServicePlan.Cookie {
    func validate(in service: String) throws(ServicePlanError) {
        try ServicePlan.requireName(name, "the cookie's name of \(service)")
        guard name.utf8.allSatisfy(CharacterClass.isToken) else {
            throw .unusableText("the cookie's name of \(service)")
        }
        try ServicePlan.require(
            maxAge.map { (1...Self.maxAgeLimit).contains($0) } ?? true, "the cookie's max_age of \(service)")
        // av-octets of RFC 6265 section 4.1.1.
        for attribute in [path, domain ?? "-"] {
            try ServicePlan.require((1...128).contains(attribute.utf8.count), "a cookie attribute of \(service)")
            guard attribute.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != CharacterClass.semicolon }) else {
                throw .unusableText("a cookie attribute of \(service)")
            }
        }
        // Browsers throw such a cookie away, and persistence with it.
        if sameSite == .some(.none), !secure { throw .unusableText("same_site none without secure in \(service)") }
    }

    func encode(into writer: inout PlanWriter) {
        writer.put(name)
        for flag in [insert, indirect, nocache, preserve, secure, httpOnly] { writer.put(flag) }
        writer.put(sameSite.map { $0.rawValue + 1 } ?? 0)
        writer.put(maxAge ?? 0)
        writer.put(domain ?? "")
        writer.put(path)
    }

    init(from reader: inout PlanReader) throws(ServicePlanError) {
        self.init(
            name: try reader.takeText(), insert: try reader.takeFlag(), indirect: try reader.takeFlag(),
            nocache: try reader.takeFlag())
        preserve = try reader.takeFlag()
        secure = try reader.takeFlag()
        httpOnly = try reader.takeFlag()
        let choice = try reader.take(UInt8.self)
        if choice > 0 {
            guard let known = SameSite(rawValue: choice - 1) else { throw .damaged("an unknown choice") }
            sameSite = known
        }
        let seconds = try reader.take(UInt32.self)
        maxAge = seconds > 0 ? seconds : nil
        let domain = try reader.takeText()
        self.domain = domain.isEmpty ? nil : domain
        path = try reader.takeText()
    }
}
