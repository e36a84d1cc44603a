import Control
import Testing

struct MetricsTests {
    private static var served: StatusReport {
        var report = StatusSamples.healthy
        report.proxy = ProxyStatus(condition: "running", running: true, pid: 4_711, restarts: 2, logLinesLost: 17)
        report.services[0].stats = [
            "scur": 12, "smax": 40, "slim": 2_000, "bin": 1_000, "bout": 2_000, "req_tot": 99, "rate": 5, "rate_max": 9,
            "qcur": 1, "dreq": 3, "ttime": 7, "lastsess": 0, "act": 2,
        ]
        report.services[0].latency = LatencyStatus(
            count: 10, sum: 1_234_500, p50: 512, p90: 1_024, p99: 1_024,
            buckets: [.init(below: 128, count: 0), .init(below: 1_024, count: 9)])
        report.services[0].servers[0].stats = [
            "scur": 6, "smax": 20, "weight": 5, "chkfail": 4, "chkdown": 1, "downtime": 33, "lastchg": 8, "qtime": 1,
        ]
        return report
    }

    @Test("every family is announced once, before its samples, under a valid name")
    func families() throws {
        let text = MetricsText.render(Self.served)
        var seen: Set<String> = []
        var current = ""
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if words[0] == "#" {
                if words[1] == "TYPE" {
                    #expect(seen.insert(words[2]).inserted, "\(words[2]) is there twice")
                    #expect(["counter", "gauge", "histogram"].contains(words[3]))
                    current = words[2]
                }
                continue
            }
            let name = String(line.prefix { $0 != "{" && $0 != " " })
            let family = ["_bucket", "_sum", "_count"].first { name == current + $0 }.map { _ in current } ?? name
            #expect(family == current && name.allSatisfy { $0.isASCII && ($0.isLetter || $0 == "_") }, "\(line)")
            #expect(line.split(separator: " ").last.flatMap { Double($0) } != nil, "\(line)")
        }
        #expect(seen.contains("electd_service_requests_total") && seen.contains("electd_server_downtime_seconds_total"))
        #expect(text.contains("electd_service_requests_total{service=\"cluster37\"} 99\n"))
        #expect(text.contains("electd_log_lines_lost_total 17\n"))
    }

    @Test("a histogram counts up to +Inf, in seconds")
    func histograms() {
        let text = MetricsText.render(Self.served)
        let name = "electd_service_duration_seconds"
        #expect(text.contains("# TYPE \(name) histogram\n"))
        #expect(text.contains("\(name)_bucket{service=\"cluster37\",le=\"0.001024\"} 9\n"))
        #expect(text.contains("\(name)_bucket{service=\"cluster37\",le=\"+Inf\"} 10\n"))
        #expect(text.contains("\(name)_sum{service=\"cluster37\"} 1.2345\n\(name)_count{service=\"cluster37\"} 10\n"))
    }

    @Test("show stat has the figures in HAProxy's columns")
    func columns() throws {
        let lines = StatisticsCSV.render(Self.served).split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        func value(_ line: Int, _ column: String) throws -> String {
            lines[line][try #require(StatisticsCSV.columns.firstIndex(of: column))]
        }
        #expect(lines.allSatisfy { $0.count == lines[0].count })
        let frontend = ["smax": "40", "slim": "2000", "rate": "5", "rate_max": "9", "req_tot": "99", "dreq": "3"]
        for (column, wanted) in frontend { #expect(try value(1, column) == wanted, "\(column)") }
        for (column, wanted) in ["weight": "5", "chkfail": "4", "chkdown": "1", "downtime": "33", "qtime": "1"] {
            #expect(try value(2, column) == wanted, "\(column)")
        }
        #expect(try value(4, "svname") == "BACKEND" && value(4, "ttime") == "7" && value(4, "qcur") == "1")
    }

    @Test("status keeps what it doesn't know as null")
    func json() throws {
        let report = Self.served
        let again = try StatusReport.decode(report.json())
        #expect(again == report)
        #expect(String(decoding: report.json(), as: UTF8.self).contains("\"p99_us\":1024"))
    }
}
