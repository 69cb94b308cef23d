//! The route as a drawing. An actor is a trunk from top to bottom with its canaries in order of first
//! touch, and beside the trunk how long it took from one to the next; ways back and forth are arcs on the
//! left, each with its count. Lines of text never meet, however many trips there are.

use std::fmt::Write as _;

use super::{ACTORS, STEPS, WAYS, later, notes, shorten, shown};
use crate::findings::{ActorRoute, Findings, clock};
use crate::outline;
use crate::words::lapse;

/// Width of the drawing, where the trunk stands and where text begins.
const WIDTH: f64 = 960.0;
const TRUNK: f64 = 190.0;
const TEXT: f64 = 214.0;
/// Height of an actor's head, of a step, and of a line of notes.
const HEAD: f64 = 34.0;
const STEP: f64 = 66.0;
const NOTE: f64 = 19.0;

/// A drawing, in user units.
pub(crate) struct Drawing {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// Elements; every text in them is escaped.
    pub(crate) elements: String,
    /// What it shows, for those who do not see it.
    pub(crate) description: String,
}

/// Draws the routes; `None` where nothing was touched.
pub(crate) fn draw(all: &Findings) -> Option<Drawing> {
    if all.route.actors.is_empty() {
        return None;
    }
    let words = all.words;
    let mut pen = Pen {
        all,
        elements: String::new(),
        y: 8.0,
    };
    let mut description = Vec::new();
    for actor in shown(all) {
        pen.actor(actor);
        let titles: Vec<&str> = actor
            .steps
            .iter()
            .take(STEPS)
            .map(|step| all.route.nodes[step.node].title.as_str())
            .collect();
        description.push(format!("{}: {}.", actor.name, titles.join(", ")));
    }
    let hidden = all.route.actors.len().saturating_sub(ACTORS) as u64;
    if hidden > 0 {
        pen.note(&words.count(hidden, words.actors_not_shown));
    }
    Some(Drawing {
        width: WIDTH,
        height: pen.y + 6.0,
        elements: pen.elements,
        description: description.join(" "),
    })
}

/// The drawing as a file of its own.
pub(super) fn page(all: &Findings) -> String {
    let words = all.words;
    let drawing = draw(all);
    let (height, elements, description) = match &drawing {
        Some(it) => (it.height, it.elements.as_str(), it.description.as_str()),
        None => (8.0, "", ""),
    };
    let mut title = outline::title(all);
    if all.exercise {
        title = format!("{}: {title}", words.exercise);
    }
    if let Some(id) = all.correction {
        title.push_str(&format!(" · {} {id}", words.correction_id));
    }
    let top = 66.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" lang=\"{}\" class=\"route\" viewBox=\"0 0 {WIDTH} {}\" width=\"{WIDTH}\" height=\"{}\" role=\"img\" aria-labelledby=\"t d\">\n",
        words.language.code(),
        height + top + 12.0,
        height + top + 12.0,
    );
    let _ = writeln!(out, "<title id=\"t\">{}</title>", xml(&title));
    let _ = writeln!(out, "<desc id=\"d\">{}</desc>", xml(description));
    let _ = writeln!(
        out,
        "<style>{}</style>",
        include_str!("../../templates/route.css")
    );
    out.push_str("<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n");
    let _ = writeln!(
        out,
        "<text class=\"title\" x=\"12\" y=\"26\">{}</text>",
        xml(&shorten(&title, 90))
    );
    let caution = format!("{} {}", words.route_note, all.caution);
    for (index, line) in [caution, words.said_by(&all.generated, &all.station)]
        .iter()
        .enumerate()
    {
        let y = 45 + 15 * index;
        let _ = writeln!(
            out,
            "<text class=\"sub\" x=\"12\" y=\"{y}\">{}</text>",
            xml(&shorten(line, 190))
        );
    }
    let _ = write!(
        out,
        "<g transform=\"translate(0 {top})\">\n{elements}</g>\n</svg>\n"
    );
    out
}

struct Pen<'a> {
    all: &'a Findings,
    elements: String,
    y: f64,
}

impl Pen<'_> {
    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let _ = writeln!(
            self.elements,
            "<text class=\"{class}\" x=\"{x}\" y=\"{y:.1}\">{}</text>",
            xml(text)
        );
    }

    fn note(&mut self, text: &str) {
        self.text("sub", TEXT, self.y + 12.0, text);
        self.y += NOTE;
    }

    fn actor(&mut self, actor: &ActorRoute) {
        let words = self.all.words;
        let uses = words.count(actor.uses, words.uses_count);
        self.text("actor", 12.0, self.y + 18.0, &actor.name);
        self.text("sub", 12.0, self.y + 34.0, &uses);
        let top = self.y + HEAD;
        let count = actor.steps.len().min(STEPS);
        let middle = |step: usize| top + step as f64 * STEP;
        for step in 1..count {
            let straight = actor.edges.iter().any(|edge| edge.ends == (step - 1, step));
            let class = if straight { "trunk" } else { "trunk dashed" };
            let (from, to) = (middle(step - 1), middle(step));
            let _ = writeln!(
                self.elements,
                "<line class=\"{class}\" x1=\"{TRUNK}\" x2=\"{TRUNK}\" y1=\"{from:.1}\" y2=\"{to:.1}\"/>"
            );
        }
        self.arcs(actor, middle);
        for index in 0..count {
            self.step(actor, index, middle(index));
        }
        self.y = top + count.saturating_sub(1) as f64 * STEP + 26.0;
        for note in notes(words, actor) {
            self.note(&note);
        }
        self.y += 16.0;
    }

    fn step(&mut self, actor: &ActorRoute, index: usize, y: f64) {
        let words = self.all.words;
        let step = &actor.steps[index];
        let node = &self.all.route.nodes[step.node];
        let class = if index == 0 { "node first" } else { "node" };
        let _ = writeln!(
            self.elements,
            "<circle class=\"{class}\" cx=\"{TRUNK}\" cy=\"{y:.1}\" r=\"7\"/>"
        );
        if let Some(seconds) = step.after_seconds {
            let text = format!("↓ {}", later(words, seconds));
            self.text("lapse", TEXT, y - STEP / 2.0 + 8.0, &text);
        }
        self.text("name", TEXT, y + 1.0, &shorten(&node.title, 80));
        let mut line = format!(
            "{} UTC · {} · {}: {}",
            clock(&step.first),
            words.count(step.uses, words.uses_count),
            words.sort(node.sort),
            node.kind_name
        );
        if let Some(place) = &node.place {
            line.push_str(&format!(" · {place}"));
        }
        self.text("sub", TEXT, y + 17.0, &shorten(&line, 116));
    }

    /// Ways that are not told by the trunk alone.
    fn arcs(&mut self, actor: &ActorRoute, middle: impl Fn(usize) -> f64) {
        let mut labels: Vec<(f64, f64, String)> = Vec::new();
        for way in ways(actor) {
            let (from, to) = (middle(way.ends.0), middle(way.ends.1));
            let reach = (34.0 + 22.0 * (way.ends.1 - way.ends.0) as f64).min(120.0);
            let (x, left) = (TRUNK - 9.0, TRUNK - 9.0 - reach);
            let _ = writeln!(
                self.elements,
                "<path class=\"way\" d=\"M{x:.1} {from:.1}C{left:.1} {from:.1} {left:.1} {to:.1} {x:.1} {to:.1}\"/>"
            );
            let mut y = (from + to) / 2.0 + 4.0;
            while labels.iter().any(|(_, other, _)| (other - y).abs() < 13.0) {
                y += 13.0;
            }
            labels.push((x - reach * 0.75 - 5.0, y, way.label()));
        }
        // Above all arcs, so that none crosses one.
        for (x, y, label) in labels {
            let _ = writeln!(
                self.elements,
                "<text class=\"lapse\" text-anchor=\"end\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
                xml(&label)
            );
        }
    }
}

/// All goings between two steps, down and up.
struct Way {
    ends: (usize, usize),
    down: u64,
    up: u64,
    median: u64,
}

impl Way {
    fn label(&self) -> String {
        let mut out = String::new();
        for (arrow, times) in [("↓", self.down), ("↑", self.up)] {
            if times > 0 {
                out.push_str(&format!("{arrow}{times} "));
            }
        }
        out + &lapse(self.median)
    }
}

/// The ways that get an arc, those gone most often.
fn ways(actor: &ActorRoute) -> Vec<Way> {
    let mut out: Vec<Way> = Vec::new();
    for edge in &actor.edges {
        let (from, to) = edge.ends;
        let ends = (from.min(to), from.max(to));
        if ends.1 >= STEPS {
            continue;
        }
        let found = out.iter().position(|way| way.ends == ends);
        let index = found.unwrap_or_else(|| {
            out.push(Way {
                ends,
                down: 0,
                up: 0,
                median: edge.median_seconds,
            });
            out.len() - 1
        });
        let way = &mut out[index];
        // Of the direction that was gone more often.
        if edge.times > way.down.max(way.up) {
            way.median = edge.median_seconds;
        }
        if from < to {
            way.down += edge.times;
        } else {
            way.up += edge.times;
        }
    }
    // Gone once to the next step: that is the trunk.
    out.retain(|way| !(way.ends.1 == way.ends.0 + 1 && way.down == 1 && way.up == 0));
    out.sort_by_key(|way| std::cmp::Reverse(way.down + way.up));
    out.truncate(WAYS);
    out
}

/// Text as XML has it, in elements and attributes.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Noncharacters, which XML 1.0 has no form for.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(
            xml("<a b='\"'>&\u{ffff}"),
            "&lt;a b=&#39;&quot;&#39;&gt;&amp;\u{fffd}"
        );
    }
}
