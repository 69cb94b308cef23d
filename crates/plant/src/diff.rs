//! What a plan would change, as lines of a unified diff. Ours are shown; what belongs to the owner
//! is masked to its structure unless asked for.

use crate::mask;

/// What a line of a diff is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `---`, `+++` and `@@` lines, complete with their marks.
    Header,
    /// A line that stays; print with a blank before it.
    Context,
    /// A line that comes; print with `+`.
    Added,
    /// A line that goes; print with `-`.
    Removed,
}

/// One line of a diff, without line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub sign: Sign,
    /// Its text. Control characters are escaped.
    pub text: String,
}

/// A unified diff, colour left to whoever prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Its lines in order.
    pub lines: Vec<Line>,
}

impl std::fmt::Display for Diff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in &self.lines {
            let mark = match line.sign {
                Sign::Header => "",
                Sign::Context => " ",
                Sign::Added => "+",
                Sign::Removed => "-",
            };
            writeln!(f, "{mark}{}", line.text)?;
        }
        Ok(())
    }
}

/// Lines of context on either side.
const CONTEXT: usize = 3;
/// Longest piece of an owner's line that is shown on either side of ours.
const REACH: usize = 60;

/// What happens to our bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Comes,
    Goes,
}

/// The runs of ours within the longer of the two texts.
pub(crate) struct Edit<'a> {
    /// The text that holds ours.
    pub with: &'a str,
    /// Where ours begins and ends in it, in order.
    pub ours: &'a [std::ops::Range<usize>],
    /// Which way it goes.
    pub change: Change,
    /// Masks the owner's lines; `None` shows them.
    pub mask: Option<&'a mask::Mask>,
}

impl Diff {
    pub(crate) fn push(&mut self, sign: Sign, text: impl AsRef<str>) {
        let text = printable(text.as_ref());
        self.lines.push(Line { sign, text });
    }

    /// Names the file the following hunks are in.
    pub(crate) fn file(&mut self, before: &str, after: &str) {
        self.push(Sign::Header, format!("--- {before}"));
        self.push(Sign::Header, format!("+++ {after}"));
    }

    /// Adds a hunk for each run.
    pub(crate) fn hunks(&mut self, edit: &Edit<'_>) {
        let lines = Lines::of(edit.with);
        let touched: Vec<(usize, usize)> =
            edit.ours.iter().map(|ours| lines.touched(ours)).collect();
        // Up to which line everything is shown, and how many lines only the longer text has there.
        let (mut shown, mut more) = (0, 0);
        for (at, ours) in edit.ours.iter().enumerate() {
            let (first, last) = touched[at];
            let next = touched.get(at + 1).map_or(lines.count(), |next| next.0);
            let from = first.saturating_sub(CONTEXT).max(shown).min(first);
            let to = (last + 1 + CONTEXT).min(next).max(last + 1);
            let mixed = (first..=last).any(|line| !lines.wholly(line, ours));
            let (long, short) = (
                to - from,
                to - from - (last + 1 - first) + usize::from(mixed),
            );
            let (longer, shorter) = (
                format!("{},{long}", from + 1),
                format!("{},{short}", from + 1 - more),
            );
            let (before, after) = match edit.change {
                Change::Comes => (shorter, longer),
                Change::Goes => (longer, shorter),
            };
            self.push(Sign::Header, format!("@@ -{before} +{after} @@"));
            for line in from..first {
                self.owners(Sign::Context, &lines, line, edit);
            }
            self.changed(&lines, ours, first..=last, mixed, edit);
            for line in last + 1..to {
                self.owners(Sign::Context, &lines, line, edit);
            }
            (shown, more) = (to, more + long - short);
        }
    }

    fn owners(&mut self, sign: Sign, lines: &Lines<'_>, line: usize, edit: &Edit<'_>) {
        let range = lines.range(line);
        let text = edit.mask.map_or_else(
            || edit.with[range.clone()].to_owned(),
            |mask| mask.line(edit.with, range.clone()),
        );
        self.push(sign, shorten(&text, 4 * REACH));
    }

    fn changed(
        &mut self,
        lines: &Lines<'_>,
        ours: &std::ops::Range<usize>,
        touched: std::ops::RangeInclusive<usize>,
        mixed: bool,
        edit: &Edit<'_>,
    ) {
        let (with, without) = match edit.change {
            Change::Comes => (Sign::Added, Sign::Removed),
            Change::Goes => (Sign::Removed, Sign::Added),
        };
        let show = |range: std::ops::Range<usize>| {
            edit.mask.map_or_else(
                || edit.with[range.clone()].to_owned(),
                |mask| mask.line(edit.with, range.clone()),
            )
        };
        let line = lines.starts[*touched.start()];
        let start = ours.start.max(line);
        let head = show(line..start);
        let last = lines.range(*touched.end());
        let tail = show(ours.end.min(last.end)..last.end);
        let (head, tail) = (keep_end(&head), shorten(&tail, REACH));
        if mixed {
            self.push(without, format!("{head}{tail}"));
        }
        let body = &edit.with[start..ours.end];
        let body = body
            .strip_suffix('\n')
            .filter(|_| tail.is_empty())
            .unwrap_or(body);
        for line in format!("{head}{body}{tail}").split('\n') {
            self.push(with, line.strip_suffix('\r').unwrap_or(line));
        }
    }
}

/// Control characters escaped, tabs and backslashes as they are.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' | '\\' => out.push(character),
            other => out.push_str(&lapwing_core::text::escape(other.to_string().as_bytes())),
        }
    }
    out
}

/// Cuts a long text with an ellipsis.
fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The end of a long text, with an ellipsis.
fn keep_end(text: &str) -> String {
    let count = text.chars().count();
    if count <= REACH {
        return text.to_owned();
    }
    let tail: String = text.chars().skip(count - REACH).collect();
    format!("…{tail}")
}

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        if starts.len() > 1 && starts.last() == Some(&text.len()) {
            starts.pop();
        }
        Self { text, starts }
    }

    const fn count(&self) -> usize {
        self.starts.len()
    }

    /// A line's bytes, without its end.
    fn range(&self, line: usize) -> std::ops::Range<usize> {
        let start = self.starts[line];
        let end = self
            .starts
            .get(line + 1)
            .copied()
            .unwrap_or(self.text.len());
        let body = self.text[start..end].trim_end_matches(['\n', '\r']);
        start..start + body.len()
    }

    fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1) - 1
    }

    /// First and last line that hold a byte of ours; a line end alone at the front does not count.
    fn touched(&self, ours: &std::ops::Range<usize>) -> (usize, usize) {
        let body = &self.text[ours.clone()];
        let lead = body.len() - body.trim_start_matches(['\r', '\n']).len();
        let start = if self.starts.binary_search(&ours.start).is_ok() {
            ours.start
        } else {
            (ours.start + lead).min(ours.end.saturating_sub(1))
        };
        (
            self.line_of(start),
            self.line_of(ours.end.saturating_sub(1).max(start)),
        )
    }

    fn wholly(&self, line: usize, ours: &std::ops::Range<usize>) -> bool {
        let range = self.range(line);
        ours.start <= range.start && range.end <= ours.end
    }
}
