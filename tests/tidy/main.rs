//! Guards what the compiler cannot: layering, module heads, documentation that names real paths,
//! licences beside data, and what must never be written into this repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests lie in the repository")
        .to_owned()
}

fn read(path: &Path) -> String {
    #[expect(clippy::disallowed_methods, reason = "files of this repository")]
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below `directory` that belong to the repository.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("readable").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            let skipped = ["target", ".git", "node_modules"];
            if !skipped.iter().any(|skipped| name == *skipped) {
                files(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

fn repository(extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root(), &mut found);
    found.retain(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extensions.is_empty() || extension.is_some_and(|is| extensions.contains(&is))
    });
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root())
        .expect("below the root")
        .display()
        .to_string()
}

#[test]
fn arrows_point_down() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("core", &[][..]),
        ("catalog", &["core"]),
        ("plant", &["core", "catalog"]),
        ("journal", &["core"]),
        ("search", &[]),
        ("store", &["core"]),
        ("listen", &["core", "catalog"]),
        ("attribute", &["core"]),
        ("alert", &["core"]),
        ("report", &["core", "journal"]),
        ("console", &["core", "store", "report"]),
        (
            "daemon",
            &[
                "core",
                "catalog",
                "journal",
                "store",
                "listen",
                "attribute",
                "alert",
                "console",
            ],
        ),
        ("testkit", &["core"]),
    ]);
    let mut crates = 0;
    for entry in fs::read_dir(root().join("crates"))
        .expect("crates")
        .flatten()
    {
        let name = entry.file_name().into_string().expect("a plain name");
        let manifest: toml::Table = read(&entry.path().join("Cargo.toml"))
            .parse()
            .expect("a manifest");
        let Some(allowed) = allowed.get(name.as_str()) else {
            assert_eq!(
                name, "cli",
                "give the new crate a row in this test and in the docs"
            );
            continue;
        };
        crates += 1;
        for table in ["dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(table).and_then(toml::Value::as_table) else {
                continue;
            };
            for used in dependencies
                .keys()
                .filter_map(|key| key.strip_prefix("lapwing-"))
            {
                assert!(allowed.contains(&used), "crates/{name} must not use {used}");
            }
        }
    }
    assert_eq!(crates, allowed.len());
}

#[test]
fn every_module_says_what_it_owns() {
    for path in repository(&["rs"]) {
        assert!(
            read(&path).starts_with("//!"),
            "{} does not open with //!",
            relative(&path)
        );
    }
}

#[test]
fn every_plug_in_is_registered() {
    let registered = |list: &str, directory: &str, skipped: &[&str]| {
        let list = read(&root().join(list));
        for entry in fs::read_dir(root().join(directory))
            .expect("a directory")
            .flatten()
        {
            let path = entry.path();
            let stem = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .expect("a name")
                .to_owned();
            if path.is_file() && !skipped.contains(&stem.as_str()) {
                let module = format!("mod {stem};");
                assert!(
                    list.contains(&module),
                    "{} is not registered",
                    relative(&path)
                );
            }
        }
    };
    registered("crates/plant/src/target.rs", "crates/plant/src/target", &[]);
    registered(
        "crates/catalog/src/artifact.rs",
        "crates/catalog/src/artifact",
        &[],
    );
    registered("crates/report/src/lib.rs", "crates/report/src", &["lib"]);
    registered(
        "crates/cli/src/commands/mod.rs",
        "crates/cli/src/commands",
        &["mod"],
    );
}

#[test]
fn documents_name_paths_that_exist() {
    let mut checked = 0;
    for path in repository(&["md"]) {
        let text = read(&path);
        let quoted = text.split('`').skip(1).step_by(2);
        let linked = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for named in quoted.chain(linked) {
            let ours = ["crates/", "docs/", "tests/", "examples/", "canaries/"];
            let plain = named
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            if plain && ours.iter().any(|start| named.starts_with(start)) {
                checked += 1;
                let here = path.parent().expect("a directory").join(named);
                let exists = root().join(named).exists() || here.exists();
                assert!(exists, "{} names {named}", relative(&path));
            }
        }
    }
    assert!(checked > 20, "the documents name paths");
}

#[test]
fn data_has_its_licence_beside_it() {
    for path in repository(&["mmdb", "tsv", "csv", "json"]) {
        let directory = path.parent().expect("a directory");
        if directory.file_name().is_some_and(|name| name == "data") {
            let licence = directory.join("LICENSE.md");
            assert!(
                licence.exists(),
                "{} has no LICENSE.md beside it",
                relative(&path)
            );
        }
    }
}

/// Spelt in pieces, so that this file does not hold what it forbids.
#[test]
fn nothing_is_named_that_must_not_be() {
    let forbidden = [
        ["crates", ".io"].concat(),
        ["py", "pi.org"].concat(),
        ["python", "hosted"].concat(),
        ["npm", "js.org"].concat(),
        ["npm", "js.com"].concat(),
        ["docker", "hub.com"].concat(),
        ["/ro", "ot/"].concat(),
        ["/wo", "rk/"].concat(),
    ];
    let extensions = [
        "rs", "toml", "md", "sh", "py", "yaml", "yml", "json", "html", "js", "sql", "txt", "c",
    ];
    for path in repository(&extensions) {
        if relative(&path).ends_with("Cargo.lock") {
            continue;
        }
        let text = read(&path);
        for word in &forbidden {
            assert!(
                !text.contains(word.as_str()),
                "{} holds {word}",
                relative(&path)
            );
        }
    }
}

#[test]
fn one_minimum_version_and_one_licence() {
    for path in repository(&["toml"]) {
        if path.file_name().is_some_and(|name| name == "Cargo.toml")
            && path.parent() != Some(&root())
            // Built by another toolchain, outside of the workspace.
            && path.parent() != Some(&root().join("tests/fuzz"))
        {
            let text = read(&path);
            for key in ["version", "edition", "rust-version", "license"] {
                let line = format!("{key}.workspace = true");
                assert!(text.contains(&line), "{}: {line}", relative(&path));
            }
            assert!(
                text.contains("[lints]\nworkspace = true"),
                "{}: lints",
                relative(&path)
            );
        }
    }
}
