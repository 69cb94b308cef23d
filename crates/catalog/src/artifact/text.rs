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
    out.into_bytes()
}
