//! A report as a run of headings, paragraphs, points and tables: what Markdown, PDF, plain text and
//! corrections lay out, each with its own escaping. Text from outside is a [`Span::Code`].

mod body;
mod conclusions;
mod figures;

use crate::findings::{Findings, clock};
use crate::words::{Words, fill};

pub(crate) use figures::{Drawing, Figure};

/// A piece of a line.
#[derive(Clone, Debug)]
pub(crate) enum Span {
    /// Our own or the operator's text.
    Plain(String),
    /// The same, emphasised.
    Strong(String),
    /// Text from outside, or a name that must be read letter by letter.
    Code(String),
}

/// A paragraph, point or cell.
pub(crate) type Line = Vec<Span>;

/// A part of a document.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// A heading, from level 1 on.
    Heading(u8, Line),
    /// A paragraph.
    Paragraph(Line),
    /// A paragraph that must not be overlooked.
    Caution(String),
    /// A point of a list.
    Point(Line),
    /// A table.
    Table(Table),
    /// Lines that stay as they are.
    Verbatim(String),
    /// A drawing, where there are drawings.
    Figure(Box<Figure>),
    /// What comes now begins on a new page, where there are pages.
    Page,
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) head: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<Line>>,
    /// How many rows were left out.
    pub(crate) more: Option<String>,
}

/// Rows of a table that are shown; JSON and CSV hold all.
const ROWS: usize = 100;

pub(crate) fn plain(text: impl Into<String>) -> Span {
    Span::Plain(text.into())
}

pub(crate) fn strong(text: impl Into<String>) -> Span {
    Span::Strong(text.into())
}

pub(crate) fn code(text: impl Into<String>) -> Span {
    Span::Code(text.into())
}

/// `a`, `b`, `c`, past `most` counted.
fn codes(words: &Words, texts: &[String], most: usize) -> Line {
    let mut out = Vec::new();
    for (index, text) in texts.iter().take(most).enumerate() {
        if index > 0 {
            out.push(plain(", "));
        }
        out.push(code(text));
    }
    if texts.len() > most {
        let more = words.count((texts.len() - most) as u64, words.others);
        out.push(plain(format!(" {} {more}", words.and)));
    }
    out
}

/// The whole report.
pub(crate) fn report(all: &Findings) -> Vec<Block> {
    let mut out = Outline {
        all,
        words: all.words,
        blocks: Vec::new(),
    };
    out.head();
    out.first_page();
    out.blocks.push(Block::Page);
    out.body();
    out.blocks
}

/// Builds the outline of a report.
struct Outline<'a> {
    all: &'a Findings,
    words: &'static Words,
    blocks: Vec<Block>,
}

impl Outline<'_> {
    fn section(&mut self, title: &str) {
        let mark = if self.all.exercise {
            format!(" ({})", self.words.exercise)
        } else {
            String::new()
        };
        let title = plain(format!("{title}{mark}"));
        self.blocks.push(Block::Heading(2, vec![title]));
    }

    fn heading(&mut self, line: Line) {
        self.blocks.push(Block::Heading(3, line));
    }

    fn paragraph(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Paragraph(vec![plain(text)]));
    }

    fn point(&mut self, line: Line) {
        self.blocks.push(Block::Point(line));
    }

    /// `Kind: Twilio account`.
    fn fact(&mut self, name: &str, mut line: Line) {
        line.insert(0, plain(format!("{name}: ")));
        self.point(line);
    }

    fn table(&mut self, head: &[&'static str], mut rows: Vec<Vec<Line>>) {
        if rows.is_empty() {
            return;
        }
        let more = rows.len().saturating_sub(ROWS) as u64;
        rows.truncate(ROWS);
        self.blocks.push(Block::Table(Table {
            head: head.to_vec(),
            rows,
            more: (more > 0).then(|| self.words.count(more, self.words.more_in_json)),
        }));
    }

    fn head(&mut self) {
        let (all, words) = (self.all, self.words);
        let title = title(all);
        self.blocks.push(Block::Heading(1, vec![plain(title)]));
        if all.exercise {
            let text = format!("{}. {}", words.exercise, words.exercise_banner);
            self.blocks.push(Block::Caution(text));
        }
        let from = all.range.from.as_deref().map(clock);
        let until = all
            .range
            .until
            .as_deref()
            .map_or_else(|| clock(&all.generated), clock);
        let from = from.unwrap_or_else(|| words.the_beginning.to_owned());
        let period: [(&str, &dyn std::fmt::Display); 2] = [("from", &from), ("until", &until)];
        self.fact(words.period, vec![plain(fill(words.from_until, &period))]);
        if !all.operator.is_empty() {
            self.fact(words.published_by, vec![plain(&all.operator)]);
        }
        let made: [(&str, &dyn std::fmt::Display); 2] = [
            ("time", &clock(&all.generated)),
            ("software", &all.software),
        ];
        self.fact(words.made, vec![plain(fill(words.made_by, &made))]);
        self.fact(words.station, vec![code(&all.station)]);
        if let Some(id) = all.correction {
            let line = vec![
                code(id.to_string()),
                plain(format!(". {}", words.correction_note)),
            ];
            self.fact(words.correction_id, line);
        }
        let profile = if all.full() {
            words.profile_full
        } else {
            words.profile_masked
        };
        self.point(vec![plain(profile)]);
    }

    fn first_page(&mut self) {
        for section in &self.all.first_page {
            let question = plain(section.question);
            self.blocks.push(Block::Heading(2, vec![question]));
            for sentence in &section.sentences {
                let line = vec![plain(sentence)];
                self.blocks.push(if section.points {
                    Block::Point(line)
                } else {
                    Block::Paragraph(line)
                });
            }
        }
    }
}

/// Names the report in a line.
pub(crate) fn title(all: &Findings) -> String {
    let (words, totals) = (all.words, &all.totals);
    if totals.canaries_used == 0 {
        return words.title_none.to_owned();
    }
    let pieces = words.count(totals.canaries, words.pieces);
    let text = words.count(totals.canaries_used, words.title_used);
    fill(&text, &[("pieces", &pieces)])
}
