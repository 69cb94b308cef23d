//! Calendar entries (RFC 5545). The beacon is an attachment, or the address of the entry.

use super::{Artifact, Block, Content};
use crate::dice::Dice;

pub(crate) const ICS: Artifact = Artifact {
    name: "ics",
    means: &["attachment", "link"],
    write,
};

const PROGRAMS: &[&str] = &[
    "-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN",
    "-//Google Inc//Google Calendar 70.9054//EN",
    "-//Apple Inc.//macOS 13.6//EN",
    "-//Microsoft Corporation//Outlook 16.0 MIMEDIR//EN",
    "-//IDN nextcloud.com//Calendar app 4.7.16//EN",
];

fn write(content: &Content, dice: &mut Dice<'_>) -> Vec<u8> {
    let id: [u8; 16] = dice.bytes();
    let id = uuid::Builder::from_random_bytes(id).into_uuid();
    let stamp = |at| super::moment(at, "%Y%m%dT%H%M%SZ");
    // On a half or full hour, some days after it was put in.
    let day = content.modified.seconds().div_euclid(86_400)
        + i64::try_from(dice.between(1, 20)).unwrap_or(1);
    let minutes = i64::try_from(dice.between(14, 34) * 30).unwrap_or(600);
    let start = content
        .modified
        .plus_seconds(day * 86_400 + minutes * 60 - content.modified.seconds());
    let length = [30, 30, 45, 60, 60, 90][dice.below(6)];
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        format!(
            "PRODID:{}",
            dice.pick(PROGRAMS).copied().unwrap_or(PROGRAMS[0])
        ),
        "VERSION:2.0".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("CREATED:{}", stamp(content.created)),
        format!("LAST-MODIFIED:{}", stamp(content.modified)),
        format!("DTSTAMP:{}", stamp(content.modified)),
        format!("UID:{id}"),
        format!("SUMMARY:{}", escape(&content.title)),
    ];
    if !content.author.is_empty() {
        let address = content.blocks.iter().find_map(|block| match block {
            Block::Text(text) => text.strip_prefix("Organizer: "),
            _ => None,
        });
        if let Some(address) = address {
            lines.push(format!(
                "ORGANIZER;CN={}:mailto:{address}",
                content.author.replace([';', ':', ','], " ")
            ));
        }
    }
    lines.push(format!("DTSTART:{}", stamp(start)));
    lines.push(format!("DTEND:{}", stamp(start.plus_seconds(length * 60))));
    let mut said: Vec<&str> = content
        .blocks
        .iter()
        .filter_map(|block| match block {
            Block::Text(text) if !text.starts_with("Organizer: ") => Some(text.as_str()),
            Block::Heading(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    if let Some(address) = content.load("link") {
        lines.push(format!("URL:{address}"));
        said.push(address);
    }
    lines.push(format!("DESCRIPTION:{}", escape(&said.join("\n"))));
    if let Some(address) = content.load("attachment") {
        lines.push(format!("ATTACH:{address}"));
    }
    if dice.below(2) == 0 {
        let early = [5, 10, 15, 30][dice.below(4)];
        for line in ["BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:Reminder"] {
            lines.push(line.to_owned());
        }
        lines.push(format!("TRIGGER:-PT{early}M"));
        lines.push("END:VALARM".to_owned());
    }
    lines.push("END:VEVENT".to_owned());
    lines.push("END:VCALENDAR".to_owned());
    lines
        .iter()
        .map(|line| folded(line))
        .collect::<String>()
        .into_bytes()
}

/// Section 3.3.11.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace(';', "\\;")
        .replace(',', "\\,")
        .replace('\n', "\\n")
}

/// Section 3.1: lines of at most 75 bytes.
fn folded(line: &str) -> String {
    let mut out = String::new();
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > 75 {
            out += "\r\n ";
            length = 1;
        }
        length += c.len_utf8();
        out.push(c);
    }
    out + "\r\n"
}
