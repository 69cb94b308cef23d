//! Sets an outline on A4 pages: breaks lines by the fonts' metrics, tables by column, and keeps a
//! heading with what follows it.

use std::fmt::Write as _;

use super::canvas::{self, Style};
use super::figures;
use super::fonts::{Font, encode};
use super::lines::{Runs, broken, runs_width, words};
use crate::outline::{Block, Figure, Line, Span, Table};

/// A4, in points.
pub(super) const WIDTH: f32 = 595.0;
pub(super) const HEIGHT: f32 = 842.0;
/// Margins.
const SIDE: f32 = 54.0;
const TOP: f32 = 62.0;
const BOTTOM: f32 = 58.0;
pub(super) const MEASURE: f32 = WIDTH - 2.0 * SIDE;
/// Between columns of a table.
const GUTTER: f32 = 9.0;
/// A column is never made narrower for a longer word.
const WORD: f32 = 96.0;
/// A cell no wider than this stays on one line.
const SHORT: f32 = 38.0;

const INK: &str = "0.11 0.11 0.1";
const BODY: Style = Style {
    size: 10.0,
    leading: 13.6,
    colour: INK,
};
const FIRST: Style = Style {
    size: 9.4,
    leading: 12.0,
    colour: INK,
};
const CELL: Style = Style {
    size: 7.6,
    leading: 9.6,
    colour: INK,
};
const SMALL: Style = Style {
    size: 7.6,
    leading: 9.6,
    colour: "0.36 0.35 0.33",
};
const CAUTION: Style = Style {
    size: 9.6,
    leading: 13.0,
    colour: "0.56 0.15 0.09",
};
const VERBATIM: Style = Style {
    size: 7.2,
    leading: 9.4,
    colour: INK,
};

/// Pages in the making.
pub(super) struct Paper {
    head: Vec<u8>,
    pages: Vec<String>,
    /// Where the next line's top is, from the bottom.
    y: f32,
    /// Whether something stands on the page.
    begun: bool,
    /// Whether the block before was a point.
    listing: bool,
    /// What is body: smaller on the first page, so that it holds all that everybody should read.
    body: Style,
}

impl Paper {
    pub(super) fn new(head: &str) -> Self {
        let mut paper = Self {
            head: encode(head),
            pages: Vec::new(),
            y: 0.0,
            begun: false,
            listing: false,
            body: FIRST,
        };
        paper.turn();
        paper
    }

    /// Begins a page.
    fn turn(&mut self) {
        self.pages.push(String::new());
        self.y = HEIGHT - TOP;
        self.begun = false;
        if !self.head.is_empty() {
            let head = vec![(Font::Bold, self.head.clone())];
            self.put(SIDE, HEIGHT - TOP + 16.0, &head, CAUTION);
        }
    }

    /// Turns the page unless so much room is left.
    fn room(&mut self, height: f32) {
        if self.y - height < BOTTOM && self.begun {
            self.turn();
        }
    }

    fn put(&mut self, x: f32, y: f32, runs: &Runs, style: Style) {
        if let Some(page) = self.pages.last_mut() {
            canvas::put(page, x, y, runs, style);
        }
    }

    fn rule(&mut self, y: f32, width: f32) {
        if let Some(page) = self.pages.last_mut() {
            let end = WIDTH - SIDE;
            let _ = writeln!(page, "0.75 G {width} w {SIDE} {y:.2} m {end} {y:.2} l S");
        }
    }

    /// Adds the first of some blocks, knowing what comes behind it.
    pub(super) fn add(&mut self, block: &Block, behind: &[Block]) {
        let listing = std::mem::replace(&mut self.listing, matches!(block, Block::Point(_)));
        if self.begun && !(listing && self.listing) {
            self.y -= self.body.leading - self.body.size + 0.8;
        }
        match block {
            Block::Heading(level, text) => self.heading(*level, text, follows(behind)),
            Block::Paragraph(text) => self.lines(text, Font::Regular, 0.0, self.body),
            Block::Caution(text) => {
                let text = vec![Span::Plain(text.clone())];
                self.lines(&text, Font::Bold, 0.0, CAUTION);
            }
            Block::Point(text) => {
                let body = self.body;
                self.room(body.leading);
                let bullet = vec![(Font::Regular, encode("•"))];
                self.put(SIDE + 2.0, self.y - body.size, &bullet, body);
                self.lines(text, Font::Regular, 13.0, body);
                self.y -= 1.0;
            }
            Block::Table(table) => self.table(table),
            Block::Verbatim(text) => {
                for line in text.lines() {
                    self.lines(
                        &vec![Span::Code(line.to_owned())],
                        Font::Mono,
                        8.0,
                        VERBATIM,
                    );
                }
            }
            Block::Figure(figure) => self.figure(figure),
            Block::Page => {
                self.body = BODY;
                if self.begun {
                    self.turn();
                }
            }
        }
    }

    fn heading(&mut self, level: u8, text: &Line, follows: f32) {
        let size = match level {
            1 => 19.0,
            2 => 12.0,
            _ => 10.6,
        };
        let style = Style {
            size,
            leading: size * 1.25,
            colour: if level == 3 { INK } else { CAUTION.colour },
        };
        // With the first lines of what follows.
        self.room(style.leading + 48.0 + follows);
        if level > 1 && self.begun {
            self.y -= if level == 2 { 5.0 } else { 3.0 };
        }
        self.lines(text, Font::Bold, 0.0, style);
    }

    fn lines(&mut self, spans: &Line, font: Font, indent: f32, style: Style) {
        for runs in broken(spans, font, style.size, MEASURE - indent) {
            self.room(style.leading);
            self.put(SIDE + indent, self.y - style.size, &runs, style);
            self.y -= style.leading;
            self.begun = true;
        }
    }

    /// A drawing and the first lines of its caption stay together.
    fn figure(&mut self, figure: &Figure) {
        let height = figures::height(&figure.drawing);
        self.room(height + 3.0 * SMALL.leading);
        if let Some(page) = self.pages.last_mut() {
            figures::draw(page, (SIDE, self.y), figure);
        }
        self.y -= height + 4.0;
        self.begun = true;
        let caption = vec![Span::Plain(figure.caption.clone())];
        self.lines(&caption, Font::Regular, 0.0, SMALL);
        self.y -= 4.0;
    }

    fn table(&mut self, table: &Table) {
        let columns = widths(table);
        let head: Vec<Line> = table
            .head
            .iter()
            .map(|text| vec![Span::Plain((*text).to_owned())])
            .collect();
        self.room(60.0);
        self.row(&head, &columns, Font::Bold, None);
        for row in &table.rows {
            self.row(row, &columns, Font::Regular, Some(&head));
        }
        if let Some(more) = &table.more {
            self.y -= 2.0;
            self.lines(&vec![Span::Plain(more.clone())], Font::Regular, 0.0, SMALL);
        }
        self.y -= 4.0;
    }

    /// A row; on a new page the head comes first again.
    fn row(&mut self, cells: &[Line], columns: &[f32], font: Font, head: Option<&[Line]>) {
        let style = if head.is_some() { CELL } else { SMALL };
        let cells: Vec<Vec<Runs>> = cells
            .iter()
            .zip(columns)
            .map(|(cell, width)| broken(cell, font, style.size, *width))
            .collect();
        let count = cells.iter().map(Vec::len).max().unwrap_or(0);
        // A row stays whole where it can; one longer than a page goes on on the next.
        let whole = (count as f32 * style.leading + 5.0).min(HEIGHT - TOP - BOTTOM - 40.0);
        let mut need = whole;
        for line in 0..count {
            if self.y - need < BOTTOM && self.begun {
                self.turn();
                if let Some(head) = head {
                    self.row(head, columns, Font::Bold, None);
                }
            }
            need = style.leading;
            let mut x = SIDE;
            for (cell, width) in cells.iter().zip(columns) {
                if let Some(runs) = cell.get(line) {
                    self.put(x, self.y - style.size, runs, style);
                }
                x += width + GUTTER;
            }
            self.y -= style.leading;
            self.begun = true;
        }
        self.y -= 2.0;
        self.rule(self.y, if head.is_some() { 0.4 } else { 0.9 });
        self.y -= 2.5;
    }

    /// The pages' contents, each with its number.
    pub(super) fn finish(mut self, foot: &str) -> Vec<Vec<u8>> {
        let all = self.pages.len();
        let foot = encode(foot);
        let pages = std::mem::take(&mut self.pages);
        let mut out = Vec::with_capacity(all);
        for (index, page) in pages.into_iter().enumerate() {
            self.pages = vec![page];
            let number = encode(&format!("{} / {all}", index + 1));
            let end = WIDTH - SIDE - Font::Regular.width(&number, SMALL.size);
            self.put(SIDE, 34.0, &vec![(Font::Regular, foot.clone())], SMALL);
            self.put(end, 34.0, &vec![(Font::Regular, number)], SMALL);
            out.push(self.pages.remove(0).into_bytes());
        }
        out
    }
}

/// Room for a figure that a heading stands over, with a paragraph between at most.
fn follows(behind: &[Block]) -> f32 {
    let height = |block: &Block| match block {
        Block::Figure(figure) => Some(figures::height(&figure.drawing)),
        _ => None,
    };
    behind.iter().take(2).find_map(height).unwrap_or(0.0)
}

/// Widths of a table's columns: what each would like if there is room, else at least its longest word.
fn widths(table: &Table) -> Vec<f32> {
    let count = table.head.len();
    let free = MEASURE - GUTTER * (count.saturating_sub(1)) as f32;
    let (mut most, mut least) = (vec![0.0_f32; count], vec![0.0_f32; count]);
    let head = table.head.iter().enumerate();
    let head =
        head.map(|(column, text)| (column, Font::Bold, vec![Span::Plain((*text).to_owned())]));
    let cells = table.rows.iter().flat_map(|row| {
        let cells = row.iter().enumerate();
        cells.map(|(column, cell)| (column, Font::Regular, cell.clone()))
    });
    for (column, font, cell) in head.chain(cells).filter(|(column, ..)| *column < count) {
        let words = words(&cell, font);
        let width = |word: &Runs| runs_width(word, CELL.size);
        let blank = Font::Regular.width(b" ", CELL.size);
        let all: f32 = words.iter().map(|word| width(word) + blank).sum();
        most[column] = most[column].max(all);
        let longest = words.iter().map(width).fold(0.0, f32::max);
        // What is short as a whole stays on one line.
        least[column] = least[column].max(longest.min(WORD).max(all.min(SHORT)) + 0.5);
    }
    let (wanted, needed): (f32, f32) = (most.iter().sum(), least.iter().sum());
    if wanted <= free {
        return most;
    }
    if needed >= free {
        return least.iter().map(|it| it * free / needed).collect();
    }
    let share = (free - needed) / (wanted - needed).max(1.0);
    let grown = least.iter().zip(&most);
    grown
        .map(|(least, most)| least + (most - least).max(0.0) * share)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_share_the_page() {
        let cell = |text: &str| vec![Span::Plain(text.to_owned())];
        let table = Table {
            head: vec!["a", "b"],
            rows: vec![vec![cell("short"), cell(&"long words ".repeat(80))]],
            more: None,
        };
        let widths = widths(&table);
        assert!(widths[0] < 60.0 && widths[1] > 300.0, "{widths:?}");
        assert!(widths.iter().sum::<f32>() <= MEASURE);
    }
}
