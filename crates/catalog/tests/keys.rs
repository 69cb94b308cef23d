//! Keys and tokens as OpenSSL and OpenSSH read them: the programs that an intruder would use.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use lapwing_catalog::{Address, Catalog, MintOrder, Scene};
use lapwing_core::Timestamp;

const KIND: &str = r#"
id = "keys"
name = "Keys"
summary = "One of every key"
trigger = "endpoint"
fires = "x"
blind_spots = ["x"]
lives = ["x"]

[address]
labels = ["vpn"]

[[field]]
name = "comment"
format = "deploy@{host}"
[[field]]
name = "rsa1"
format = "{rsa-pkcs1:2048}"
[[field]]
name = "rsa8"
format = "{rsa-pkcs8:2048}"
[[field]]
name = "ec1"
format = "{ec-sec1:p256}"
[[field]]
name = "ec8"
format = "{ec-pkcs8:p256}"
[[field]]
name = "ssh"
format = "{openssh:ed25519}"
[[field]]
name = "ssh_public"
format = "{openssh-public:ssh}"
[[field]]
name = "rsa_line"
format = "{openssh-public:rsa1} {field:comment}"
[[field]]
name = "rsa1_public"
format = "{public-pem:rsa1}"
[[field]]
name = "rsa8_public"
format = "{public-pem:rsa8}"
[[field]]
name = "ec1_public"
format = "{public-pem:ec1}"
[[field]]
name = "ec8_public"
format = "{public-pem:ec8}"
[[field]]
name = "secret"
format = "{base62:40}"
handle = true
secret = true
[[field]]
name = "claims"
format = '{{"iss":"{url}","iat":{unix:10},"sub":"{uuid}"}}'
hidden = true
[[field]]
name = "header"
format = '{{"alg":"RS256","kid":"{hex:8}"}}'
hidden = true
[[field]]
name = "jwt_hs"
format = "{jwt:claims:secret}"
[[field]]
name = "jwt_rs"
format = "{jwt:claims:rsa8:header}"
[[field]]
name = "jwt_es"
format = "{jwt:claims:ec1}"
[[field]]
name = "file"
format = '''
{{
  "type": "service_account",
  "private_key": "{field:rsa8|json}",
  "token_uri": "{url}/token"
}}
'''
[[field]]
name = "pypi"
format = "pypi-{pypi-macaroon}"
[[field]]
name = "vault"
format = "hvs.{vault-hvs}"
[[field]]
name = "fly"
format = "FlyV1 fm2_{fly-macaroon}"
[[field]]
name = "beacon.url"
format = "{url}"

[[decoy]]
match = { path = "/" }
status = 200
body = "x"
"#;

fn minted() -> BTreeMap<String, String> {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("credential")).expect("a folder");
    fs::write(directory.path().join("credential/keys.toml"), KIND).expect("a file");
    let catalog = Catalog::load(Some(directory.path())).unwrap_or_else(|error| panic!("{error}"));
    let kind = catalog.require("keys").expect("there");
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

/// What a program says to `input`; fails if the program does.
fn run(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("read");
    drop(stdin);
    let out = child.wait_with_output().expect("ends");
    assert!(
        out.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).expect("text")
}

#[test]
fn openssl_takes_every_key_and_writes_it_the_same() {
    let fields = minted();
    for (key, traditional) in [
        ("rsa1", true),
        ("rsa8", false),
        ("ec1", true),
        ("ec8", false),
    ] {
        let pem = &fields[key];
        run("openssl", &["pkey", "-check", "-noout"], pem);
        let mut arguments = vec!["pkey"];
        arguments.extend(traditional.then_some("-traditional"));
        assert_eq!(run("openssl", &arguments, pem), *pem, "{key}");
        let public = run("openssl", &["pkey", "-pubout"], pem);
        assert_eq!(public, fields[&format!("{key}_public")], "{key}");
    }
}

#[test]
fn ssh_keygen_takes_the_key_and_its_comment() {
    let fields = minted();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("id_ed25519");
    fs::write(&path, &fields["ssh"]).expect("a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    }
    let path = path.to_string_lossy();
    let line = run("ssh-keygen", &["-y", "-P", "", "-f", &path], "");
    assert_eq!(line.trim_end(), fields["ssh_public"]);
    assert!(
        line.trim_end().ends_with("deploy@vpn.example.org"),
        "{line}"
    );
    assert!((399..=440).contains(&fields["ssh"].len()));
    fs::write(directory.path().join("rsa.pub"), &fields["rsa_line"]).expect("a file");
    let public = directory.path().join("rsa.pub");
    let said = run("ssh-keygen", &["-l", "-f", &public.to_string_lossy()], "");
    assert!(
        said.starts_with("2048 SHA256:") && said.contains("(RSA)"),
        "{said}"
    );
}

fn part(token: &str, at: usize) -> Vec<u8> {
    let part = token.split('.').nth(at).expect("three parts");
    data_encoding::BASE64URL_NOPAD
        .decode(part.as_bytes())
        .expect("base64url")
}

#[test]
fn tokens_verify() {
    let fields = minted();
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, content).expect("a file");
        path.to_string_lossy().into_owned()
    };
    for (token, algorithm) in [
        ("jwt_hs", "HS256"),
        ("jwt_rs", "RS256"),
        ("jwt_es", "ES256"),
    ] {
        let token = &fields[token];
        let header: serde_json::Value = serde_json::from_slice(&part(token, 0)).expect("JSON");
        assert_eq!(header["alg"], algorithm);
        assert_eq!(part(token, 1), fields["claims"].as_bytes());
        let signed = token.rsplit_once('.').expect("three parts").0;
        match algorithm {
            "HS256" => {
                let key = format!(
                    "hexkey:{}",
                    data_encoding::HEXLOWER.encode(fields["secret"].as_bytes())
                );
                let said = run(
                    "openssl",
                    &["dgst", "-sha256", "-mac", "HMAC", "-macopt", &key],
                    signed,
                );
                let hex = data_encoding::HEXLOWER.encode(&part(token, 2));
                assert!(said.trim_end().ends_with(&hex), "{said} {hex}");
            }
            "RS256" => {
                let key = file("rsa.pem", fields["rsa8_public"].as_bytes());
                let signature = file("rsa.sig", &part(token, 2));
                run(
                    "openssl",
                    &["dgst", "-sha256", "-verify", &key, "-signature", &signature],
                    signed,
                );
                assert!(header["kid"].is_string(), "the header is its field's");
            }
            _ => assert_eq!(part(token, 2).len(), 64),
        }
    }
}

#[test]
fn a_whole_file_is_a_field() {
    let fields = minted();
    let file: serde_json::Value = serde_json::from_str(&fields["file"]).expect("JSON");
    assert_eq!(file["private_key"], fields["rsa8"]);
    assert!(fields["file"].len() > 1700, "longer than any handle");
}

#[test]
fn macaroons_and_vault_tokens_have_their_vendors_layout() {
    let fields = minted();
    let pypi = &fields["pypi"];
    assert_eq!(pypi.len(), 179);
    assert!(pypi.starts_with("pypi-AgEIcHlwaS5vcmcCJ"), "{pypi}");
    let vault = &fields["vault"];
    assert_eq!(vault.len(), 95);
    assert!(
        vault.starts_with("hvs.CAESI") && &vault[52..62] == "Gh4KHGh2cy",
        "{vault}"
    );
    let fly = fields["fly"].strip_prefix("FlyV1 fm2_").expect("a prefix");
    assert!(fly.len() >= 150, "{fly}");
    let bytes = data_encoding::BASE64
        .decode(fly.as_bytes())
        .expect("base64");
    assert_eq!(
        bytes[..3],
        [0x94, 0x93, 0xc4],
        "four parts, a nonce of three"
    );
    assert_eq!(bytes[bytes.len() - 34..bytes.len() - 32], [0xc4, 32]);
}
