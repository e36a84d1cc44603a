import Control
import Testing

struct StatusTableTests {
    @Test func dump() {
        for var r in [StatusSamples.healthy, StatusSamples.broken, StatusSamples.two] {
            r.addFindings()
            print(StatusTable.render(r, width: 100, color: false))
            print("=============")
        }
        var r = StatusSamples.broken
        r.addFindings()
        print(StatusTable.render(r, width: 60, color: false))
        print(String(decoding: StatusSamples.healthy.json(), as: UTF8.self))
    }
}
