//! The breadcrumb route as a list, as a drawing (SVG) and as a graph for Graphviz (DOT). However many
//! trips there are, a canary is one node and a way between two is one line with its count.

mod dot;
mod draw;
mod svg;

use crate::findings::{ActorRoute, Findings, RouteEdge, clock};
use crate::words::{Words, fill, lapse};
use crate::{Format, Profile, Report, ReportError};

pub(crate) use draw::{Drawing, Look, Mark, Part, TRUNK, WIDTH, draw};

/// The graph.
pub(crate) const DOT: Format = Format {
    name: "dot",
    summary: "the order in which bait was touched, for Graphviz",
    extension: "dot",
    render: render_dot,
};

/// The drawing.
pub(crate) const SVG: Format = Format {
    name: "svg",
    summary: "the order in which bait was touched, as a drawing that loads nothing",
    extension: "svg",
    render: render_svg,
};

/// Actors and steps of one that are listed or drawn; ways back and forth of one.
const ACTORS: usize = 8;
const STEPS: usize = 12;
const WAYS: usize = 8;

fn render_dot(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    Ok(dot::write(&Findings::derive(report, profile)).into_bytes())
}

fn render_svg(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    Ok(svg::page(&Findings::derive(report, profile)).into_bytes())
}

/// A line of the list.
pub(crate) enum Listed {
    /// Whose way it is.
    Actor(String),
    /// Time, title, how long after the step before, place.
    Step(String, String, Option<String>, Option<String>),
    /// What is folded.
    Note(String),
}

/// The routes as a list.
pub(crate) fn lines(all: &Findings) -> Vec<Listed> {
    let words = all.words;
    let mut out = Vec::new();
    for actor in shown(all) {
        let steps = words.count(actor.steps.len() as u64, words.pieces);
        let uses = words.count(actor.uses, words.uses_count);
        out.push(Listed::Actor(format!("{}: {steps}, {uses}", actor.name)));
        for step in actor.steps.iter().take(STEPS) {
            let node = &all.route.nodes[step.node];
            out.push(Listed::Step(
                format!("{} UTC", clock(&step.first)),
                node.title.clone(),
                step.after_seconds.map(|seconds| later(words, seconds)),
                node.place.clone(),
            ));
        }
        out.extend(notes(words, actor).into_iter().map(Listed::Note));
    }
    let hidden = all.route.actors.len().saturating_sub(ACTORS) as u64;
    if hidden > 0 {
        out.push(Listed::Note(words.count(hidden, words.actors_not_shown)));
    }
    out
}

/// The actors that are shown: those that touched most, in order of their first trip.
fn shown(all: &Findings) -> Vec<&ActorRoute> {
    let mut order: Vec<usize> = (0..all.route.actors.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(all.route.actors[*index].steps.len()));
    order.truncate(ACTORS);
    order.sort_unstable();
    order
        .iter()
        .map(|index| &all.route.actors[*index])
        .collect()
}

/// What of an actor's way is no first touch: how often it went back and forth, and what is left out.
fn notes(words: &Words, actor: &ActorRoute) -> Vec<String> {
    let mut out = Vec::new();
    let again: u64 = actor.edges.iter().map(|edge| edge.times).sum();
    let first = actor.steps.len().saturating_sub(1) as u64;
    if again > first {
        out.push(words.count(again - first, words.back_and_forth));
    }
    let hidden = actor.steps.len().saturating_sub(STEPS) as u64;
    if hidden > 0 {
        out.push(words.count(hidden, words.steps_not_shown));
    }
    out
}

/// `2 h 21 min later`.
fn later(words: &Words, seconds: u64) -> String {
    fill(words.later, &[("lapse", &lapse(seconds))])
}

/// How often a way was gone, and how long it took: `12 ×, 4 s`.
fn gone(edge: &RouteEdge) -> String {
    let time = lapse(edge.median_seconds);
    match edge.times {
        1 => time,
        times => format!("{times} ×, {time}"),
    }
}

fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
