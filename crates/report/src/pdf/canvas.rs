//! What a page is drawn with: text, and lines and areas in a part of it (ISO 32000-2, 8.5 and 9.4).

use std::fmt::Write as _;

use super::fonts::{Font, runs};
use super::lines::{Runs, runs_width};

/// Size, distance of lines, and colour (red, green, blue) of a text.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) size: f32,
    pub(super) leading: f32,
    pub(super) colour: &'static str,
}

/// Puts text on a page, its base line beginning at a point.
pub(super) fn put(page: &mut String, mut x: f32, y: f32, runs: &Runs, style: Style) {
    let Style { size, colour, .. } = style;
    for (font, bytes) in runs {
        let name = font.name();
        let _ = write!(page, "BT /{name} {size} Tf {colour} rg {x:.2} {y:.2} Td (");
        escape(page, bytes);
        page.push_str(") Tj ET\n");
        x += font.width(bytes, size);
    }
}

/// Bytes as a string has them between its parentheses.
fn escape(page: &mut String, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b'(' | b')' | b'\\' => {
                page.push('\\');
                page.push(char::from(*byte));
            }
            b' '..=b'~' => page.push(char::from(*byte)),
            other => {
                let _ = write!(page, "\\{other:03o}");
            }
        }
    }
}

/// How an outline is drawn.
#[derive(Clone, Copy)]
pub(super) struct Stroke {
    pub(super) colour: &'static str,
    /// In points.
    pub(super) width: f32,
    pub(super) dashed: bool,
}

/// Where a text stands from its point.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A part of a page, in the units of what is drawn: from its top left corner, growing to the right and downwards.
pub(super) struct Canvas<'a> {
    pub(super) page: &'a mut String,
    /// Its top left corner on the page.
    pub(super) left: f32,
    pub(super) top: f32,
    /// Points in a unit, across and down.
    pub(super) scale: (f32, f32),
}

impl Canvas<'_> {
    /// Where a point is on the page.
    fn place(&self, (x, y): (f64, f64)) -> (f32, f32) {
        let (across, down) = self.scale;
        (self.left + x as f32 * across, self.top - y as f32 * down)
    }

    /// Sets how the next outlines are drawn.
    pub(super) fn stroke(&mut self, stroke: Stroke) {
        let Stroke {
            colour,
            width,
            dashed,
        } = stroke;
        let dash = if dashed { "[2 2]" } else { "[]" };
        let _ = writeln!(self.page, "{colour} RG {width} w {dash} 0 d");
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        let ((x, y), (to_x, to_y)) = (self.place(from), self.place(to));
        let _ = writeln!(self.page, "{x:.2} {y:.2} m {to_x:.2} {to_y:.2} l S");
    }

    /// From a point to another on the same side, by way of two that are as far to the left as a third number says.
    pub(super) fn arc(&mut self, x: (f64, f64), y: (f64, f64)) {
        let ((start, from), (reach, to)) = (self.place((x.0, y.0)), self.place((x.1, y.1)));
        let _ = writeln!(
            self.page,
            "{start:.2} {from:.2} m {reach:.2} {from:.2} {reach:.2} {to:.2} {start:.2} {to:.2} c S"
        );
    }

    /// Fills a rectangle.
    pub(super) fn area(&mut self, colour: &str, corner: (f64, f64), width: f64, height: f64) {
        let (x, y) = self.place((corner.0, corner.1 + height));
        let (width, height) = (width as f32 * self.scale.0, height as f32 * self.scale.1);
        let _ = writeln!(
            self.page,
            "{colour} rg {x:.2} {y:.2} {width:.2} {height:.2} re f"
        );
    }

    /// Fills what is between points, with the outline that was set.
    pub(super) fn shape(&mut self, colour: &str, points: &[(f64, f64)]) {
        let _ = write!(self.page, "{colour} rg ");
        for (index, point) in points.iter().enumerate() {
            let (x, y) = self.place(*point);
            let operator = if index == 0 { 'm' } else { 'l' };
            let _ = write!(self.page, "{x:.2} {y:.2} {operator} ");
        }
        self.page.push_str("h B\n");
    }

    /// A circle of so many points around a place, filled and with the outline that was set.
    pub(super) fn dot(&mut self, colour: &str, middle: (f64, f64), radius: f32) {
        /// Where the handles of a quarter of a circle are.
        const HANDLE: f32 = 0.5523;
        let (x, y) = self.place(middle);
        let (r, h) = (radius, radius * HANDLE);
        let _ = writeln!(self.page, "{colour} rg {:.2} {y:.2} m", x + r);
        let quarters = [
            ((r, h), (h, r), (0.0, r)),
            ((-h, r), (-r, h), (-r, 0.0)),
            ((-r, -h), (-h, -r), (0.0, -r)),
            ((h, -r), (r, -h), (r, 0.0)),
        ];
        for ((ax, ay), (bx, by), (cx, cy)) in quarters {
            let _ = writeln!(
                self.page,
                "{:.2} {:.2} {:.2} {:.2} {:.2} {:.2} c",
                x + ax,
                y + ay,
                x + bx,
                y + by,
                x + cx,
                y + cy
            );
        }
        self.page.push_str("h B\n");
    }

    /// Clears the room of a text that ends at a point.
    pub(super) fn clear(&mut self, (font, style): (Font, Style), at: (f64, f64), text: &str) {
        let width = runs_width(&runs(text, font), style.size) + 2.0;
        let (x, y) = self.place(at);
        let (x, y, height) = (x - width + 1.0, y - 1.2, style.size);
        let _ = writeln!(self.page, "1 1 1 rg {x:.2} {y:.2} {width:.2} {height} re f");
    }

    /// Text at a point, cut where it would be wider than so many points.
    pub(super) fn text(
        &mut self,
        (font, style): (Font, Style),
        at: (f64, f64),
        (anchor, most): (Anchor, f32),
        text: &str,
    ) {
        let runs = fitted(text, font, style.size, most);
        let (x, y) = self.place(at);
        let width = runs_width(&runs, style.size);
        let x = match anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        put(self.page, x, y, &runs, style);
    }
}

/// A text, or as much of its beginning as is no wider.
fn fitted(text: &str, font: Font, size: f32, most: f32) -> Runs {
    let whole = runs(text, font);
    if runs_width(&whole, size) <= most {
        return whole;
    }
    let mut kept: Vec<char> = text.chars().collect();
    loop {
        kept.pop();
        let shorter = runs(&format!("{}…", kept.iter().collect::<String>()), font);
        if kept.is_empty() || runs_width(&shorter, size) <= most {
            return shorter;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_its_room() {
        let whole = fitted("short", Font::Regular, 7.0, 100.0);
        assert_eq!(whole, [(Font::Regular, b"short".to_vec())]);
        let cut = fitted(&"long ".repeat(40), Font::Regular, 7.0, 100.0);
        assert!(runs_width(&cut, 7.0) <= 100.0 && runs_width(&cut, 7.0) > 90.0);
        assert_eq!(cut[0].1.last(), Some(&0x85));
    }
}
