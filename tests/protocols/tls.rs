//! TLS: certificates as OpenSSL sees them, and clients by their ClientHello, judged by other implementations
//! of JA3 and JA4.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lapwing_tests::{
    Home, Minted, Ran, Station, eventually, finish_within, repository, trips, venv,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::stage::Stage;

/// Longest run of a client.
const PATIENCE: Duration = Duration::from_secs(120);

struct Site {
    home: Home,
    station: Station,
    /// What its private authority is trusted by.
    ca: PathBuf,
}

impl Site {
    /// A station whose authority has issued one certificate for these hosts.
    fn new(hosts: &[&str]) -> Self {
        let home = Home::new();
        home.ok(&[
            "init",
            "--address",
            "https://*.bait.example",
            "--setting",
            "mail_domain=bait.example",
        ]);
        let ca = home.path().join("ca.pem");
        fs::write(&ca, home.ok(&["tls", "ca"])).unwrap();
        home.ok(&[&["tls", "issue"], hosts].concat());
        let station = home.listen(&[]);
        Self { home, station, ca }
    }

    fn port(&self) -> u16 {
        self.station.address().port()
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Ran {
        let mut command = Command::new(program);
        self.home.scrub(&mut command);
        finish_within(PATIENCE, command.args(arguments))
    }

    /// The path of a beacon.
    fn path(minted: &Minted) -> &str {
        let url = minted.field("beacon.url");
        let rest = url.strip_prefix("https://").unwrap();
        &rest[rest.find('/').unwrap()..]
    }

    /// The address of a beacon under a host's name, for clients that look `localhost` up.
    fn local(&self, minted: &Minted) -> String {
        format!("https://localhost:{}{}", self.port(), Self::path(minted))
    }

    /// Opens a beacon with curl, by the name it carries.
    fn curl(&self, minted: &Minted, more: &[&str]) -> Ran {
        let url = minted.field("beacon.url");
        let host = url.split('/').nth(2).unwrap();
        let port = self.port();
        let to = format!("{host}:443:127.0.0.1:{port}");
        let ca = self.ca.display().to_string();
        let first = ["-sS", "-m", "20", "--cacert", &ca, "--connect-to", &to];
        self.run(Path::new("curl"), &[&first, more, &[url]].concat())
    }

    /// The newest trip of this canary, once there is one.
    fn trip(&self, minted: &Minted) -> Value {
        let id = eventually("a trip of this canary", || {
            let all = trips(&self.home, 0);
            let own = |trip: &&Value| trip["trip"]["canary"] == minted.id.as_str();
            let own = all.iter().find(own)?;
            own["trip"]["id"].as_str().map(str::to_owned)
        });
        self.home.json(&["trip", &id])
    }

    /// The certificate that is shown to who asks for `name`: its subject, and whether it is trusted.
    fn shown(&self, name: Option<&str>) -> String {
        shown(&self.home, self.port(), Some(&self.ca), name)
    }
}

fn shown(home: &Home, port: u16, ca: Option<&Path>, name: Option<&str>) -> String {
    let address = format!("127.0.0.1:{port}");
    let mut command = Command::new("openssl");
    home.scrub(&mut command);
    command
        .args(["s_client", "-connect", &address])
        .stdin(Stdio::null());
    if let Some(ca) = ca {
        command.arg("-CAfile").arg(ca);
    }
    match name {
        Some(name) => command.args(["-servername", name]),
        None => command.arg("-noservername"),
    };
    let said = finish_within(PATIENCE, &mut command).stdout;
    let line = |start: &str| {
        let found = said
            .lines()
            .find_map(|line| line.trim().strip_prefix(start));
        found.unwrap_or_default().trim().to_owned()
    };
    format!("{} {}", line("subject="), line("Verify return code:"))
}

fn signal<'a>(trip: &'a Value, name: &str) -> &'a str {
    trip["trip"]["observed"]["signals"][name]
        .as_str()
        .unwrap_or_else(|| panic!("no signal {name} in {trip}"))
}

/// JA3 and JA4 of these trips' ClientHellos by others' programs.
fn judged(home: &Home, trips: &[&Value]) -> Vec<String> {
    let hellos: String = trips
        .iter()
        .map(|trip| format!("{}\n", trip["hello"].as_str().unwrap()))
        .collect();
    let mut python = Command::new(venv().join("bin/python"));
    home.scrub(&mut python);
    let mut python = python
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(repository().join("tests/protocols/prints.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(hellos.as_bytes()).unwrap();
    drop(stdin);
    let said = python.wait_with_output().unwrap();
    assert!(said.status.success());
    let said = String::from_utf8(said.stdout).unwrap();
    said.lines().map(str::to_owned).collect()
}

#[test]
fn curl_is_known_by_its_handshake_whatever_it_speaks() {
    let site = Site::new(&["*.bait.example"]);
    let (first, second) = (site.home.mint("url", &[]), site.home.mint("url", &[]));
    let said = site.curl(&first, &["--http1.1"]);
    assert!(said.code == 0, "{said:?}");
    let said = site.curl(&second, &[]);
    assert!(said.code == 0, "{said:?}");
    let (old, new) = (site.trip(&first), site.trip(&second));

    // Published for curl with OpenSSL 3.0: the names of Debian 12.
    let version = site.run(Path::new("curl"), &["--version"]).stdout;
    assert!(version.contains("OpenSSL/3.0"), "{version}");
    assert_eq!(signal(&new, "ja4"), "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6");
    assert_eq!(signal(&old, "ja4"), "t13d3112h1_e8f1e7e78f70_b26ce05bbdd6");
    assert_eq!(new["trip"]["observed"]["protocol"], "http/2");
    assert_eq!(
        signal(&new, "h2"),
        "3:100;4:33554432;2:0|33488897|0|m,p,s,a"
    );
    assert_eq!(old["trip"]["observed"]["protocol"], "http/1.1");
    assert_eq!(signal(&old, "h1"), "Host,User-Agent,Accept");
    for (trip, by_others) in [&old, &new].iter().zip(judged(&site.home, &[&old, &new])) {
        let own = format!("{} {}", signal(trip, "ja3"), signal(trip, "ja4"));
        assert_eq!(own, by_others);
    }
    let fingerprint = |trip: &Value| trip["trip"]["observed"]["fingerprint"].clone();
    assert_ne!(fingerprint(&old), fingerprint(&new));
}

#[test]
fn browsers_and_scripts_are_judged_as_others_judge_them() {
    let site = Site::new(&["localhost"]);
    let profile = tempfile::tempdir().unwrap();
    let profile = format!("--user-data-dir={}", profile.path().display());
    let by_browser = site.home.mint("url", &[]);
    let chromium = site.run(
        Path::new("chromium"),
        &[
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--ignore-certificate-errors",
            "--dump-dom",
            &profile,
            &site.local(&by_browser),
        ],
    );
    assert!(chromium.code == 0, "{chromium:?}");
    let by_script = site.home.mint("url", &[]);
    let script = format!(
        "import requests; requests.get({:?}, verify={:?})",
        site.local(&by_script),
        site.ca.display().to_string()
    );
    let python = venv().join("bin/python");
    let ran = site.run(&python, &["-c", &script]);
    assert!(ran.code == 0, "{ran:?}");
    let by_sdk = site.home.mint("aws-access-key", &[]);
    let script = format!(
        "import boto3\ns3 = boto3.client('s3', region_name='eu-west-1', verify={:?}, \
         endpoint_url='https://localhost:{}', aws_access_key_id={:?}, aws_secret_access_key={:?})\n\
         try: s3.list_buckets()\nexcept Exception: pass",
        site.ca.display().to_string(),
        site.port(),
        by_sdk.field("access_key_id"),
        by_sdk.field("secret_access_key"),
    );
    let ran = site.run(&python, &["-c", &script]);
    assert!(ran.code == 0, "{ran:?}");

    let [browser, script, sdk] = [&by_browser, &by_script, &by_sdk].map(|it| site.trip(it));
    for (trip, by_others) in [&browser, &script, &sdk]
        .iter()
        .zip(judged(&site.home, &[&browser, &script, &sdk]))
    {
        let own = format!("{} {}", signal(trip, "ja3"), signal(trip, "ja4"));
        assert_eq!(own, by_others);
    }
    // Chromium's ciphers, published for years; its settings of HTTP/2 too.
    assert!(
        signal(&browser, "ja4").contains("h2_8daaf6152771_"),
        "{browser}"
    );
    let settings = "1:65536;2:0;4:6291456;6:262144|15663105|0|m,a,s,p";
    assert_eq!(signal(&browser, "h2"), settings);
    assert!(signal(&script, "h1").starts_with("Host,User-Agent,Accept-Encoding,Accept"));
}

#[test]
fn each_name_gets_its_certificate() {
    let site = Site::new(&["*.bait.example", "bait.example"]);
    site.home.ok(&["tls", "issue", "mail.bait.example"]);
    eventually("the second certificate is shown", || {
        (site.shown(Some("mail.bait.example")) == "CN = mail.bait.example 0 (ok)").then_some(())
    });
    for (name, subject) in [
        (Some("api.bait.example"), "CN = *.bait.example 0 (ok)"),
        (Some("API.Bait.Example"), "CN = *.bait.example 0 (ok)"),
        (Some("bait.example"), "CN = *.bait.example 0 (ok)"),
        // What nobody has, and who asks for nothing, gets the first.
        (Some("a.b.bait.example"), "CN = *.bait.example 0 (ok)"),
        (Some("other.example"), "CN = *.bait.example 0 (ok)"),
        (None, "CN = *.bait.example 0 (ok)"),
    ] {
        assert_eq!(site.shown(name), subject, "{name:?}");
    }
    let listed = site.home.json(&["tls"]);
    assert_eq!(listed[0]["names"][1], "bait.example");
    assert_eq!(listed[0]["default"], true);
    assert_eq!(listed[1]["default"], false);
    assert_eq!(listed[1]["source"], "issued");

    // An ordinary authority of somebody's own, another at every installation.
    let text = |path: &str| {
        let printed = site.run(
            Path::new("openssl"),
            &["x509", "-noout", "-text", "-in", path],
        );
        assert!(printed.code == 0, "{printed:?}");
        printed.stdout
    };
    let issued = listed[0]["certificate"].as_str().unwrap();
    for text in [text(issued), text(&site.ca.display().to_string())] {
        let lower = text.to_lowercase();
        for word in ["lapwing", "rcgen", "self signed", "honey", "canary"] {
            assert!(!lower.contains(word), "{text}");
        }
        assert!(text.contains("X509v3 Key Usage: critical"), "{text}");
    }
    let other = Home::new();
    other.ok(&["init", "--address", "https://*.bait.example"]);
    assert_ne!(other.ok(&["tls", "ca"]), site.home.ok(&["tls", "ca"]));
}

#[test]
fn files_of_ones_own_are_shown_and_read_again_when_they_change() {
    let home = Home::new();
    let make = |name: &str, names: &str| {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
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
            ])
            .args([
                "-nodes",
                "-days",
                "30",
                "-keyout",
                &key,
                "-out",
                &certificate,
            ])
            .args(["-subj", &format!("/CN={name}"), "-addext", names]);
        let made = finish_within(PATIENCE, &mut openssl);
        assert!(made.code == 0, "{made:?}");
    };
    make("first", "subjectAltName=DNS:first.example");
    make("second", "subjectAltName=DNS:*.second.example");
    let file = |name: &str| home.path().join(name).display().to_string();
    home.settings(&format!(
        "addresses = [\"https://*.bait.example\"]\n[tls]\ncertificates = [\
         {{ certificate = {:?}, key = {:?} }}, {{ certificate = {:?}, key = {:?} }}]\n",
        file("first.pem"),
        file("first.key"),
        file("second.pem"),
        file("second.key"),
    ));
    let station = home.listen(&[]);
    let port = station.address().port();
    let subject = |name: Option<&str>| {
        let shown = shown(&home, port, None, name);
        let subject = shown.trim_start_matches("CN = ");
        subject.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(subject(Some("first.example")), "first");
    assert_eq!(subject(Some("www.second.example")), "second");
    assert_eq!(subject(None), "first");

    // Nobody tells the station that there is another one.
    make("third", "subjectAltName=DNS:third.example");
    fs::rename(file("third.key"), file("first.key")).unwrap();
    fs::rename(file("third.pem"), file("first.pem")).unwrap();
    eventually("the new certificate is shown", || {
        (subject(Some("third.example")) == "third" && subject(None) == "third").then_some(())
    });

    // A broken one changes nothing but the log, which has to say so.
    fs::write(file("first.pem"), "nothing of the kind\n").unwrap();
    let pid = i32::try_from(station.pid()).ok().and_then(Pid::from_raw);
    kill_process(pid.unwrap(), Signal::HUP).unwrap();
    eventually("the station complains", || {
        let said = station.stderr();
        let complains = said.contains("cannot be used") && said.contains("first.pem");
        complains.then_some(())
    });
    assert_eq!(subject(None), "third");
    let listed = home.json(&["tls"]);
    assert!(
        listed[0]["problem"]
            .as_str()
            .unwrap()
            .contains("no certificate")
    );
    assert_eq!(listed[1]["default"], true);
}

#[test]
fn without_a_certificate_tls_is_not_spoken() {
    let home = Home::new();
    home.ok(&["init", "--address", "http://*.bait.example"]);
    let station = home.listen(&[]);
    let port = station.address().port();
    let shown = shown(&home, port, None, None);
    assert!(shown.starts_with(' '), "{shown}");
    let mut curl = Command::new("curl");
    home.scrub(&mut curl);
    curl.args(["-s", &format!("http://127.0.0.1:{port}/")]);
    assert_eq!(finish_within(PATIENCE, &mut curl).code, 0);
    assert!(home.json(&["tls"]).as_array().unwrap().is_empty());
}

/// Redis on the port where it is spoken in the clear too.
#[test]
fn clients_of_other_protocols_are_known_by_their_handshake() {
    let stage = Stage::new("redis");
    stage.home.ok(&["tls", "issue", "redis.bait.example"]);
    let ca = stage.home.path().join("ca.pem");
    fs::write(&ca, stage.home.ok(&["tls", "ca"])).unwrap();
    let minted = stage.mint("redis-uri");
    let ca = ca.display().to_string();
    let (port, password) = (stage.port(), minted.field("password"));
    let tls = ["--tls", "--cacert", &ca, "--sni", "redis.bait.example"];
    let login = ["-p", &port, "--no-auth-warning", "-a", password, "PING"];
    let arguments = [&tls[..], &login].concat();
    eventually("the certificate is shown", || {
        let said = stage.run("redis-cli", &arguments);
        (said.stdout == "PONG\n").then_some(())
    });
    let id = stage.trips(1)[0]["trip"]["id"].as_str().unwrap().to_owned();
    let trip = stage.home.json(&["trip", &id]);
    assert!(signal(&trip, "ja4").starts_with("t13d"), "{trip}");
    let by_others = judged(&stage.home, &[&trip]);
    let own = format!("{} {}", signal(&trip, "ja3"), signal(&trip, "ja4"));
    assert_eq!(own, by_others[0]);
}

#[test]
fn a_borrowed_name_is_told_from_an_honest_one() {
    let site = Site::new(&["*.bait.example"]);
    let (honest, borrowed) = (site.home.mint("url", &[]), site.home.mint("url", &[]));
    let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
    let said = [
        site.curl(&honest, &[]),
        site.curl(&borrowed, &["-A", chrome]),
    ];
    assert!(said.iter().all(|ran| ran.code == 0), "{said:?}");
    let tool = |minted: &Minted| {
        let tool = site.trip(minted)["tool"].clone();
        let line = format!(
            "{} {} {}",
            tool["name"], tool["claimed"], tool["contradicts"]
        );
        line.replace('"', "")
    };
    assert_eq!(tool(&honest), "curl curl false");
    assert_eq!(tool(&borrowed), "curl Chrome true");
    let id = site.trip(&borrowed)["trip"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let shown = site.home.ok(&["trip", &id]);
    assert!(
        shown.contains("contradicts its word that it is Chrome"),
        "{shown}"
    );
    assert!(
        shown.contains("t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"),
        "{shown}"
    );
    let report = site.home.ok(&["report", "--format", "md"]);
    assert!(
        report.contains("curl, which says that it is Chrome"),
        "{report}"
    );
}

#[test]
fn a_client_that_does_not_trust_us_has_named_its_host() {
    let site = Site::new(&["*.bait.example"]);
    let minted = site.home.mint("dns", &[]);
    let name = minted.field("beacon.name");
    let to = format!("{name}:443:127.0.0.1:{}", site.port());
    let url = format!("https://{name}/");
    let ran = site.run(
        Path::new("curl"),
        &["-sS", "-m", "20", "--connect-to", &to, &url],
    );
    assert_eq!(
        ran.code, 60,
        "its own authorities do not know ours: {}",
        ran.stderr
    );
    let trip = site.trip(&minted);
    assert_eq!(trip["trip"]["claims"]["method"], "HELLO");
    assert_eq!(trip["trip"]["claims"]["host"], name);
    assert!(trip["trip"]["observed"]["signals"]["ja4"].is_string());
    // Whose name is nobody's bait is no trip.
    let to = format!("www.bait.example:443:127.0.0.1:{}", site.port());
    site.run(
        Path::new("curl"),
        &[
            "-sS",
            "-m",
            "20",
            "--connect-to",
            &to,
            "https://www.bait.example/",
        ],
    );
    site.run(
        Path::new("curl"),
        &[
            "-sS",
            "-m",
            "20",
            "--connect-to",
            &format!("{name}:443:127.0.0.1:{}", site.port()),
            &url,
        ],
    );
    assert_eq!(trips(&site.home, 2).len(), 2);
}
