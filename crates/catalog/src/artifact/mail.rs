//! Messages as a mail program saves them (RFC 5322, RFC 2045): a plain part and an HTML part with a linked
//! image. People, domain and dates agree with one another.

use std::fmt::Write as _;

use super::opc::escape;
use super::{Artifact, Block, Content};
use crate::dice::Dice;

pub(crate) const EML: Artifact = Artifact {
    name: "eml",
    means: &["image", "link"],
    write,
};

/// What mail programs call themselves.
const AGENTS: &[&str] = &[
    "Mozilla Thunderbird",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:115.0) Gecko/20100101 Thunderbird/115.12.2",
    "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.9.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:102.0) Gecko/20100101 Thunderbird/102.15.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.5.2esr",
];

/// The first two paragraphs may be the people: `From: name <address>` and `To: ...`.
fn write(content: &Content, dice: &mut Dice<'_>) -> Vec<u8> {
    let mut people = Vec::new();
    let mut blocks = content.blocks.as_slice();
    while let [Block::Text(line), rest @ ..] = blocks
        && let Some((name, value)) = line.split_once(": ")
        && ["From", "To", "Cc"].contains(&name)
    {
        people.push((name, value));
        blocks = rest;
    }
    let domain = people
        .first()
        .and_then(|(_, value)| value.rsplit_once('@'))
        .map_or("localhost", |(_, domain)| domain.trim_end_matches('>'));
    let id: [u8; 16] = dice.bytes();
    let id = uuid::Builder::from_random_bytes(id).into_uuid();
    let boundary: String = (0..24).map(|_| pick_letter(dice)).collect();
    let boundary = format!("------------{boundary}");
    let mut out = String::new();
    let mut head = |name: &str, value: &str| {
        let _ = write!(out, "{name}: {value}\r\n");
    };
    head("Message-ID", &format!("<{id}@{domain}>"));
    head(
        "Date",
        &super::moment(content.modified, "%a, %-d %b %Y %H:%M:%S +0000"),
    );
    head("MIME-Version", "1.0");
    head(
        "User-Agent",
        dice.pick(AGENTS).copied().unwrap_or(AGENTS[0]),
    );
    for (name, value) in &people {
        head(name, value);
    }
    if people.is_empty() {
        head("From", &content.author);
    }
    head("Content-Language", ["en-US", "en-GB"][dice.below(2)]);
    head("Subject", &word(&content.title));
    head(
        "Content-Type",
        &format!("multipart/alternative;\r\n boundary=\"{boundary}\""),
    );
    out += "\r\nThis is a multi-part message in MIME format.\r\n";
    for (kind, text) in [
        ("plain; charset=UTF-8; format=flowed", plain(blocks)),
        ("html; charset=UTF-8", html(blocks, content, dice)),
    ] {
        let _ = write!(
            out,
            "--{boundary}\r\nContent-Type: text/{kind}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n",
            quoted(&text)
        );
    }
    let _ = write!(out, "--{boundary}--\r\n");
    out.into_bytes()
}

fn pick_letter(dice: &mut Dice<'_>) -> char {
    dice.pick(crate::format::BASE62)
        .copied()
        .map_or('0', char::from)
}

/// A header's text, encoded if it is not ASCII (RFC 2047).
fn word(text: &str) -> String {
    if text.is_ascii() {
        return text.replace(['\r', '\n'], " ");
    }
    let encoded = data_encoding::BASE64.encode(text.as_bytes());
    format!("=?UTF-8?B?{encoded}?=")
}

fn plain(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        match block {
            Block::Heading(text) | Block::Text(text) => {
                let _ = write!(out, "{text}\n\n");
            }
            Block::Table(head, rows) => {
                for row in std::iter::once(head).chain(rows) {
                    let _ = writeln!(out, "{}", row.join("  "));
                }
                out.push('\n');
            }
        }
    }
    out
}

fn html(blocks: &[Block], content: &Content, dice: &mut Dice<'_>) -> String {
    let mut out = String::from(
        "<!DOCTYPE html>\n<html>\n  <head>\n    <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\">\n  </head>\n  <body>\n",
    );
    for block in blocks {
        match block {
            Block::Heading(text) => out += &format!("    <p><b>{}</b></p>\n", escape(text)),
            Block::Text(text) => out += &format!("    <p>{}</p>\n", escape(text)),
            Block::Table(head, rows) => {
                out += "    <table>\n";
                for row in std::iter::once(head).chain(rows) {
                    let cells: String = row
                        .iter()
                        .map(|cell| format!("<td>{}</td>", escape(cell)))
                        .collect();
                    out += &format!("      <tr>{cells}</tr>\n");
                }
                out += "    </table>\n";
            }
        }
    }
    if let Some(address) = content.load("link") {
        let address = escape(address);
        out += &format!("    <p><a href=\"{address}\">{address}</a></p>\n");
    }
    if let Some(address) = content.load("image") {
        let side = dice.between(16, 64);
        out += &format!(
            "    <p><img src=\"{}\" height=\"{side}\" alt=\"\"></p>\n",
            escape(address)
        );
    }
    out + "  </body>\n</html>"
}

/// Quoted-printable (RFC 2045, section 6.7), lines of at most 76 characters.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for line in text.split('\n') {
        let mut length = 0;
        for (at, byte) in line.bytes().enumerate() {
            let last = at + 1 == line.len();
            let unit = match byte {
                b'=' => "=3D".to_owned(),
                b' ' if last => "=20".to_owned(),
                b' '..=b'~' => char::from(byte).to_string(),
                _ => format!("={byte:02X}"),
            };
            if length + unit.len() > 75 {
                out += "=\r\n";
                length = 0;
            }
            length += unit.len();
            out += &unit;
        }
        out += "\r\n";
    }
    out
}
