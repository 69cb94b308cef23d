//! DOT, as Graphviz reads it: a cluster for each actor. Every text stands in quotes, with quotes and
//! backslashes escaped and `&` as an entity, which Graphviz would resolve.

use std::fmt::Write as _;

use super::{ACTORS, STEPS, gone, shorten, shown};
use crate::findings::{ActorRoute, Findings, RouteNode, clock};
use crate::outline;

pub(super) fn write(all: &Findings) -> String {
    let words = all.words;
    let mut out = String::from("digraph route {\n");
    let mut title = outline::title(all);
    if all.exercise {
        title = format!("{}: {title}", words.exercise);
    }
    let head = [title, words.route_note.to_owned(), all.caution.to_owned()];
    let _ = writeln!(out, "  label={};", quoted(&head));
    out.push_str("  labelloc=t;\n  rankdir=TB;\n  fontname=\"Helvetica\";\n");
    out.push_str("  node [shape=box, style=rounded, fontname=\"Helvetica\"];\n");
    out.push_str("  edge [fontname=\"Helvetica\", fontsize=11];\n");
    for (number, actor) in shown(all).iter().enumerate() {
        cluster(&mut out, all, number, actor);
    }
    let hidden = all.route.actors.len().saturating_sub(ACTORS) as u64;
    if hidden > 0 {
        let text = words.count(hidden, words.actors_not_shown);
        let _ = writeln!(
            out,
            "  hidden [shape=plaintext, label={}];",
            quoted(&[text])
        );
    }
    out.push_str("}\n");
    out
}

fn cluster(out: &mut String, all: &Findings, number: usize, actor: &ActorRoute) {
    let words = all.words;
    let uses = words.count(actor.uses, words.uses_count);
    let _ = writeln!(out, "  subgraph cluster_{number} {{");
    let title = quoted(&[format!("{}: {uses}", actor.name)]);
    let _ = writeln!(out, "    label={title};");
    for (index, step) in actor.steps.iter().take(STEPS).enumerate() {
        let node = &all.route.nodes[step.node];
        let label = quoted(&label(all, node, &step.first, step.uses));
        let _ = writeln!(out, "    a{number}_{index} [label={label}];");
    }
    for edge in &actor.edges {
        let (from, to) = edge.ends;
        if from < STEPS && to < STEPS {
            let label = quoted(&[gone(edge)]);
            // A way back must not turn the order round.
            let back = if from > to { ", constraint=false" } else { "" };
            let _ = writeln!(
                out,
                "    a{number}_{from} -> a{number}_{to} [label={label}{back}];"
            );
        }
    }
    let hidden = actor.steps.len().saturating_sub(STEPS) as u64;
    if hidden > 0 {
        let text = words.count(hidden, words.steps_not_shown);
        let label = quoted(&[text]);
        let _ = writeln!(out, "    a{number}_more [shape=plaintext, label={label}];");
    }
    out.push_str("  }\n");
}

fn label(all: &Findings, node: &RouteNode, first: &str, uses: u64) -> Vec<String> {
    let words = all.words;
    let mut lines = vec![
        shorten(&node.title, 60),
        format!(
            "{} UTC, {}",
            clock(first),
            words.count(uses, words.uses_count)
        ),
        format!(
            "{}: {}",
            words.sort(node.sort),
            shorten(&node.kind_name, 60)
        ),
    ];
    lines.extend(node.place.iter().map(|place| shorten(place, 90)));
    lines
}

/// Lines as one quoted string.
fn quoted(lines: &[String]) -> String {
    let mut out = String::from("\"");
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            out.push_str("\\n");
        }
        for c in line.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '&' => out.push_str("&amp;"),
                c => out.push(c),
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes() {
        let lines = ["a\"]; b [label=\"".to_owned(), "\\N &lt; <b>".to_owned()];
        assert_eq!(
            quoted(&lines),
            "\"a\\\"]; b [label=\\\"\\n\\\\N &amp;lt; <b>\""
        );
    }
}
