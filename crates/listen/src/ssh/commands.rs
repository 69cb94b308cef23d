//! What the commands say that a visitor tries first. Nothing is executed.

use std::fmt::Write as _;

use super::clock;
use super::shell::{Awaits, Shell};
use super::tree::Node;

/// What a command says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) out: String,
    pub(super) err: String,
    pub(super) status: u8,
}

impl Said {
    pub(super) fn out(out: impl Into<String>) -> Self {
        Self {
            out: out.into(),
            ..Self::default()
        }
    }

    pub(super) fn error(status: u8, err: impl Into<String>) -> Self {
        Self {
            err: err.into(),
            status,
            ..Self::default()
        }
    }
}

/// Runs a command, which only means to make up what it says.
pub(super) fn run(shell: &mut Shell, words: &[String], input: Option<String>, now: i64) -> Said {
    let Some((command, arguments)) = words.split_first() else {
        return Said::default();
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let name = command.rsplit('/').next().unwrap_or(command);
    let tree = &shell.tree;
    let (user, id, host) = (&tree.user, tree.id, &tree.host);
    match (name, &arguments[..]) {
        ("true" | ":" | "set" | "export" | "unset" | "alias" | "clear" | "umask", _) => {
            Said::default()
        }
        ("false", _) => Said::error(1, ""),
        ("whoami" | "logname", _) => Said::out(format!("{user}\n")),
        ("id", ["-u"]) => Said::out(format!("{id}\n")),
        ("id", ["-un"]) => Said::out(format!("{user}\n")),
        ("id", _) => Said::out(format!(
            "uid={id}({user}) gid={id}({user}) groups={id}({user})\n"
        )),
        ("groups", _) => Said::out(format!("{user}\n")),
        ("hostname", _) => Said::out(format!("{host}\n")),
        ("uname", options) => uname(shell, options),
        ("nproc", _) => Said::out("1\n"),
        ("arch", _) => Said::out("x86_64\n"),
        ("pwd", _) => Said::out(format!("{}\n", shell.directory)),
        ("echo", _) => echo(&arguments),
        ("date", _) => Said::out(clock::date(now) + "\n"),
        ("env" | "printenv", _) => {
            let lines = shell.environment().into_iter();
            Said::out(
                lines
                    .map(|(name, value)| format!("{name}={value}\n"))
                    .collect::<String>(),
            )
        }
        ("uptime", _) => Said::out(shell.up(now)),
        ("w", _) => Said::out(format!(
            "{}USER     TTY      FROM             LOGIN@   IDLE   JCPU   PCPU WHAT\n{user:<8} pts/0    {:<16} {}    1.00s  0.02s  0.00s w\n",
            shell.up(now),
            shell.from.0,
            &clock::time(shell.began)[..5],
        )),
        ("who", _) => Said::out(format!(
            "{user:<8} pts/0        {} ({})\n",
            clock::listed(shell.began, now),
            shell.from.0
        )),
        ("ps", options) => processes(shell, options, now),
        ("history", _) => {
            let lines = shell.history.iter().enumerate();
            Said::out(
                lines
                    .map(|(at, line)| format!("{:>5}  {line}\n", at + 1))
                    .collect::<String>(),
            )
        }
        ("exit" | "logout", _) => {
            shell.over = true;
            let said = shell.terminal && name == "exit" || name == "logout";
            Said::error(0, if said { "logout\n" } else { "" })
        }
        ("sudo" | "su", _) => ask(shell, name, &arguments),
        ("cd", _) => change(shell, &arguments),
        ("ls" | "dir" | "ll", _) => list(shell, &arguments, now),
        ("cat", []) => Said::out(input.unwrap_or_default()),
        ("cat", files) => show(shell, "cat", files),
        ("grep" | "head" | "tail" | "wc" | "sort", _) => filter(shell, name, &arguments, input),
        ("which", _) | ("command", ["-v", ..]) => which(&arguments),
        (
            "touch" | "mkdir" | "rm" | "rmdir" | "mv" | "cp" | "chmod" | "chown" | "tee" | "ln",
            _,
        ) => refuse(shell, name, &arguments),
        _ if command.contains('/') => found(shell, command),
        _ => {
            let said = format!("{}: {command}: command not found\n", shell.name());
            Said::error(127, said)
        }
    }
}

fn found(shell: &Shell, command: &str) -> Said {
    let (name, path) = (shell.name(), shell.path(command));
    match shell.tree.node(&path) {
        Some(node) if node.is_directory() => {
            Said::error(126, format!("{name}: {command}: Is a directory\n"))
        }
        Some(_) => Said::error(126, format!("{name}: {command}: Permission denied\n")),
        None => Said::error(
            127,
            format!("{name}: {command}: No such file or directory\n"),
        ),
    }
}

fn uname(shell: &Shell, options: &[&str]) -> Said {
    let tree = &shell.tree;
    let letters: String = options.concat().chars().filter(|c| *c != '-').collect();
    let letters = match letters.as_str() {
        "" => "s",
        "a" => "snrvmo",
        letters => letters,
    };
    let parts = [
        ('s', "Linux"),
        ('n', &tree.host),
        ('r', tree.kernel),
        ('v', tree.build),
        ('m', "x86_64"),
        ('p', "unknown"),
        ('i', "unknown"),
        ('o', "GNU/Linux"),
    ];
    let wanted = parts.iter().filter(|(letter, _)| letters.contains(*letter));
    let words: Vec<&str> = wanted.map(|(_, word)| *word).collect();
    Said::out(words.join(" ") + "\n")
}

fn echo(arguments: &[&str]) -> Said {
    match arguments {
        ["-n", rest @ ..] => Said::out(rest.join(" ")),
        ["-e", rest @ ..] => {
            Said::out(rest.join(" ").replace("\\n", "\n").replace("\\t", "\t") + "\n")
        }
        rest => Said::out(rest.join(" ") + "\n"),
    }
}

fn processes(shell: &Shell, options: &[&str], now: i64) -> Said {
    let user = &shell.tree.user;
    let began = &clock::time(shell.began)[..5];
    let time = &clock::time(now)[..5];
    let own = [(21_874, "-bash"), (21_931, "ps")];
    if options.is_empty() {
        let mut text = "    PID TTY          TIME CMD\n".to_owned();
        for (number, command) in own {
            let name = command.trim_start_matches('-');
            let _ = writeln!(text, "{number:>7} pts/0    00:00:00 {name}");
        }
        return Said::out(text);
    }
    let started = clock::listed(shell.tree.booted, shell.tree.booted + i64::from(u32::MAX));
    let day: String = started.split_whitespace().take(2).collect();
    let mut text =
        "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n".to_owned();
    for (owner, number, command) in [
        ("root", 1, "/sbin/init"),
        ("root", 2, "[kthreadd]"),
        ("root", 312, "/lib/systemd/systemd-journald"),
        ("systemd+", 541, "/lib/systemd/systemd-networkd"),
        ("root", 688, "/usr/sbin/cron -f"),
        (
            "root",
            702,
            "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups",
        ),
    ] {
        let _ = writeln!(
            text,
            "{owner:<8} {number:>7}  0.0  0.4 102436 {:>5} ?        Ss   {day:<6}   0:03 {command}",
            number * 7 % 9000 + 3100
        );
    }
    let _ = writeln!(
        text,
        "{user:<8}   21873  0.0  0.3  17980  6912 ?        S    {began}    0:00 sshd: {user}@pts/0"
    );
    let _ = writeln!(
        text,
        "{user:<8}   21874  0.0  0.2   8736  5120 pts/0    Ss   {began}    0:00 -bash"
    );
    let _ = writeln!(
        text,
        "{user:<8}   21931  0.0  0.2  10884  4480 pts/0    R+   {time}    0:00 ps {}",
        options.join(" ")
    );
    Said::out(text)
}

fn ask(shell: &mut Shell, name: &str, arguments: &[&str]) -> Said {
    if shell.terminal && name == "sudo" && !arguments.contains(&"-n") {
        shell.awaits = Awaits::Password(0);
        return Said::default();
    }
    match name {
        "su" => Said::error(1, "su: must be run from a terminal\n"),
        _ if arguments.contains(&"-n") => Said::error(1, "sudo: a password is required\n"),
        _ => Said::error(
            1,
            "sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\nsudo: a password is required\n",
        ),
    }
}

fn change(shell: &mut Shell, arguments: &[&str]) -> Said {
    let wanted = match arguments {
        [] => "~".to_owned(),
        ["-"] => shell.before(),
        [path, ..] => (*path).to_owned(),
    };
    let (name, path) = (shell.name(), shell.path(&wanted));
    let wrong = |why: &str| Said::error(1, format!("{name}: cd: {wanted}: {why}\n"));
    match shell.tree.node(&path) {
        None => wrong("No such file or directory"),
        Some(node) if node.link.is_none() && !node.is_directory() => wrong("Not a directory"),
        Some(node) if shell.tree.id != 0 && node.mode & 0o001 == 0 && node.owner == "root" => {
            wrong("Permission denied")
        }
        Some(_) => {
            shell.go(path);
            Said::default()
        }
    }
}

fn list(shell: &Shell, arguments: &[&str], now: i64) -> Said {
    let (options, mut paths): (Vec<&str>, Vec<&str>) = arguments
        .iter()
        .partition(|it| it.starts_with('-') && it.len() > 1);
    let letters = options.concat();
    let (all, long) = (letters.contains(['a', 'A']), letters.contains('l'));
    if paths.is_empty() {
        paths.push(".");
    }
    let mut said = Said::default();
    for path in &paths {
        let full = shell.path(path);
        let Some(node) = shell.tree.node(&full) else {
            let _ = writeln!(
                said.err,
                "ls: cannot access '{path}': No such file or directory"
            );
            said.status = 2;
            continue;
        };
        let closed = shell.tree.id != 0 && node.owner == "root" && node.mode & 0o004 == 0;
        if node.is_directory() && closed {
            let _ = writeln!(
                said.err,
                "ls: cannot open directory '{path}': Permission denied"
            );
            said.status = 2;
            continue;
        }
        let directory =
            (node.is_directory() || node.link.is_some() && !long) && !letters.contains('d');
        if !directory {
            let line = if long {
                node.line(path, now)
            } else {
                (*path).to_owned()
            };
            let _ = writeln!(said.out, "{line}");
            continue;
        }
        let mut found: Vec<(&str, &Node)> = Vec::new();
        if letters.contains('a') {
            let up = shell
                .tree
                .node(&shell.path(&format!("{path}/..")))
                .unwrap_or(node);
            found.extend([(".", node), ("..", up)]);
        }
        found.extend(
            shell
                .tree
                .inside(&full)
                .filter(|(name, _)| all || !name.starts_with('.')),
        );
        if paths.len() > 1 {
            let _ = writeln!(said.out, "{path}:");
        }
        if long {
            let _ = writeln!(said.out, "total {}", found.len() * 4);
            for (name, node) in found {
                let _ = writeln!(said.out, "{}", node.line(name, now));
            }
        } else if !found.is_empty() {
            let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
            let between = if shell.terminal { "  " } else { "\n" };
            let _ = writeln!(said.out, "{}", names.join(between));
        }
    }
    said
}

fn show(shell: &Shell, command: &str, files: &[&str]) -> Said {
    let mut said = Said::default();
    for file in files.iter().filter(|it| !it.starts_with('-')) {
        let why = match shell.tree.node(&shell.path(file)) {
            None => "No such file or directory",
            Some(node) if node.is_directory() => "Is a directory",
            Some(node) => match &node.bytes {
                Some(bytes) => {
                    said.out.push_str(&String::from_utf8_lossy(bytes));
                    continue;
                }
                None => "Permission denied",
            },
        };
        let _ = writeln!(said.err, "{command}: {file}: {why}");
        said.status = 1;
    }
    said
}

/// `grep`, `head`, `tail`, `wc` and `sort`, over files or what comes through a pipe, with their plainest options.
fn filter(shell: &Shell, name: &str, arguments: &[&str], input: Option<String>) -> Said {
    let (options, mut plain): (Vec<&str>, Vec<&str>) =
        arguments.iter().partition(|it| it.starts_with('-'));
    let letters = options.concat();
    let mut wanted = String::new();
    let mut count = letters
        .trim_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .unwrap_or(10);
    if name == "grep" && !plain.is_empty() {
        wanted = plain.remove(0).to_owned();
    }
    if letters.ends_with('n') && name != "grep" && !plain.is_empty() {
        count = plain.remove(0).parse().unwrap_or(count);
    }
    let mut said = match (&plain[..], input) {
        ([], input) => Said::out(input.unwrap_or_default()),
        (files, _) => show(shell, name, files),
    };
    let text = std::mem::take(&mut said.out);
    let folds = letters.contains('i');
    let plain_text = |it: &str| {
        if folds {
            it.to_lowercase()
        } else {
            it.to_owned()
        }
    };
    let wanted = plain_text(&wanted);
    let (anchored, ended) = (wanted.starts_with('^'), wanted.ends_with('$'));
    let wanted = wanted.trim_start_matches('^').trim_end_matches('$');
    let has = |line: &&str| {
        let line = plain_text(line);
        let found = match (anchored, ended) {
            (true, true) => line == wanted,
            (true, false) => line.starts_with(wanted),
            (false, true) => line.ends_with(wanted),
            (false, false) => line.contains(wanted),
        };
        found != letters.contains('v')
    };
    let mut lines: Vec<&str> = text.lines().collect();
    match name {
        "grep" => {
            lines.retain(has);
            said.status = said.status.max(u8::from(lines.is_empty()));
        }
        "head" => lines.truncate(count),
        "tail" => drop(lines.drain(..lines.len().saturating_sub(count))),
        "sort" => lines.sort_unstable(),
        _ => {
            let (rows, words) = (text.matches('\n').count(), text.split_whitespace().count());
            said.out = match letters.as_str() {
                "-l" => format!("{rows}\n"),
                "-w" => format!("{words}\n"),
                "-c" => format!("{}\n", text.len()),
                _ => format!("{rows:>7} {words:>7} {:>7}\n", text.len()),
            };
            return said;
        }
    }
    said.out = lines.iter().flat_map(|line| [line, "\n"]).collect();
    said
}

fn which(names: &[&str]) -> Said {
    const KNOWN: [&str; 20] = [
        "awk", "bash", "cat", "cp", "date", "env", "find", "grep", "head", "id", "ls", "mv", "ps",
        "sed", "sh", "sort", "sudo", "tail", "uname", "wc",
    ];
    let found = names.iter().filter(|name| KNOWN.contains(name));
    let out: String = found.map(|name| format!("/usr/bin/{name}\n")).collect();
    Said {
        status: u8::from(out.is_empty()),
        ..Said::out(out)
    }
}

/// Nothing here can be changed.
fn refuse(shell: &Shell, name: &str, arguments: &[&str]) -> Said {
    let plain: Vec<&&str> = arguments.iter().filter(|it| !it.starts_with('-')).collect();
    let Some(path) = plain.last() else {
        return Said::error(
            1,
            format!("{name}: missing operand\nTry '{name} --help' for more information.\n"),
        );
    };
    let there = shell.tree.node(&shell.path(path)).is_some();
    let said = match name {
        "touch" => format!("touch: cannot touch '{path}': Permission denied\n"),
        "mkdir" if there => format!("mkdir: cannot create directory '{path}': File exists\n"),
        "mkdir" => format!("mkdir: cannot create directory '{path}': Permission denied\n"),
        "rm" | "rmdir" if !there => {
            format!("{name}: cannot remove '{path}': No such file or directory\n")
        }
        "rm" | "rmdir" => format!("{name}: cannot remove '{path}': Permission denied\n"),
        "chmod" | "chown" if !there => {
            format!("{name}: cannot access '{path}': No such file or directory\n")
        }
        "chmod" => format!("chmod: changing permissions of '{path}': Operation not permitted\n"),
        "chown" => format!("chown: changing ownership of '{path}': Operation not permitted\n"),
        "tee" => format!("tee: {path}: Permission denied\n"),
        _ => format!("{name}: cannot create regular file '{path}': Permission denied\n"),
    };
    Said::error(1, said)
}
