//! Certificates beside those that OpenSSL makes of the same keys, names, times and extensions: what is
//! signed is the same byte for byte, and OpenSSL verifies the chain.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use lapwing_catalog::{Address, Catalog, MintOrder, Scene};
use lapwing_core::Timestamp;

const KIND: &str = r#"
id = "certificates"
name = "Certificates"
summary = "An authority and a client of each sort"
trigger = "endpoint"
fires = "x"
blind_spots = ["x"]
lives = ["x"]

[[field]]
name = "client"
format = "client-{alnum:9}"
handle = true
[[field]]
name = "rsa_ca_key"
format = "{rsa-pkcs1:2048}"
[[field]]
name = "rsa_ca_about"
format = '{{"subject":"/CN=kubernetes","serial":"7{hex:15}","age":40000000,"early":300,"days":3650,"printable":true,"extensions":["keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign","basicConstraints=critical,CA:TRUE","subjectKeyIdentifier=hash","subjectAltName=DNS:kubernetes"]}}'
[[field]]
name = "rsa_ca"
format = "{x509:rsa_ca_about:rsa_ca_key}"
[[field]]
name = "rsa_key"
format = "{rsa-pkcs1:2048}"
[[field]]
name = "rsa_about"
format = '{{"subject":"/O=ops/CN={field:client}","serial":"00{hex:14}","age":90000,"with_issuer":true,"days":365,"printable":true,"extensions":["keyUsage=critical,digitalSignature,keyEncipherment","extendedKeyUsage=clientAuth","basicConstraints=critical,CA:FALSE","authorityKeyIdentifier=keyid"]}}'
[[field]]
name = "rsa"
format = "{x509:rsa_about:rsa_key:rsa_ca:rsa_ca_key}"
[[field]]
name = "ec_ca_key"
format = "{ec-pkcs8:p256}"
[[field]]
name = "ec_ca_about"
format = '{{"subject":"/CN=cn_{base62:16}","serial":"6{hex:39}","age":70000000,"days":9490,"extensions":["basicConstraints=CA:TRUE","subjectKeyIdentifier=hash","authorityKeyIdentifier=keyid:always,issuer:always","keyUsage=keyCertSign,cRLSign"]}}'
[[field]]
name = "ec_ca"
format = "{x509:ec_ca_about:ec_ca_key}"
[[field]]
name = "ec_key"
format = "{ec-pkcs8:p256}"
[[field]]
name = "ec_about"
format = '{{"subject":"/CN={field:client}","serial":"f{hex:31}","age":20000000,"days":825,"extensions":["basicConstraints=CA:FALSE","subjectKeyIdentifier=hash","authorityKeyIdentifier=keyid,issuer:always","extendedKeyUsage=clientAuth","keyUsage=digitalSignature"]}}'
[[field]]
name = "ec"
format = "{x509:ec_about:ec_key:ec_ca:ec_ca_key}"
"#;

fn catalog(kind: &str) -> Catalog {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("credential")).expect("a folder");
    fs::write(directory.path().join("credential/certificates.toml"), kind).expect("a file");
    Catalog::load(Some(directory.path())).unwrap_or_else(|error| panic!("{error}"))
}

fn mint(catalog: &Catalog, kind: &str) -> BTreeMap<String, String> {
    let kind = catalog.require(kind).expect("there");
    kind.mint(&mut MintOrder {
        rng: &mut rand::rng(),
        address: Some(&Address::parse("https://*.example.org:8443").expect("an address")),
        mail_domain: None,
        set: &BTreeMap::new(),
        now: Timestamp::parse("2026-06-01").expect("a date"),
        scene: Scene::default(),
    })
    .unwrap_or_else(|error| panic!("{error}"))
}

/// What OpenSSL says in this directory; fails if it does.
fn openssl(at: &Path, arguments: &[&str]) -> String {
    let out = Command::new("openssl")
        .args(arguments)
        .current_dir(at)
        .output()
        .unwrap_or_else(|error| panic!("openssl: {error}"));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "openssl {arguments:?}: {said}");
    String::from_utf8(out.stdout).expect("text")
}

/// What a certificate says of itself, by one of OpenSSL's names for it.
fn told(at: &Path, certificate: &str, what: &str) -> String {
    let said = openssl(at, &["x509", "-in", certificate, "-noout", what]);
    said.trim_end()
        .split_once('=')
        .expect("a value")
        .1
        .to_owned()
}

/// A moment as `openssl ca` takes it.
fn moment(at: &Path, certificate: &str, what: &str) -> String {
    let arguments = [
        "x509",
        "-in",
        certificate,
        "-noout",
        what,
        "-dateopt",
        "iso_8601",
    ];
    let said = openssl(at, &arguments);
    said.chars()
        .filter(char::is_ascii_digit)
        .collect::<String>()
        + "Z"
}

/// Lets OpenSSL make the certificate `name` again, by `signer`, of all that ours says.
fn again(at: &Path, name: &str, signer: &str, about: &str) {
    let about: serde_json::Value = serde_json::from_str(about).expect("JSON");
    let ours = format!("{name}.pem");
    let mask = if about["printable"] == true {
        "pkix"
    } else {
        "utf8only"
    };
    let mut config = format!(
        "[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=.\ndatabase=index\nserial=serial\ndefault_md=sha256\n\
         policy=p\nunique_subject=no\n[p]\norganizationName=optional\n\
         commonName=supplied\n[req]\ndistinguished_name=n\nstring_mask={mask}\n[n]\n[x]\n"
    );
    for extension in about["extensions"].as_array().expect("a list") {
        let _ = writeln!(config, "{}", extension.as_str().expect("a text"));
    }
    if !config.contains("subjectKeyIdentifier") {
        // Which it adds unless it is told not to.
        config.push_str("subjectKeyIdentifier=none\n");
    }
    let write = |name: &str, text: &str| fs::write(at.join(name), text).expect("a file");
    write("config", &config);
    write("index", "");
    write("serial", &told(at, &ours, "-serial"));
    let key = format!("{name}_key");
    let subject = about["subject"].as_str().expect("a text");
    openssl(
        at,
        &[
            "req", "-new", "-config", "config", "-key", &key, "-subj", subject, "-out", "request",
        ],
    );
    let (start, end) = (
        moment(at, &ours, "-startdate"),
        moment(at, &ours, "-enddate"),
    );
    let (by, by_key) = (format!("{signer}.pem"), format!("{signer}_key"));
    let mut arguments = vec![
        "ca", "-config", "config", "-batch", "-notext", "-in", "request",
    ];
    arguments.extend([
        "-out",
        "theirs.pem",
        "-extensions",
        "x",
        "-keyfile",
        &by_key,
    ]);
    arguments.extend(["-startdate", &start, "-enddate", &end]);
    if signer == name {
        arguments.push("-selfsign");
    } else {
        arguments.extend(["-cert", &by]);
    }
    openssl(at, &arguments);
}

/// What is signed in a certificate.
fn body(at: &Path, certificate: &str) -> Vec<u8> {
    openssl(
        at,
        &[
            "asn1parse",
            "-in",
            certificate,
            "-strparse",
            "4",
            "-noout",
            "-out",
            "body",
        ],
    );
    lapwing_core::bounded::read_file(&at.join("body"), 1 << 16).expect("a file")
}

#[test]
fn openssl_makes_the_same_of_the_same() {
    let fields = mint(&catalog(KIND), "certificates");
    let directory = tempfile::tempdir().expect("a directory");
    let at = directory.path();
    for name in ["rsa_ca", "rsa", "ec_ca", "ec"] {
        fs::write(at.join(format!("{name}.pem")), &fields[name]).expect("a file");
        let key = format!("{name}_key");
        fs::write(at.join(&key), &fields[&key]).expect("a file");
    }
    for (name, signer) in [
        ("rsa_ca", "rsa_ca"),
        ("rsa", "rsa_ca"),
        ("ec_ca", "ec_ca"),
        ("ec", "ec_ca"),
    ] {
        again(at, name, signer, &fields[&format!("{name}_about")]);
        let ours = format!("{name}.pem");
        assert_eq!(body(at, &ours), body(at, "theirs.pem"), "{name}");
        if name.starts_with("rsa") {
            // Such signatures have no chance in them.
            let theirs = lapwing_core::bounded::read_text(&at.join("theirs.pem"), 1 << 16);
            assert_eq!(fields[name], theirs.expect("a file"));
        }
        let by = format!("{signer}.pem");
        let verified = openssl(
            at,
            &["verify", "-attime", "1780300000", "-CAfile", &by, &ours],
        );
        assert_eq!(verified.trim_end(), format!("{ours}: OK"));
        let public = openssl(at, &["pkey", "-in", &format!("{name}_key"), "-pubout"]);
        let of = openssl(at, &["x509", "-in", &ours, "-noout", "-pubkey"]);
        assert_eq!(of, public, "{name}: certificate and key belong together");
    }
    assert!(moment(at, "ec_ca.pem", "-enddate").starts_with("205"));
    let (start, authority) = (moment(at, "rsa.pem", "-startdate"), "rsa_ca.pem");
    assert_eq!(start, moment(at, authority, "-startdate"));
}

#[test]
fn built_in_kinds_hold_chains_that_verify() {
    let catalog = Catalog::builtin().expect("loads");
    for (kind, certificate) in [
        ("openvpn", "cert"),
        ("kubeconfig-cert", "client_certificate"),
    ] {
        let fields = mint(&catalog, kind);
        let directory = tempfile::tempdir().expect("a directory");
        let at = directory.path();
        fs::write(at.join("ca.pem"), &fields["ca"]).expect("a file");
        fs::write(at.join("own.pem"), &fields[certificate]).expect("a file");
        let arguments = ["verify", "-attime", "1780300000", "-purpose", "sslclient"];
        let files = ["-CAfile", "ca.pem", "own.pem"];
        openssl(at, &[&arguments[..], &files].concat());
    }
}

#[test]
fn what_is_no_certificate_is_told() {
    for (piece, says) in [
        ("{x509:client}", "write {x509:"),
        ("{x509:client:client:client}", "write {x509:"),
        ("{x509:client:nothing}", "nothing"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("credential")).expect("a folder");
        let kind = KIND.replace("{x509:rsa_ca_about:rsa_ca_key}", piece);
        fs::write(directory.path().join("credential/certificates.toml"), kind).expect("a file");
        let loaded = Catalog::load(Some(directory.path()));
        let error = loaded.map(|_| ()).expect_err("refused");
        assert!(error.to_string().contains(says), "{error}");
    }
    let unknown = KIND.replace("{rsa-pkcs1:2048}", "{ec-pkcs8:p256}");
    let unknown = unknown.replace("clientAuth", "flyingAuth");
    let catalog = catalog(&unknown);
    let kind = catalog.require("certificates").expect("there");
    let minted = kind.mint(&mut MintOrder {
        rng: &mut rand::rng(),
        address: None,
        mail_domain: None,
        set: &BTreeMap::new(),
        now: Timestamp::parse("2026-06-01").expect("a date"),
        scene: Scene::default(),
    });
    assert!(minted.is_err(), "a purpose nobody knows");
}
