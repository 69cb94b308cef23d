//! Where intruders look, how surely, and which kinds fit there. Weights run from 1 to 10: how many of the
//! public collectors, intrusion reports and worms look there. Sources:
//!
//! - files of credentials in projects and homes: MITRE ATT&CK T1552.001 and its procedure examples;
//!   keys of clouds and containers: T1552.001, T1552.005 and the reports on TeamTNT cited there;
//! - shell history: T1552.003;
//! - package registries, git and CI: the reports on the npm worm Shai-Hulud (2025), which collected
//!   `.npmrc`, `.git-credentials`, cloud profiles and workflow secrets in this order;
//! - settings of agents: the reports on s1ngularity (Nx, 2025), which asked assistants for such files;
//! - tables of people, keys and money: T1213.006.

/// A sort of place that one sweep of an intruder finds.
pub(super) struct Place {
    /// What the sweep is after; places of one sweep share it.
    pub sweep: &'static str,
    pub weight: u32,
    /// Names of files: whole, `*ending`, `beginning*`; with directories where they tell.
    pub names: &'static [&'static str],
    /// What fits there, best first.
    pub kinds: &'static [&'static str],
    /// Whether what the file already holds has a say ([`FITS`]).
    pub open: bool,
}

const fn place(
    sweep: &'static str,
    weight: u32,
    names: &'static [&'static str],
    kinds: &'static [&'static str],
) -> Place {
    Place {
        sweep,
        weight,
        names,
        kinds,
        open: false,
    }
}

const fn open(
    sweep: &'static str,
    weight: u32,
    names: &'static [&'static str],
    kinds: &'static [&'static str],
) -> Place {
    Place {
        open: true,
        ..place(sweep, weight, names, kinds)
    }
}

/// Kinds for settings of applications, where nothing else tells.
const SETTINGS: &[&str] = &[
    "postgres-uri",
    "redis-uri",
    "smtp-login",
    "s3-compatible",
    "amqp-uri",
];

/// Every place, the most telling name first.
pub(super) const PLACES: &[Place] = &[
    place(
        "cloud profiles",
        10,
        &[".aws/credentials"],
        &["aws-access-key", "s3-compatible"],
    ),
    open(
        "environment files",
        10,
        &[".env", ".env.*", "*.env"],
        SETTINGS,
    ),
    place(
        "stored logins",
        8,
        &[".git-credentials"],
        &["git-credentials"],
    ),
    place("stored logins", 8, &[".netrc"], &["netrc"]),
    place("stored logins", 7, &[".pgpass"], &["postgres-uri"]),
    place("stored logins", 7, &[".my.cnf"], &["mysql-uri"]),
    place(
        "package registries",
        8,
        &[".npmrc"],
        &["npmrc-private", "npm"],
    ),
    place(
        "package registries",
        7,
        &[".pypirc"],
        &["pypi", "pip-index-basic"],
    ),
    place("package registries", 6, &["pip.conf"], &["pip-index-basic"]),
    place(
        "package registries",
        6,
        &[".m2/settings.xml"],
        &["artifactory"],
    ),
    place("package registries", 6, &["nuget.config"], &["nuget"]),
    place(
        "container registries",
        7,
        &[".docker/config.json", "containers/auth.json"],
        &["docker-config"],
    ),
    place(
        "object storage",
        5,
        &["rclone.conf", ".s3cfg", ".boto"],
        &["s3-compatible"],
    ),
    place(
        "shell history",
        6,
        &[".bash_history", ".zsh_history"],
        &["postgres-uri", "mysql-uri", "basic-auth-url"],
    ),
    open(
        "application settings",
        7,
        &["wp-config.php"],
        &["mysql-uri", "smtp-login"],
    ),
    open(
        "application settings",
        7,
        &["settings.py", "local_settings.py"],
        SETTINGS,
    ),
    open(
        "application settings",
        7,
        &[
            "appsettings*",
            "application.yml",
            "application.yaml",
            "application.properties",
        ],
        SETTINGS,
    ),
    open(
        "application settings",
        6,
        &[
            "web.config",
            "database.yml",
            "config.php",
            "secrets.yml",
            "secrets.yaml",
        ],
        SETTINGS,
    ),
    open(
        "application settings",
        5,
        &[
            "config.json",
            "config.yml",
            "config.yaml",
            "config.toml",
            "config/*.yaml",
            "config/*.yml",
            "config/*.json",
            "config/*.toml",
        ],
        SETTINGS,
    ),
    open(
        "deployments",
        6,
        &["docker-compose*", "compose.yml", "compose.yaml"],
        &["redis-uri", "postgres-uri", "amqp-uri"],
    ),
    open(
        "deployments",
        6,
        &["*.tf", "*.tfstate"],
        &["s3-compatible", "vault", "postgres-uri"],
    ),
    open(
        "deployments",
        5,
        &["Dockerfile"],
        &["redis-uri", "postgres-uri"],
    ),
    open(
        "pipelines",
        6,
        &[".gitlab-ci.yml", "workflows/*.yml", "workflows/*.yaml"],
        &["gitlab-pat", "s3-compatible", "artifactory"],
    ),
    place(
        "exports of passwords",
        7,
        &[
            "passwords.csv",
            "logins.csv",
            "*passwords*.csv",
            "*bitwarden*.csv",
            "*keepass*.csv",
        ],
        &["basic-auth-url"],
    ),
    place(
        "settings of agents",
        5,
        &[".mcp.json", "mcp.json"],
        &["mcp-server"],
    ),
    open(
        "shell profiles",
        3,
        &[".bashrc", ".zshrc", ".profile", ".bash_profile"],
        &["gitlab-pat", "vault"],
    ),
    place(
        "pages of web servers",
        3,
        &["robots.txt"],
        &["jasmin-http", "basic-auth-url"],
    ),
];

/// Words in a file, or of the files around, and the kinds that belong in such company. The vendor that is
/// there already is left to itself: its other keys would stand beside ours.
pub(super) const FITS: &[(&[&str], &[&str])] = &[
    (
        &[
            "twilio",
            "vonage",
            "nexmo",
            "messagebird",
            "plivo",
            "sinch",
            "infobip",
            "clicksend",
            "kannel",
            "smpp",
            "sms_",
            "sms.",
        ],
        &[
            "vonage-api-key",
            "messagebird",
            "plivo-auth",
            "infobip",
            "clicksend",
            "sinch",
            "twilio",
        ],
    ),
    (
        &["openai", "anthropic", "mistral", "huggingface", "langchain"],
        &["openai", "anthropic", "mistral"],
    ),
    (&["sentry"], &["sentry-dsn"]),
    (&["mysql", "mariadb"], &["mysql-uri"]),
    (&["mongodb"], &["mongodb-uri"]),
    (&["amqp", "rabbitmq"], &["amqp-uri"]),
    (&["redis", "celery"], &["redis-uri"]),
    (
        &["database_url", "postgres", "databases", "db_host"],
        &["postgres-uri"],
    ),
    (
        &["mail_host", "smtp", "email_host", "sendgrid", "mailgun"],
        &["smtp-login", "sendgrid"],
    ),
    (
        &["aws_", "s3_", "bucket"],
        &["s3-compatible", "aws-access-key"],
    ),
    (&["vault_"], &["vault"]),
];

/// Tables that intruders dump first.
pub(super) struct Rows {
    pub weight: u32,
    /// What a word of the table's name begins with.
    pub words: &'static [&'static str],
    pub kinds: &'static [&'static str],
}

const fn rows(weight: u32, words: &'static [&'static str], kinds: &'static [&'static str]) -> Rows {
    Rows {
        weight,
        words,
        kinds,
    }
}

/// Every sort of table; the first whose word is in the name counts.
pub(super) const TABLES: &[Rows] = &[
    rows(
        9,
        &[
            "api_key",
            "apikey",
            "api_token",
            "api_client",
            "access_token",
        ],
        &["api-client"],
    ),
    rows(7, &["oauth", "oauth2"], &["oauth-client", "api-client"]),
    rows(5, &["session"], &["session"]),
    rows(5, &["webhook", "callback"], &["webhook", "api-client"]),
    rows(
        7,
        &["integration", "gateway", "provider", "credential", "secret"],
        &["vonage-api-key", "twilio", "api-client"],
    ),
    rows(6, &["payment", "transaction", "invoice"], &["payment"]),
    rows(6, &["employee", "staff"], &["employee", "person"]),
    rows(
        8,
        &["customer", "client", "compan"],
        &["customer", "person"],
    ),
    rows(
        8,
        &[
            "user",
            "member",
            "subscriber",
            "account",
            "contact",
            "people",
            "person",
            "profile",
        ],
        &["person", "customer"],
    ),
];

impl Place {
    /// Whether a file is such a place, by its path in small letters.
    pub(super) fn is(&self, path: &str) -> bool {
        self.names.iter().any(|name| {
            let depth = name.matches('/').count() + 1;
            let parts: Vec<&str> = path.rsplitn(depth + 1, '/').take(depth).collect();
            let wanted: Vec<&str> = name.rsplit('/').collect();
            parts.len() == wanted.len()
                && wanted
                    .iter()
                    .zip(&parts)
                    .all(|(name, part)| fits(&name.to_lowercase(), part))
        })
    }
}

/// Whether a name is `*inner*`, `*ending`, `beginning*` or whole.
fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.split_once('*')) {
        (_, None) => name == pattern,
        (Some(rest), _) => match rest.split_once('*') {
            Some((inner, ending)) => name.contains(inner) && name.ends_with(ending),
            None => name.ends_with(rest),
        },
        (None, Some((beginning, ending))) => {
            name.len() > beginning.len() && name.starts_with(beginning) && name.ends_with(ending)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_known_by_their_names() {
        let sweep = |path: &str| {
            PLACES
                .iter()
                .find(|place| place.is(path))
                .map(|place| place.sweep)
        };
        for (path, expect) in [
            ("srv/app/.env", Some("environment files")),
            (".env.production", Some("environment files")),
            ("home/a/.aws/credentials", Some("cloud profiles")),
            ("home/a/credentials", None),
            ("app/config/gateway.yaml", Some("application settings")),
            ("app/other/gateway.yaml", None),
            ("app/dockerfile", Some("deployments")),
            (".github/workflows/build.yml", Some("pipelines")),
            ("my-passwords-2024.csv", Some("exports of passwords")),
            ("environment", None),
        ] {
            assert_eq!(sweep(path), expect, "{path}");
        }
    }
}
