enum HTTPVersion {
    /// `HTTP/1.`
    @inline(__always)
    static func isPrefix(_ bytes: UnsafePointer<UInt8>) -> Bool {
        let wanted: StaticString = "HTTP/1."
        var i = 0
        while i < 7 {
            if bytes[i] != wanted.utf8Start[i] { return false }
            i &+= 1
        }
        return true
    }
}
