//! Records and their dumps: rows agree, nothing is the same from dump to dump, and nothing starts a
//! formula.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_catalog::{Address, Catalog, Dialect, Dump, DumpOrder, Kind, Locale, MintOrder, Scene};
use lapwing_core::Timestamp;

type Fields = BTreeMap<String, String>;

fn now() -> Timestamp {
    Timestamp::parse("2026-06-01T15:00:00Z").expect("a time")
}

fn records(catalog: &Catalog) -> Vec<&Kind> {
    let records: Vec<&Kind> = catalog
        .kinds()
        .filter(|kind| kind.class == "record")
        .collect();
    assert!(records.len() >= 8, "{}", records.len());
    records
}

fn mint(kind: &Kind, now: Timestamp, scene: Scene<'_>) -> Fields {
    let address = Address::parse("https://*.example.org").expect("parses");
    let mut rng = rand::rng();
    kind.mint(&mut MintOrder {
        rng: &mut rng,
        address: Some(&address),
        mail_domain: Some("mail.example.org"),
        set: &BTreeMap::new(),
        now,
        scene,
    })
    .expect("mints")
}

/// A dump of so many records, and the records.
fn dumped(kind: &Kind, dialect: Dialect, count: u64) -> (String, Vec<Fields>, Vec<String>) {
    let order = DumpOrder {
        dialect,
        table: None,
        count,
        phones: false,
        now: now(),
    };
    let mut dump = Dump::new(kind, order, &mut rand::rng());
    let (style, mut text) = (rand::random(), dump.head());
    let mut minted = Vec::new();
    for _ in 0..count {
        let scene = Scene {
            created: Some(dump.next_created()),
            style: Some(style),
            ..Scene::default()
        };
        let fields = mint(kind, dump.taken(), scene);
        text.push_str(&dump.row(&fields));
        minted.push(fields);
    }
    text.push_str(&dump.tail());
    let columns = dump.columns().map(str::to_owned).collect();
    (text, minted, columns)
}

#[test]
fn no_value_starts_a_formula_in_any_locale() {
    let catalog = Catalog::builtin().expect("compiles");
    for kind in records(&catalog) {
        for id in Locale::names() {
            let scene = Scene {
                locale: Some(Locale::named(id).expect("a locale")),
                ..Scene::default()
            };
            for _ in 0..40 {
                for (name, value) in mint(kind, now(), scene) {
                    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
                    assert!(!formula, "{} {id} {name}: {value}", kind.id);
                }
            }
        }
    }
}

#[test]
fn two_hundred_records_share_no_constant_field_or_length() {
    let catalog = Catalog::builtin().expect("compiles");
    for kind in records(&catalog) {
        let minted: Vec<Fields> = (0..200)
            .map(|_| mint(kind, now(), Scene::default()))
            .collect();
        for field in &kind.fields {
            let values: BTreeSet<&str> = minted
                .iter()
                .filter_map(|fields| fields.get(&field.name))
                .map(String::as_str)
                .collect();
            if field.name == "phone" {
                assert!(values.is_empty(), "{}: no number is made up", kind.id);
                continue;
            }
            // The currency is the country's.
            let least = if field.name == "currency" { 1 } else { 2 };
            assert!(values.len() >= least, "{} {}", kind.id, field.name);
            let lengths: BTreeSet<usize> = values.iter().map(|value| value.len()).collect();
            if field.handle {
                assert_eq!(values.len(), 200, "{} {}", kind.id, field.name);
                assert!(lengths.len() >= 3, "{} {}", kind.id, field.name);
            }
        }
    }
}

#[test]
fn two_hundred_dumps_share_no_constant_name_version_or_length() {
    let catalog = Catalog::builtin().expect("compiles");
    for kind in records(&catalog) {
        for dialect in [Dialect::Postgresql, Dialect::Mysql, Dialect::Sqlite] {
            let what = format!("{} {dialect:?}", kind.id);
            let dumps: Vec<_> = (0..200).map(|_| dumped(kind, dialect, 4)).collect();
            let count = |of: &dyn Fn(&str) -> String| {
                let all: BTreeSet<String> = dumps.iter().map(|(text, _, _)| of(text)).collect();
                all.len()
            };
            let line = |text: &str, with: &str| {
                let found = text.lines().find(|line| line.contains(with));
                found.unwrap_or_default().to_owned()
            };
            assert!(count(&|text| text.len().to_string()) > 120, "{what}: sizes");
            assert!(
                count(&|text| line(text, "CREATE TABLE ")) >= 5,
                "{what}: tables"
            );
            let columns: BTreeSet<&Vec<String>> =
                dumps.iter().map(|(_, _, columns)| columns).collect();
            assert!(columns.len() > 40, "{what}: columns, {}", columns.len());
            match dialect {
                Dialect::Postgresql => {
                    assert!(
                        count(&|text| line(text, "-- Dumped from")) >= 8,
                        "{what}: versions"
                    );
                    assert!(count(&|text| line(text, "setval(")) > 100, "{what}");
                }
                Dialect::Mysql => {
                    assert!(
                        count(&|text| line(text, "Distrib ")) >= 8,
                        "{what}: versions"
                    );
                    assert!(
                        count(&|text| line(text, "Dump completed")) > 40,
                        "{what}: times"
                    );
                    assert!(count(&|text| line(text, "Database: ")) > 10, "{what}");
                }
                Dialect::Sqlite => {}
            }
            for (text, _, _) in &dumps {
                assert!(!text.to_lowercase().contains("lapwing"), "{what}");
                assert!(!text.contains("canary"), "{what}");
            }
        }
    }
}

#[test]
fn every_row_of_a_dump_holds_what_its_canary_is_recognised_by() {
    let catalog = Catalog::builtin().expect("compiles");
    for kind in records(&catalog) {
        for dialect in [Dialect::Postgresql, Dialect::Mysql, Dialect::Sqlite] {
            for _ in 0..20 {
                let (text, minted, columns) = dumped(kind, dialect, 10);
                for fields in &minted {
                    let url = &fields["beacon.url"];
                    let rows = text.matches(url.as_str()).count();
                    assert_eq!(rows, 1, "{} {dialect:?}: {columns:?}\n{text}", kind.id);
                }
                let distinct: BTreeSet<&String> = columns.iter().collect();
                assert_eq!(distinct.len(), columns.len(), "{columns:?}");
            }
        }
    }
}

#[test]
fn rows_of_one_table_share_host_and_shapes_and_rise_in_number_and_time() {
    let catalog = Catalog::builtin().expect("compiles");
    for kind in records(&catalog) {
        let (text, minted, _) = dumped(kind, Dialect::Postgresql, 60);
        let hosts: BTreeSet<&str> = minted
            .iter()
            .filter_map(|fields| fields["beacon.url"].split('/').nth(2))
            .collect();
        assert_eq!(hosts.len(), 1, "{}: {hosts:?}", kind.id);
        let created: Vec<&String> = minted.iter().map(|fields| &fields["created"]).collect();
        assert!(created.is_sorted(), "{}: {created:?}", kind.id);
        assert!(
            created[59].as_str() <= "2026-06-01 05:00:40",
            "{}: after the dump",
            kind.id
        );
        let numbers: Vec<u64> = text
            .lines()
            .skip_while(|line| !line.starts_with("COPY "))
            .skip(1)
            .take_while(|line| *line != "\\.")
            .map(|line| {
                let number = line.split('\t').next().expect("a number");
                number.parse().expect("digits")
            })
            .collect();
        assert_eq!(numbers.len(), 60);
        assert!(
            numbers.windows(2).all(|pair| pair[0] < pair[1]),
            "{numbers:?}"
        );
        let last = format!(", {}, true);", numbers[59]);
        assert!(
            text.contains(&last),
            "{}: the sequence stands at {last}",
            kind.id
        );
    }
}

#[test]
fn any_kind_can_be_dumped() {
    let catalog = Catalog::builtin().expect("compiles");
    let kind = catalog.require("twilio").expect("there");
    let (text, minted, columns) = dumped(kind, Dialect::Postgresql, 3);
    assert_eq!(columns, ["id", "account_sid", "auth_token", "url"]);
    assert!(text.contains("CREATE TABLE public.twilio ("), "{text}");
    assert!(text.contains(&minted[2]["auth_token"]));
}

#[test]
fn what_a_dump_says_of_columns_is_checked() {
    let base = r#"
id = "own"
name = "Own"
summary = "A kind of the operator's own"
trigger = "endpoint"
fires = "When used."
blind_spots = ["Reading it."]
lives = ["a table"]

[[field]]
name = "key"
format = "own_{hex:32}"
handle = true

"#;
    for (dump, part) in [
        (
            "[dump]\ncolumns = [{ names = [\"a\"], field = \"b\" }]",
            "\"b\"",
        ),
        ("[dump]\ncolumns = [{ names = [\"a\"] }]", "only a serial"),
        (
            "[dump]\ncolumns = [{ names = [\"A b\"], field = \"key\" }]",
            "lower-case",
        ),
        (
            "[dump]\ncolumns = [{ names = [\"a\"], field = \"key\", type = \"blob\" }]",
            "no type",
        ),
        ("[dump]\ntables = [\"x;y\"]", "lower-case"),
        ("[dump]\ncolour = 1", "unknown field"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = directory.path().join("record");
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("own.toml"), format!("{base}{dump}\n")).expect("a file");
        let error = Catalog::load(Some(directory.path())).expect_err(dump);
        assert!(error.to_string().contains(part), "{dump}: {error}");
    }
}
