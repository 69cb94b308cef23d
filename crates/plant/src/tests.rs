//! Tests of the planting core: every editor over a corpus of real-looking files, every sort of
//! table, and what must be refused.

mod files;
mod foreign;
mod formats;
mod large;
mod rows;
mod safety;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lapwing_core::{CanaryId, Placement, Timestamp};

use crate::bait::{Column, Section, Values, Wish};
use crate::{Options, PlantError, TARGETS, plan_wish};

const NOW: Timestamp = Timestamp::from_micros(1_795_401_540_000_000);

fn pairs(list: &[(&str, &str)]) -> Values {
    list.iter()
        .map(|(name, field)| ((*name).to_owned(), (*field).to_owned()))
        .collect()
}

/// What the kind's own file would be.
const KUBECONFIG: &str = "apiVersion: v1\nclusters:\n- cluster:\n    server: https://relay.example.net:6443\n  \
    name: edge\ncontexts:\n- context:\n    cluster: edge\n    namespace: jobs\n    user: deployer\n  \
    name: deployer@edge\nkind: Config\nusers:\n- name: deployer\n  user:\n    token: 9e4b0c\n";

/// A gateway account with a shape for every sort of target.
fn wish() -> Wish {
    let fields = [
        ("account_sid", "ACnotreal7f3a91"),
        ("auth_token", "9e4b0c"),
        ("beacon.url", "https://relay.example.net/v1?tenant=a&mode=b"),
        ("name", "Mara Lindqvist"),
        ("email", "mara.lindqvist@ops.example"),
        ("note", "0123"),
        ("kubeconfig", KUBECONFIG),
        ("beacon.segment", "hq-db-k3j9x2"),
        ("proxy", "relay.example.net:3128"),
    ];
    let column = |names: &[&str], field: &str| Column {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        field: field.to_owned(),
    };
    let section = |file: &str, name: &str, values: &[(&str, &str)]| Section {
        file: file.to_owned(),
        name: name.to_owned(),
        values: pairs(values),
    };
    Wish {
        canary: CanaryId::fresh(),
        kind: "sample".to_owned(),
        fields: fields
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        handles: ["account_sid", "auth_token", "email", "beacon.segment"]
            .map(str::to_owned)
            .to_vec(),
        roles: vec!["legacy".into(), "backup".into(), "migration".into()],
        env: pairs(&[
            ("TWILIO_{ROLE}_ACCOUNT_SID", "account_sid"),
            ("TWILIO_{ROLE}_AUTH_TOKEN", "auth_token"),
            ("TWILIO_{ROLE}_URL", "beacon.url"),
        ]),
        tree: Some((
            "sms_{role}".to_owned(),
            pairs(&[
                ("account_sid", "account_sid"),
                ("auth_token", "auth_token"),
                ("base_url", "beacon.url"),
            ]),
        )),
        ini: vec![
            section(
                "",
                "{role}",
                &[
                    ("aws_access_key_id", "account_sid"),
                    ("aws_secret_access_key", "auth_token"),
                ],
            ),
            section(
                "config",
                "profile {role}",
                &[("region", "note"), ("endpoint_url", "beacon.url")],
            ),
        ],
        row: vec![
            column(&["email", "mail", "email_address"], "email"),
            column(&["name", "full_name", "display_name"], "name"),
        ],
        defaults: vec!["TWILIO_ACCOUNT_SID".into()],
        free: BTreeSet::new(),
        secret: BTreeSet::new(),
        placement: None,
    }
}

/// A directory with one file of the corpus in it.
struct Bench {
    directory: tempfile::TempDir,
    file: PathBuf,
    original: Vec<u8>,
}

impl Bench {
    fn with(name: &str, bytes: &[u8]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("made");
        std::fs::write(&file, bytes).expect("written");
        Self {
            directory,
            file,
            original: bytes.to_vec(),
        }
    }

    fn target(&self) -> &str {
        self.file.to_str().expect("UTF-8")
    }

    fn bytes(&self) -> Vec<u8> {
        read(&self.file)
    }

    fn plant(&self, options: &Options) -> Result<Placement, PlantError> {
        plan_wish(self.target(), &wish(), options)?.apply(NOW)
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.directory.path())
            .expect("listed")
            .count()
    }
}

fn read(path: &Path) -> Vec<u8> {
    lapwing_core::bounded::read_file(path, 64 << 20).expect("read")
}

/// Every sort of file, by its name.
fn sorts() -> impl Iterator<Item = &'static str> + Clone {
    let names = TARGETS.iter().map(|target| target.name());
    names.filter(|name| !["sqlite", "postgres", "mariadb", "redis"].contains(name))
}

/// Nothing asked for but the sort.
fn plain(sort: &str) -> Options {
    Options {
        format: Some(sort.to_owned()),
        ..Options::default()
    }
}

/// Every file of the corpus: sort, name, bytes.
fn corpus() -> &'static [(String, String, Vec<u8>)] {
    static CORPUS: std::sync::LazyLock<Vec<(String, String, Vec<u8>)>> =
        std::sync::LazyLock::new(read_corpus);
    &CORPUS
}

fn read_corpus() -> Vec<(String, String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files = Vec::new();
    for sort in sorts() {
        for entry in std::fs::read_dir(root.join(sort))
            .unwrap_or_else(|error| panic!("no corpus for {sort}: {error}"))
            .flatten()
        {
            let name = entry.file_name().into_string().expect("UTF-8");
            files.push((sort.to_owned(), name, read(&entry.path())));
        }
    }
    files.sort();
    files
}
