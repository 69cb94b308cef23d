//! What the system saw the station do (`strace`), as steps in the order in which they were done.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use lapwing_core::bounded;
use lapwing_tests::Home;

/// Longest trace read, in bytes.
const TRACE: u64 = 256 << 20;

/// A call that has returned.
#[derive(Debug)]
pub(crate) struct Step {
    /// Its name.
    pub(crate) call: String,
    /// Arguments and outcome as printed; descriptors with what they are of.
    pub(crate) text: String,
    /// On which line it began, and on which it returned.
    pub(crate) begun: usize,
    pub(crate) done: usize,
}

impl Step {
    /// Whether it did what it was to do.
    pub(crate) fn worked(&self) -> bool {
        let outcome = self.text.rsplit(" = ").next().unwrap_or_default();
        !outcome.starts_with('-') && !outcome.starts_with('?')
    }
}

/// `lapwing` with these arguments, traced into `output`. It is the direct child, strace looks on.
pub(crate) fn command(home: &Home, output: &Path, args: &[&str]) -> Command {
    let traced = home.command(args);
    let mut command = Command::new("strace");
    home.scrub(&mut command);
    command
        .args(["-D", "-f", "-yy", "-s", "4096", "-o"])
        .arg(output)
        .arg("--trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,fsync,fdatasync,openat")
        .arg(traced.get_program())
        .args(traced.get_args());
    command
}

/// Reads a trace. A call that another thread's calls interrupt is printed in two halves.
pub(crate) fn read(output: &Path) -> Vec<Step> {
    let bytes = bounded::read_file(output, TRACE).expect("a trace; tests/run installs strace");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut halves: HashMap<String, (usize, String)> = HashMap::new();
    let mut steps = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if let Some(first) = rest.strip_suffix(" <unfinished ...>") {
            halves.insert(thread.to_owned(), (number, first.to_owned()));
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let second = resumed
                .split_once(" resumed>")
                .map_or("", |(_, second)| second);
            if let Some((begun, first)) = halves.remove(thread) {
                steps.extend(step(&format!("{first}{second}"), begun, number));
            }
        } else {
            steps.extend(step(rest, number, number));
        }
    }
    steps
}

fn step(text: &str, begun: usize, done: usize) -> Option<Step> {
    let (call, _) = text.split_once('(')?;
    Some(Step {
        call: call.to_owned(),
        text: text.to_owned(),
        begun,
        done,
    })
}
