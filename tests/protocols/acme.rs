//! Certificates from an authority, with Pebble, the test server of Let's Encrypt's makers.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lapwing_core::bounded;
use lapwing_tests::{Home, Station, finish_within, free, within};
use serde_json::json;

/// Longest run of a client, and of an authority's checks.
const PATIENCE: Duration = Duration::from_secs(120);

const HOST: &str = "files.bait.example";

/// Pebble, and what it needs. All are stopped when it is dropped.
struct Pebble {
    programs: Vec<Child>,
    address: SocketAddr,
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for program in &mut self.programs {
            // Err: it has ended already.
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

impl Pebble {
    /// Checks by HTTP and by TLS at this port; every host is this one.
    fn start(home: &Home, port: u16) -> Self {
        let dns = free().port();
        let mut pebble = Self::asking(home, port, dns);
        let names = format!("127.0.0.1:{dns}");
        let management = free().to_string();
        let nowhere = ["-http01", "", "-https01", "", "-tlsalpn01", ""];
        let served = ["-dns01", &names, "-management", &management];
        let of_names = ["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""];
        let arguments = [&nowhere[..], &served, &of_names].concat();
        let names = spawn(home, "pebble-challtestsrv", &arguments);
        pebble.programs.push(names);
        pebble
    }

    /// Checks at this port, and asks the name server at that one.
    fn asking(home: &Home, port: u16, dns: u16) -> Self {
        let path = |name: &str| home.path().join(name).display().to_string();
        let mut openssl = Command::new("openssl");
        home.scrub(&mut openssl);
        openssl
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
            ])
            .args(["-keyout", &path("pebble.key"), "-out", &path("pebble.pem")])
            .args([
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
            ])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        assert_eq!(finish_within(PATIENCE, &mut openssl).code, 0);
        let address = free();
        let config = json!({"pebble": {
            "listenAddress": address.to_string(),
            "managementListenAddress": free().to_string(),
            "certificate": path("pebble.pem"), "privateKey": path("pebble.key"),
            "httpPort": port, "tlsPort": port,
            "ocspResponderURL": "", "externalAccountBindingRequired": false,
        }});
        fs::write(path("pebble.json"), config.to_string()).unwrap();
        let names = format!("127.0.0.1:{dns}");
        let arguments = ["-config", &path("pebble.json"), "-dnsserver", &names];
        let programs = vec![spawn(home, "pebble", &arguments)];
        let pebble = Self { programs, address };
        within(PATIENCE, "Pebble listens", || {
            TcpStream::connect(address).ok()
        });
        pebble
    }
}

fn spawn(home: &Home, program: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(program);
    home.scrub(&mut command);
    command
        .env("PEBBLE_VA_NOSLEEP", "1")
        .env("PEBBLE_WFE_NONCEREJECT", "0")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {program}: {error}"))
}

/// Settings by which a station gets a certificate from Pebble, by this check.
fn settings(home: &Home, host: &str, pebble: &Pebble, challenge: &str) {
    home.settings(&format!(
        "addresses = [\"https://*.bait.example\"]\nmail_domain = \"bait.example\"\n\
         [tls.acme]\nhosts = [{host:?}]\nchallenge = {challenge:?}\ncontacts = [\"us@bait.example\"]\n\
         directory = \"https://localhost:{}/dir\"\nroots = {:?}\n",
        pebble.address.port(),
        home.path().join("pebble.pem").display().to_string(),
    ));
}

/// Who issued the certificate that is shown, once one is.
fn issuer(home: &Home, port: u16) -> String {
    within(PATIENCE, "a certificate is shown", || {
        let mut openssl = Command::new("openssl");
        home.scrub(&mut openssl);
        openssl
            .args([
                "s_client",
                "-connect",
                &format!("127.0.0.1:{port}"),
                "-servername",
                HOST,
            ])
            .stdin(Stdio::null());
        let said = finish_within(PATIENCE, &mut openssl).stdout;
        let issuer = said.lines().find_map(|line| line.strip_prefix("issuer="));
        issuer.map(str::to_owned)
    })
}

fn gets_one(challenge: &str) {
    let home = Home::new();
    let port = free().port();
    let pebble = Pebble::start(&home, port);
    settings(&home, HOST, &pebble, challenge);
    let address = format!("127.0.0.1:{port}");
    let station = Station::start(&mut home.command(&["listen", "--json", "--http", &address]));
    let issuer = issuer(&home, port);
    assert!(
        issuer.contains("Pebble Intermediate CA"),
        "{issuer}\n{}",
        station.stderr()
    );
    let listed = home.json(&["tls"]);
    assert_eq!(listed[0]["names"], json!([HOST]));
    assert_eq!(listed[0]["source"], "acme");
    for file in ["account.json", &format!("{HOST}.pem")] {
        let path = home.data().join("tls/acme").join(file);
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    // The check is over: what answered it is gone.
    let mut curl = Command::new("curl");
    home.scrub(&mut curl);
    let url = format!("http://127.0.0.1:{port}/.well-known/acme-challenge/x");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &url]);
    assert_eq!(finish_within(PATIENCE, &mut curl).stdout, "404");

    let account_file = home.data().join("tls/acme/account.json");
    let read = |path: &Path| bounded::read_file(path, 1 << 20).unwrap();
    // The same account asks for the next one, which is due at once if it may be.
    let account = read(&account_file);
    station.stop();
    let file = home.data().join(format!("tls/acme/{HOST}.pem"));
    let old = read(&file);
    let again = [
        "listen",
        "--json",
        "--http",
        &address,
        "--setting",
        "tls.acme.renew_days=3650",
    ];
    let station = Station::start(&mut home.command(&again));
    within(PATIENCE, "it is renewed", || {
        (read(&file) != old).then_some(())
    });
    drop(station);
    assert_eq!(read(&account_file), account);
}

#[test]
fn a_certificate_comes_by_http() {
    gets_one("http-01");
}

#[test]
fn a_certificate_comes_by_tls() {
    gets_one("tls-alpn-01");
}

/// The station is the name server that Pebble asks, and the only way to a certificate for a wildcard.
#[test]
fn a_certificate_for_a_wildcard_comes_by_dns() {
    let home = Home::new();
    let (http, dns) = (free().port(), free().port());
    let pebble = Pebble::asking(&home, http, dns);
    settings(&home, "*.bait.example", &pebble, "dns-01");
    let (http_door, dns_door) = (format!("127.0.0.1:{http}"), format!("dns=127.0.0.1:{dns}"));
    let listen = ["listen", "--json", "--http", &http_door, "--on", &dns_door];
    let station = Station::start(&mut home.command(&listen));
    let issuer = issuer(&home, http);
    assert!(
        issuer.contains("Pebble Intermediate CA"),
        "{issuer}\n{}",
        station.stderr()
    );
    assert_eq!(home.json(&["tls"])[0]["names"], json!(["*.bait.example"]));
}

#[test]
fn what_cannot_be_checked_is_said_at_the_start() {
    let home = Home::new();
    home.settings("[tls.acme]\nhosts = [\"*.bait.example\"]\n");
    let ran = home.run(&["listen", "--http", "127.0.0.1:0"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("dns-01 only"), "{}", ran.stderr);
}
