//! Texts whose lines the kind itself gives: configuration files, scripts, bookmarks.

use super::{Artifact, Block, Content};
use crate::dice::Dice;

pub(crate) const TEXT: Artifact = Artifact {
    name: "text",
    means: &[],
    write,
};

/// Blocks one below the other: no line is added, and none is wrapped.
fn write(content: &Content, _: &mut Dice<'_>) -> Vec<u8> {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    for block in &content.blocks {
        match block {
            Block::Heading(text) | Block::Text(text) => line(text),
            Block::Table(_, rows) => rows.iter().for_each(|row| line(&row.join("\t"))),
        }
    }
    if content.crlf {
        out = out.replace('\n', "\r\n");
    }
    if content.utf16 {
        return utf16(&out);
    }
    out.into_bytes()
}

/// UTF-16 with the byte order mark of Windows.
pub(super) fn utf16(text: &str) -> Vec<u8> {
    [0xfeff]
        .into_iter()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect()
}
