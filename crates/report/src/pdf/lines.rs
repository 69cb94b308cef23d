//! Breaks text into lines by the fonts' metrics.

use super::fonts::{Font, runs};
use crate::outline::{Line, Span};

/// Runs of one line, each in its font.
pub(super) type Runs = Vec<(Font, Vec<u8>)>;

/// How wide a line is at a size, in points.
pub(super) fn runs_width(runs: &Runs, size: f32) -> f32 {
    runs.iter()
        .map(|(font, bytes)| font.width(bytes, size))
        .sum()
}

/// The words of a line; one may change its font within.
pub(super) fn words(spans: &Line, font: Font) -> Vec<Runs> {
    let mut out: Vec<Runs> = Vec::new();
    let mut open = false;
    for span in spans {
        let runs = match span {
            Span::Plain(text) => runs(text, font),
            Span::Strong(text) => runs(text, Font::Bold),
            Span::Code(text) => runs(text, Font::Mono),
        };
        let bytes = runs
            .iter()
            .flat_map(|(font, run)| run.iter().map(|byte| (*font, *byte)));
        for (font, byte) in bytes {
            if byte == b' ' {
                open = false;
                continue;
            }
            if !std::mem::replace(&mut open, true) {
                out.push(Vec::new());
            }
            if let Some(word) = out.last_mut() {
                match word.last_mut() {
                    Some((same, run)) if *same == font => run.push(byte),
                    _ => word.push((font, vec![byte])),
                }
            }
        }
    }
    out
}

/// Breaks a line at blanks; a word longer than the width is cut where it must be.
pub(super) fn broken(spans: &Line, font: Font, size: f32, width: f32) -> Vec<Runs> {
    let mut out: Vec<Runs> = Vec::new();
    let mut used = 0.0;
    for word in words(spans, font)
        .into_iter()
        .flat_map(|word| cut(word, size, width))
    {
        let needs = runs_width(&word, size);
        let blank =
            Font::Regular
                .width(b" ", size)
                .max(match out.last().and_then(|it| it.last()) {
                    Some((font, _)) => font.width(b" ", size),
                    None => 0.0,
                });
        match out.last_mut() {
            Some(line) if used + blank + needs <= width => {
                append(line, word);
                used += blank + needs;
            }
            _ => {
                out.push(word);
                used = needs;
            }
        }
    }
    out
}

/// Puts a word behind a line, with a blank between.
fn append(line: &mut Runs, mut word: Runs) {
    match (line.last_mut(), word.first_mut()) {
        // Signs have no blank among them.
        (Some((Font::Signs, _)), Some((Font::Signs, _))) => {
            line.push((Font::Regular, vec![b' ']));
        }
        (Some((Font::Signs, _)), Some((_, run))) => run.insert(0, b' '),
        (Some((_, run)), _) => run.push(b' '),
        (None, _) => {}
    }
    for (font, bytes) in word {
        match line.last_mut() {
            Some((same, run)) if *same == font => run.extend(bytes),
            _ => line.push((font, bytes)),
        }
    }
}

fn cut(word: Runs, size: f32, width: f32) -> Vec<Runs> {
    if runs_width(&word, size) <= width {
        return vec![word];
    }
    let mut out: Vec<Runs> = vec![Vec::new()];
    let mut used = 0.0;
    for (font, bytes) in word {
        for byte in bytes {
            let needs = font.width(&[byte], size);
            if used + needs > width && used > 0.0 {
                out.push(Vec::new());
                used = 0.0;
            }
            used += needs;
            if let Some(line) = out.last_mut() {
                match line.last_mut() {
                    Some((same, run)) if *same == font => run.push(byte),
                    _ => line.push((font, vec![byte])),
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_its_column() {
        let spans = vec![
            Span::Plain("some words that are ".to_owned()),
            Span::Code("x".repeat(120)),
            Span::Strong("glued (to it) and on".to_owned()),
        ];
        let lines = broken(&spans, Font::Regular, 10.0, 100.0);
        assert!(lines.len() > 7);
        for line in &lines {
            assert!(runs_width(line, 10.0) <= 100.0 + 3.5, "{line:?}");
        }
        let text: Vec<u8> = lines
            .concat()
            .into_iter()
            .flat_map(|(_, run)| run)
            .collect();
        assert_eq!(text.iter().filter(|byte| **byte == b'x').count(), 120);
    }
}
