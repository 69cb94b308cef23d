//! The host behind a login: its name, its users and the few files that it lets one see. Nothing in it can be changed.

use std::fmt::Write as _;

use super::clock;
use crate::system::System;

/// A file or directory.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) path: String,
    /// As `ls` has it: the file's sort, then who may do what.
    pub(super) mode: u32,
    pub(super) owner: String,
    pub(super) group: String,
    /// Seconds since 1970.
    pub(super) changed: i64,
    /// Of a file; `None`: it is not this user's to read.
    pub(super) bytes: Option<Vec<u8>>,
    /// Of a link: where it leads to.
    pub(super) link: Option<&'static str>,
}

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

impl Node {
    pub(super) fn is_directory(&self) -> bool {
        self.mode & 0o170_000 == DIRECTORY
    }

    pub(super) fn size(&self) -> usize {
        match (&self.bytes, self.link) {
            (_, Some(target)) => target.len(),
            (Some(bytes), _) => bytes.len(),
            (None, None) if self.is_directory() => 4096,
            (None, None) => 1127,
        }
    }

    /// Its line in `ls -l`.
    pub(super) fn line(&self, name: &str, now: i64) -> String {
        let sort = match self.mode & 0o170_000 {
            DIRECTORY => 'd',
            LINK => 'l',
            _ => '-',
        };
        let mut text = sort.to_string();
        for shift in [6, 3, 0] {
            for (bit, letter) in [(4, 'r'), (2, 'w'), (1, 'x')] {
                let set = self.mode >> shift & bit != 0;
                text.push(if set { letter } else { '-' });
            }
        }
        if self.mode & 0o1000 != 0 {
            text.pop();
            text.push('t');
        }
        let links = if self.is_directory() { 2 } else { 1 };
        let _ = write!(
            text,
            " {links} {} {} {:>6} {} {name}",
            self.owner,
            self.group,
            self.size(),
            clock::listed(self.changed, now)
        );
        if let Some(target) = self.link {
            let _ = write!(text, " -> {target}");
        }
        text
    }
}

/// The host.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    pub(super) user: String,
    pub(super) id: u32,
    pub(super) home: String,
    /// Without its domain.
    pub(super) host: String,
    pub(super) kernel: &'static str,
    pub(super) build: &'static str,
    pub(super) pretty: &'static str,
    pub(super) distribution: &'static str,
    /// When it was started.
    pub(super) booted: i64,
}

impl Tree {
    /// As a user finds it. `now`: seconds since 1970.
    pub(super) fn of(system: &System, hostname: &str, user: &str, now: i64) -> Self {
        let release = system.release;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let named = !user.is_empty() && user.len() <= 32 && user.chars().all(plain);
        let user = if named { user } else { "user" };
        let (home, id) = match user {
            "root" => ("/root".to_owned(), 0),
            user => (format!("/home/{user}"), 1001),
        };
        // A host that was started since is one that was not there before: the same moment always, if it is past.
        let age = i64::try_from(system.number("ssh age", 40, 160)).unwrap_or(90);
        let week = now.div_euclid(604_800 * 26) * 604_800 * 26;
        let second = i64::try_from(system.number("ssh second", 0, 86_400)).unwrap_or_default();
        let booted = week - age * 86_400 + second;
        let host = hostname.split('.').next().unwrap_or_default();
        let mut tree = Self {
            nodes: Vec::new(),
            user: user.to_owned(),
            id,
            home,
            host: host.to_owned(),
            kernel: release.kernel,
            build: release.kernel_build,
            pretty: release.pretty,
            distribution: release.distribution,
            booted,
        };
        tree.fill(release.codename, hostname);
        tree.fill_home();
        tree.nodes.sort_by(|one, two| one.path.cmp(&two.path));
        tree
    }

    /// What stands at a path that [`absolute`] made.
    pub(super) fn node(&self, path: &str) -> Option<&Node> {
        let path = self.resolve(path);
        self.nodes.iter().find(|node| node.path == path)
    }

    /// What is in a directory: names and nodes.
    pub(super) fn inside(&self, path: &str) -> impl Iterator<Item = (&str, &Node)> {
        let path = self.resolve(&format!("{path}/"));
        let start = format!("{}/", path.trim_end_matches('/'));
        self.nodes.iter().filter_map(move |node| {
            let name = node.path.strip_prefix(&start)?;
            (!name.is_empty() && !name.contains('/')).then_some((name, node))
        })
    }

    /// The directories that lead elsewhere on a host of today.
    fn resolve(&self, path: &str) -> String {
        for (link, _) in LINKS {
            let from = format!("/{link}");
            if path.starts_with(&format!("{from}/")) {
                return format!("/usr{path}").trim_end_matches('/').to_owned();
            }
        }
        path.to_owned()
    }

    fn add(&mut self, path: &str, mode: u32, bytes: Option<&str>) {
        let own = path.starts_with(&self.home) && path != self.home;
        let group = if path.starts_with(&self.home) {
            self.user.clone()
        } else {
            "root".to_owned()
        };
        self.nodes.push(Node {
            path: path.to_owned(),
            mode,
            owner: if own {
                self.user.clone()
            } else {
                "root".to_owned()
            },
            group,
            changed: self.booted - 86_400 * (3 + path.len() as i64 % 7),
            bytes: bytes.map(|text| text.as_bytes().to_vec()),
            link: None,
        });
    }

    fn fill(&mut self, codename: &str, hostname: &str) {
        for path in DIRECTORIES {
            self.add(path, DIRECTORY | 0o755, None);
        }
        for (link, target) in LINKS {
            self.add(&format!("/{link}"), LINK | 0o777, None);
            self.nodes
                .iter_mut()
                .last()
                .into_iter()
                .for_each(|node| node.link = Some(target));
        }
        self.add("/tmp", DIRECTORY | 0o1777, None);
        if self.id != 0 {
            self.add("/root", DIRECTORY | 0o700, None);
        }
        self.add(&self.home.clone(), DIRECTORY | 0o755, None);
        let host = self.host.clone();
        let file = FILE | 0o644;
        self.add("/etc/hostname", file, Some(&format!("{host}\n")));
        let hosts = format!(
            "127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\t{host}\n\n# The following lines are desirable for IPv6 capable hosts\n::1     localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n"
        );
        self.add("/etc/hosts", file, Some(&hosts));
        self.add("/etc/os-release", file, Some(&self.os_release(codename)));
        self.add(
            "/etc/issue",
            file,
            Some(&format!("{} \\n \\l\n\n", self.issue())),
        );
        let release = self.digits();
        let base = match release.as_str() {
            "22.04" | "12" => "bookworm/sid\n",
            "24.04" => "trixie/sid\n",
            _ => "11.11\n",
        };
        let base = if release == "12" { "12.11\n" } else { base };
        self.add("/etc/debian_version", file, Some(base));
        self.add("/etc/passwd", file, Some(&self.passwd()));
        let group = format!(
            "root:x:0:\ndaemon:x:1:\nadm:x:4:syslog\nsudo:x:27:\nwww-data:x:33:\nbackup:x:34:\nusers:x:100:\nnogroup:x:65534:\n{}:x:{}:\n",
            self.user, self.id
        );
        self.add("/etc/group", file, Some(&group));
        self.add("/etc/shadow", FILE | 0o640, None);
        self.add("/etc/sudoers", FILE | 0o440, None);
        self.add(
            "/etc/resolv.conf",
            file,
            Some("nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n"),
        );
        self.add("/etc/ssh/sshd_config", file, Some("Include /etc/ssh/sshd_config.d/*.conf\n\nKbdInteractiveAuthentication no\nUsePAM yes\nX11Forwarding yes\nPrintMotd no\nAcceptEnv LANG LC_*\nSubsystem\tsftp\t/usr/lib/openssh/sftp-server\n"));
        self.add("/var/log/auth.log", FILE | 0o640, None);
        self.add("/var/log/syslog", FILE | 0o640, None);
        self.add(
            "/proc/version",
            FILE | 0o444,
            Some(&format!(
                "Linux version {} ({}) {}\n",
                self.kernel, "buildd@lcy02-amd64-059", self.build
            )),
        );
        self.add("/proc/cpuinfo", FILE | 0o444, Some(CPU));
        self.add("/proc/meminfo", FILE | 0o444, Some(MEMORY));
        self.add(
            "/proc/loadavg",
            FILE | 0o444,
            Some("0.08 0.03 0.01 1/187 21874\n"),
        );
    }

    fn fill_home(&mut self) {
        let (home, file) = (self.home.clone(), FILE | 0o644);
        let own = |name: &str| format!("{home}/{name}");
        self.add(
            &own(".bash_logout"),
            file,
            Some("# ~/.bash_logout: executed by bash(1) when login shell exits.\n"),
        );
        self.add(&own(".bashrc"), file, Some("# ~/.bashrc: executed by bash(1) for non-login shells.\n\ncase $- in\n    *i*) ;;\n      *) return;;\nesac\n\nHISTCONTROL=ignoreboth\nshopt -s histappend\nHISTSIZE=1000\nHISTFILESIZE=2000\nalias ll='ls -alF'\n"));
        self.add(&own(".profile"), file, Some("# ~/.profile: executed by the command interpreter for login shells.\n\nif [ -n \"$BASH_VERSION\" ]; then\n    if [ -f \"$HOME/.bashrc\" ]; then\n\t. \"$HOME/.bashrc\"\n    fi\nfi\n"));
        self.add(
            &own("release.sh"),
            FILE | 0o755,
            Some("#!/bin/sh\nset -eu\ncd /srv/www\ngit pull --ff-only\nmake static\n"),
        );
        self.add(&own("todo.txt"), file, Some("- rotate logs of the old vhost\n- ask about the certificate before it runs out\n- remove staging when the move is done\n"));
    }

    /// `22.04` of `Ubuntu 22.04.5 LTS`, `12` of Debian's.
    fn digits(&self) -> String {
        let words = self
            .pretty
            .split(' ')
            .find(|it| it.starts_with(|c: char| c.is_ascii_digit()));
        let word = words.unwrap_or_default();
        word.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
    }

    fn issue(&self) -> String {
        self.pretty
            .split(" (")
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    fn os_release(&self, codename: &str) -> String {
        let (digits, pretty) = (self.digits(), self.pretty);
        let short = codename
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_lowercase();
        if self.distribution == "Debian" {
            return format!(
                "PRETTY_NAME=\"{pretty}\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"{digits}\"\nVERSION=\"{digits} ({short})\"\nVERSION_CODENAME={short}\nID=debian\nHOME_URL=\"https://www.debian.org/\"\nSUPPORT_URL=\"https://www.debian.org/support\"\nBUG_REPORT_URL=\"https://bugs.debian.org/\"\n"
            );
        }
        let version = pretty.trim_start_matches("Ubuntu ");
        format!(
            "PRETTY_NAME=\"{pretty}\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"{digits}\"\nVERSION=\"{version} ({codename})\"\nVERSION_CODENAME={short}\nID=ubuntu\nID_LIKE=debian\nHOME_URL=\"https://www.ubuntu.com/\"\nSUPPORT_URL=\"https://help.ubuntu.com/\"\nBUG_REPORT_URL=\"https://bugs.launchpad.net/ubuntu/\"\nPRIVACY_POLICY_URL=\"https://www.ubuntu.com/legal/terms-and-policies/privacy-policy\"\nUBUNTU_CODENAME={short}\n"
        )
    }

    fn passwd(&self) -> String {
        let mut text = PASSWD.to_owned();
        if self.id != 0 {
            let (user, id, home) = (&self.user, self.id, &self.home);
            let _ = writeln!(text, "{user}:x:{id}:{id}::{home}:/bin/bash");
        }
        text
    }
}

/// A path made absolute: `.`, `..` and `~` resolved, never above the root.
pub(super) fn absolute(home: &str, directory: &str, path: &str) -> String {
    let full = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{home}{rest}"),
        _ if path.starts_with('/') => path.to_owned(),
        _ => format!("{directory}/{path}"),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in full.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

const LINKS: [(&str, &str); 4] = [
    ("bin", "usr/bin"),
    ("lib", "usr/lib"),
    ("lib64", "usr/lib64"),
    ("sbin", "usr/sbin"),
];

const DIRECTORIES: [&str; 33] = [
    "/",
    "/boot",
    "/dev",
    "/etc",
    "/etc/cron.d",
    "/etc/ssh",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/run",
    "/srv",
    "/srv/www",
    "/sys",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/share",
    "/usr/src",
    "/var",
    "/var/backups",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/mail",
    "/var/spool",
    "/var/tmp",
    "/var/www",
];

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
sync:x:4:65534:sync:/bin:/bin/sync
man:x:6:12:man:/var/cache/man:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
backup:x:34:34:backup:/var/backups:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
systemd-network:x:998:998:systemd Network Management:/:/usr/sbin/nologin
sshd:x:105:65534::/run/sshd:/usr/sbin/nologin
";

const CPU: &str = "\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel Xeon Processor (Skylake, IBRS)
stepping\t: 4
cpu MHz\t\t: 2099.998
cache size\t: 16384 KB
siblings\t: 1
cpu cores\t: 1
bogomips\t: 4199.99
";

const MEMORY: &str = "\
MemTotal:        2014400 kB
MemFree:          173256 kB
MemAvailable:    1466192 kB
Buffers:          109836 kB
Cached:          1223860 kB
SwapTotal:             0 kB
SwapFree:              0 kB
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        for (path, expect) in [
            ("x", "/home/a/x"),
            ("~", "/home/a"),
            ("~/x", "/home/a/x"),
            ("~root", "/home/a/~root"),
            ("../../../etc", "/etc"),
            ("/a//b/./c", "/a/b/c"),
        ] {
            assert_eq!(absolute("/home/a", "/home/a", path), expect);
        }
    }
}
