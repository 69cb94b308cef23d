//! What others add to a checkpoint: a time stamp of an authority that is made with OpenSSL, a cosignature, and a
//! checkpoint that an alert brought to somebody.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use data_encoding::{BASE64, HEXLOWER};
use lapwing_tests::{Home, WebhookCatcher, finish, trips};
use sha2::{Digest as _, Sha256};

use super::{export, run, seen, sh, text, tools};
use crate::bait::{bytes_of, home, home_with, open, text_of};

/// A certification authority and a time stamp authority, made with openssl; gives its configuration.
fn authority(home: &Home) -> PathBuf {
    let directory = home.path().join("tsa");
    fs::create_dir(&directory).unwrap();
    fs::write(
        directory.join("tsa.cnf"),
        "[ tsa ]\ndefault_tsa = ours\n[ ours ]\nserial = ./serial\nsigner_cert = ./tsa.pem\n\
         signer_key = ./tsa.key\ncerts = ./ca.pem\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\n\
         digests = sha256\naccuracy = secs:1\n[ ext ]\nextendedKeyUsage = critical,timeStamping\n",
    )
    .unwrap();
    fs::write(directory.join("serial"), "01\n").unwrap();
    for line in [
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 2",
        "openssl req -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -subj /CN=tsa",
        "openssl x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out tsa.pem -days 2 \
         -extfile tsa.cnf -extensions ext",
    ] {
        let ran = finish(
            Command::new("sh")
                .args(["-c", line])
                .current_dir(&directory),
        );
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
    }
    directory
}

#[test]
fn a_time_stamp_of_the_checkpoint_goes_into_the_bundle_and_verifies() {
    let home = home();
    seen(&home);
    let head = home.ok(&["evidence", "checkpoint", "--timestamp-request", "head.tsq"]);
    fs::write(home.path().join("head"), &head).unwrap();
    let tsa = authority(&home);
    let answer = |line: &str| {
        let ran = finish(Command::new("sh").args(["-c", line]).current_dir(&tsa));
        assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
        ran.stdout
    };
    let asked = answer("openssl ts -query -in ../head.tsq -text");
    assert!(
        asked.contains("sha256") && asked.contains("Certificate required: yes"),
        "{asked}"
    );
    answer("openssl ts -reply -config tsa.cnf -queryfile ../head.tsq -out ../head.tsr");
    answer("openssl ts -verify -queryfile ../head.tsq -in ../head.tsr -CAfile ca.pem");
    // The log goes on; the stamp is of what it was.
    let later = home.mint("url", &[]);
    let station = home.listen(&[]);
    open(station.address(), &later);
    trips(&home, 13);
    station.stop();
    let stamped = ["--all", "--checkpoint", "head", "--timestamp", "head.tsr"];
    let said = export(&home, "bundle", &stamped);
    assert!(text(&said, "stamped").ends_with('Z'), "{said}");
    let (tools, bundle) = (tools(&home), home.path().join("bundle"));
    let told = text(&said, "fingerprint");
    let verify = |more: &[&str]| {
        run(
            &tools,
            &bundle,
            &[&["python3", "verify.py", told], more].concat(),
        )
    };
    let ran = verify(&["--tsa", "../tsa/ca.pem"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let by_hand = "openssl ts -verify -data checkpoint -in checkpoint.tsr -CAfile ../tsa/ca.pem";
    assert_eq!(sh(&tools, &bundle, by_hand).code, 0);
    let wrong = verify(&["--tsa", "checkpoint"]);
    assert!(
        wrong.stdout.contains("BROKEN: checkpoint.tsr"),
        "{}",
        wrong.stdout
    );
    checked_against(&home, &tsa);
    // An answer to another question, and one that is none.
    fs::write(
        home.path().join("newest"),
        home.ok(&["evidence", "checkpoint"]),
    )
    .unwrap();
    for (checkpoint, timestamp) in [("newest", "head.tsr"), ("head", "head.tsq")] {
        let more = [
            "--all",
            "--checkpoint",
            checkpoint,
            "--timestamp",
            timestamp,
        ];
        let ran = home.run(&[&["evidence", "export", "--out", "other"], &more[..]].concat());
        assert_eq!(ran.code, 1);
        assert!(
            ran.stderr.contains("the time stamp cannot be used"),
            "{}",
            ran.stderr
        );
        assert!(!home.path().join("other").exists());
    }
}

/// What `evidence check` says of the bundle's stamp, by the authority's root, by what is none, by another and without.
fn checked_against(home: &Home, tsa: &Path) {
    let check = |file: &str| home.run(&["evidence", "check", "bundle", "--tsa-certificates", file]);
    let ran = check("tsa/ca.pem");
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let line = "timestamp: verified: the authority stamped the checkpoint at 20";
    assert!(ran.stdout.contains(line), "{}", ran.stdout);
    let ran = check("head");
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("BEGIN CERTIFICATE"), "{}", ran.stderr);
    openssl_root(tsa);
    let ran = check("tsa/other.pem");
    assert_eq!(ran.code, 4, "{}", ran.stdout);
    let line = "BROKEN: checkpoint.tsr: the authority's certificate does not lead to one";
    assert!(ran.stdout.starts_with(line), "{}", ran.stdout);
    let checked = home.json(&["evidence", "check", "bundle"]);
    assert_eq!(checked["timestamp"]["state"], "not verified", "{checked}");
    assert_eq!(checked["witness"]["state"], "none", "{checked}");
    let detail = checked["timestamp"]["detail"].as_str().unwrap();
    assert!(detail.contains("it says 20"), "{checked}");
}

/// The root of somebody else, in `other.pem`.
fn openssl_root(directory: &Path) {
    let line = "openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj /CN=other -days 2";
    let ran = finish(Command::new("sh").args(["-c", line]).current_dir(directory));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// A witness's key for OpenSSL and as witnesses publish it, and its signature under a checkpoint.
fn cosign(home: &Home, note: &str, name: &str, time: u64) -> (String, String) {
    let at = |file: &str| home.path().join(file);
    let openssl = |line: &str| {
        let command = format!("openssl {line}");
        let ran = finish(
            Command::new("sh")
                .args(["-c", &command])
                .current_dir(home.path()),
        );
        assert_eq!(ran.code, 0, "{command}: {}", ran.stderr);
    };
    let body = note.split_once("\n\n").unwrap().0;
    fs::write(at("seen"), format!("cosignature/v1\ntime {time}\n{body}\n")).unwrap();
    openssl("genpkey -algorithm ed25519 -out witness.key");
    openssl("pkey -in witness.key -pubout -outform DER -out witness.der");
    openssl("pkeyutl -sign -inkey witness.key -rawin -in seen -out seen.sig");
    let der = bytes_of(&at("witness.der"));
    let key = [&[4][..], &der[der.len() - 32..]].concat();
    let id = Sha256::digest([name.as_bytes(), b"\n", &key].concat());
    let blob = [&id[..4], &time.to_be_bytes(), &bytes_of(&at("seen.sig"))].concat();
    let published = format!(
        "{name}+{}+{}",
        HEXLOWER.encode(&id[..4]),
        BASE64.encode(&key)
    );
    let cosigned = format!(
        "{}\n\u{2014} {name} {}\n",
        note.trim_end(),
        BASE64.encode(&blob)
    );
    (published, cosigned)
}

#[test]
fn what_a_witness_cosigned_goes_into_the_bundle_and_verifies() {
    let hook = WebhookCatcher::start();
    let home = home_with(&hook.channel("hook"));
    let (twilio, _) = seen(&home);
    let note = home.ok(&["evidence", "checkpoint"]);
    let (key, cosigned) = cosign(&home, &note, "witness.example/1", 1_795_000_000);
    fs::write(home.path().join("cosigned"), cosigned).unwrap();
    let said = export(&home, "bundle", &["--all", "--cosigned", "cosigned"]);
    assert_eq!(said["witnesses"][0], "witness.example/1");
    let (tools, bundle) = (tools(&home), home.path().join("bundle"));
    let told = text(&said, "fingerprint");
    let verify = |key: &str| {
        run(
            &tools,
            &bundle,
            &["python3", "verify.py", told, "--witness", key],
        )
    };
    let ran = verify(&key);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let line = "witness: verified: witness.example/1\n";
    assert!(ran.stdout.contains(line), "{}", ran.stdout);
    let said = home.ok(&["evidence", "check", "bundle", "--witness", &key]);
    let line = "witness: verified: cosigned by witness.example/1\n";
    assert!(said.contains(line), "{said}");
    let said = home.ok(&["evidence", "check", "bundle"]);
    let line = "witness: not verified because no key of a witness was given";
    assert!(said.contains(line), "{said}");
    let ran = run(&tools, &bundle, &["python3", "verify.py", told]);
    let line = "witness: not verified because --witness was not given\n";
    assert!(ran.stdout.contains(line), "{}", ran.stdout);
    home.ok(&["evidence", "verify", "--checkpoint", "cosigned"]);
    let (other, _) = cosign(&home, &note, "witness.example/2", 1);
    let ran = verify(&other);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.contains("witness.example/2 has not cosigned it"),
        "{}",
        ran.stdout
    );
    assert_eq!(
        home.run(&["evidence", "check", "bundle", "--witness", &other])
            .code,
        4
    );
    let page = text_of(&bundle.join("VERIFY.md"));
    assert!(page.contains("witness.example/1"), "{page}");
    assert!(!page.contains("Nobody else has signed"), "{page}");

    // A checkpoint that an alert brought to somebody else at the time.
    let alerted = hook.hooks().first().unwrap().body["checkpoint"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::write(home.path().join("alerted"), &alerted).unwrap();
    let listed = home.json(&["trips", "--canary", &twilio.id]);
    let oldest = listed.as_array().unwrap().last().unwrap();
    let id = text(&oldest["trip"], "id");
    let size: u64 = alerted.lines().nth(1).unwrap().parse().unwrap();
    let first: u64 = id.rsplit_once('-').unwrap().1.parse().unwrap();
    let ran = home.run(&[
        "evidence",
        "export",
        "--out",
        "old",
        "--trip",
        id,
        "--checkpoint",
        "alerted",
    ]);
    assert_eq!(
        ran.code == 0,
        first < size,
        "record {first}, checkpoint over {size}: {}",
        ran.stderr
    );
}
