//! A correction: that a published report no longer holds, and why. It repeats none of it.

use askama::Template;
use lapwing_core::{Published, Timestamp, text::escape};

use crate::outline::{Block, Span, code, plain};
use crate::words::{Words, fill};
use crate::{Language, ReportError, md, pdf, text};

/// What a correction is made from.
pub struct Withdrawal<'a> {
    /// The report that was published.
    pub published: &'a Published,
    /// When it is withdrawn.
    pub time: Timestamp,
    /// Why, in the operator's words.
    pub reason: &'a str,
    /// Who published it; may be empty.
    pub operator: &'a str,
    /// The language of the correction.
    pub language: Language,
}

/// Writes a correction in the format of the report, `html`, `md` or `pdf`; for any other as plain text.
/// Gives the file's extension and the file.
///
/// # Errors
/// The page or the PDF cannot be written.
pub fn withdrawal(withdrawal: &Withdrawal<'_>) -> Result<(&'static str, Vec<u8>), ReportError> {
    let words = Words::of(withdrawal.language);
    let blocks = blocks(withdrawal, words);
    let title = fill(
        words.withdrawn_title,
        &[("id", &withdrawal.published.publication.report)],
    );
    Ok(match withdrawal.published.publication.format.as_str() {
        "html" => {
            let page = Page {
                language: words.language.code(),
                title,
                blocks: &blocks,
            };
            ("html", page.render()?.into_bytes())
        }
        "md" => ("md", md::write(&blocks).into_bytes()),
        "pdf" => {
            let sheet = pdf::Sheet {
                title,
                language: words.language.code(),
                made: &withdrawal.time.to_seconds_string(),
                software: concat!("lapwing ", env!("CARGO_PKG_VERSION")),
                head: "",
                foot: escape(withdrawal.operator.as_bytes()),
            };
            ("pdf", pdf::write(&sheet, &blocks)?)
        }
        _ => ("txt", text::write(&blocks).into_bytes()),
    })
}

fn blocks(withdrawal: &Withdrawal<'_>, words: &Words) -> Vec<Block> {
    let Withdrawal {
        published,
        time,
        reason,
        operator,
        language: _,
    } = withdrawal;
    let publication = &published.publication;
    let say = |time: Timestamp| words.said(&time.to_seconds_string());
    let title = fill(words.withdrawn_title, &[("id", &publication.report)]);
    let statement = fill(
        words.withdrawn_statement,
        &[
            ("id", &publication.report),
            ("published", &say(published.time)),
            ("time", &say(*time)),
        ],
    );
    let fact = |name: &str, value: Span| Block::Point(vec![plain(format!("{name}: ")), value]);
    let mut out = vec![
        Block::Heading(1, vec![plain(title)]),
        Block::Caution(statement),
        Block::Heading(2, vec![plain(words.withdrawn_why)]),
        Block::Paragraph(vec![plain(escape(reason.as_bytes()))]),
        Block::Heading(2, vec![plain(words.withdrawn_which)]),
        fact(words.correction_id, code(publication.report.to_string())),
        fact(words.published, plain(say(published.time))),
        fact(words.format, plain(escape(publication.format.as_bytes()))),
        fact("SHA-256", code(escape(publication.digest.as_bytes()))),
    ];
    if !operator.is_empty() {
        out.push(fact(words.published_by, plain(escape(operator.as_bytes()))));
    }
    out.push(Block::Paragraph(vec![plain(words.withdrawn_note)]));
    out
}

/// What the template sees.
#[derive(Template)]
#[template(path = "withdrawal.html")]
struct Page<'a> {
    language: &'static str,
    title: String,
    blocks: &'a [Block],
}
