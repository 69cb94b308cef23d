//! `lapwing schedule`: what makes systemd or cron look after what is planted.
//!
//! Prints; installs nothing. The data directory is not opened, so that this needs no key.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use lapwing_core::bounded::{MAX_FILE, read_text};
use lapwing_daemon::directory::CREDENTIAL;
use rand::RngExt as _;
use serde_json::json;

use crate::args::{Global, Schedule};
use crate::context::{data_dir, load_config};
use crate::failure::{Advice, Exit};
use crate::output;

/// What runs by itself, and when.
struct Job {
    command: &'static str,
    arguments: &'static [&'static str],
    about: &'static str,
    /// For systemd, before the random delay.
    calendar: &'static str,
    delay: &'static str,
    /// Hours for cron, one of which is drawn; days of the week.
    hours: std::ops::RangeInclusive<u8>,
    days: &'static str,
    reach: Reach,
}

/// What a job touches besides the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Nothing.
    Nothing,
    /// Reads files wherever they lie.
    Reads,
    /// Writes files wherever they lie. Left to the operator to switch on.
    Writes,
}

const JOBS: &[Job] = &[
    Job {
        command: "check",
        arguments: &["check", "--reach"],
        about: "Look after planted files",
        calendar: "*-*-* 03:00:00",
        delay: "3h",
        hours: 3..=5,
        days: "*",
        reach: Reach::Reads,
    },
    Job {
        command: "drill",
        arguments: &["drill", "--all", "--planted"],
        about: "Exercise the alerts",
        // While somebody is there to see whether the alerts come.
        calendar: "Tue *-*-* 09:00:00",
        delay: "4h",
        hours: 9..=12,
        days: "2",
        reach: Reach::Nothing,
    },
    Job {
        command: "rotate",
        arguments: &["rotate", "--older-than", "90d", "--tripped", "--yes"],
        about: "Rotate what is old or was used",
        // After the check, which says what is not as it was before it makes room.
        calendar: "*-*-* 07:00:00",
        delay: "1h",
        hours: 7..=7,
        days: "*",
        reach: Reach::Writes,
    },
];

pub(crate) fn run(global: &Global, args: &Schedule) -> anyhow::Result<Exit> {
    let Schedule { write, name, user } = args;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || !name.chars().all(plain) {
        return Err(Advice::error(
            format!("--name {name:?} is no name of a unit"),
            "use letters, digits, - and _",
        ));
    }
    let host = Host::of(global, user.as_deref())?;
    let mut files = Vec::new();
    let mut cron = String::from("# For /etc/cron.d: minute hour day month weekday user command\n");
    for job in JOBS {
        let unit = format!("{name}-{}", job.command);
        files.push((format!("{unit}.service"), host.service(job)));
        files.push((format!("{unit}.timer"), timer(job)));
        let line = host.cron(job)?;
        if job.reach == Reach::Writes {
            cron.push_str(
                "# Optional, because it writes: take the # below away to have it run.\n#",
            );
        }
        cron.push_str(&line);
    }
    files.push((format!("{name}.cron"), cron));
    if let Some(directory) = write {
        for (file, text) in &files {
            create(&directory.join(file), text)?;
        }
    }
    if global.json {
        let files: serde_json::Map<_, _> = files
            .into_iter()
            .map(|(file, text)| (file, text.into()))
            .collect();
        output::json(&json!({"files": files, "written": write}))?;
    } else if write.is_none() {
        for (file, text) in &files {
            output::line(&format!("### {file}\n{text}"))?;
        }
    }
    output::say(
        "systemd: put the units into /etc/systemd/system and `systemctl enable --now` the timers; \
         or put the .cron file into /etc/cron.d under a name without a dot. Not both.",
    );
    output::say(&format!(
        "{name}-rotate is optional: without anybody looking on, it writes into the files that bait stands \
         in, with no more rights than the user {}. Leave its timer alone, and its line in the crontab a \
         comment, to rotate by hand",
        host.owner()
    ));
    output::say(
        "a check that finds something fails its unit (exit code 3): watch `systemctl --failed`, or give \
         the services an OnFailure= of yours; cron mails what is printed",
    );
    Ok(Exit::Fine)
}

/// What the commands need to know of this installation.
struct Host {
    program: PathBuf,
    data: PathBuf,
    config: Option<PathBuf>,
    user: String,
    /// The data directory is the state directory of a unit with a dynamic user, of this name.
    dynamic: Option<String>,
    /// Neither the data directory nor a file that settings name holds the key.
    credential: bool,
}

impl Host {
    fn of(global: &Global, user: Option<&str>) -> anyhow::Result<Self> {
        let data = data_dir(global)?;
        let about = fs::metadata(&data).map_err(|_| {
            Advice::error(
                format!("there is no data directory {}", data.display()),
                "`lapwing init` sets one up; --data-dir names another",
            )
        })?;
        let real = fs::canonicalize(&data)?;
        let dynamic = real
            .strip_prefix("/var/lib/private")
            .ok()
            .and_then(Path::to_str)
            .map(str::to_owned);
        let (_, config) = load_config(global)?;
        let key_file = config.settings.key_file.is_some() || data.join("key").exists();
        Ok(Self {
            program: std::env::current_exe()?,
            config: global
                .config
                .as_ref()
                .map(std::path::absolute)
                .transpose()?,
            user: user.map_or_else(|| user_name(about.uid()), str::to_owned),
            data,
            dynamic,
            credential: !key_file,
        })
    }

    /// The command line as words.
    fn words(&self, job: &Job) -> Vec<String> {
        let mut words = vec![
            self.program.display().to_string(),
            "--data-dir".to_owned(),
            self.data.display().to_string(),
        ];
        if let Some(config) = &self.config {
            words.extend(["--config".to_owned(), config.display().to_string()]);
        }
        words.extend(job.arguments.iter().map(|word| (*word).to_owned()));
        words
    }

    /// Who runs what no unit starts for a dynamic user, and what writes: such a user owns no file.
    fn owner(&self) -> &str {
        self.dynamic
            .as_deref()
            .map_or(self.user.as_str(), |_| "root")
    }

    fn service(&self, job: &Job) -> String {
        let words: Vec<String> = self.words(job).iter().map(|it| systemd_word(it)).collect();
        let mut text = format!(
            "[Unit]\nDescription={}\nWants=network-online.target\nAfter=network-online.target\n\n\
             [Service]\nType=oneshot\nExecStart={}\n",
            job.about,
            words.join(" ")
        );
        match &self.dynamic {
            _ if job.reach == Reach::Writes => {
                let _ = writeln!(text, "User={}", self.owner());
            }
            Some(name) => {
                let _ = writeln!(
                    text,
                    "DynamicUser=yes\nUser={name}\nStateDirectory={name}\nStateDirectoryMode=0700"
                );
            }
            None => {
                let _ = writeln!(
                    text,
                    "User={}\nReadWritePaths={}",
                    self.user,
                    systemd_word(&self.data.display().to_string())
                );
            }
        }
        if self.credential {
            let _ = writeln!(
                text,
                "LoadCredentialEncrypted={CREDENTIAL}:/etc/credstore.encrypted/{CREDENTIAL}"
            );
        }
        text.push_str(self.sandbox(job.reach));
        text.push_str(HARDENING);
        text
    }

    /// What the service may reach of the file system.
    fn sandbox(&self, reach: Reach) -> &'static str {
        let at_home = |path: &PathBuf| path.starts_with("/home") || path.starts_with("/root");
        match reach {
            // Bait lies in files of other users; nothing of theirs is written.
            Reach::Reads => {
                "AmbientCapabilities=CAP_DAC_READ_SEARCH\nCapabilityBoundingSet=CAP_DAC_READ_SEARCH\n\
                 ProtectHome=read-only\nProtectSystem=strict\n"
            }
            // Whoever holds the data directory says what is written where. That must not be more than
            // that user could write: none gets a capability it lacks, and root keeps those for files.
            Reach::Writes if self.owner() == "root" => {
                "CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID\n\
                 ProtectHome=no\nProtectSystem=yes\n"
            }
            Reach::Writes => "CapabilityBoundingSet=\nProtectHome=no\nProtectSystem=yes\n",
            Reach::Nothing if [&self.data, &self.program].into_iter().any(at_home) => {
                "CapabilityBoundingSet=\nProtectHome=read-only\nProtectSystem=strict\n"
            }
            Reach::Nothing => "CapabilityBoundingSet=\nProtectHome=yes\nProtectSystem=strict\n",
        }
    }

    /// A line for `/etc/cron.d`, at a time of its own on every host.
    fn cron(&self, job: &Job) -> anyhow::Result<String> {
        let words: Vec<String> = self
            .words(job)
            .iter()
            .map(|word| shell_word(word))
            .collect();
        let command = words.join(" ");
        if command.contains('\n') {
            return Err(Advice::error(
                "a path with a line end in it has no place in a crontab",
                "use the systemd units, or move the data directory",
            ));
        }
        let mut rng = rand::rng();
        let (minute, hour) = (rng.random_range(0..60), rng.random_range(job.hours.clone()));
        // An unescaped % ends the command.
        Ok(format!(
            "{minute} {hour} * * {} {} {}\n",
            job.days,
            self.owner(),
            command.replace('%', "\\%")
        ))
    }
}

const HARDENING: &str = "NoNewPrivileges=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
UMask=0077
";

fn timer(job: &Job) -> String {
    format!(
        "[Unit]\nDescription={}\n\n[Timer]\nOnCalendar={}\nRandomizedDelaySec={}\nPersistent=yes\n\n\
         [Install]\nWantedBy=timers.target\n",
        job.about, job.calendar, job.delay
    )
}

/// A word of a unit's setting: `%`, `$`, quotes and backslashes mean themselves (systemd.syntax(7)).
fn systemd_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut out = String::from("\"");
    for character in word.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '%' | '$' => out.extend([character, character]),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A word for a shell.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The name of a user, or the number where `/etc/passwd` has none.
fn user_name(uid: u32) -> String {
    let users = read_text(Path::new("/etc/passwd"), MAX_FILE).unwrap_or_default();
    let number = uid.to_string();
    let named = users.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)? == number).then(|| name.to_owned())
    });
    named.unwrap_or(number)
}

fn create(path: &Path, text: &str) -> anyhow::Result<()> {
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        Advice::error(
            format!("cannot write {}: {error}", path.display()),
            "nothing is replaced: take the old file away, or write to another directory",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_themselves() {
        let check = |word: &str, systemd: &str, shell: &str| {
            assert_eq!(systemd_word(word), systemd);
            assert_eq!(shell_word(word), shell);
        };
        check("/usr/bin/lapwing", "/usr/bin/lapwing", "/usr/bin/lapwing");
        check("/srv/a b", "\"/srv/a b\"", "'/srv/a b'");
        check("50%$x", "\"50%%$$x\"", "'50%$x'");
        check("it's \"1\"", "\"it's \\\"1\\\"\"", "'it'\\''s \"1\"'");
    }
}
