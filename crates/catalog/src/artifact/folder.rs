//! A compressed folder whose icon is ours: Windows reads `desktop.ini` when the unpacked folder is shown
//! and fetches the icon from the server that the path names (over WebDAV if it is not SMB).

use std::fmt::Write as _;

use super::zip;
use super::{Artifact, Block, Content};
use crate::dice::Dice;

pub(crate) const FOLDER: Artifact = Artifact {
    name: "folder",
    means: &["icon"],
    write,
};

fn write(content: &Content, dice: &mut Dice<'_>) -> Vec<u8> {
    let mut folder: String = content
        .title
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_.".contains(*c))
        .collect();
    folder = folder.trim_matches(['.', ' ']).to_owned();
    if folder.is_empty() {
        folder.push_str("Files");
    }
    let mut members = vec![(format!("{folder}/"), Vec::new())];
    if let Some(address) = content.load("icon") {
        members.push((format!("{folder}/desktop.ini"), settings(address, dice)));
    }
    let mut notes = String::new();
    for block in &content.blocks {
        match block {
            Block::Heading(text) | Block::Text(text) => {
                let _ = write!(notes, "{text}\r\n");
            }
            Block::Table(head, rows) => {
                let mut csv = head.join(",") + "\r\n";
                rows.iter().for_each(|row| csv += &(row.join(",") + "\r\n"));
                let names = [
                    "list",
                    "export",
                    "inventory",
                    "contacts",
                    "index",
                    "summary",
                ];
                let name = dice.pick(&names).copied().unwrap_or("list");
                let year = super::moment(content.modified, "%Y-%m");
                members.push((format!("{folder}/{name}-{year}.csv"), csv.into_bytes()));
            }
        }
    }
    let names = [
        "readme.txt",
        "notes.txt",
        "README.txt",
        "info.txt",
        "todo.txt",
    ];
    let name = dice.pick(&names).copied().unwrap_or("readme.txt");
    members.push((format!("{folder}/{name}"), notes.into_bytes()));
    zip::write(&members, zip::EXPLORER, content.modified)
}

/// `desktop.ini` as Windows writes it: UTF-16 with a byte order mark, CR LF.
fn settings(address: &str, dice: &mut Dice<'_>) -> Vec<u8> {
    let icon = unc(address);
    let text = if dice.below(2) == 0 {
        format!(
            "[.ShellClassInfo]\r\nIconResource={icon},{}\r\n",
            dice.below(3)
        )
    } else {
        let kinds = ["Documents", "Generic", "Pictures"];
        let kind = dice.pick(&kinds).copied().unwrap_or("Generic");
        format!(
            "[.ShellClassInfo]\r\nIconResource={icon},0\r\n[ViewState]\r\nMode=\r\nVid=\r\nFolderType={kind}\r\n"
        )
    };
    super::text::utf16(&text)
}

/// A web address as Windows' redirector writes it: `\\host@SSL@8443\DavWWWRoot\path`.
pub(super) fn unc(address: &str) -> String {
    let (secure, rest) = match address.split_once("://") {
        Some(("https", rest)) => (true, rest),
        Some((_, rest)) => (false, rest),
        None => (false, address),
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let secure = if secure { "@SSL" } else { "" };
    let port = if port.is_empty() {
        String::new()
    } else {
        format!("@{port}")
    };
    format!(
        "\\\\{host}{secure}{port}\\DavWWWRoot\\{}",
        path.replace('/', "\\")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_windows_writes_them() {
        for (address, path) in [
            (
                "https://a.example.org/b/c.ico",
                r"\\a.example.org@SSL\DavWWWRoot\b\c.ico",
            ),
            (
                "https://a.example.org:8443/b",
                r"\\a.example.org@SSL@8443\DavWWWRoot\b",
            ),
            (
                "http://a.example.org:81/b",
                r"\\a.example.org@81\DavWWWRoot\b",
            ),
        ] {
            assert_eq!(unc(address), path);
        }
    }
}
