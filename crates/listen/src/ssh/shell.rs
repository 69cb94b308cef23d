//! The shell of a login: reads lines, and answers them as bash does on a host where nothing can be changed. Nothing is
//! executed: what a command says is made up here. (The words are those of bash 5 and coreutils 9.)

use std::fmt::Write as _;

use super::clock;
use super::commands::{self, Said};
use super::grammar::{self, Join, Step};
use super::line::Line;
use super::tree::{Tree, absolute};

/// Bytes that one line may say, at most.
const LONGEST: usize = 256 << 10;
/// Lines that are remembered.
const REMEMBERED: usize = 500;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaits {
    Command,
    /// A password for sudo, so many times already.
    Password(u8),
}

pub(super) struct Shell {
    pub(super) tree: Tree,
    pub(super) line: Line,
    pub(super) awaits: Awaits,
    pub(super) terminal: bool,
    pub(super) directory: String,
    before: String,
    /// Where the client comes from, for `w` and the environment.
    pub(super) from: (String, u16),
    pub(super) to: (String, u16),
    pub(super) began: i64,
    pub(super) history: Vec<String>,
    /// Of the last command.
    status: u8,
    /// Whether it is a shell to log in with, or one for a single command.
    login: bool,
    /// Whether it ends with its one command.
    pub(super) single: bool,
    pub(super) over: bool,
}

impl Shell {
    pub(super) fn new(tree: Tree, from: (String, u16), to: (String, u16), began: i64) -> Self {
        Self {
            directory: tree.home.clone(),
            before: String::new(),
            tree,
            line: Line::default(),
            awaits: Awaits::Command,
            terminal: false,
            from,
            to,
            began,
            history: Vec::new(),
            status: 0,
            login: true,
            single: false,
            over: false,
        }
    }

    /// What it says when it begins.
    pub(super) fn greet(&self) -> String {
        let Tree {
            pretty,
            kernel,
            build,
            host,
            distribution,
            ..
        } = &self.tree;
        if *distribution == "Debian" {
            return format!(
                "Linux {host} {kernel} {build} x86_64\n\nThe programs included with the Debian GNU/Linux system are free software;\nthe exact distribution terms for each program are described in the\nindividual files in /usr/share/doc/*/copyright.\n\nDebian GNU/Linux comes with ABSOLUTELY NO WARRANTY, to the extent\npermitted by applicable law.\n"
            );
        }
        format!(
            "Welcome to {pretty} (GNU/Linux {kernel} x86_64)\n\n * Documentation:  https://help.ubuntu.com\n * Management:     https://landscape.canonical.com\n * Support:        https://ubuntu.com/pro\n\n"
        )
    }

    pub(super) fn prompt(&self) -> String {
        match self.awaits {
            Awaits::Password(_) => format!("[sudo] password for {}: ", self.tree.user),
            Awaits::Command if !self.terminal => String::new(),
            Awaits::Command => {
                let sign = if self.tree.id == 0 { '#' } else { '$' };
                let place = match self.directory.strip_prefix(&self.tree.home) {
                    Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
                    _ => self.directory.clone(),
                };
                format!("{}@{}:{place}{sign} ", self.tree.user, self.tree.host)
            }
        }
    }

    /// A line of a shell to log in with.
    pub(super) fn enter(&mut self, line: &str, now: i64) -> Said {
        if let Awaits::Password(tries) = self.awaits {
            return self.refuse(tries);
        }
        if !line.trim().is_empty() && self.history.len() < REMEMBERED {
            self.history.push(line.to_owned());
        }
        self.run(line, now)
    }

    /// A command of its own (`ssh host command`).
    pub(super) fn execute(&mut self, command: &str, now: i64) -> Said {
        self.login = false;
        self.run(command, now)
    }

    /// How bash calls itself in errors.
    pub(super) fn name(&self) -> &'static str {
        if self.login { "-bash" } else { "bash: line 1" }
    }

    pub(super) fn path(&self, path: &str) -> String {
        absolute(&self.tree.home, &self.directory, path)
    }

    /// The directory before this one.
    pub(super) fn before(&self) -> String {
        if self.before.is_empty() {
            self.directory.clone()
        } else {
            self.before.clone()
        }
    }

    pub(super) fn go(&mut self, directory: String) {
        self.before = std::mem::replace(&mut self.directory, directory);
    }

    /// A variable of the environment.
    fn variable(&self, name: &str) -> String {
        let mut all = self.environment();
        all.push(("?", self.status.to_string()));
        all.push(("$", "21903".to_owned()));
        all.push(("HOSTNAME", self.tree.host.clone()));
        let found = all.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value).unwrap_or_default()
    }

    fn expand(&self, word: &str) -> String {
        let pieces = word.split('\0').enumerate();
        let expanded = pieces.map(|(at, piece)| match at % 2 {
            0 => piece.to_owned(),
            _ => self.variable(piece),
        });
        expanded.collect()
    }

    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let ((from, port), (to, own)) = (&self.from, &self.to);
        let mut all = vec![
            ("SHELL", "/bin/bash".to_owned()),
            ("PWD", self.directory.clone()),
            ("LOGNAME", self.tree.user.clone()),
            ("HOME", self.tree.home.clone()),
            ("LANG", "C.UTF-8".to_owned()),
            ("SSH_CONNECTION", format!("{from} {port} {to} {own}")),
            ("USER", self.tree.user.clone()),
            ("SSH_CLIENT", format!("{from} {port} {own}")),
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/games".to_owned()),
        ];
        if self.terminal {
            all.push(("TERM", "xterm-256color".to_owned()));
            all.push(("SSH_TTY", "/dev/pts/0".to_owned()));
        }
        all
    }

    fn run(&mut self, line: &str, now: i64) -> Said {
        // Variables have the values they have when their command comes to it.
        let steps = grammar::parse(&line.replace('\0', ""), |name| format!("\0{name}\0"));
        let mut all = Said::default();
        for mut step in steps {
            for word in step.pipeline.iter_mut().flatten() {
                *word = self.expand(word);
            }
            let skip = match step.join {
                Join::Always => false,
                Join::And => self.status != 0,
                Join::Or => self.status == 0,
            };
            if skip {
                continue;
            }
            let said = self.step(&step, now);
            self.status = said.status;
            all.status = said.status;
            all.out.push_str(&said.out);
            all.err.push_str(&said.err);
            if self.over || self.awaits != Awaits::Command || all.out.len() > LONGEST {
                break;
            }
        }
        all.out.truncate(all.out.floor_char_boundary(LONGEST));
        all
    }

    fn step(&mut self, step: &Step, now: i64) -> Said {
        if let Some(path) = &step.writes {
            let name = self.name();
            return Said::error(1, format!("{name}: {path}: Permission denied\n"));
        }
        let mut input = None;
        let mut errors = String::new();
        let mut last = Said::default();
        for words in &step.pipeline {
            last = commands::run(self, words, input.take(), now);
            errors.push_str(&std::mem::take(&mut last.err));
            if self.over || self.awaits != Awaits::Command {
                break;
            }
            input = Some(last.out.clone());
        }
        if !step.quiet {
            last.err = errors;
        }
        last
    }

    /// Nobody may use sudo here, whatever the password.
    fn refuse(&mut self, tries: u8) -> Said {
        self.status = 1;
        if tries < 2 {
            self.awaits = Awaits::Password(tries + 1);
            return Said::error(1, "Sorry, try again.\n".to_owned());
        }
        self.awaits = Awaits::Command;
        Said::error(1, "sudo: 3 incorrect password attempts\n".to_owned())
    }

    /// `w`, and its first line for `uptime`.
    pub(super) fn up(&self, now: i64) -> String {
        let age = (now - self.tree.booted).max(60);
        let (days, hours, minutes) = (age / 86_400, age / 3600 % 24, age / 60 % 60);
        let mut text = format!(" {} up ", clock::time(now));
        if days > 0 {
            let _ = write!(text, "{days} day{}, ", if days == 1 { "" } else { "s" });
        }
        let _ = match hours {
            0 => write!(text, "{minutes} min, "),
            _ => write!(text, "{hours:>2}:{minutes:02}, "),
        };
        text + " 1 user,  load average: 0.08, 0.03, 0.01\n"
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::system::System;

    const NOW: i64 = 1_790_000_000;

    fn shell() -> Shell {
        let system = System::from_seed(&[1; 32]);
        let tree = Tree::of(&system, "web1.example.org", "deploy", NOW);
        let end = |port| ("192.0.2.7".to_owned(), port);
        Shell::new(tree, end(50_000), end(22), NOW)
    }

    #[test]
    fn commands_say_what_they_say_elsewhere() {
        let mut shell = shell();
        for (line, out, err) in [
            ("whoami", "deploy\n", ""),
            (
                "id",
                "uid=1001(deploy) gid=1001(deploy) groups=1001(deploy)\n",
                "",
            ),
            ("pwd; cd /etc && pwd", "/home/deploy\n/etc\n", ""),
            ("cat hostname", "web1\n", ""),
            ("cd; ls", "release.sh\ntodo.txt\n", ""),
            (
                "cd /nowhere || echo $?",
                "1\n",
                "-bash: cd: /nowhere: No such file or directory\n",
            ),
            (
                "cat /etc/shadow",
                "",
                "cat: /etc/shadow: Permission denied\n",
            ),
            ("nonsense -x", "", "-bash: nonsense: command not found\n"),
            ("grep deploy /etc/passwd | wc -l", "1\n", ""),
            ("echo a > /tmp/b", "", "-bash: /tmp/b: Permission denied\n"),
            ("ls / | head -n 3", "bin\nboot\ndev\n", ""),
            (
                "ls /nowhere 2>/dev/null; echo \"[$HOME]\"",
                "[/home/deploy]\n",
                "",
            ),
        ] {
            let said = shell.enter(line, NOW);
            assert_eq!((said.out.as_str(), said.err.as_str()), (out, err), "{line}");
        }
    }

    #[test]
    fn sudo_asks_and_refuses() {
        let mut shell = shell();
        shell.terminal = true;
        shell.enter("sudo -i", NOW);
        for _ in 0..2 {
            assert_eq!(shell.prompt(), "[sudo] password for deploy: ");
            assert_eq!(shell.enter("secret", NOW).err, "Sorry, try again.\n");
        }
        let said = shell.enter("secret", NOW);
        assert_eq!(said.err, "sudo: 3 incorrect password attempts\n");
        assert_eq!(shell.prompt(), "deploy@web1:~$ ");
        assert!(shell.history.iter().all(|line| !line.contains("secret")));
    }

    proptest! {
        #[test]
        fn any_line_is_answered(line in "\\PC{0,200}", word in "(ls|cd|cat|grep|head|tail|wc|sort|rm|ps|uname|echo|which|date|w|who|id)", rest in "[-a-z/. ~*]{0,40}") {
            let mut shell = shell();
            shell.enter(&line, NOW);
            shell.enter(&format!("{word} {rest}"), NOW);
            shell.execute(&format!("{word} {rest} | {word}"), NOW);
        }
    }
}
