//! The packet that a connection begins with, as p0f sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use lapwing_core::bounded::read_text;
use serde_json::Value;

use crate::stage::Stage;

/// Fetches a beacon from a system that is set up in one way after another, while p0f looks on.
const CLIENT: &str = r#"
p0f -i lo -o p0f.log >p0f.out 2>&1 &
watcher=$!
trap 'kill $watcher' EXIT
until grep -q 'main event loop' p0f.out; do
    kill -0 $watcher || { cat p0f.out; exit 1; }
    sleep 0.05
done
fetch() {
    curl -s -o /dev/null -H "Host: $HOST" "http://127.0.0.1:8080$TARGET"
    curl -s -o /dev/null -H "Host: $HOST" "http://[::1]:8080$TARGET"
}
with() {
    before=$(sysctl -n "$1")
    sysctl -q -w "$1=$2"
    fetch
    sysctl -q -w "$1=$before"
}
set -e
fetch
with net.ipv4.tcp_timestamps 0
with net.ipv4.tcp_sack 0
with net.ipv4.tcp_window_scaling 0
with net.ipv4.tcp_ecn 1
with net.ipv4.ip_default_ttl 128
with net.ipv4.ip_default_ttl 47
with net.ipv6.conf.lo.hop_limit 200
with net.ipv6.auto_flowlabels 0
with net.ipv4.ip_no_pmtu_disc 1
with net.ipv4.tcp_fastopen 3
with net.ipv4.tcp_rmem '4096 8192 16384'
ip link set lo mtu 1380
fetch
sysctl -q -w net.ipv4.tcp_timestamps=0 net.ipv4.tcp_sack=0 net.ipv4.tcp_window_scaling=0
fetch
# What it saw last may not be written yet.
for _ in $(seq 600); do
    [ "$(grep -c 'mod=syn|' p0f.log)" -ge 28 ] && break
    sleep 0.05
done
"#;

#[test]
fn first_packets_are_described_as_p0f_describes_them() {
    let doors = ["--http", "127.0.0.1:8080", "--on", "http=[::1]:8080"];
    let stage = Stage::apart("http", &["http://*.bait.example"], |_| (), &doors);
    let url = stage.mint("url").field("beacon.url").to_owned();
    let rest = url.strip_prefix("http://").unwrap();
    let (host, target) = rest.split_at(rest.find('/').unwrap());
    let program = ["bash", "-c", CLIENT];
    let ran = stage.inside(&[("HOST", host), ("TARGET", target)], &program);
    assert_eq!(ran.code, 0, "{ran:?}");
    let log = read_text(&stage.home.path().join("p0f.log"), 1 << 20).unwrap();
    let theirs: BTreeMap<&str, &str> = { log.lines() }
        .filter(|line| line.contains("mod=syn|"))
        .map(|line| (value(line, "cli"), value(line, "raw_sig")))
        .collect();
    let mut sorts = BTreeSet::new();
    let trips = stage.trips(28);
    for trip in &trips {
        let observed = &trip["trip"]["observed"];
        let ours = observed["signals"]["syn"].as_str().unwrap_or_default();
        let peer: SocketAddr = observed["peer"].as_str().unwrap().parse().unwrap();
        // Of an IPv6 address p0f writes all parts.
        let address = match peer {
            SocketAddr::V4(_) => "127.0.0.1",
            SocketAddr::V6(_) => "0:0:0:0:0:0:0:1",
        };
        let peer = format!("{address}/{}", peer.port());
        let theirs = theirs
            .get(peer.as_str())
            .unwrap_or_else(|| panic!("{peer} in {log}"));
        same(ours, theirs);
        sorts.insert(ours.to_owned());
    }
    assert!(sorts.len() >= 18, "{sorts:#?}");
}

/// `cli=127.0.0.1/4711|...`
fn value<'a>(line: &'a str, name: &str) -> &'a str {
    let found = line
        .split('|')
        .find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {line}"))
}

/// p0f gives the window as so many segments or packets where it can.
fn same(ours: &str, theirs: &str) {
    let split = |signature: &str| -> Vec<String> {
        let parts = signature.split(':').flat_map(|part| part.splitn(2, ','));
        parts.map(str::to_owned).collect()
    };
    let (ours_split, mut theirs_split) = (split(ours), split(theirs));
    if let Some((_, times)) = theirs_split[4].clone().split_once('*') {
        let window: u32 = ours_split[4].parse().unwrap();
        let times: u32 = times.parse().unwrap();
        assert_eq!(window % times, 0, "{ours} is {theirs}");
        theirs_split[4] = window.to_string();
    }
    assert_eq!(ours_split, theirs_split, "{ours} is {theirs}");
}

/// A browser that says it runs on Windows, from where a Linux sends, is told from one that says what it is. Behind a
/// proxy of the operator's the packet is the proxy's, and not kept.
#[test]
fn a_system_that_is_not_what_it_says_is_flagged() {
    let stage = Stage::with("http", &[], &["--proxy", "127.0.0.2/32"]);
    let minted = stage.mint("url");
    let url = minted.field("beacon.url");
    let rest = url.strip_prefix("http://").unwrap();
    let (host, target) = rest.split_at(rest.find('/').unwrap());
    let to = format!("http://{}{target}", stage.station.address());
    let host = format!("Host: {host}");
    let browser = |system: &str| {
        format!(
            "Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
        )
    };
    let from = |agent: &str, more: &[&str]| {
        let arguments = ["-s", "-o", "/dev/null", "-A", agent, "-H", &host, &to];
        let ran = stage.run("curl", &[&arguments[..], more].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
    };
    from(&browser("Windows NT 10.0; Win64; x64"), &[]);
    from("a script of mine for windows", &[]);
    from("a script of mine for linux", &[]);
    from("proxied", &["--interface", "127.0.0.2"]);
    let trips = stage.trips(4);
    let reasons = |trip: &Value| trip["tool"]["reasons"].to_string();
    assert!(
        reasons(&trips[0]).contains("says that it runs on Windows"),
        "{}",
        trips[0]
    );
    assert_eq!(trips[0]["tool"]["contradicts"], true);
    assert!(trips[3]["trip"]["observed"]["signals"]["syn"].is_null());
    assert!(trips[2]["trip"]["observed"]["signals"]["syn"].is_string());
}
