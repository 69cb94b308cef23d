//! Web pages saved to disk or exported from a wiki. The beacon is an image, a style sheet or a link.

use std::fmt::Write as _;

use super::opc::escape;
use super::{Artifact, Block, Content};
use crate::dice::Dice;

pub(crate) const HTML: Artifact = Artifact {
    name: "html",
    means: &["image", "style", "link"],
    write,
};

const FONTS: &[&str] = &[
    "Arial, sans-serif",
    "Helvetica, Arial, sans-serif",
    "Georgia, serif",
    "Verdana, sans-serif",
    "system-ui, sans-serif",
    "\"Segoe UI\", sans-serif",
];

fn write(content: &Content, dice: &mut Dice<'_>) -> Vec<u8> {
    let indent = ["", "  ", "    ", "\t"][dice.below(4)];
    let mut head = vec![
        [
            "<meta charset=\"utf-8\">",
            "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">",
            "<meta charset=\"UTF-8\">",
        ][dice.below(3)]
        .to_owned(),
        format!("<title>{}</title>", escape(&content.title)),
    ];
    if !content.author.is_empty() && dice.below(2) == 0 {
        head.push(format!(
            "<meta name=\"author\" content=\"{}\">",
            escape(&content.author)
        ));
    }
    if dice.below(2) == 0 {
        head.push(
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">".to_owned(),
        );
    }
    if let Some(address) = content.load("style") {
        head.push(format!(
            "<link rel=\"stylesheet\" href=\"{}\">",
            escape(address)
        ));
    }
    head.push(style(dice));
    let body = body(content, dice);
    let mut out = String::from("<!DOCTYPE html>\n");
    out += ["<html>\n", "<html lang=\"en\">\n"][dice.below(2)];
    let mut section = |tag: &str, lines: &[String]| {
        let _ = writeln!(out, "<{tag}>");
        for line in lines {
            let _ = writeln!(out, "{indent}{line}");
        }
        let _ = writeln!(out, "</{tag}>");
    };
    section("head", &head);
    section("body", &body);
    out += "</html>\n";
    out.into_bytes()
}

fn style(dice: &mut Dice<'_>) -> String {
    let font = dice.pick(FONTS).copied().unwrap_or("sans-serif");
    let colour: [u8; 3] = dice.bytes();
    let [red, green, blue] = colour.map(|part| part / 3);
    format!(
        "<style>body {{ font: {}px/1.{} {font}; max-width: {}px; margin: {}px auto; color: #{:02x}{:02x}{:02x} }} \
         td, th {{ border: 1px solid #{:02x}{:02x}{:02x}; padding: {}px {}px; text-align: left }}</style>",
        dice.between(13, 17),
        dice.between(3, 7),
        dice.between(60, 110) * 10,
        dice.between(10, 40),
        red,
        green,
        blue,
        255 - red,
        255 - green,
        255 - blue,
        dice.between(2, 6),
        dice.between(4, 12),
    )
}

fn body(content: &Content, dice: &mut Dice<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(address) = content.load("image") {
        let name = ["logo", "Logo", "header", "company logo", ""][dice.below(5)];
        let height = dice.between(16, 64);
        lines.push(format!(
            "<p><img src=\"{}\" alt=\"{name}\" height=\"{height}\"></p>",
            escape(address)
        ));
    }
    lines.push(format!("<h1>{}</h1>", escape(&content.title)));
    for block in &content.blocks {
        match block {
            Block::Heading(text) => lines.push(format!("<h2>{}</h2>", escape(text))),
            Block::Text(text) => lines.push(format!("<p>{}</p>", escape(text))),
            Block::Table(head, rows) => {
                let row = |cells: &[String], tag: &str| {
                    let cells = cells
                        .iter()
                        .map(|cell| format!("<{tag}>{}</{tag}>", escape(cell)));
                    format!("<tr>{}</tr>", cells.collect::<String>())
                };
                lines.push("<table>".to_owned());
                lines.push(row(head, "th"));
                lines.extend(rows.iter().map(|cells| row(cells, "td")));
                lines.push("</table>".to_owned());
            }
        }
    }
    if let Some(address) = content.load("link") {
        let words = [
            "Current version",
            "Source",
            "Open in the wiki",
            "Attachments",
        ];
        let words = dice.pick(&words).copied().unwrap_or("Source");
        lines.push(format!(
            "<p><a href=\"{}\">{words}</a></p>",
            escape(address)
        ));
    }
    if !content.author.is_empty() {
        let form = ["%d %B %Y", "%b %d, %Y", "%Y-%m-%d %H:%M"][dice.below(3)];
        let said = ["Last changed by", "Created by", "Updated by", "Author:"][dice.below(4)];
        lines.push(format!(
            "<p><small>{said} {}, {}</small></p>",
            escape(&content.author),
            super::moment(content.modified, form)
        ));
    }
    lines
}
