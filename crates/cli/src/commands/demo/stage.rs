//! The stage of the demonstration: a copy of `examples/sms-gateway`, settings, arguments.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use lapwing_core::bounded;
use rusqlite::Connection;

use super::{Catchers, write};
use crate::args::{Fresh, Init, List, Plant, Report, Trips};
use crate::failure::Advice;
use crate::output;

const ENV: &str = include_str!("../../../../../examples/sms-gateway/.env");
const YAML: &str = include_str!("../../../../../examples/sms-gateway/config/gateway.yaml");
const SCHEMA: &str = include_str!("../../../../../examples/sms-gateway/schema.sql");

/// Every host below this reserved domain is the station's, for the demonstration.
const ZONE: &str = "example.org";

pub(super) struct Stage {
    root: PathBuf,
    out: PathBuf,
    before: BTreeMap<PathBuf, Vec<u8>>,
    rows: i64,
}

impl Stage {
    pub(super) fn build(out: Option<&Path>) -> anyhow::Result<Self> {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("lapwing-demo-{}", &unique[..8]);
        let root = std::env::temp_dir().join(name);
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&root)
            .with_context(|| format!("cannot create {}", root.display()))?;
        let out = match out {
            Some(out) => std::path::absolute(out)?,
            None => root.join("report"),
        };
        fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
        let mut stage = Self {
            root,
            out,
            before: BTreeMap::new(),
            rows: 0,
        };
        let service = stage.service();
        write(&service.join(".env"), ENV)?;
        write(&service.join("config/gateway.yaml"), YAML)?;
        let home = "[default]\nregion = us-west-2\n";
        write(&stage.root.join("home/.aws/config"), home)?;
        write(
            &stage.root.join("home/.aws/credentials"),
            "# managed by ops\n",
        )?;
        let database = Connection::open(service.join("subscribers.db"))?;
        database.execute_batch(SCHEMA)?;
        stage.rows = stage.count()?;
        for file in [
            "service/.env",
            "service/config/gateway.yaml",
            "home/.aws/config",
            "home/.aws/credentials",
        ] {
            let path = stage.root.join(file);
            let bytes = bounded::read_file(&path, bounded::MAX_FILE)?;
            stage.before.insert(path, bytes);
        }
        Ok(stage)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(super) fn service(&self) -> PathBuf {
        self.root.join("service")
    }

    pub(super) fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    fn count(&self) -> anyhow::Result<i64> {
        let database = Connection::open(self.service().join("subscribers.db"))?;
        let count = "SELECT (SELECT count(*) FROM subscribers) + (SELECT count(*) FROM api_keys)";
        Ok(database.query_row(count, [], |row| row.get(0))?)
    }

    pub(super) fn write_settings(&self, catchers: &Catchers) -> anyhow::Result<()> {
        let settings = format!(
            r#"# Settings of the demonstration.
exercise = true
operator = "Example alert service (exercise)"
mail_domain = "{ZONE}"

[listen]
http = ["127.0.0.1:0"]
proxies = ["127.0.0.1/32"]

[geo]
exercise = [
    "198.51.100.0/24 NL 64500 Example Hosting",
    "203.0.113.0/24 RO 64501 Example Transit",
    "2001:db8::/32 DE 64502 Example Mobile",
]

[alert]
retry_seconds = 1

{mail}
{hook}"#,
            mail = catchers.mail.channel("mail"),
            hook = catchers.hook.channel("hook"),
        );
        write(&self.data().join("lapwing.toml"), &settings)
    }

    pub(super) fn init(&self) -> Init {
        Init {
            address: vec![format!("http://*.{ZONE}")],
            mail_domain: None,
            operator: None,
        }
    }

    /// What is planted where, with the operator's words on it.
    pub(super) fn bait(&self) -> Vec<(&'static str, String, &'static str)> {
        let at = |path: PathBuf| path.display().to_string();
        let service = self.service();
        let database = at(service.join("subscribers.db"));
        vec![
            (
                "twilio",
                at(service.join(".env")),
                "SMS relay in the web app's .env",
            ),
            (
                "jasmin-http",
                at(service.join("config/gateway.yaml")),
                "SMS gateway in gateway.yaml",
            ),
            (
                "aws-access-key",
                at(self.home().join(".aws/credentials")),
                "Cloud key of the deploy user",
            ),
            (
                "person",
                format!("sqlite:{database}?table=subscribers"),
                "Subscriber row",
            ),
            (
                "api-client",
                format!("sqlite:{database}?table=api_keys"),
                "API key row",
            ),
        ]
    }

    pub(super) fn report(&self, format: &str) -> PathBuf {
        self.out.join(format!("report.{format}"))
    }

    pub(super) fn report_args(&self, format: &str) -> Report {
        Report {
            action: None,
            since: None,
            actor: None,
            canary: None,
            format: format.to_owned(),
            profile: None,
            full: false,
            language: None,
            publish: false,
            confirm: None,
            danger_embargo: false,
            out: Some(self.report(format)),
        }
    }

    /// Says whether the files are as they were, byte for byte.
    pub(super) fn compare(&self) -> anyhow::Result<()> {
        for (path, before) in &self.before {
            if &bounded::read_file(path, bounded::MAX_FILE)? != before {
                return Err(Advice::error(
                    format!("{} is not as it was", path.display()),
                    "this is a bug: report it",
                ));
            }
        }
        if self.count()? != self.rows {
            return Err(Advice::error(
                "a planted row is left",
                "this is a bug: report it",
            ));
        }
        output::say("every file is byte for byte as it was, and the rows are gone");
        Ok(())
    }
}

pub(super) fn plant_args(kind: &str, target: &str, memo: &str) -> Plant {
    Plant {
        kind: kind.to_owned(),
        target: target.to_owned(),
        count: 1,
        fresh: Fresh {
            memo: memo.to_owned(),
            label: Vec::new(),
            set: Vec::new(),
            address: None,
            locale: None,
        },
        host: None,
        dry_run: false,
        format: None,
        key: None,
        role: None,
        show: false,
        yes: true,
        danger_default: false,
        danger_trigger: Vec::new(),
    }
}

pub(super) fn trips_args() -> Trips {
    Trips {
        list: List { limit: 50 },
        since: None,
        canary: None,
        actor: None,
    }
}
