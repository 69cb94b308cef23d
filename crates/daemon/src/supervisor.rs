//! What systemd is told, and asks for (sd_notify(3)): that the station is ready, that it reads its certificates
//! again, that it stops, and, if it has a watchdog, that it lives. Without such a supervisor nothing is said.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Who started the station and wants to hear of it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    socket: Option<Arc<UnixDatagram>>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// As the environment tells. The socket is connected now: later its name may be out of reach.
    #[must_use]
    pub fn from_environment() -> Self {
        let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
            return Self::default();
        };
        let socket = match connect(&path) {
            Ok(socket) => Some(Arc::new(socket)),
            Err(error) => {
                tracing::warn!(%error, "cannot reach the supervisor at NOTIFY_SOCKET");
                None
            }
        };
        Self {
            socket,
            watchdog: watchdog(),
        }
    }

    /// The station serves; `status` is a line for people.
    pub fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={}", status.replace('\n', " ")));
    }

    /// It reads again what can change while it runs; [`Supervisor::ready`] says when that is done.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// It finishes what is under way.
    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// Tells the watchdog that the station lives, as often as it wants to hear that, for as long as the runtime
    /// gets round to it and to work that blocks. Does not end.
    pub async fn stand(self) {
        let Some(limit) = self.watchdog else {
            return std::future::pending().await;
        };
        loop {
            let own = self.clone();
            // A failure is silence, which is what the watchdog listens for.
            let _ = tokio::task::spawn_blocking(move || own.say("WATCHDOG=1")).await;
            // Twice as often as it has to be (sd_watchdog_enabled(3)).
            tokio::time::sleep(limit / 2).await;
        }
    }

    fn say(&self, text: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(text.as_bytes())
        {
            tracing::warn!(%error, "cannot tell the supervisor");
        }
    }
}

fn connect(path: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match path.as_bytes().strip_prefix(b"@") {
        Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        None => socket.connect(path)?,
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// How long the watchdog waits, if it is this process that it waits for.
fn watchdog() -> Option<Duration> {
    let variable = |name: &str| std::env::var(name).ok();
    let micros = variable("WATCHDOG_USEC")?
        .parse()
        .ok()
        .filter(|it| *it > 0)?;
    let own = std::process::id().to_string();
    variable("WATCHDOG_PID")
        .is_none_or(|pid| pid == own)
        .then(|| Duration::from_micros(micros))
}
