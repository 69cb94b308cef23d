//! Files that give access to something: the programs they are for read them, and ask us.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lapwing_tests::{Ran, finish_within, trips};

use crate::desk::{Desk, Document};

impl Desk {
    /// Runs a program of others in this home.
    fn run(&self, program: &str, args: &[&str]) -> Ran {
        let mut command = Command::new(program);
        self.home.scrub(&mut command);
        finish_within(
            Duration::from_secs(60),
            command.current_dir(self.home.path()).args(args),
        )
    }

    /// Asks the station for a page, with these arguments of curl; gives the status.
    fn curl(&self, args: &[&str]) -> String {
        let quiet = ["--silent", "--max-time", "20", "--output", "answer"];
        let told = ["--write-out", "%{http_code}"];
        self.run("curl", &[&quiet[..], &told, args].concat()).stdout
    }
}

fn text(document: &Document) -> String {
    lapwing_core::bounded::read_text(&document.path, 1 << 20).unwrap()
}

/// What stands in a profile between `<name>` and `</name>`.
fn block<'a>(profile: &'a str, name: &str) -> &'a str {
    let (_, rest) = profile.split_once(&format!("<{name}>\n")).unwrap();
    rest.split_once(&format!("</{name}>")).unwrap().0
}

#[test]
fn openvpn_takes_a_profile_and_asks_its_proxy() {
    let desk = Desk::new();
    let document = desk.mint("openvpn", &[]);
    let profile = text(&document);
    for name in ["ca", "cert", "key"] {
        fs::write(desk.home.path().join(name), block(&profile, name)).unwrap();
    }
    let verify = ["verify", "-purpose", "sslclient", "-CAfile", "ca", "cert"];
    assert_eq!(desk.run("openssl", &verify).stdout, "cert: OK\n");
    let of_key = desk
        .run("openssl", &["pkey", "-in", "key", "-pubout"])
        .stdout;
    let of_cert = desk.run("openssl", &["x509", "-in", "cert", "-noout", "-pubkey"]);
    assert_eq!(of_key, of_cert.stdout);
    let said = desk.run("openssl", &["x509", "-in", "cert", "-noout", "-subject"]);
    assert_eq!(
        said.stdout,
        format!("subject=CN = {}\n", document.minted.field("client"))
    );
    assert!(desk.tripped().is_empty());
    // It tries for ever, and needs no device to do so.
    let path = document.path.to_str().unwrap();
    let openvpn = ["10", "openvpn", "--config", path, "--dev", "null"];
    let said = desk.run("timeout", &openvpn).stdout;
    assert!(said.contains("TCP connection established"), "{said}");
    assert!(!said.contains("Options error"), "{said}");
    assert!(!said.contains("Cannot load"), "{said}");
    desk.assert_tripped(&[&document]);
}

/// Lines that two hundred profiles have in common, which any two of easy-rsa's would have as well.
#[test]
fn profiles_share_no_line_that_others_do_not_share() {
    let desk = Desk::new();
    let many = desk.directory("many");
    let place = many.to_str().unwrap();
    desk.home
        .ok(&["mint", "openvpn", "--count", "200", "--output", place]);
    let mut common: Option<BTreeSet<String>> = None;
    let mut sizes = BTreeSet::new();
    let lines = |path: &Path| -> BTreeSet<String> {
        let text = lapwing_core::bounded::read_text(path, 1 << 20).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    for entry in fs::read_dir(&many).unwrap() {
        let path = entry.unwrap().path();
        sizes.insert(fs::metadata(&path).unwrap().len());
        let lines = lines(&path);
        common = Some(match common {
            Some(common) => common.intersection(&lines).cloned().collect(),
            None => lines,
        });
    }
    assert!(sizes.len() > 100, "{} sizes", sizes.len());
    let genuine = [
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN OpenVPN Static key V1-----",
        "-----BEGIN PRIVATE KEY-----",
        "-----END CERTIFICATE-----",
        "-----END OpenVPN Static key V1-----",
        "-----END PRIVATE KEY-----",
        "</ca>",
        "</cert>",
        "</key>",
        "<ca>",
        "<cert>",
        "<key>",
        "client",
        "dev tun",
        "remote-cert-tls server",
    ];
    // But for where they lead, which is the operator's own.
    let ours = |line: &String| line.starts_with("http-proxy ");
    let common: Vec<String> = common
        .unwrap()
        .into_iter()
        .filter(|line| !ours(line))
        .collect();
    assert_eq!(common, genuine);
}

#[test]
fn a_connection_file_is_as_windows_writes_it() {
    let desk = Desk::new();
    let document = desk.mint("rdp", &[]);
    let bytes = lapwing_core::bounded::read_file(&document.path, 1 << 20).unwrap();
    let (mark, rest) = bytes.split_at(2);
    assert_eq!(mark, [0xff, 0xfe]);
    let units = rest
        .chunks(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units).map(Result::unwrap).collect();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines.last(), Some(&""), "the last line ends, too");
    for line in &lines[..lines.len() - 1] {
        let mut parts = line.splitn(3, ':');
        let (name, sort, value) = (parts.next().unwrap(), parts.next(), parts.next().unwrap());
        match sort {
            Some("i") => assert!(value.parse::<u32>().is_ok(), "{line}"),
            sort => assert_eq!(sort, Some("s"), "{line}"),
        }
        assert!(!name.is_empty() && !value.contains('\n'), "{line}");
    }
    let gateway = format!("gatewayhostname:s:{}", document.minted.field("gateway"));
    let user = format!("username:s:{}", document.minted.field("username"));
    for wanted in [&*gateway, &*user, "gatewayusagemethod:i:1"] {
        assert!(lines.contains(&wanted), "{wanted}: {text}");
    }
}

#[test]
fn a_gateway_is_tripped_by_the_user_of_its_file() {
    let desk = Desk::new();
    let document = desk.mint("rdp", &[]);
    let address = document.minted.field("beacon.url");
    let login = |user: &str, method: &str, address: &str| {
        let user = format!("{user}:Winter-2024");
        desk.curl(&["--ntlm", "--user", &user, "--request", method, address])
    };
    // Who has not read the file is asked for a login as well.
    assert_eq!(desk.curl(&["--request", "RDG_OUT_DATA", address]), "401");
    assert_eq!(login("CORP\\administrator", "RDG_OUT_DATA", address), "401");
    assert!(desk.tripped().is_empty());
    let user = document.minted.field("username");
    assert_eq!(login(user, "RDG_OUT_DATA", address), "401");
    desk.assert_tripped(&[&document]);
    let rpc = address.replace("/remoteDesktopGateway/", "/rpc/rpcproxy.dll");
    assert_eq!(login(user, "RPC_OUT_DATA", &rpc), "401");
    assert_eq!(trips(&desk.home, 2).len(), 2);
}

#[test]
fn freerdp_logs_in_to_the_gateway_of_a_file() {
    let desk = Desk::new();
    let mut documents = Vec::new();
    for transport in ["http", "rpc"] {
        let document = desk.mint("rdp", &[]);
        desk.python("gateway.py", &[document.path.clone(), transport.into()]);
        documents.push(document);
    }
    desk.assert_tripped(&documents.iter().collect::<Vec<_>>());
}

#[test]
fn look_ups_and_mailboxes_trip_when_they_come_back() {
    let desk = Desk::new();
    let look_up = desk.mint("log4shell", &[]);
    let headers = text(&look_up);
    let asked = headers.lines().find(|line| line.contains("${jndi:"));
    let station = look_up.minted.field("beacon.url");
    let station = station.split('/').nth(2).unwrap();
    let page = format!("http://{station}/search");
    desk.curl(&["--header", asked.unwrap(), &page]);
    desk.assert_tripped(&[&look_up]);
    let mailbox = desk.home.mint("email-address", &[]);
    let form = format!("to={}", mailbox.field("email"));
    desk.curl(&["--data-urlencode", &form, &page]);
    lapwing_tests::eventually("the mailbox trips", || {
        desk.tripped().contains(&mailbox.id).then_some(())
    });
}
