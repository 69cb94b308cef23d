//! Drawings: boxes and lines of a small diagram. The beacon is an image it shows.

use std::fmt::Write as _;

use super::opc::escape;
use super::{Artifact, Block, Content};
use crate::dice::Dice;

pub(crate) const SVG: Artifact = Artifact {
    name: "svg",
    means: &["image", "link"],
    write,
};

fn write(content: &Content, dice: &mut Dice<'_>) -> Vec<u8> {
    let (width, height) = (dice.between(480, 1280), dice.between(320, 860));
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">"
    );
    if !content.title.is_empty() {
        let _ = writeln!(out, "  <title>{}</title>", escape(&content.title));
    }
    let ink: [u8; 3] = dice.bytes();
    let ink = ink.map(|part| part / 3);
    let ink = format!("#{:02x}{:02x}{:02x}", ink[0], ink[1], ink[2]);
    let words = words(content);
    let columns = dice.between(2, 4);
    let (wide, tall) = (width / (columns + 1), 30 + dice.below(40));
    let mut middle = Vec::new();
    for (nth, word) in words.iter().take(columns * 4).enumerate() {
        let x = nth % columns * (wide + wide / columns) + dice.between(8, 30);
        let y = nth / columns * (tall + 40) + dice.between(40, 56);
        middle.push((x + wide / 2, y + tall / 2));
        let _ = write!(
            out,
            "  <rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{tall}\" rx=\"{}\" fill=\"none\" stroke=\"{ink}\"/>\n  \
             <text x=\"{}\" y=\"{}\" font-family=\"sans-serif\" font-size=\"{}\" text-anchor=\"middle\" fill=\"{ink}\">{}</text>\n",
            dice.below(9),
            x + wide / 2,
            y + tall / 2 + 4,
            dice.between(9, 14),
            escape(word)
        );
    }
    for pair in middle.windows(2) {
        if dice.below(3) > 0 {
            let [(from_x, from_y), (to_x, to_y)] = [pair[0], pair[1]];
            let _ = writeln!(
                out,
                "  <path d=\"M {from_x} {from_y} L {to_x} {to_y}\" stroke=\"{ink}\" stroke-width=\"{}\" fill=\"none\" opacity=\"0.{}\"/>",
                dice.between(1, 3),
                dice.between(2, 6)
            );
        }
    }
    if let Some(address) = content.load("image") {
        let side = dice.between(16, 64);
        let (x, y) = (width - side - dice.between(4, 30), dice.between(4, 24));
        let name = ["xlink:href", "href"][dice.below(2)];
        let _ = writeln!(
            out,
            "  <image {name}=\"{}\" x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\"/>",
            escape(address)
        );
    }
    if let Some(address) = content.load("link") {
        let _ = writeln!(
            out,
            "  <a xlink:href=\"{}\"><text x=\"{}\" y=\"{}\" font-family=\"sans-serif\" font-size=\"10\" fill=\"{ink}\">{}</text></a>",
            escape(address),
            dice.between(8, 40),
            height - dice.between(6, 20),
            ["source", "edit", "details"][dice.below(3)]
        );
    }
    out += "</svg>\n";
    out.into_bytes()
}

/// What stands in the boxes: first cells of tables, else headings and texts.
fn words(content: &Content) -> Vec<String> {
    let mut words = Vec::new();
    for block in &content.blocks {
        match block {
            Block::Heading(text) | Block::Text(text) => words.push(text.chars().take(24).collect()),
            Block::Table(_, rows) => {
                words.extend(rows.iter().filter_map(|row| row.first().cloned()))
            }
        }
    }
    words
}
