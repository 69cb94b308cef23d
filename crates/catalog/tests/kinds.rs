//! Minting, the overlay, and errors that say where and what next.

use std::collections::BTreeMap;
use std::fs;

use lapwing_catalog::{Address, Catalog, CatalogError, MintOrder, check};
use lapwing_core::{Language, Timestamp};

const OWN: &str = r#"
id = "own"
name = "Own"
summary = "A kind of the operator's own"
trigger = "endpoint"
fires = "When used."
blind_spots = ["Reading it."]
lives = ["notes"]

[[field]]
name = "key"
format = "own_{hex:32}"
handle = true

[plant]
env = { Z_KEY = "key", A_KEY = "key" }
"#;

fn mint(
    catalog: &Catalog,
    kind: &str,
    address: Option<&str>,
    set: &[(&str, &str)],
) -> Result<BTreeMap<String, String>, CatalogError> {
    let address = address.map(|text| Address::parse(text).expect("parses"));
    let set = set
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut rng = rand::rng();
    let now = Timestamp::parse("2026-06-01").expect("a date");
    catalog.require(kind)?.mint(&mut MintOrder {
        rng: &mut rng,
        address: address.as_ref(),
        mail_domain: None,
        set: &set,
        now,
        scene: lapwing_catalog::Scene::default(),
    })
}

fn overlay(text: &str) -> (tempfile::TempDir, Result<Catalog, CatalogError>) {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("credential")).expect("a folder");
    fs::write(directory.path().join("credential/own.toml"), text).expect("a file");
    let catalog = Catalog::load(Some(directory.path()));
    (directory, catalog)
}

fn builtin() -> usize {
    Catalog::builtin().expect("compiles").kinds().count()
}

#[test]
fn the_overlay_adds_and_replaces() {
    let (directory, catalog) = overlay(OWN);
    let catalog = catalog.expect("loads");
    let kind = catalog.require("own").expect("is there");
    assert_eq!(
        (kind.class.as_str(), catalog.kinds().count()),
        ("credential", builtin() + 1)
    );
    let names: Vec<&str> = kind
        .plant
        .env
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["Z_KEY", "A_KEY"], "in the order they are written");
    assert!(mint(&catalog, "own", None, &[]).expect("mints")["key"].starts_with("own_"));
    assert_eq!(check(directory.path()).expect("loads"), []);
    assert_eq!(
        Catalog::load(Some(&directory.path().join("none")))
            .expect("fine")
            .kinds()
            .count(),
        builtin()
    );
}

#[test]
fn kinds_have_a_name_in_every_language() {
    let catalog = Catalog::builtin().expect("compiles");
    for kind in catalog.kinds() {
        let id = &kind.id;
        let name = kind.names.get(&Language::Es);
        let name = name.unwrap_or_else(|| panic!("{id} has no Spanish name"));
        for word in [" of ", " the ", " and ", " key", " login"] {
            assert!(!name.contains(word), "{id}: {name}");
        }
        assert!(name != &kind.name || !kind.name.contains(" key"), "{id}");
    }
    let own = OWN.replace("summary", "names = { es = \"Propio\" }\nsummary");
    let (_directory, catalog) = overlay(&own);
    let catalog = catalog.expect("loads");
    assert_eq!(
        catalog.kind("own").expect("is there").names[&Language::Es],
        "Propio"
    );
    let (_directory, catalog) = overlay(&own.replace("es =", "tlh ="));
    assert!(catalog.is_err(), "no such language");
}

#[test]
fn errors_name_file_line_and_what_next() {
    for (from, to, line, part) in [
        ("lives =", "livse =", 8, "livse"),
        ("own_{hex:32}", "own_{hax:32}", 12, "hax"),
        ("id = \"own\"", "id = \"other\"", 2, "other"),
        ("A_KEY = \"key\"", "A_KEY = \"kye\"", 15, "kye"),
        ("handle = true", "handle = false", 1, "handle"),
        ("trigger = \"endpoint\"", "trigger = 3", 5, ""),
    ] {
        let error = overlay(&OWN.replace(from, to)).1.expect_err(to).to_string();
        assert!(error.contains(&format!("own.toml:{line}")), "{to}: {error}");
        assert!(
            error.contains(part) && error.contains("hint: "),
            "{to}: {error}"
        );
    }
}

#[test]
fn templates_may_use_what_they_are_given_only() {
    let rule =
        "\n[[decoy]]\nmatch = { path = \"/x\" }\nstatus = 200\nbody = \"{{ field.nothing }}\"\n";
    let error = overlay(&format!("{OWN}{rule}"))
        .1
        .expect_err("undeclared")
        .to_string();
    assert!(
        error.contains("field.nothing") && error.contains("own.toml:21"),
        "{error}"
    );
    let error = overlay(&format!("{OWN}{}", rule.replace("field.nothing", "1 +")))
        .1
        .expect_err("syntax")
        .to_string();
    assert!(error.contains("template"), "{error}");
}

#[test]
fn the_battery_finds_weak_kinds() {
    let weak = OWN.replace("{hex:32}", "{digits:6}");
    let (directory, _) = overlay(&weak);
    let findings = check(directory.path()).expect("loads");
    assert!(
        findings
            .iter()
            .any(|finding| finding.what.contains("bits of chance")),
        "{findings:?}"
    );
    let claiming = OWN.replace("own_{hex:32}", "AC{hex:32}");
    let (directory, _) = overlay(&claiming);
    let findings = check(directory.path()).expect("loads");
    assert!(
        findings
            .iter()
            .any(|finding| finding.what.contains("also claimed")),
        "{findings:?}"
    );
}

#[test]
fn the_battery_finds_answers_that_grow_past_the_cap() {
    let echo = "{{ form.x }}".repeat(40);
    let rule = format!(
        "\n[[decoy]]\nmatch = {{ path = \"/x\" }}\nstatus = 200\ncontent_type = \"application/json\"\nbody = '{echo}'\n"
    );
    let (directory, _) = overlay(&format!("{OWN}{rule}"));
    let findings = check(directory.path()).expect("loads");
    assert!(
        findings
            .iter()
            .any(|finding| finding.what.contains("too large")),
        "{findings:?}"
    );
}

#[test]
fn kinds_with_an_address_refuse_to_mint_without_one() {
    let catalog = Catalog::builtin().expect("compiles");
    for kind in catalog.kinds().filter(|kind| kind.address.is_some()) {
        assert!(
            matches!(
                mint(&catalog, &kind.id, None, &[]),
                Err(CatalogError::NeedsAddress { .. })
            ),
            "{}",
            kind.id
        );
    }
    assert!(matches!(
        mint(&catalog, "person", Some("http://127.0.0.1:1"), &[]),
        Err(CatalogError::NeedsMailDomain { .. })
    ));
    let url =
        &mint(&catalog, "twilio", Some("https://*.example.org"), &[]).expect("mints")["beacon.url"];
    assert!(url.ends_with(".example.org") && !url.contains('*'), "{url}");
}

#[test]
fn an_account_can_be_chosen_and_is_in_the_key() {
    let catalog = Catalog::builtin().expect("compiles");
    let address = Some("https://trap.example.org");
    let fields = mint(
        &catalog,
        "aws-access-key",
        address,
        &[("account", "111122223333")],
    )
    .expect("mints");
    let bits = data_encoding::BASE32_NOPAD
        .decode(&fields["access_key_id"].as_bytes()[4..])
        .expect("base 32");
    let head = bits[..6]
        .iter()
        .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    assert_eq!((head & 0x7fff_ffff_ff80) >> 7, 111_122_223_333);
    for (field, value) in [
        ("account", "052310077262"),
        ("account", "12"),
        ("access_key_id", "x"),
    ] {
        assert!(
            mint(&catalog, "aws-access-key", address, &[(field, value)]).is_err(),
            "{field} {value}"
        );
    }
}

#[test]
fn an_unknown_kind_gets_suggestions() {
    let catalog = Catalog::builtin().expect("compiles");
    for (asked, expect) in [
        ("twillio", "twilio"),
        ("aws", "aws-access-key"),
        ("github", "github-pat"),
    ] {
        let error = catalog.require(asked).expect_err(asked).to_string();
        assert!(error.contains(expect), "{error}");
    }
}

#[test]
fn what_is_hidden_is_neither_shown_nor_planted() {
    let hidden =
        "handle = true\n\n[[field]]\nname = \"inner\"\nformat = \"{digits:9}\"\nhidden = true\n";
    let with = OWN.replacen("handle = true", hidden, 1);
    let catalog = overlay(&with).1.expect("loads");
    let kind = catalog.require("own").expect("there");
    let fields = mint(&catalog, "own", None, &[]).expect("mints");
    assert!(fields.contains_key("inner") && kind.is_secret("inner"));
    assert!(!kind.shown(&fields).contains_key("inner"));
    assert!(kind.shown(&fields).contains_key("key"));
    let planted = with.replace("A_KEY = \"key\"", "A_KEY = \"inner\"");
    let error = overlay(&planted).1.expect_err("planted").to_string();
    assert!(error.contains("hidden"), "{error}");
}

#[test]
fn a_long_value_is_no_handle() {
    let long = OWN.replace("own_{hex:32}", "own_{hex:1100}");
    let error = overlay(&long).1.expect_err("too long").to_string();
    assert!(error.contains("longer than 1024 bytes"), "{error}");
    let field = "[[field]]\nname = \"file\"\nformat = \"{hex:20000}\"\n\n[[field]]";
    let catalog = overlay(&OWN.replacen("[[field]]", field, 1))
        .1
        .expect("loads");
    let fields = mint(&catalog, "own", None, &[]).expect("mints");
    assert_eq!(fields["file"].len(), 20_000);
}

#[test]
fn a_kind_that_only_a_vendor_sees_has_a_companion_that_we_see() {
    let provider = OWN.replace("trigger = \"endpoint\"", "trigger = \"provider\"");
    let says = |text: &str| -> String {
        let (directory, _) = overlay(text);
        let findings = check(directory.path()).expect("loads");
        findings
            .iter()
            .map(|finding| finding.what.clone() + ";")
            .collect()
    };
    let with = |id: &str| provider.replacen("fires", &format!("companion = {id:?}\nfires"), 1);
    assert!(says(&provider).contains("no companion"));
    assert!(says(&with("nothing")).contains("no kind \"nothing\""));
    assert!(says(&with("own")).contains("does not carry our address"));
    assert_eq!(says(&with("twilio")), "");
}

#[test]
fn what_follows_from_other_fields_is_drawn_again_with_them() {
    // One in 32 of such values ends in `-` or `_`, which a secret never does.
    let fields = "[[field]]\nname = \"inner\"\nformat = \"{base62:11}\"\nhidden = true\n\n\
        [[field]]\nname = \"outer\"\nformat = \"{field:inner|base64url}\"\nsecret = true\n\n[[field]]";
    let catalog = overlay(&OWN.replacen("[[field]]", fields, 1))
        .1
        .expect("loads");
    for _ in 0..200 {
        let fields = mint(&catalog, "own", None, &[]).expect("mints");
        let decoded = data_encoding::BASE64URL_NOPAD.decode(fields["outer"].as_bytes());
        assert_eq!(decoded.expect("base64url"), fields["inner"].as_bytes());
        assert!(!fields["outer"].ends_with(['-', '_']));
    }
}
