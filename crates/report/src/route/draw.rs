//! The route as a drawing. An actor is a trunk from top to bottom with its canaries in order of first
//! touch, and beside the trunk how long it took from one to the next; ways back and forth are arcs on the
//! left, each with its count. Lines of text never meet, however many trips there are.

use super::{ACTORS, STEPS, WAYS, later, notes, shorten, shown};
use crate::findings::{ActorRoute, Findings, clock};
use crate::words::lapse;

/// Width of the drawing, where the trunk stands and where text begins.
pub(crate) const WIDTH: f64 = 960.0;
pub(crate) const TRUNK: f64 = 190.0;
const TEXT: f64 = 214.0;
/// Height of an actor's head, of a step, and of a line of notes.
const HEAD: f64 = 34.0;
const STEP: f64 = 66.0;
const NOTE: f64 = 19.0;

/// A drawing, in user units.
pub(crate) struct Drawing {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// One for each actor, from top to bottom.
    pub(crate) parts: Vec<Part>,
    /// What it shows, for those who do not see it.
    pub(crate) description: String,
}

/// The way of an actor.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Where it begins and ends in the drawing.
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    pub(crate) marks: Vec<Mark>,
    pub(crate) description: String,
}

/// A mark of a drawing; `x` grows to the right, `y` downwards.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// A line of text at its base line.
    Text(Look, (f64, f64), String),
    /// A text that ends where it stands, in front of whatever crosses it.
    Label((f64, f64), String),
    /// A piece of the trunk between two heights; dashed if nobody went straight from one to the other.
    Trunk { dashed: bool, ends: (f64, f64) },
    /// A canary on the trunk; the first is filled.
    Node { first: bool, y: f64 },
    /// An arc from one height to another, as far to the left as the second number says.
    Arc { x: (f64, f64), y: (f64, f64) },
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// An actor's name.
    Actor,
    /// A canary's.
    Name,
    /// What is known of either, and notes.
    Sub,
    /// How long a way took.
    Lapse,
}

/// Draws the routes; `None` where nothing was touched.
pub(crate) fn draw(all: &Findings) -> Option<Drawing> {
    if all.route.actors.is_empty() {
        return None;
    }
    let words = all.words;
    let mut pen = Pen {
        all,
        parts: Vec::new(),
        y: 8.0,
    };
    for actor in shown(all) {
        pen.actor(actor);
    }
    let hidden = all.route.actors.len().saturating_sub(ACTORS) as u64;
    if hidden > 0 {
        pen.note(&words.count(hidden, words.actors_not_shown));
    }
    pen.end();
    let each = pen.parts.iter().map(|part| part.description.as_str());
    Some(Drawing {
        width: WIDTH,
        height: pen.y + 6.0,
        description: each.collect::<Vec<_>>().join(" "),
        parts: pen.parts,
    })
}

struct Pen<'a> {
    all: &'a Findings,
    parts: Vec<Part>,
    y: f64,
}

impl Pen<'_> {
    fn put(&mut self, mark: Mark) {
        if let Some(part) = self.parts.last_mut() {
            part.marks.push(mark);
        }
    }

    fn text(&mut self, look: Look, x: f64, y: f64, text: &str) {
        self.put(Mark::Text(look, (x, y), text.to_owned()));
    }

    fn note(&mut self, text: &str) {
        self.text(Look::Sub, TEXT, self.y + 12.0, text);
        self.y += NOTE;
    }

    /// The part that is drawn ends here.
    fn end(&mut self) {
        if let Some(part) = self.parts.last_mut() {
            part.bottom = self.y;
        }
    }

    fn begin(&mut self, actor: &ActorRoute) {
        self.end();
        let steps = actor.steps.iter().take(STEPS);
        let titles: Vec<&str> = steps
            .map(|step| self.all.route.nodes[step.node].title.as_str())
            .collect();
        self.parts.push(Part {
            top: self.y,
            bottom: self.y,
            marks: Vec::new(),
            description: format!("{}: {}.", actor.name, titles.join(", ")),
        });
    }

    fn actor(&mut self, actor: &ActorRoute) {
        let words = self.all.words;
        self.begin(actor);
        let uses = words.count(actor.uses, words.uses_count);
        self.text(Look::Actor, 12.0, self.y + 18.0, &actor.name);
        self.text(Look::Sub, 12.0, self.y + 34.0, &uses);
        let top = self.y + HEAD;
        let count = actor.steps.len().min(STEPS);
        let middle = |step: usize| top + step as f64 * STEP;
        for step in 1..count {
            let straight = actor.edges.iter().any(|edge| edge.ends == (step - 1, step));
            self.put(Mark::Trunk {
                dashed: !straight,
                ends: (middle(step - 1), middle(step)),
            });
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
        let first = index == 0;
        self.put(Mark::Node { first, y });
        if let Some(seconds) = step.after_seconds {
            let text = format!("↓ {}", later(words, seconds));
            self.text(Look::Lapse, TEXT, y - STEP / 2.0 + 8.0, &text);
        }
        self.text(Look::Name, TEXT, y + 1.0, &shorten(&node.title, 80));
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
        self.text(Look::Sub, TEXT, y + 17.0, &shorten(&line, 116));
    }

    /// Ways that are not told by the trunk alone.
    fn arcs(&mut self, actor: &ActorRoute, middle: impl Fn(usize) -> f64) {
        let mut labels: Vec<(f64, f64, String)> = Vec::new();
        for way in ways(actor) {
            let (from, to) = (middle(way.ends.0), middle(way.ends.1));
            let reach = (34.0 + 22.0 * (way.ends.1 - way.ends.0) as f64).min(120.0);
            let x = TRUNK - 9.0;
            self.put(Mark::Arc {
                x: (x, x - reach),
                y: (from, to),
            });
            let mut y = (from + to) / 2.0 + 4.0;
            while labels.iter().any(|(_, other, _)| (other - y).abs() < 13.0) {
                y += 13.0;
            }
            labels.push((x - reach * 0.75 - 5.0, y, way.label()));
        }
        // Above all arcs, so that none crosses one.
        for (x, y, label) in labels {
            self.put(Mark::Label((x, y), label));
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
