//! Bait on other hosts that are reached through ssh: the system's own program, with the operator's own
//! configuration, carries this program there and speaks with it (`agent`). Nothing has to be installed there,
//! nothing stays but the bait, and no connection back is needed.

mod planting;
mod sites;

use std::io::{BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use lapwing_catalog::Kind;
use lapwing_core::{Canary, Placement, PlacementId, PlacementState, Site, bounded, text};
use lapwing_plant::{Bait, Options, Wish};
use lapwing_store::Ledger;

pub(crate) use planting::plant;
pub(crate) use sites::{Sites, reached};

use super::agent::{GO, Outcome, Planting, Task, read_line};
use super::check::condition_word;
use super::plant::Edit;
use crate::context::Context;
use crate::failure::Advice;

/// Exit status of our own script where the host is of another sort than the program.
const OTHER: i32 = 65;

/// The program that is sent to other hosts, and what `uname` says on hosts it runs on.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) runs_on: &'static str,
}

impl Program {
    /// The one that is asked for or set, else this one.
    pub(crate) fn choose(context: &Context, asked: Option<&PathBuf>) -> anyhow::Result<Self> {
        let set = &context.settings().hosts.binary;
        let path = match asked {
            Some(path) => path.clone(),
            None if set.as_os_str().is_empty() => std::env::current_exe()?,
            None => set.clone(),
        };
        let mut head = [0; 20];
        let mut file = std::fs::File::open(&path).map_err(|error| {
            Advice::error(
                format!("{}: {error}", path.display()),
                "name the lapwing of the other host's architecture, or leave hosts.binary unset",
            )
        })?;
        let read = std::io::Read::read_exact(&mut file, &mut head);
        // ELF: magic number; byte order in byte 5; e_machine in bytes 18 and 19.
        let machine = u16::from_le_bytes([head[18], head[19]]);
        let runs_on = match (read, &head[..4], machine) {
            (Ok(()), b"\x7fELF", 62) => "Linux/x86_64",
            (Ok(()), b"\x7fELF", 183) => "Linux/aarch64",
            (Ok(()), b"\x7fELF", 243) => "Linux/riscv64",
            _ => {
                return Err(Advice::error(
                    format!(
                        "{} is no program for a host that is known here",
                        path.display()
                    ),
                    "name a lapwing for Linux on x86_64, aarch64 or riscv64",
                ));
            }
        };
        Ok(Self { path, runs_on })
    }
}

/// A conversation with the agent on another host.
pub(crate) struct Session {
    login: String,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Session {
    /// Sends the program there and starts it. It is removed when the conversation ends.
    pub(crate) fn open(context: &Context, login: &str) -> anyhow::Result<Self> {
        if !Site::is_name(login) {
            return Err(Advice::error(
                format!("{login:?} is no host"),
                "write host, user@host or user@host:port",
            ));
        }
        let program = Program::choose(context, None)?;
        let directory = upload(context, login, &program)?;
        // One word for the shell at the other end, whichever that is.
        let script = format!(
            "exec sh -c 'trap \"rm -rf {directory}\" EXIT; trap \"exit 1\" HUP INT TERM; {directory}/p agent; exit'"
        );
        let mut child = ssh(context, login, &script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().expect("it is piped");
        Ok(Self {
            login: login.to_owned(),
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// Has one task done.
    pub(crate) fn task(&mut self, task: &Task) -> anyhow::Result<Outcome> {
        self.send(&serde_json::to_vec(task)?)?;
        self.answer()
    }

    /// Gives the word to go ahead.
    pub(crate) fn go(&mut self) -> anyhow::Result<Outcome> {
        self.send(GO)?;
        self.answer()
    }

    fn send(&mut self, line: &[u8]) -> anyhow::Result<()> {
        let sent = self.input.as_mut().map(|input| {
            input.write_all(line)?;
            input.write_all(b"\n")?;
            input.flush()
        });
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(self.broken()),
        }
    }

    fn answer(&mut self) -> anyhow::Result<Outcome> {
        match read_line(&mut self.output) {
            Ok(Some(line)) => Ok(serde_json::from_slice(&line)?),
            _ => Err(self.broken()),
        }
    }

    fn broken(&self) -> anyhow::Error {
        Advice::error(
            format!("{}: the conversation broke off", self.login),
            "what ssh said is above; `lapwing check` looks at what was planted once the host is back",
        )
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The agent ends with its input, and its directory with it.
        self.input.take();
        let _ = self.child.wait();
    }
}

/// Puts the program into a private directory over there, and gives that directory.
fn upload(context: &Context, login: &str, program: &Program) -> anyhow::Result<String> {
    let script = format!(
        "exec sh -c 'umask 077; test \"$(uname -s)/$(uname -m)\" = {} || exit {OTHER}; \
         d=$(mktemp -d) && cat >\"$d/p\" && chmod 700 \"$d/p\" && echo \"$d\"'",
        program.runs_on
    );
    let ran = ssh(context, login, &script)
        .stdin(std::fs::File::open(&program.path)?)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| {
            Advice::error(
                format!("cannot start ssh: {error}"),
                "install the system's ssh client, or name it in the setting hosts.ssh",
            )
        })
        .and_then(|mut child| {
            let out = child.stdout.take().expect("it is piped");
            let said = bounded::read(out, 4096)?;
            Ok((child.wait()?, last_line(&said)))
        });
    let (status, directory) = ran?;
    if status.code() == Some(OTHER) {
        return Err(Advice::error(
            format!("{login} is no {}", program.runs_on),
            "name a lapwing for that host's architecture in the setting hosts.binary",
        ));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if !status.success() || !directory.starts_with('/') || !directory.bytes().all(plain) {
        return Err(Advice::error(
            format!("{login} cannot be reached, or has no room ({status})"),
            "what ssh said is above; try `ssh` by hand first",
        ));
    }
    Ok(directory)
}

/// What was asked for: a shell may have greeted first.
fn last_line(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    said.lines().last().unwrap_or_default().trim().to_owned()
}

fn ssh(context: &Context, login: &str, script: &str) -> Command {
    let words = &context.settings().hosts.ssh;
    let mut words = words.iter();
    let mut command = Command::new(words.next().map_or("ssh", String::as_str));
    command.args(words);
    let (name, port) = match login.rsplit_once(':') {
        // A second colon is an IPv6 address, unless that stands in brackets.
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (login, None),
    };
    if let Some(port) = port {
        command.args(["-p", port]);
    }
    command.args(["-T", "--", &name.replace(['[', ']'], ""), script]);
    command
}

/// A canary on its way to another host: it stays as it was minted, whatever its neighbours look like.
pub(crate) fn prepare(
    kind: &Kind,
    canary: &Canary,
    target: &str,
    mut options: Options,
) -> Planting {
    options.kept = canary.fields.keys().cloned().collect();
    let id = PlacementId::fresh();
    let wish = Wish::of(&Bait { kind, canary }).named(id);
    Planting {
        id,
        canary: canary.id,
        target: target.to_owned(),
        wish: wish.keeping(&options.kept),
        options,
    }
}

/// An outcome's error, or the outcome.
pub(crate) fn checked(outcome: Outcome) -> anyhow::Result<Outcome> {
    match outcome.error {
        Some(error) => {
            let what = text::escape_short(error.what.as_bytes(), 1000);
            let hint = text::escape_short(error.hint.as_bytes(), 1000);
            Err(if hint.is_empty() {
                anyhow::anyhow!(what)
            } else {
                Advice::error(what, hint)
            })
        }
        None => Ok(outcome),
    }
}

/// A placement with its target as it is written there, for the agent.
pub(crate) fn there(placement: &Placement) -> Placement {
    let target = Site::of(&placement.target).map(|(_, there)| there);
    Placement {
        target: target.unwrap_or_else(|| placement.target.clone()),
        ..placement.clone()
    }
}

/// What stands at placements on other hosts: condition and detail, in their order. Each host that is
/// reached through ssh is asked; of the others it is known what they last reported.
pub(crate) fn conditions(
    sites: &Sites<'_>,
    ledger: &Ledger,
    placements: &[(Site, Placement)],
) -> anyhow::Result<Vec<(String, String)>> {
    let hosts = ledger.hosts()?;
    let mut found = Vec::new();
    for (site, placement) in placements {
        found.push(match site {
            Site::Ssh(_) => match sites.check(placement) {
                Ok(condition) => (condition_word(condition).to_owned(), String::new()),
                Err(error) => ("unreadable".to_owned(), error.to_string()),
            },
            Site::Host(name) => {
                let host = hosts.iter().find(|host| host.name == *name);
                let said = host.and_then(|host| Some((host, host.conditions.get(&placement.id)?)));
                match said {
                    Some((host, word)) => {
                        let at = host.heard.to_seconds_string();
                        (word.clone(), format!("as it reported at {at}"))
                    }
                    None => ("unknown".to_owned(), "it has not reported".to_owned()),
                }
            }
        });
    }
    Ok(found)
}

/// Takes a placement on another host out. Gives what it has become, and the edit.
pub(crate) fn uproot(
    sites: &Sites<'_>,
    site: &Site,
    placement: &Placement,
    force: bool,
) -> anyhow::Result<(Placement, Edit)> {
    match site {
        // Only the bundle reaches it; what was never planted, or stands on a host that is gone, can be
        // given up.
        Site::Host(_) if force => {
            let state = PlacementState::Abandoned;
            let after = Placement {
                state,
                ..placement.clone()
            };
            Ok((after, Edit::There(String::new())))
        }
        Site::Host(name) => Err(Advice::error(
            format!(
                "{} stands on {name}, which is not reached from here",
                placement.target
            ),
            "run its bundle there with `uproot`; `--force` gives the placement up",
        )),
        Site::Ssh(_) => sites.uproot(placement, force),
    }
}

/// A target as another host gives it, unless a terminal would act on it.
pub(crate) fn plain(target: String) -> anyhow::Result<String> {
    if target.len() > 4096 || target.chars().any(text::is_unprintable) {
        return Err(Advice::error(
            "the host answered with a place whose name cannot be printed",
            "look at that host: a file was renamed, or it answers falsely",
        ));
    }
    Ok(target)
}
