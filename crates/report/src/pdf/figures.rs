//! The figures of a report in the colours of its printed page: route, timeline and map. What they are made of is
//! worked out elsewhere, for the HTML page too; here it is only drawn.

mod map;

use std::fmt::Write as _;

use super::canvas::{Anchor, Canvas, Stroke, Style};
use super::fonts::Font;
use super::paper::MEASURE;
use crate::outline::{Drawing, Figure};
use crate::route::{self, Look, Mark};
use crate::timeline::{Row, Timeline};

const INK: &str = "0.07 0.07 0.07";
const SOFT: &str = "0.3 0.29 0.27";
const RULE: &str = "0.81 0.79 0.74";
const PAPER: &str = "1 1 1";
const ACCENT: &str = "0.56 0.14 0.09";
const COOL: &str = "0.25 0.33 0.39";
/// The same under what is more important.
const ACCENT_PALE: &str = "0.8 0.62 0.59";
const COOL_PALE: &str = "0.66 0.7 0.72";

/// Points in a unit down: more than across, so that lines of text do not meet.
const DOWN: f32 = 0.6;

const NAME: Style = style(7.8, INK);
const NOTE: Style = style(6.9, SOFT);
const LAPSE: Style = style(6.9, COOL);

const fn style(size: f32, colour: &'static str) -> Style {
    Style {
        size,
        leading: size,
        colour,
    }
}

const fn thin(colour: &'static str, width: f32) -> Stroke {
    Stroke {
        colour,
        width,
        dashed: false,
    }
}

/// How high a drawing is, in points.
pub(super) fn height(drawing: &Drawing) -> f32 {
    match drawing {
        Drawing::Route(part) => (part.bottom - part.top) as f32 * DOWN,
        Drawing::Timeline(timeline) => timeline.height as f32 * DOWN,
        Drawing::Map { map, none, .. } => map::height(map, none),
    }
}

/// Draws a figure from its top left corner on, with its description for programs that read aloud.
pub(super) fn draw(page: &mut String, (left, top): (f32, f32), figure: &Figure) {
    page.push_str("q /Figure <</Alt <FEFF");
    for unit in figure.description.encode_utf16() {
        let _ = write!(page, "{unit:04X}");
    }
    page.push_str(">>> BDC\n");
    let mut canvas = Canvas {
        page,
        left,
        top,
        scale: (MEASURE / route::WIDTH as f32, DOWN),
    };
    match &figure.drawing {
        Drawing::Route(part) => way(&mut canvas, part),
        Drawing::Timeline(it) => timeline(&mut canvas, it),
        Drawing::Map {
            map,
            circles,
            none,
            mark,
        } => map::draw(&mut canvas, (map, circles), none, mark),
    }
    canvas.page.push_str("EMC Q\n");
}

/// The way of an actor.
fn way(canvas: &mut Canvas<'_>, part: &route::Part) {
    let across = canvas.scale.0;
    let room = |x: f64| MEASURE - x as f32 * across;
    let below = |y: f64| y - part.top;
    for mark in &part.marks {
        match mark {
            Mark::Text(look, (x, y), text) => {
                let look = match look {
                    Look::Actor | Look::Name => (Font::Bold, NAME),
                    Look::Sub => (Font::Regular, NOTE),
                    Look::Lapse => (Font::Regular, LAPSE),
                };
                canvas.text(look, (*x, below(*y)), (Anchor::Start, room(*x)), text);
            }
            Mark::Label((x, y), text) => {
                let (at, look) = ((*x, below(*y)), (Font::Regular, LAPSE));
                canvas.clear(look, at, text);
                canvas.text(look, at, (Anchor::End, MEASURE), text);
            }
            Mark::Trunk { dashed, ends } => {
                canvas.stroke(Stroke {
                    colour: ACCENT,
                    width: 1.1,
                    dashed: *dashed,
                });
                let (from, to) = (below(ends.0), below(ends.1));
                canvas.line((route::TRUNK, from), (route::TRUNK, to));
            }
            Mark::Node { first, y } => {
                canvas.stroke(thin(ACCENT, 1.1));
                let colour = if *first { ACCENT } else { PAPER };
                canvas.dot(colour, (route::TRUNK, below(*y)), 3.6);
            }
            Mark::Arc { x, y } => {
                canvas.stroke(thin(COOL, 0.8));
                canvas.arc(*x, (below(y.0), below(y.1)));
            }
        }
    }
}

fn timeline(canvas: &mut Canvas<'_>, it: &Timeline) {
    for tick in &it.ticks {
        canvas.stroke(thin(RULE, 0.5));
        canvas.line((tick.x, 6.0), (tick.x, it.axis + 5.0));
        for (y, text) in [(19.0, &tick.upper), (34.0, &tick.lower)] {
            let at = (tick.x, it.axis + y);
            canvas.text((Font::Regular, NOTE), at, (Anchor::Middle, MEASURE), text);
        }
    }
    let room = (it.left - 12.0) as f32 * canvas.scale.0;
    for row in &it.rows {
        let title = (Font::Bold, NAME);
        canvas.text(
            title,
            (0.0, row.base - 17.0),
            (Anchor::Start, room),
            &row.title,
        );
        let note = (Font::Regular, NOTE);
        canvas.text(
            note,
            (0.0, row.base - 1.0),
            (Anchor::Start, room),
            &row.note,
        );
        canvas.stroke(thin(SOFT, 0.5));
        canvas.line((it.left, row.base), (it.right, row.base));
        uses(canvas, row);
    }
}

/// Bars, floods and the first use of a row.
fn uses(canvas: &mut Canvas<'_>, row: &Row) {
    let (strong, pale) = if row.class == "hot" {
        (ACCENT, ACCENT_PALE)
    } else {
        (COOL, COOL_PALE)
    };
    for (bars, colour) in [(&row.floods, pale), (&row.bars, strong)] {
        for bar in bars {
            canvas.area(colour, (bar.x, bar.y), bar.width, bar.height);
        }
    }
    let (x, y) = (row.first, row.base + 1.0);
    canvas.stroke(thin(PAPER, 0.5));
    canvas.shape(INK, &[(x, y), (x - 5.0, y + 8.0), (x + 5.0, y + 8.0)]);
}
