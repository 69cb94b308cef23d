//! GitHub-flavoured Markdown, for issues, wikis and mail. Text that is not ours stands in code
//! spans; everything else has its punctuation escaped, so that no link, image, HTML or mention of
//! anybody can come out of it.

use std::fmt::Write as _;

use crate::findings::Findings;
use crate::outline::{self, Block, Span, Table};
use crate::{Format, Profile, Report, ReportError};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "md",
    summary: "Markdown, for issues and wikis",
    extension: "md",
    render,
};

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let findings = Findings::derive(report, profile);
    Ok(write(&outline::report(&findings)).into_bytes())
}

/// Writes an outline.
pub(crate) fn write(blocks: &[Block]) -> String {
    let mut out = String::new();
    let mut before: Option<&Block> = None;
    for block in blocks {
        // Points of one list stand together; everything else has an empty line before it.
        let list = matches!((before, block), (Some(Block::Point(_)), Block::Point(_)));
        if before.is_some() && !list && !matches!(block, Block::Page | Block::Figure(_)) {
            out.push('\n');
        }
        match block {
            Block::Heading(level, text) => {
                let _ = writeln!(out, "{} {}", "#".repeat(usize::from(*level)), line(text));
            }
            Block::Paragraph(text) => out.push_str(&(line(text) + "\n")),
            Block::Caution(text) => {
                let _ = writeln!(out, "**{}**", plain(text));
            }
            Block::Point(text) => {
                let _ = writeln!(out, "- {}", line(text));
            }
            Block::Table(table) => write_table(&mut out, table),
            Block::Verbatim(text) => {
                for line in text.lines() {
                    let _ = writeln!(out, "      {line}");
                }
            }
            // Markdown has no drawings; what they show stands in the lists and tables beside them.
            Block::Page | Block::Figure(_) => continue,
        }
        before = Some(block);
    }
    out
}

fn write_table(out: &mut String, table: &Table) {
    let Table { head, rows, more } = table;
    let _ = writeln!(out, "| {} |", head.join(" | "));
    let _ = writeln!(out, "|{}", " --- |".repeat(head.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|text| cell(text)).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    if let Some(more) = more {
        let _ = writeln!(out, "\n{more}");
    }
}

fn line(spans: &[Span]) -> String {
    spans.iter().map(span).collect()
}

fn span(span: &Span) -> String {
    match span {
        Span::Plain(text) => plain(text),
        Span::Strong(text) => format!("**{}**", plain(text)),
        Span::Code(text) => code(text),
    }
}

/// A pipe ends a cell even inside a code span.
fn cell(spans: &[Span]) -> String {
    let each = |one: &Span| match one {
        Span::Code(text) => code(text).replace('|', "\\|"),
        other => span(other),
    };
    spans.iter().map(each).collect()
}

/// Our own or the operator's text: every mark of the syntax is escaped, and `@` cannot call anybody.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '@' => out.push_str("&#64;<!-- -->"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text from outside, as a code span whose fence is longer than any run of backticks in it.
fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let edge = if text.starts_with('`') || text.ends_with('`') || text.starts_with(' ') {
        " "
    } else {
        ""
    };
    format!("{fence}{edge}{text}{edge}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(
            plain("[x](y) | <b> @bob"),
            "\\[x\\](y) \\| &lt;b&gt; &#64;<!-- -->bob"
        );
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(cell(&[Span::Code("a|b".to_owned())]), "`a\\|b`");
    }
}
