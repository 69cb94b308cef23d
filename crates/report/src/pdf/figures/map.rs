//! The map: whole countries shaded, circles where a source gives a radius, and a legend below.

use std::fmt::Write as _;

use super::super::canvas::{Canvas, Style, put};
use super::super::fonts::{Font, runs};
use super::super::lines::runs_width;
use super::super::paper::MEASURE;
use super::{PAPER, RULE, SOFT, style, thin};
use crate::world::{self, Circle, Map, Ring};

/// From no use to the most.
const SHADES: [&str; 5] = [
    "0.87 0.85 0.81",
    "0.91 0.73 0.65",
    "0.84 0.54 0.44",
    "0.73 0.33 0.24",
    "0.54 0.14 0.09",
];
const MARK: &str = "0.54 0.35 0";

/// Steps of an outline in a unit of the map: what lies closer together is one point, and a file stays small.
const GRID: f64 = 2.0;

/// The legend: its letters, its boxes, and what is between.
const LABEL: Style = style(7.2, SOFT);
const BOX: (f32, f32) = (13.0, 6.5);
const GAP: f32 = 4.0;
const APART: f32 = 14.0;
const LINE: f32 = 11.0;

/// Height of the map and its legend, in points.
pub(super) fn height(map: &Map, none: &str) -> f32 {
    let lines = legend(map, none).last().map_or(0, |entry| entry.line + 1);
    world_height() + 5.0 + lines as f32 * LINE
}

fn world_height() -> f32 {
    world::SIZE.1 as f32 * MEASURE / world::SIZE.0 as f32
}

pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    (map, circles): (&Map, &[Circle]),
    none: &str,
    mark: &str,
) {
    let (left, top, scale) = (canvas.left, canvas.top, MEASURE / world::SIZE.0 as f32);
    let grid = scale / GRID as f32;
    // Countries, in steps of the grid.
    let page = &mut *canvas.page;
    let _ = writeln!(page, "q {grid:.5} 0 0 -{grid:.5} {left} {top:.2} cm");
    let _ = writeln!(page, "{PAPER} RG 1 w");
    let mut shade = usize::MAX;
    for shape in &map.shapes {
        if std::mem::replace(&mut shade, shape.shade) != shape.shade {
            let _ = writeln!(page, "{} rg", SHADES[shape.shade.min(4)]);
        }
        outline(page, &world::rings(shape.path));
        page.push_str("B\n");
    }
    let _ = writeln!(page, "{MARK} RG 3 w");
    for circle in circles {
        outline(page, &world::rings(&circle.path));
        page.push_str("S\n");
    }
    page.push_str("Q\n");
    if !mark.is_empty() {
        across(page, (left, top), mark);
    }
    canvas.stroke(thin(RULE, 0.6));
    let bottom = top - world_height();
    let _ = writeln!(
        canvas.page,
        "{left} {bottom:.2} {MEASURE} {:.2} re S",
        world_height()
    );
    canvas.stroke(thin(SOFT, 0.4));
    for entry in legend(map, none) {
        let (x, y) = (
            left + entry.x,
            bottom - 3.0 - (entry.line + 1) as f32 * LINE,
        );
        let (width, height) = BOX;
        let _ = writeln!(
            canvas.page,
            "{} rg {x:.2} {:.2} {width} {height} re B",
            SHADES[entry.shade.min(4)],
            y + 2.0,
        );
        let label = runs(entry.label, Font::Regular);
        put(canvas.page, x + width + GAP, y + 2.8, &label, LABEL);
    }
}

/// Rings on the grid, each point that is another than the one before.
fn outline(page: &mut String, rings: &[Ring]) {
    for ring in rings {
        let mut before = None;
        for (x, y) in ring {
            let point = ((x * GRID).round() as i64, (y * GRID).round() as i64);
            let operator = if before.is_none() { 'm' } else { 'l' };
            if before.replace(point) != Some(point) {
                let _ = write!(page, "{} {} {operator} ", point.0, point.1);
            }
        }
        page.push_str("h ");
    }
}

/// Words across the map, in outlines, so that what is below stays to be seen.
fn across(page: &mut String, (left, top): (f32, f32), mark: &str) {
    /// Cosine and sine of the slope.
    const SLOPE: (f32, f32) = (0.970, 0.242);
    const SIZE: f32 = 44.0;
    let text = runs(mark, Font::Bold);
    let half = runs_width(&text, SIZE) / 2.0;
    let (middle, height) = (left + MEASURE / 2.0, top - world_height() / 2.0);
    let (cosine, sine) = SLOPE;
    let (x, y) = (middle - half * cosine, height - half * sine - SIZE / 3.0);
    let _ = writeln!(
        page,
        "q {MARK} RG 0.4 w 1 Tr {cosine} {sine} -{sine} {cosine} {x:.2} {y:.2} cm"
    );
    let ink = Style {
        size: SIZE,
        leading: SIZE,
        colour: MARK,
    };
    put(page, 0.0, 0.0, &text, ink);
    page.push_str("Q\n");
}

/// An entry of the legend and where it stands.
struct Entry<'a> {
    x: f32,
    line: usize,
    shade: usize,
    label: &'a str,
}

fn legend<'a>(map: &'a Map, none: &'a str) -> Vec<Entry<'a>> {
    let steps = map.legend.iter();
    let steps = steps.map(|step| (step.shade, step.label.as_str()));
    let (mut x, mut line) = (0.0, 0);
    let mut out = Vec::new();
    for (shade, label) in steps.chain([(0, none)]) {
        let width = BOX.0 + GAP + runs_width(&runs(label, Font::Regular), LABEL.size);
        if x > 0.0 && x + width > MEASURE {
            (x, line) = (0.0, line + 1);
        }
        out.push(Entry {
            x,
            line,
            shade,
            label,
        });
        x += width + APART;
    }
    out
}
