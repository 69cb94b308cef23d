//! DNS, with dig and kdig, and with a resolver of others in between (unbound).

use std::fs;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};

use lapwing_tests::{Minted, eventually, free};

use crate::stage::Stage;

/// What a name of a fresh `dns` canary is, and the host it stands below.
fn names(minted: &Minted) -> (&str, &str) {
    let name = minted.field("beacon.name");
    (name, name.split_once('.').unwrap().1)
}

/// Asks with dig; comments and statistics left out.
fn dig(stage: &Stage, arguments: &[&str]) -> String {
    let port = stage.port();
    let first = [
        "@127.0.0.1",
        "-p",
        &port,
        "+tries=1",
        "+time=10",
        "+noidnin",
    ];
    let ran = stage.run("dig", &[&first, arguments].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
    ran.stdout
}

fn short(stage: &Stage, arguments: &[&str]) -> String {
    dig(stage, &[arguments, &["+short"]].concat())
}

/// The status of an answer, and how many records its sections have.
fn status(stage: &Stage, arguments: &[&str]) -> String {
    let said = dig(stage, arguments);
    let after = |what: &str| {
        let rest = said.split_once(what).unwrap_or_else(|| panic!("{said}")).1;
        rest.split([',', '\n']).next().unwrap().trim().to_owned()
    };
    format!(
        "{} {} {}",
        after("status: "),
        after("ANSWER: "),
        after("AUTHORITY: ")
    )
}

#[test]
fn every_type_in_any_case_trips_over_udp_and_tcp() {
    let stage = Stage::new("dns");
    let minted = stage.mint("dns");
    let (name, host) = names(&minted);
    assert_eq!(short(&stage, &[name]), "127.0.0.1\n");
    assert_eq!(short(&stage, &[host]), "127.0.0.1\n");
    let mixed: String = (name.chars().enumerate())
        .map(|(at, c)| {
            if at % 2 == 0 {
                c.to_ascii_uppercase()
            } else {
                c
            }
        })
        .collect();
    let said = dig(
        &stage,
        &[&mixed, "+tcp", "+dnssec", "+subnet=198.51.100.0/24"],
    );
    // The question comes back as it was written.
    assert!(said.contains(&format!(";{mixed}.")), "{said}");
    assert!(said.contains("CLIENT-SUBNET: 198.51.100.0/24/0"), "{said}");
    for kind in [
        "AAAA",
        "TXT",
        "MX",
        "NS",
        "SOA",
        "CAA",
        "SRV",
        "HTTPS",
        "TYPE65400",
    ] {
        assert_eq!(status(&stage, &[name, kind]), "NOERROR 0 1", "{kind}");
    }
    assert_eq!(status(&stage, &[name, "ANY"]), "NOERROR 1 0");
    let data = format!("726f6f7440776562.{name}");
    assert_eq!(short(&stage, &[&data]), "127.0.0.1\n");

    let lines = stage.lines(13);
    let label = minted.field("beacon.label");
    let first = format!("A dns accepted dns.name={name}\n");
    assert!(lines.starts_with(&first), "{lines}");
    let second = format!("A dns accepted dns.client_subnet=198.51.100.0/24 dns.name={mixed}\n");
    assert!(lines.contains(&second), "{lines}");
    assert!(lines.contains("TYPE65400 dns unknown"), "{lines}");
    let last = format!("A dns accepted dns.data=root@web dns.name={data}\n");
    assert!(lines.ends_with(&last), "{lines} {label}");
    let protocols: Vec<_> = (stage.trips(13).iter())
        .map(|trip| {
            trip["trip"]["observed"]["protocol"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    // dig asks for ANY over TCP.
    assert_eq!(protocols.iter().filter(|it| *it == "dns/tcp").count(), 2);
}

#[test]
fn names_are_answered_by_where_they_stand_not_by_what_is_known() {
    let stage = Stage::new("dns");
    let minted = stage.mint("dns");
    let (name, host) = names(&minted);
    let retired = stage.mint("dns");
    stage.home.ok(&["retire", &retired.id]);
    let unknown = format!("nobody-0a0a0a0a.{host}");
    let answers = |name: &str| {
        let said = dig(
            &stage,
            &[
                name,
                "+noall",
                "+answer",
                "+authority",
                "+comments",
                "+nocookie",
            ],
        );
        let lines = said.lines().filter(|line| !line.contains("id:"));
        // Columns are as wide as the name needs.
        let words = lines.flat_map(str::split_whitespace);
        words.collect::<Vec<_>>().join(" ").replace(name, "NAME")
    };
    let known = answers(name);
    assert!(known.contains("IN A 127.0.0.1"), "{known}");
    assert_eq!(answers(names(&retired).0), known);
    assert_eq!(answers(&unknown), known);
    for (question, expect) in [
        (&["nothing.bait.example"][..], "NXDOMAIN 0 1"),
        (&["nothing.bait.example", "TXT"], "NXDOMAIN 0 1"),
        (&["bait.example", "A"], "NOERROR 1 0"),
        (&["bait.example", "NS"], "NOERROR 2 0"),
        (&["bait.example", "MX"], "NOERROR 1 0"),
        (&["bait.example", "SRV"], "NOERROR 0 1"),
        (&["mail.bait.example", "A"], "NOERROR 1 0"),
        (&["ns2.bait.example", "A"], "NOERROR 1 0"),
        (&["other.example"], "REFUSED 0 0"),
        (&[".", "NS"], "REFUSED 0 0"),
        (&["bait.example", "MAILA"], "NOTIMP 0 0"),
        (&["bait.example", "TYPE128"], "FORMERR 0 0"),
        (&["bait.example", "+opcode=2"], "NOTIMP 0 0"),
        (&["bait.example", "SOA", "+opcode=4"], "REFUSED 0 0"),
        (&["-c", "ANY", "bait.example"], "FORMERR 0 0"),
        (&["-c", "CH", "-t", "TXT", "id.server"], "NOERROR 0 1"),
        (&["-c", "CH", "-t", "TXT", "else.bind"], "REFUSED 0 0"),
    ] {
        assert_eq!(status(&stage, question), expect, "{question:?}");
    }
    let transfer = stage.run(
        "dig",
        &["@127.0.0.1", "-p", &stage.port(), "bait.example", "AXFR"],
    );
    assert!(transfer.stdout.contains("Transfer failed"), "{transfer:?}");
    let version = short(&stage, &["-c", "CH", "-t", "TXT", "version.bind"]);
    assert!(version.starts_with("\"9.1"), "{version}");
    let soa = short(&stage, &["bait.example", "SOA"]);
    assert!(
        soa.starts_with("ns1.bait.example. hostmaster.bait.example. 2"),
        "{soa}"
    );
}

#[test]
fn kdig_takes_the_answers() {
    let stage = Stage::new("dns");
    let minted = stage.mint("log4shell");
    let lookup = minted.field("lookup_dns");
    let name = lookup
        .trim_start_matches("${jndi:dns://")
        .trim_end_matches('}');
    let name = format!("web-01.{name}");
    let port = stage.port();
    let kdig = |more: &[&str]| {
        let first = ["@127.0.0.1", "-p", &port, "+noall", "+answer", "+header"];
        let ran = stage.run("kdig", &[&first, more].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stdout
    };
    for way in [
        &["+edns", "+cookie", "+padding"][..],
        &["+tcp"],
        &["+noedns"],
        &["+bufsize=100"],
    ] {
        let said = kdig(&[&[name.as_str(), "A"], way].concat());
        assert!(said.contains("status: NOERROR"), "{said}");
        assert!(said.contains("127.0.0.1") && said.contains("aa"), "{said}");
        assert!(!said.contains("WARNING"), "{said}");
    }
    let badvers = kdig(&[&name, "A", "+edns=1"]);
    assert!(
        badvers.contains("BADVERS") || badvers.contains("BADVER"),
        "{badvers}"
    );
    let lines = stage.lines(4);
    assert!(
        lines.starts_with("A log4shell accepted dns.data=web-01 dns.name="),
        "{lines}"
    );
}

#[test]
fn no_answer_is_longer_than_was_asked_for() {
    // Enough name servers to fill more than a small datagram.
    let servers: Vec<String> = (0..40)
        .map(|number| format!("\"ns{number}.dns-host.example\""))
        .collect();
    let setting = format!("dns.name_servers=[{}]", servers.join(","));
    let stage = Stage::with("dns", &["dns=127.0.0.1:0"], &["--setting", &setting]);
    let cut = dig(
        &stage,
        &["bait.example", "NS", "+noedns", "+ignore", "+nocookie"],
    );
    assert!(
        cut.contains(" tc ") || cut.contains("tc;") || cut.contains(" tc"),
        "{cut}"
    );
    let size = cut.split("MSG SIZE  rcvd: ").nth(1).unwrap().trim();
    assert!(size.parse::<usize>().unwrap() <= 512, "{cut}");
    // A client that is told so asks again over a connection.
    assert!(status(&stage, &["bait.example", "NS", "+noedns"]).starts_with("NOERROR 40"));
}

#[test]
fn whatever_comes_the_station_goes_on() {
    let stage = Stage::new("dns");
    let minted = stage.mint("url");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(std::time::Duration::from_secs(30)))
        .unwrap();
    socket.connect(stage.address()).unwrap();
    socket.send(b"").unwrap();
    socket.send(b"\x01\x02").unwrap();
    // An answer is answered by nobody.
    socket
        .send(b"\0\x01\x80\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01")
        .unwrap();
    let mut answer = [0; 512];
    // A pointer to itself.
    socket
        .send(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01")
        .unwrap();
    assert_eq!(socket.recv(&mut answer).unwrap(), 12);
    assert_eq!(answer[..4], [0x12, 0x34, 0x81, 0x01]);
    // Bait in what is no DNS at all.
    socket
        .send(format!("GET {} HTTP/1.1", minted.field("beacon.url")).as_bytes())
        .unwrap();
    assert_eq!(stage.trips(1)[0]["trip"]["canary"], minted.id.as_str());
}

/// A resolver on loopback that asks the station; killed when dropped.
struct Resolver {
    child: Child,
    port: u16,
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Resolver {
    /// unbound, with 0x20 and query name minimisation as its defaults and operators have them.
    fn start(stage: &Stage) -> Self {
        let port = free().port();
        let config = format!(
            "server:\n interface: 127.0.0.1\n port: {port}\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n \
             directory: \"{home}\"\n pidfile: \"\"\n use-syslog: no\n do-not-query-localhost: no\n use-caps-for-id: yes\n \
             qname-minimisation: yes\n module-config: \"iterator\"\n access-control: 127.0.0.0/8 allow\n \
             num-threads: 1\n\
             remote-control:\n control-enable: no\n\
             stub-zone:\n name: \"bait.example\"\n stub-addr: 127.0.0.1@{ours}\n",
            home = stage.home.path().display(),
            ours = stage.port(),
        );
        let file = stage.home.path().join("unbound.conf");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("/usr/sbin/unbound");
        let child = command.arg("-d").arg("-c").arg(&file);
        let child = child
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port }
    }

    fn ask(&self, stage: &Stage, name: &str) -> String {
        let port = self.port.to_string();
        eventually("an answer of the resolver", || {
            let ran = stage.run(
                "dig",
                &["@127.0.0.1", "-p", &port, "+short", "+time=5", name],
            );
            (ran.code == 0 && ran.stdout.contains("127.0.0.1")).then_some(ran.stdout)
        })
    }
}

#[test]
fn a_resolver_is_called_one_and_what_follows_is_the_same_use() {
    let stage = Stage::new("dns");
    let minted = stage.mint("dns");
    let (name, _) = names(&minted);
    let resolver = Resolver::start(&stage);
    resolver.ask(&stage, name);
    let looked_up = stage.trips(1)[0].clone();
    let reasons = looked_up["conclusion"]["judgement"]["reasons"].to_string();
    assert!(
        reasons.contains("a resolver's, which asked on behalf of somebody"),
        "{reasons}"
    );
    let id = looked_up["trip"]["id"].as_str().unwrap();
    let shown = stage.home.ok(&["trip", id]);
    assert!(
        shown.contains("a DNS resolver, on behalf of somebody who is not seen"),
        "{shown}"
    );

    let url = format!("http://{}/", stage.station.address());
    stage.run(
        "curl",
        &["-s", "-m", "20", "-H", &format!("Host: {name}"), &url],
    );
    let http = eventually("the trip over HTTP", || {
        let trips = stage.trips(1).into_iter();
        let mut http = trips.filter(|trip| trip["trip"]["observed"]["listener"] == "http");
        http.next()
    });
    assert_eq!(
        http["conclusion"]["incident"],
        looked_up["conclusion"]["incident"]
    );
    assert_eq!(
        http["conclusion"]["actor"],
        looked_up["conclusion"]["actor"]
    );
    let evidence = http["conclusion"]["evidence"].to_string();
    assert!(
        evidence.contains("whose name a resolver looked up"),
        "{evidence}"
    );
    let report = stage.home.ok(&["report", "--format", "md"]);
    assert!(report.contains("(resolver)"), "{report}");
}
