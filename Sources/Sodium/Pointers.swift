/// libsodium's headers promise a pointer where Swift's buffers promise one only when they aren't empty; the buffers
/// here never are.
extension UnsafeMutableBufferPointer {
    var start: UnsafeMutablePointer<Element> {
        guard let baseAddress else { preconditionFailure("an empty buffer for a key, a digest or a signature") }
        return baseAddress
    }
}

extension UnsafeMutableRawBufferPointer {
    var octets: UnsafeMutablePointer<UInt8> { assumingMemoryBound(to: UInt8.self).start }
}
