//! A running station: started, addressed, stopped or killed; never left behind.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::Ran;
use crate::process::wait;

/// How long a station may take to get ready (it may have much to index), or to drain.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running station; killed when dropped.
#[derive(Debug)]
pub struct Station {
    child: Child,
    addresses: Vec<SocketAddr>,
    desks: Vec<SocketAddr>,
    said: Value,
    stdout: Text,
    stderr: Text,
    readers: Vec<JoinHandle<()>>,
}

type Text = Arc<Mutex<String>>;

impl Station {
    /// Starts `lapwing listen --json ...` as described and waits for its line that says it is ready.
    ///
    /// # Panics
    /// If that does not come.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (first, ready) = mpsc::channel();
        let (unheard, _) = mpsc::channel();
        let (stdout, stderr) = (Text::default(), Text::default());
        let readers = vec![
            follow(child.stdout.take().expect("it is piped"), &stdout, first),
            follow(child.stderr.take().expect("it is piped"), &stderr, unheard),
        ];
        let mut station = Self {
            child,
            addresses: Vec::new(),
            desks: Vec::new(),
            said: Value::Null,
            stdout,
            stderr,
            readers,
        };
        let said = station.await_ready(&ready);
        station.addresses = addresses(&said["http"]);
        station.desks = addresses(&said["desk"]);
        station.said = said;
        station
    }

    /// Where it listens for a protocol; the first such address.
    ///
    /// # Panics
    /// If it does not.
    #[must_use]
    pub fn on(&self, protocol: &str) -> SocketAddr {
        let doors = &self.said["protocols"][protocol];
        let door = doors[0].as_str().unwrap_or_default();
        let address = door.trim_start_matches("tls://").parse();
        address.unwrap_or_else(|_| panic!("no {protocol} in {}", self.said))
    }

    /// What it said when it was ready.
    #[must_use]
    pub fn said(&self) -> &Value {
        &self.said
    }

    fn await_ready(&self, ready: &Receiver<String>) -> Value {
        let line = ready.recv_timeout(PATIENCE).unwrap_or_default();
        let said: Value = serde_json::from_str(&line).unwrap_or_default();
        if said["ready"] != true {
            // Its last words may still be on their way.
            std::thread::sleep(Duration::from_millis(200));
            panic!("the station did not get ready: {line:?}\n{}", self.stderr());
        }
        said
    }

    /// Its first address.
    ///
    /// # Panics
    /// If it listens nowhere.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        *self.addresses.first().expect("a station listens somewhere")
    }

    /// All its addresses, in the order of the arguments.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where its desk is.
    ///
    /// # Panics
    /// If it has none.
    #[must_use]
    pub fn desk(&self) -> SocketAddr {
        *self.desks.first().expect("this station has a desk")
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// Asks it to stop (SIGTERM) and waits until it did.
    ///
    /// # Panics
    /// If it does not.
    pub fn stop(mut self) -> Ran {
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id");
        kill_process(pid, Signal::TERM).expect("a child can be signalled");
        let code = wait(&mut self.child, PATIENCE);
        let Some(code) = code else {
            panic!("the station did not stop:\n{}", self.stderr());
        };
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader ends");
        }
        Ran {
            code,
            stdout: read(&self.stdout),
            stderr: read(&self.stderr),
        }
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        // Err: it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn addresses(listed: &Value) -> Vec<SocketAddr> {
    let address = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    let listed = listed.as_array().into_iter().flatten();
    listed
        .map(|value| address(value).expect("an address"))
        .collect()
}

fn read(text: &Text) -> String {
    text.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Keeps what a stream gives, and sends each line on.
fn follow(from: impl Read + Send + 'static, into: &Text, lines: Sender<String>) -> JoinHandle<()> {
    let into = Arc::clone(into);
    std::thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line).into_owned();
            into.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&text);
            // Err: nobody listens any more.
            let _ = lines.send(text);
            line.clear();
        }
    })
}
