//! Client certificates: asked for only where the server of a kind would, told by themselves, and enough to be let in; with
//! kubectl, curl and OpenSSL.

use std::fs;
use std::path::PathBuf;

use lapwing_tests::{Minted, Ran, eventually, trips};
use serde_json::Value;

use crate::stage::Stage;

const HERE: &str = "https://127.0.0.1:6443";

struct Site {
    stage: Stage,
    minted: Minted,
}

impl Site {
    /// A station at a cluster's port.
    fn new() -> Self {
        let stage = Stage::apart(
            "http",
            &[HERE, "https://*.bait.example"],
            |home| drop(home.ok(&["tls", "issue", "*.bait.example"])),
            &["--http", "127.0.0.1:6443"],
        );
        let minted = stage.home.mint("kubeconfig-cert", &["--address", HERE]);
        let site = Self { stage, minted };
        for (file, field) in [
            ("kubeconfig", "kubeconfig"),
            ("client.pem", "client_certificate"),
            ("client.key", "client_key"),
        ] {
            fs::write(site.file(file), site.minted.field(field)).unwrap();
        }
        site
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Ran {
        self.stage.inside(&[], &[&[program], arguments].concat())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.stage.home.path().join(name)
    }

    fn kubectl(&self, arguments: &[&str]) -> Ran {
        let kubeconfig = self.file("kubeconfig");
        let first = [
            "--kubeconfig",
            kubeconfig.to_str().unwrap(),
            "--insecure-skip-tls-verify",
            "--request-timeout=20s",
        ];
        self.run("kubectl", &[&first, arguments].concat())
    }

    fn curl(&self, arguments: &[&str]) -> Ran {
        let first = ["-sSk", "-m", "20"];
        self.run("curl", &[&first, arguments].concat())
    }

    fn newest(&self, count: usize) -> Value {
        let newest = trips(&self.stage.home, count).remove(0);
        assert_eq!(newest["trip"]["canary"], self.minted.id.as_str());
        newest["trip"].clone()
    }
}

/// The fields a trip was told by, in order.
fn fields(trip: &Value) -> Vec<String> {
    let fields = trip["fields"].as_array().unwrap().iter();
    let mut fields: Vec<String> = fields
        .map(|it| {
            format!(
                "{} {}",
                it["carrier"].as_str().unwrap(),
                it["field"].as_str().unwrap()
            )
        })
        .collect();
    fields.sort();
    fields
}

#[test]
fn kubectl_is_known_by_its_certificate_whatever_the_path() {
    let site = Site::new();
    let user = site.minted.field("user");
    let forbidden = format!("User \"{user}\" cannot list resource \"pods\"");
    let said = site.kubectl(&["get", "pods", "-n", "payments"]);
    assert!(said.stderr.contains(&forbidden), "{said:?}");
    let trip = site.newest(1);
    assert!(
        fields(&trip).contains(&"path beacon.segment".to_owned()),
        "{trip}"
    );
    let captured = &trip["claims"]["captured"];
    let subject = captured["certificate.subject"][0].as_str().unwrap();
    assert!(subject.contains(&format!("CN={user}")), "{subject}");
    assert_eq!(captured["certificate.issuer"][0], "CN=kubernetes");
    assert_eq!(
        captured["certificate.sha256"][0].as_str().unwrap().len(),
        64
    );

    // The same with no path of ours in it.
    let kubeconfig = site.minted.field("kubeconfig");
    let bare = kubeconfig.replace(site.minted.field("beacon.url"), "https://127.0.0.1:6443");
    assert_ne!(bare, kubeconfig);
    fs::write(site.file("kubeconfig"), bare).unwrap();
    let said = site.kubectl(&["get", "pods", "-n", "payments"]);
    assert!(said.stderr.contains(&forbidden), "{said:?}");
    let expect = ["certificate certificate_sha256", "certificate key_sha256"];
    let trip = eventually("a trip by the certificate alone", || {
        Some(site.newest(1)).filter(|trip| fields(trip) == expect)
    });
    assert_eq!(trip["decoy"]["outcome"], "accepted");
}

#[test]
fn the_key_under_another_certificate_is_noticed_and_refused() {
    let site = Site::new();
    let made = site.run(
        "openssl",
        &[
            "req",
            "-x509",
            "-key",
            "client.key",
            "-subj",
            "/O=system:masters/CN=admin",
            "-days",
            "9",
            "-out",
            "own.pem",
        ],
    );
    assert_eq!(made.code, 0, "{made:?}");
    let url = "https://127.0.0.1:6443/api/v1/secrets";
    let said = site.curl(&["--cert", "own.pem", "--key", "client.key", url]);
    assert_eq!(said.stdout, "404 page not found\n", "{said:?}");
    assert_eq!(
        site.curl(&[url]).stdout,
        said.stdout,
        "as to who shows nothing"
    );
    let trip = site.newest(1);
    assert_eq!(fields(&trip), ["certificate key_sha256"]);
    assert_eq!(trip["decoy"]["outcome"], "refused");
    let said = site.curl(&[
        "--http1.1",
        "--cert",
        "client.pem",
        "--key",
        "client.key",
        url,
    ]);
    assert!(said.stdout.contains("secrets is forbidden"), "{said:?}");
    site.stage.home.ok(&["retire", &site.minted.id]);
    let said = site.curl(&[
        "--tls-max",
        "1.2",
        "--cert",
        "client.pem",
        "--key",
        "client.key",
        url,
    ]);
    assert!(said.stdout.contains("\"Unauthorized\""), "{said:?}");
    assert_eq!(site.newest(3)["decoy"]["outcome"], "revoked");
}

#[test]
fn nobody_else_is_asked_for_one() {
    let site = Site::new();
    let other = site
        .stage
        .home
        .mint("url", &["--address", "https://*.bait.example"]);
    let named = site
        .stage
        .home
        .mint("kubeconfig-cert", &["--address", "https://*.bait.example"]);
    let host = |minted: &Minted| {
        minted
            .field("beacon.url")
            .split('/')
            .nth(2)
            .unwrap()
            .to_owned()
    };
    let asked = |name: &[&str]| {
        let first = ["s_client", "-connect", "127.0.0.1:6443"];
        let said = site.run("openssl", &[&first, name].concat()).stdout;
        assert!(said.contains("Server certificate"), "{said}");
        said.contains("Requested Signature Algorithms")
    };
    assert!(
        asked(&["-noservername"]),
        "the address itself is a cluster's"
    );
    assert!(asked(&["-servername", &host(&named)]));
    assert!(!asked(&["-servername", &host(&other)]));
    assert!(!asked(&["-servername", "nobody.bait.example"]));
}
