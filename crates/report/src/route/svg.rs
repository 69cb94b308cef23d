//! The drawing of the route as SVG.

use std::fmt::Write as _;

use super::draw::{Drawing, Look, Mark, TRUNK, WIDTH, draw};
use super::shorten;
use crate::findings::Findings;
use crate::outline;

/// The drawing as a file of its own.
pub(super) fn page(all: &Findings) -> String {
    let words = all.words;
    let drawing = draw(all);
    let (height, elements, description) = match &drawing {
        Some(it) => (it.height, it.elements(), it.description.as_str()),
        None => (8.0, String::new(), ""),
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

impl Drawing {
    /// Its elements; every text in them is escaped.
    pub(crate) fn elements(&self) -> String {
        let marks = self.parts.iter().flat_map(|part| &part.marks);
        marks.map(element).collect()
    }
}

fn element(mark: &Mark) -> String {
    match mark {
        Mark::Text(look, (x, y), text) => {
            let class = match look {
                Look::Actor => "actor",
                Look::Name => "name",
                Look::Sub => "sub",
                Look::Lapse => "lapse",
            };
            format!(
                "<text class=\"{class}\" x=\"{x}\" y=\"{y:.1}\">{}</text>\n",
                xml(text)
            )
        }
        Mark::Label((x, y), text) => format!(
            "<text class=\"lapse\" text-anchor=\"end\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>\n",
            xml(text)
        ),
        Mark::Trunk { dashed, ends } => {
            let class = if *dashed { "trunk dashed" } else { "trunk" };
            let (from, to) = ends;
            format!(
                "<line class=\"{class}\" x1=\"{TRUNK}\" x2=\"{TRUNK}\" y1=\"{from:.1}\" y2=\"{to:.1}\"/>\n"
            )
        }
        Mark::Node { first, y } => {
            let class = if *first { "node first" } else { "node" };
            format!("<circle class=\"{class}\" cx=\"{TRUNK}\" cy=\"{y:.1}\" r=\"7\"/>\n")
        }
        Mark::Arc {
            x: (x, left),
            y: (from, to),
        } => format!(
            "<path class=\"way\" d=\"M{x:.1} {from:.1}C{left:.1} {from:.1} {left:.1} {to:.1} {x:.1} {to:.1}\"/>\n"
        ),
    }
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
