//! The system a station pretends to be: one release of one distribution, and the versions its packages have
//! there, so that every port tells the same story. Drawn from the station's seed, and then remembered by its name.
//!
//! Versions are those of the distributions' own packages (packages.debian.org, packages.ubuntu.com).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest as _, Sha256};

use crate::database::Databases;
use crate::ssh::HostKeys;

/// A release of a distribution.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Release {
    /// What it is remembered by: `debian-12`.
    pub(crate) name: &'static str,
    /// As `/etc/os-release` has it.
    pub(crate) pretty: &'static str,
    /// As servers write it behind their version.
    pub(crate) distribution: &'static str,
    pub(crate) kernel: &'static str,
    /// What `uname -v` says of that kernel.
    pub(crate) kernel_build: &'static str,
    pub(crate) codename: &'static str,
    /// What is compiled for it names this.
    pub(crate) compiler: &'static str,
    /// `SSH-2.0-` and this.
    pub(crate) openssh: &'static str,
    /// Version, and package version.
    pub(crate) postgres: (&'static str, &'static str),
    pub(crate) mysql: &'static str,
    pub(crate) redis: &'static str,
    pub(crate) mongodb: &'static str,
    pub(crate) vsftpd: &'static str,
    pub(crate) rabbitmq: (&'static str, &'static str),
    pub(crate) squid: &'static str,
    pub(crate) postfix: &'static str,
    /// As `version.bind` tells it.
    pub(crate) bind: &'static str,
    /// `Server` of the web servers it has.
    pub(crate) nginx: &'static str,
    pub(crate) apache: &'static str,
}

/// The releases a station may be.
pub(crate) const RELEASES: &[Release] = &[
    Release {
        name: "ubuntu-22.04",
        pretty: "Ubuntu 22.04.5 LTS",
        distribution: "Ubuntu",
        kernel: "5.15.0-151-generic",
        kernel_build: "#161-Ubuntu SMP Tue Jul 22 14:25:40 UTC 2025",
        codename: "Jammy Jellyfish",
        compiler: "gcc (Ubuntu 11.4.0-1ubuntu1~22.04.2) 11.4.0, 64-bit",
        openssh: "OpenSSH_8.9p1 Ubuntu-3ubuntu0.13",
        postgres: ("14.18", "14.18-0ubuntu0.22.04.1"),
        mysql: "8.0.42-0ubuntu0.22.04.2",
        redis: "6.0.16",
        mongodb: "7.0.21",
        vsftpd: "3.0.5",
        rabbitmq: ("3.9.27", "24.2.1"),
        squid: "5.9",
        postfix: "3.6.4",
        bind: "9.18.30-0ubuntu0.22.04.2-Ubuntu",
        nginx: "nginx/1.18.0 (Ubuntu)",
        apache: "Apache/2.4.52 (Ubuntu)",
    },
    Release {
        name: "ubuntu-24.04",
        pretty: "Ubuntu 24.04.2 LTS",
        distribution: "Ubuntu",
        kernel: "6.8.0-63-generic",
        kernel_build: "#66-Ubuntu SMP PREEMPT_DYNAMIC Fri Jun 13 20:25:30 UTC 2025",
        codename: "Noble Numbat",
        compiler: "gcc (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0, 64-bit",
        openssh: "OpenSSH_9.6p1 Ubuntu-3ubuntu13.12",
        postgres: ("16.9", "16.9-0ubuntu0.24.04.1"),
        mysql: "8.0.42-0ubuntu0.24.04.2",
        redis: "7.0.15",
        mongodb: "8.0.10",
        vsftpd: "3.0.5",
        rabbitmq: ("3.12.1", "25.3.2.8"),
        squid: "6.13",
        postfix: "3.8.6",
        bind: "9.18.30-0ubuntu0.24.04.2-Ubuntu",
        nginx: "nginx/1.24.0 (Ubuntu)",
        apache: "Apache/2.4.58 (Ubuntu)",
    },
    Release {
        name: "debian-12",
        pretty: "Debian GNU/Linux 12 (bookworm)",
        distribution: "Debian",
        kernel: "6.1.0-37-amd64",
        kernel_build: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)",
        codename: "bookworm",
        compiler: "gcc (Debian 12.2.0-14+deb12u1) 12.2.0, 64-bit",
        openssh: "OpenSSH_9.2p1 Debian-2+deb12u6",
        postgres: ("15.13", "15.13-0+deb12u1"),
        mysql: "10.11.11-MariaDB-0+deb12u1",
        redis: "7.0.15",
        mongodb: "7.0.21",
        vsftpd: "3.0.3",
        rabbitmq: ("3.10.8", "25.2.3"),
        squid: "5.7",
        postfix: "3.7.11",
        bind: "9.18.33-1~deb12u2-Debian",
        nginx: "nginx/1.22.1",
        apache: "Apache/2.4.62 (Debian)",
    },
    Release {
        name: "debian-11",
        pretty: "Debian GNU/Linux 11 (bullseye)",
        distribution: "Debian",
        kernel: "5.10.0-35-amd64",
        kernel_build: "#1 SMP Debian 5.10.237-1 (2025-05-19)",
        codename: "bullseye",
        compiler: "gcc (Debian 10.2.1-6) 10.2.1 20210110, 64-bit",
        openssh: "OpenSSH_8.4p1 Debian-5+deb11u5",
        postgres: ("13.21", "13.21-0+deb11u1"),
        mysql: "10.5.29-MariaDB-0+deb11u1",
        redis: "6.0.16",
        mongodb: "6.0.24",
        vsftpd: "3.0.3",
        rabbitmq: ("3.8.9", "23.2.6"),
        squid: "4.13",
        postfix: "3.5.25",
        bind: "9.16.50-1~deb11u3-Debian",
        nginx: "nginx/1.18.0",
        apache: "Apache/2.4.62 (Debian)",
    },
];

/// What one station is.
#[derive(Clone, Debug)]
pub struct System {
    pub(crate) release: &'static Release,
    /// Of its SSH server.
    pub(crate) keys: Option<Arc<HostKeys>>,
    /// What decoy databases hold, while somebody looks at it.
    pub(crate) databases: Databases,
    /// Connections that servers number.
    threads: Arc<AtomicU32>,
    seed: [u8; 32],
}

impl System {
    /// Draws one: the same for the same seed, as long as no releases are added.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let mut system = Self::of(seed, &RELEASES[0]);
        let all = RELEASES.len() as u64;
        let index = usize::try_from(system.number("system", 0, all)).unwrap_or_default();
        system.release = &RELEASES[index];
        system
    }

    /// The one with this release, by its name; `None` if there is no such release.
    #[must_use]
    pub fn named(seed: &[u8; 32], release: &str) -> Option<Self> {
        let release = RELEASES.iter().find(|known| known.name == release)?;
        Some(Self::of(seed, release))
    }

    fn of(seed: &[u8; 32], release: &'static Release) -> Self {
        let mut system = Self {
            release,
            keys: None,
            databases: Databases::default(),
            threads: Arc::default(),
            seed: *seed,
        };
        system.keys = HostKeys::of(&system).map(Arc::new);
        system
    }

    /// The name of its release: `debian-12`.
    #[must_use]
    pub const fn release(&self) -> &'static str {
        self.release.name
    }

    /// What it was drawn from.
    pub(crate) const fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// The number of a connection, as servers count them up: others come between two of one client.
    pub(crate) fn next_thread(&self) -> u32 {
        let step = rand::random_range(1..4);
        let first = u32::try_from(self.number("threads", 900, 60_000)).unwrap_or(900);
        first.wrapping_add(self.threads.fetch_add(step, Ordering::Relaxed))
    }

    /// Bytes that belong to `what` at this station, always the same.
    pub(crate) fn bytes(&self, what: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(what);
        hash.update(b"\n");
        hash.update(self.seed);
        hash.finalize().into()
    }

    /// A number from `low` up to, not including, `high`, always the same for `what`.
    pub(crate) fn number(&self, what: &str, low: u64, high: u64) -> u64 {
        let [a, b, c, d, ..] = self.bytes(what);
        low + u64::from(u32::from_be_bytes([a, b, c, d])) % (high - low).max(1)
    }
}
