//! Time stamps in bundles, made by authorities that OpenSSL plays: who signed them, what they are of, and that the
//! program and the bundle's script come to the same.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests: what is not there fails them"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use lapwing_core::{Keyring, MasterKey, StationId, SystemClock, Timestamp, bounded};
use lapwing_journal::{Choice, Entry, Journal, Settings, SigningSeed, sshsig};
use lapwing_report::bundle::{
    About, Authorities, Checked, NAMESPACE, Order, Raw, Told, Vouched, check, export,
};
use sha2::{Digest as _, Sha256, Sha512};

/// Keys of authorities, the digests that they sign with, and those by which they name their certificate.
const WAYS: [(&str, &str, &str); 4] = [
    ("rsa:2048", "sha256", "sha1"),
    ("rsa:3072", "sha512", "sha256"),
    ("ec -pkeyopt ec_paramgen_curve:P-256", "sha256", "sha512"),
    ("ec -pkeyopt ec_paramgen_curve:P-384", "sha384", "sha256"),
];

fn read(path: &Path) -> Vec<u8> {
    bounded::read_file(path, 1 << 20).unwrap()
}

fn sh(place: &Path, line: &str) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(place);
    shell.output().unwrap()
}

/// Lines of OpenSSL that have to work.
fn openssl(place: &Path, lines: &[String]) {
    for line in lines {
        let ran = sh(place, &format!("openssl {line}"));
        assert!(ran.status.success(), "{line}: {ran:?}");
    }
}

/// A root, an authority below it by way of another, and the authority's configuration, in a directory.
fn authority(place: &Path, (key, digest, named): (&str, &str, &str)) {
    fs::create_dir(place).unwrap();
    let settings = format!(
        "[ tsa ]\ndefault_tsa = ours\n[ ours ]\nserial = ./serial\nsigner_cert = ./tsa.pem\n\
         signer_key = ./tsa.key\ncerts = ./sub.pem\nsigner_digest = {digest}\n\
         default_policy = 1.2.3.4.1\ndigests = sha256\ness_cert_id_alg = {named}\n\
         [ ca ]\nbasicConstraints = critical,CA:true\nsubjectKeyIdentifier = hash\n\
         [ stamps ]\nextendedKeyUsage = critical,timeStamping\n"
    );
    fs::write(place.join("tsa.cnf"), settings).unwrap();
    fs::write(place.join("serial"), "01\n").unwrap();
    let below = |name: &str, above: &str, part: &str| {
        [
            format!("req -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"),
            format!(
                "x509 -req -in {name}.csr -CA {above}.pem -CAkey {above}.key -CAcreateserial \
                 -out {name}.pem -days 2 -extfile tsa.cnf -extensions {part}"
            ),
        ]
    };
    let root = format!(
        "req -x509 -newkey {key} -nodes -keyout root.key -out root.pem -subj /CN=root -days 2"
    );
    openssl(place, &[root]);
    openssl(place, &below("sub", "root", "ca"));
    openssl(place, &below("tsa", "sub", "stamps"));
}

/// An authority's answer for a file.
fn stamp(place: &Path, file: &Path) -> Vec<u8> {
    let data = file.display();
    openssl(
        place,
        &[
            format!("ts -query -data {data} -sha256 -cert -out asked.tsq"),
            "ts -reply -config tsa.cnf -queryfile asked.tsq -out given.tsr".to_owned(),
        ],
    );
    read(&place.join("given.tsr"))
}

/// A bundle whose time stamp is put there, as its station would have signed it.
struct Bundle {
    home: tempfile::TempDir,
    seed: SigningSeed,
}

impl Bundle {
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (keys, seed) = (
            Keyring::new(&MasterKey::generate(), 1),
            SigningSeed::from([7; 32]),
        );
        let settings = Settings {
            directory: home.path().join("journal"),
            station: StationId::new(1),
            origin: "station-00000001".to_owned(),
            segment_bytes: 4000,
            checkpoint_records: 10,
            checkpoint_seconds: 3600,
        };
        let clock = Arc::new(SystemClock);
        let (journal, _) = Journal::open(settings, seed.clone(), keys.clone(), clock).unwrap();
        let entry = Entry {
            body: serde_json::json!({ "type": "trip" }).into(),
            parts: Vec::new(),
            via: "http".to_owned(),
        };
        journal.append(entry).await.unwrap();
        journal.close().await;
        let about = About {
            station: StationId::new(1),
            made: Timestamp::from_micros(1_795_401_540_000_000),
            number: 1,
            tool: "lapwing".to_owned(),
            executable: "ab".repeat(32),
            settings: "cd".repeat(32),
            by: "anna".to_owned(),
            to: String::new(),
            what: "all".to_owned(),
            earlier: Vec::new(),
        };
        let order = Order {
            journal: &home.path().join("journal"),
            keys: &keys,
            seed: &seed,
            checkpoint: None,
            timestamp: None,
            choice: &Choice::Times(None, None),
            raw: Raw::Opened,
            about: &about,
        };
        let made = export(&home.path().join("bundle"), &order, &mut |_, _| {}).unwrap();
        made.staged.publish().unwrap();
        Self { home, seed }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("bundle").join(name)
    }

    fn put(&self, answer: &[u8]) {
        fs::write(self.path("checkpoint.tsr"), answer).unwrap();
        let sums = String::from_utf8(read(&self.path("SHA256SUMS"))).unwrap();
        let mut lines: Vec<&str> = sums.lines().collect();
        lines.retain(|line| !line.ends_with("checkpoint.tsr"));
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(answer));
        let sums = format!("{}\n{digest}  checkpoint.tsr\n", lines.join("\n"));
        let signature = sshsig::sign(
            &self.seed,
            NAMESPACE,
            &Sha512::digest(sums.as_bytes()).into(),
        );
        fs::write(self.path("SHA256SUMS"), sums).unwrap();
        fs::write(self.path("SHA256SUMS.sig"), signature).unwrap();
    }

    fn check(&self, certificates: Option<&Path>) -> Checked {
        let told = Told {
            fingerprint: sshsig::fingerprint(&self.seed.public_key()),
            manifest: None,
            witnesses: Vec::new(),
            authorities: certificates.map(|file| Authorities::parse(&read(file)).unwrap()),
        };
        check(&self.home.path().join("bundle"), &told, &mut |_| {}).unwrap()
    }

    /// Whether the script takes it, and what it says.
    fn script(&self, certificates: Option<&Path>) -> (bool, String) {
        let mut python = Command::new("python3");
        python.arg(self.path("verify.py"));
        python.arg(sshsig::fingerprint(&self.seed.public_key()));
        if let Some(file) = certificates {
            python.arg("--tsa-certificates").arg(file);
        }
        let ran = python.output().unwrap();
        let said = String::from_utf8(ran.stdout.clone()).unwrap();
        assert!(!said.is_empty(), "{ran:?}");
        (ran.status.success(), said)
    }

    /// Both find the stamp broken, for the reason that the program gives.
    fn broken(&self, certificates: &Path, why: &str) {
        let checked = self.check(Some(certificates));
        assert_eq!(checked.problems, [format!("checkpoint.tsr: {why}")]);
        assert_eq!(
            checked.timestamp.to_string(),
            format!("not verified because checkpoint.tsr: {why}")
        );
        let (fine, said) = self.script(Some(certificates));
        let line = "checkpoint.tsr: not of this checkpoint by that authority";
        assert!(!fine, "{said}");
        assert!(said.contains(&format!("BROKEN: {line}\n")), "{said}");
        assert!(
            said.contains(&format!("timestamp: not verified because {line}\n")),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_stamp_verifies_with_its_authoritys_root_and_with_no_other() {
    let bundle = Bundle::new().await;
    let mut roots: Vec<PathBuf> = Vec::new();
    for (number, way) in WAYS.into_iter().enumerate() {
        let place = bundle.home.path().join(format!("authority-{number}"));
        authority(&place, way);
        bundle.put(&stamp(&place, &bundle.path("checkpoint")));
        roots.push(place.join("root.pem"));
        let root = roots.last().unwrap();
        let checked = bundle.check(Some(root));
        assert_eq!(checked.problems, Vec::<String>::new(), "{way:?}");
        let said = checked.timestamp.to_string();
        let start = "verified: the authority stamped the checkpoint at 20";
        assert!(said.starts_with(start), "{said}");
        let (fine, said) = bundle.script(Some(root));
        assert!(fine && said.contains("timestamp: verified: "), "{said}");
    }
    bundle.broken(
        &roots[0],
        "the authority's certificate does not lead to one of those given",
    );
    // Nobody was asked: neither says that it holds.
    let checked = bundle.check(None);
    assert!(checked.problems.is_empty());
    assert_eq!(checked.timestamp.state(), "not verified");
    assert!(checked.timestamp.detail().contains("--tsa-certificates"));
    let (fine, said) = bundle.script(None);
    assert!(fine, "{said}");
    assert!(
        said.contains("timestamp: not verified because --tsa was not given\n"),
        "{said}"
    );
}

#[tokio::test]
async fn a_stamp_of_something_else_or_with_a_changed_byte_is_named() {
    let bundle = Bundle::new().await;
    let place = bundle.home.path().join("authority");
    authority(&place, WAYS[0]);
    let root = place.join("root.pem");
    bundle.put(&stamp(&place, &bundle.path("about.json")));
    bundle.broken(&root, "not of this checkpoint");
    assert_eq!(
        bundle.check(None).problems,
        ["checkpoint.tsr: not of this checkpoint"],
        "also without certificates"
    );
    let whole = stamp(&place, &bundle.path("checkpoint"));
    let digest: [u8; 32] = Sha256::digest(read(&bundle.path("checkpoint"))).into();
    let found = whole.windows(32).position(|bytes| bytes == digest);
    let imprint = found.expect("what was stamped");
    // What was stamped and when; and the signature, which is what comes last.
    let signed = (imprint..imprint + 60).chain(whole.len() - 256..whole.len());
    for at in signed {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        bundle.put(&damaged);
        let checked = bundle.check(Some(&root));
        assert_eq!(checked.problems.len(), 1, "byte {at} of {}", whole.len());
        assert!(checked.problems[0].starts_with("checkpoint.tsr: "));
    }
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    bundle.put(&damaged);
    bundle.broken(
        &root,
        "its signature is not by the certificate that it names",
    );
    bundle.put(&whole[..whole.len() - 1]);
    bundle.broken(
        &root,
        "not an answer of a time stamp authority (DER of RFC 3161)",
    );
    bundle.put(&whole);
    assert!(bundle.check(Some(&root)).problems.is_empty(), "whole again");
}

#[tokio::test]
async fn certificates_for_other_things_stamp_nothing() {
    let bundle = Bundle::new().await;
    let place = bundle.home.path().join("authority");
    authority(&place, WAYS[0]);
    let whole = stamp(&place, &bundle.path("checkpoint"));
    bundle.put(&whole);
    let root = place.join("root.pem");
    assert!(bundle.check(Some(&root)).problems.is_empty());
    // The same stamp, signed as it should be, with a certificate for servers from the same authority.
    let settings = String::from_utf8(read(&place.join("tsa.cnf"))).unwrap();
    let settings = settings.replace("critical,timeStamping", "critical,serverAuth");
    fs::write(place.join("tsa.cnf"), settings).unwrap();
    openssl(
        &place,
        &[
            "x509 -req -in tsa.csr -CA sub.pem -CAkey sub.key -CAcreateserial -out server.pem -days 2 \
             -extfile tsa.cnf -extensions stamps"
                .to_owned(),
            "ts -reply -in given.tsr -token_out -out token.der".to_owned(),
            "cms -verify -noverify -in token.der -inform DER -binary -out info.der".to_owned(),
            "cms -sign -binary -nodetach -cades -in info.der -outform DER -out forged.der \
             -econtent_type 1.2.840.113549.1.9.16.1.4 -signer server.pem -inkey tsa.key \
             -certfile sub.pem -md sha256"
                .to_owned(),
        ],
    );
    let token = read(&place.join("forged.der"));
    let content = [&b"\x30\x03\x02\x01\x00"[..], &token].concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    bundle.put(&[&b"\x30\x82"[..], &length, &content].concat());
    bundle.broken(&root, "the certificate is not for time stamps alone");
    // A receiver who asks for a stamp is told that there is none.
    let none = Bundle::new().await;
    let checked = none.check(Some(&place.join("root.pem")));
    assert_eq!(checked.problems, ["checkpoint.tsr: none in this bundle"]);
    assert_eq!(none.check(None).timestamp, Vouched::Nobody);
    let (fine, said) = none.script(Some(&place.join("root.pem")));
    assert!(!fine && said.contains("BROKEN: checkpoint.tsr: "), "{said}");
}
