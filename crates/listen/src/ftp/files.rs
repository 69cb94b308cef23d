//! The files of an FTP decoy: a few exports, the same at one station always.

use std::fmt::Write as _;

use lapwing_core::Timestamp;

use crate::system::System;
use crate::web::date;

/// A file.
pub(super) struct File {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    pub(super) changed: Timestamp,
}

/// What stands there.
pub(super) struct Files {
    directories: Vec<String>,
    files: Vec<File>,
}

impl Files {
    pub(super) fn of(system: &System) -> Self {
        let mut files = Vec::new();
        // Four months in a row, at the beginning of each the export of the one before.
        let first = system.number("ftp year", 2023, 2026) * 12 + system.number("ftp month", 0, 9);
        for number in 0..4 {
            let month = first + number;
            let name = format!("orders-{}-{:02}.csv", month / 12, month % 12 + 1);
            let mut text = "id,placed,items,total\n".to_owned();
            for row in 0..system.number(&name, 14, 40) {
                let of = |what: &str, low, high| {
                    system.number(&format!("{name} {row} {what}"), low, high)
                };
                let _ = writeln!(
                    text,
                    "{},{}-{:02}-{:02},{},{}.{:02}",
                    41_000 + number * 900 + row * 7,
                    month / 12,
                    month % 12 + 1,
                    of("day", 1, 29),
                    of("items", 1, 9),
                    of("total", 9, 480),
                    of("cents", 0, 100),
                );
            }
            let next = month + 1;
            let stamp = format!("{}-{:02}-01T03:1{}:27Z", next / 12, next % 12 + 1, number);
            files.push(File {
                path: format!("/exports/{name}"),
                bytes: text.into_bytes(),
                changed: Timestamp::parse(&stamp).unwrap_or(Timestamp::from_micros(0)),
            });
        }
        Self {
            directories: ["/", "/exports", "/incoming"].map(str::to_owned).into(),
            files,
        }
    }

    pub(super) fn is_directory(&self, path: &str) -> bool {
        self.directories.iter().any(|known| known == path)
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// What is in a directory, or the file itself, as `ls -l` writes it, or names only.
    pub(super) fn list(&self, path: &str, names: bool) -> String {
        let mut out = String::new();
        let inside = |full: &str| -> Option<String> {
            let rest = full.strip_prefix(path)?.trim_start_matches('/');
            (!rest.is_empty() && !rest.contains('/')).then(|| rest.to_owned())
        };
        for directory in &self.directories {
            if let Some(name) = inside(directory) {
                let _ = match names {
                    true => write!(out, "{name}\r\n"),
                    false => write!(
                        out,
                        "drwxr-xr-x    2 1001     1001         4096 {} {name}\r\n",
                        self.files.last().map_or_else(String::new, day)
                    ),
                };
            }
        }
        for file in &self.files {
            let own = (file.path == path).then(|| path.to_owned());
            if let Some(name) = own.or_else(|| inside(&file.path)) {
                let _ = match names {
                    true => write!(out, "{name}\r\n"),
                    false => write!(
                        out,
                        "-rw-r--r--    1 1001     1001     {:>8} {} {name}\r\n",
                        file.bytes.len(),
                        day(file)
                    ),
                };
            }
        }
        out
    }
}

/// `Feb 01  2024`, as `ls` writes what is older than half a year.
fn day(file: &File) -> String {
    // "Thu, 01 Feb 2024 03:10:27 GMT"
    let text = date::http(file.changed);
    let parts: Vec<&str> = text.split(' ').collect();
    match parts[..] {
        [_, day, month, year, ..] => format!("{month} {day}  {year}"),
        _ => String::new(),
    }
}

/// A path made absolute: `.` and `..` resolved, never above the root.
pub(super) fn absolute(directory: &str, path: &str) -> String {
    let full = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{directory}/{path}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        for (directory, path, expect) in [
            ("/", "exports", "/exports"),
            ("/exports", "..", "/"),
            ("/exports", "../../../etc/passwd", "/etc/passwd"),
            ("/exports", "/a//b/./c", "/a/b/c"),
        ] {
            assert_eq!(absolute(directory, path), expect);
        }
    }
}
