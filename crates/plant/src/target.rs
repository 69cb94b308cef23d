//! What can be planted in: one entry a sort of target.

mod env;
mod flat;
mod ini;
mod json;
mod mariadb;
mod postgres;
mod redis;
mod server;
mod sqlite;
mod ssh;
mod terraform;
mod toml;
mod tree;
mod xml;
mod yaml;

use std::path::Path;

use lapwing_core::Placement;

use crate::bait::Wish;
use crate::diff::Diff;
use crate::error::{PlantError, Problem};
use crate::table::dialect::Dialect;
use crate::text::{self, Format};
use crate::{Condition, Listed, Options, Plan, Run, disk};

/// A sort of target.
pub trait Target: Sync + sealed::Planting {
    /// Its name in commands and records.
    fn name(&self) -> &'static str;
    /// What it is, in a line.
    fn summary(&self) -> &'static str;
    /// What the operator types.
    fn example(&self) -> &'static str;
}

/// Every sort of target, in the order in which they are asked whether a target is theirs.
pub const TARGETS: &[&dyn Target] = &[
    &sqlite::Sqlite,
    &postgres::POSTGRES,
    &mariadb::MARIADB,
    &redis::Redis,
    &Text {
        format: &env::Env,
        summary: ".env files: NAME=value lines, with or without export and quotes",
        example: "/srv/app/.env",
    },
    &Text {
        format: &json::Json,
        summary: "JSON, with comments or without",
        example: "/srv/app/appsettings.json",
    },
    &Text {
        format: &yaml::Kubeconfig,
        summary: "kubeconfig: a cluster, a user and a context beside the owner's",
        example: "~/.kube/config",
    },
    &Text {
        format: &yaml::Yaml,
        summary: "YAML, one document or many",
        example: "/srv/app/config.yml",
    },
    &Text {
        format: &toml::Toml,
        summary: "TOML: a table of its own",
        example: "/srv/app/config.toml",
    },
    &Text {
        format: &xml::Xml,
        summary: "XML: web.config, nuget.config, Maven's settings.xml; a comment in any other",
        example: "~/.m2/settings.xml",
    },
    &Text {
        format: &flat::HISTORY,
        summary: "shell history, with its times",
        example: "~/.bash_history",
    },
    &Text {
        format: &flat::CSV,
        summary: "exports of password managers and browsers, as CSV",
        example: "~/Documents/passwords.csv",
    },
    &Text {
        format: &flat::SHELL,
        summary: "shell profiles and scripts: NAME=value, with or without export",
        example: "~/.bashrc",
    },
    &Text {
        format: &flat::PROPERTIES,
        summary: ".properties of Java programs",
        example: "/srv/app/application.properties",
    },
    &Text {
        format: &flat::TFVARS,
        summary: "variables of Terraform",
        example: "terraform.tfvars",
    },
    &Text {
        format: &terraform::Terraform,
        summary: "Terraform: a locals block that nothing refers to",
        example: "main.tf",
    },
    &Text {
        format: &flat::PYTHON,
        summary: "settings in Python: NAME = \"value\" at the top",
        example: "/srv/app/settings.py",
    },
    &Text {
        format: &flat::PHP,
        summary: "constants in PHP: define('NAME', 'value')",
        example: "/var/www/html/wp-config.php",
    },
    &Text {
        format: &flat::DOCKERFILE,
        summary: "ENV in a Dockerfile, in its last stage",
        example: "/srv/app/Dockerfile",
    },
    &Text {
        format: &flat::SYSTEMD,
        summary: "units of systemd: Environment= lines of a service",
        example: "/etc/systemd/system/app.service",
    },
    &Text {
        format: &flat::NETRC,
        summary: ".netrc: a machine of ours with login and password",
        example: "~/.netrc",
    },
    &Text {
        format: &flat::GIT_CREDENTIALS,
        summary: "git's stored logins, one URL a line",
        example: "~/.git-credentials",
    },
    &Text {
        format: &flat::PGPASS,
        summary: "PostgreSQL's password file",
        example: "~/.pgpass",
    },
    &Text {
        format: &flat::NPMRC,
        summary: "npm: the registry of one scope, and its token",
        example: "~/.npmrc",
    },
    &Text {
        format: &ssh::SshConfig,
        summary: "~/.ssh/config: a host of ours behind a proxy",
        example: "~/.ssh/config",
    },
    &Text {
        format: &flat::HASH,
        summary: "comment lines with #: robots.txt, hosts, kannel.conf, .hcl",
        example: "/var/www/html/robots.txt",
    },
    &Text {
        format: &flat::SEMICOLONS,
        summary: "comment lines with ; where a section would take effect: pools of PHP, Asterisk",
        example: "/etc/php/8.4/fpm/pool.d/www.conf",
    },
    &Text {
        format: &flat::SLASHES,
        summary: "comment lines with // at the head of a source file",
        example: "/var/www/html/app.js",
    },
    &Text {
        format: &flat::MARKUP,
        summary: "comments in HTML and Markdown",
        example: "/var/www/html/index.html",
    },
    &Text {
        format: &ini::Ini,
        summary: "INI files with sections; ~/.aws/credentials together with config",
        example: "~/.aws/credentials",
    },
];

/// A key that is one of a group.
pub(crate) struct PassedOver {
    /// The database, as targets name it.
    pub database: String,
    pub group: String,
    pub key: String,
}

pub(crate) mod sealed {
    //! What only this crate calls.

    use super::{
        Condition, Dialect, Diff, Listed, Options, PassedOver, Path, Placement, Plan, PlantError,
        Run, Wish,
    };

    /// The work behind a target.
    pub trait Planting {
        /// Whether a target is of this sort, by its name or, failing that, its beginning.
        #[doc(hidden)]
        fn claims(&self, target: &str, head: Option<&[u8]>) -> bool;
        /// The one way to write a target of this sort; `None` if it is not.
        #[doc(hidden)]
        fn canonical(&self, target: &str) -> Option<Result<String, PlantError>>;
        /// The engine whose SQL it speaks; `None` if it is no database.
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
        fn dialect(&self) -> Option<Dialect> {
            None
        }
        /// What the owner's jobs have to pass over, where no predicate in SQL says it.
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
        fn passed_over(&self, _placement: &Placement) -> Option<Result<PassedOver, PlantError>> {
            None
        }
        /// Works out how to plant.
        #[doc(hidden)]
        fn plan(&self, target: &str, wish: &Wish, options: &Options) -> Result<Plan, PlantError>;
        /// Says what stands there.
        #[doc(hidden)]
        fn check(&self, placement: &Placement) -> Result<Condition, PlantError>;
        /// Takes it out.
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "sealed: only this crate calls it")]
        fn uproot(&self, placement: &Placement, force: bool, run: Run) -> Result<Diff, PlantError>;
        /// Removes what a killed process left beside it.
        #[doc(hidden)]
        fn sweep(&self, _placement: &Placement) -> Result<(), PlantError> {
            Ok(())
        }
        /// The tables of a database of this sort; `None` if it holds none.
        #[doc(hidden)]
        fn tables(&self, _database: &str) -> Option<Result<Vec<Listed>, PlantError>> {
            None
        }
        /// The last component of a path.
        #[doc(hidden)]
        fn file_name<'a>(&self, target: &'a str) -> &'a str {
            Path::new(target)
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default()
        }
    }
}

/// A text format as a target.
struct Text {
    format: &'static dyn Format,
    summary: &'static str,
    example: &'static str,
}

impl Target for Text {
    fn name(&self) -> &'static str {
        self.format.name()
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn example(&self) -> &'static str {
        self.example
    }
}

impl sealed::Planting for Text {
    fn claims(&self, target: &str, head: Option<&[u8]>) -> bool {
        let name = self.file_name(target).to_lowercase();
        match head {
            None => self.format.claims_name(&name, Path::new(target)),
            Some(head) => tells_little(&name) && self.format.claims_content(head),
        }
    }

    fn canonical(&self, _target: &str) -> Option<Result<String, PlantError>> {
        None
    }

    fn plan(&self, target: &str, wish: &Wish, options: &Options) -> Result<Plan, PlantError> {
        text::plan(self.format, Path::new(target), wish, options)
    }

    fn check(&self, placement: &Placement) -> Result<Condition, PlantError> {
        text::check(self.format, placement)
    }

    fn uproot(&self, placement: &Placement, force: bool, run: Run) -> Result<Diff, PlantError> {
        text::uproot(self.format, placement, force, run)
    }

    fn sweep(&self, placement: &Placement) -> Result<(), PlantError> {
        text::sweep(placement)
    }
}

/// Whether a name leaves open what the file holds. A script or a TOML file may begin like an INI
/// file; what is right in one would break the other.
fn tells_little(name: &str) -> bool {
    const ENDINGS: [&str; 16] = [
        "conf",
        "config",
        "bak",
        "old",
        "orig",
        "save",
        "local",
        "dist",
        "production",
        "staging",
        "txt",
        "rc",
        "credentials",
        "secrets",
        "settings",
        "vars",
    ];
    match name.trim_start_matches('.').rsplit_once('.') {
        None => true,
        Some((_, ending)) => ENDINGS.contains(&ending),
    }
}

/// The sort of a target: the one that is asked for, else by its name, else by its content.
pub(crate) fn choose(target: &str, asked: Option<&str>) -> Result<&'static dyn Target, PlantError> {
    if let Some(asked) = asked {
        let found = TARGETS.iter().find(|sort| sort.name() == asked);
        return found.copied().ok_or_else(|| {
            let what = format!("{asked:?} is no sort of target");
            PlantError::Target(Problem::new(target, what).hint(supported()))
        });
    }
    if let Some(found) = TARGETS.iter().find(|sort| sort.claims(target, None)) {
        return Ok(*found);
    }
    let seen = disk::read(Path::new(target))?.ok_or_else(|| {
        PlantError::Target(
            Problem::new(target, "does not exist")
                .hint("bait goes into files that are in use; name one of those"),
        )
    })?;
    let head = &seen.bytes[..seen.bytes.len().min(64 << 10)];
    TARGETS
        .iter()
        .find(|sort| sort.claims(target, Some(head)))
        .copied()
        .ok_or_else(|| {
            PlantError::Target(
                Problem::new(target, "is of no sort that bait can be planted in")
                    .hint(format!("name its sort with --format; {}", supported())),
            )
        })
}

/// The tables of a database.
pub(crate) fn tables(database: &str) -> Result<Vec<Listed>, PlantError> {
    let sort = TARGETS.iter().find(|sort| sort.claims(database, None));
    sort.and_then(|sort| sort.tables(database))
        .unwrap_or_else(|| {
            Err(PlantError::Target(
                Problem::new(database, "is no database").hint(supported()),
            ))
        })
}

/// The address of a database, with a table.
fn with_table(database: &str, table: &str) -> String {
    let joint = if database.contains('?') { '&' } else { '?' };
    format!("{database}{joint}table={table}")
}

/// The target that made a placement.
pub(crate) fn named(placement: &Placement) -> Result<&'static dyn Target, PlantError> {
    TARGETS
        .iter()
        .find(|sort| sort.name() == placement.target_kind)
        .copied()
        .ok_or_else(|| {
            let what = format!(
                "was planted by a target named {:?}, which this version does not have",
                placement.target_kind
            );
            PlantError::Record(Problem::new(&placement.target, what).hint(supported()))
        })
}

pub(crate) fn canonical(target: &str) -> Result<String, PlantError> {
    if let Some(special) = TARGETS.iter().find_map(|sort| sort.canonical(target)) {
        return special;
    }
    let path = disk::resolve(Path::new(target))?;
    path.into_os_string().into_string().map_err(|_| {
        PlantError::Target(
            Problem::new(target, "has a name that is not UTF-8").hint("rename the file"),
        )
    })
}

fn supported() -> String {
    let sorts: Vec<String> = TARGETS
        .iter()
        .map(|sort| format!("{} ({})", sort.name(), sort.example()))
        .collect();
    format!("supported: {}", sorts.join(", "))
}
