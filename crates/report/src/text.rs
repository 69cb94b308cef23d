//! Plain text of 72 columns, for mail: letters and corrections.

use crate::outline::{Block, Span};

/// Longest line, in characters.
const COLUMNS: usize = 72;

/// Writes an outline. Tables are for people at a screen: letters list their lines in points.
pub(crate) fn write(blocks: &[Block]) -> String {
    let mut out = String::new();
    let mut before: Option<&Block> = None;
    for block in blocks {
        let list = matches!((before, block), (Some(Block::Point(_)), Block::Point(_)));
        if before.is_some() && !list {
            out.push('\n');
        }
        match block {
            Block::Heading(1, text) => {
                let text = line(text);
                wrap(&mut out, "", "", &text);
                out.push_str(&"=".repeat(text.chars().count().min(COLUMNS)));
                out.push('\n');
            }
            Block::Heading(_, text) => wrap(&mut out, "", "", &line(text).to_uppercase()),
            Block::Paragraph(text) => wrap(&mut out, "", "", &line(text)),
            Block::Caution(text) => wrap(&mut out, "", "", text),
            Block::Point(text) => wrap(&mut out, "- ", "  ", &line(text)),
            Block::Table(table) => {
                for row in &table.rows {
                    let cells: Vec<String> = row.iter().map(|text| line(text)).collect();
                    wrap(&mut out, "- ", "  ", &cells.join("; "));
                }
            }
            Block::Verbatim(text) => {
                for line in text.lines() {
                    out.push_str(&format!("    {line}\n"));
                }
            }
            Block::Page | Block::Figure(_) => {}
        }
        before = Some(block);
    }
    out
}

fn line(spans: &[Span]) -> String {
    let each = |span: &Span| match span {
        Span::Plain(text) | Span::Strong(text) | Span::Code(text) => text.clone(),
    };
    spans.iter().map(each).collect()
}

/// Breaks at blanks; a longer word stays whole, so that it can be copied, up to what mail may hold.
fn wrap(out: &mut String, first: &str, others: &str, text: &str) {
    /// RFC 5322, 2.1.1: 998 octets a line. A character has four at most.
    const WORD: usize = 200;
    let mut column = first.chars().count();
    out.push_str(first);
    let mut fresh = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let letters: Vec<char> = word.chars().collect();
        for piece in letters.chunks(WORD) {
            let blank = usize::from(!fresh);
            if !fresh && column + blank + piece.len() > COLUMNS {
                out.push('\n');
                out.push_str(others);
                column = others.chars().count();
            } else if !fresh {
                out.push(' ');
                column += 1;
            }
            out.extend(piece);
            column += piece.len();
            fresh = false;
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_width() {
        let text = "word ".repeat(60);
        let text = write(&[Block::Point(vec![Span::Plain(text)])]);
        assert!(text.lines().all(|line| line.len() <= COLUMNS), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("  word")));
        let long = write(&[Block::Paragraph(vec![Span::Code("é".repeat(3000))])]);
        assert!(long.lines().all(|line| line.len() <= 998));
    }
}
