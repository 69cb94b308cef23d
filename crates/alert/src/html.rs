//! A message as HTML for mail programs: one table, styles inline (some programs drop `<style>`),
//! the dark ones in a media query (those that know it keep it). No images, scripts or links:
//! nothing in an alert is to be clicked.

use std::fmt::Write as _;

use lapwing_core::Occasion;

use crate::message::Message;
use crate::words;

const STYLE: &str = "@media (prefers-color-scheme: dark) {\
 body, .page { background: #16181d !important; color: #e6e6e6 !important }\
 .label, .quiet { color: #a3a8b3 !important }\
 pre { background: #22252c !important; color: #e6e6e6 !important } }";

/// The whole document.
pub(crate) fn page(message: &Message) -> String {
    let mut out = String::with_capacity(6 * 1024);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>{}</title><style>{STYLE}</style></head>\n\
         <body style=\"margin:0;background:#ffffff;color:#1b1d22\">\
         <div class=\"page\" style=\"max-width:44em;margin:0 auto;padding:16px;\
         font:15px/1.45 system-ui,-apple-system,'Segoe UI',sans-serif;\
         background:#ffffff;color:#1b1d22\">\n",
        Escaped(&message.subject)
    );
    if message.exercise {
        let _ = writeln!(
            out,
            "<p style=\"margin:0 0 12px;padding:8px 12px;background:#6b4fbb;color:#ffffff\">{}</p>",
            Escaped(words::EXERCISE)
        );
    }
    let _ = writeln!(
        out,
        "<p style=\"margin:0 0 16px;padding-left:12px;border-left:4px solid {};\
         font-size:17px\"><b>{}</b></p>",
        colour(message),
        Escaped(&message.text)
    );
    for note in &message.notes {
        let _ = writeln!(out, "<p>{}</p>", Escaped(note));
    }
    facts(&mut out, message);
    if !message.caution.is_empty() {
        let _ = writeln!(
            out,
            "<p class=\"quiet\" style=\"color:#5b616e\">{}</p>",
            Escaped(&message.caution)
        );
    }
    ending(&mut out, message);
    out.push_str("</div></body></html>\n");
    out
}

fn facts(out: &mut String, message: &Message) {
    out.push_str("<table role=\"presentation\" style=\"border-collapse:collapse\">\n");
    for (label, value) in words::rows(message) {
        let _ = writeln!(
            out,
            "<tr><td class=\"label\" style=\"padding:3px 16px 3px 0;vertical-align:top;\
             white-space:nowrap;color:#5b616e\">{label}</td>\
             <td style=\"padding:3px 0;word-break:break-word\">{}</td></tr>",
            Escaped(&value)
        );
    }
    out.push_str("</table>\n");
}

fn ending(out: &mut String, message: &Message) {
    if !message.next.is_empty() {
        out.push_str(
            "<p style=\"margin-bottom:4px\"><b>What to do</b></p>\n<ul style=\"margin-top:0\">\n",
        );
        for line in &message.next {
            let _ = writeln!(out, "<li>{}</li>", Escaped(line));
        }
        out.push_str("</ul>\n");
    }
    if !message.checkpoint.is_empty() {
        let _ = writeln!(
            out,
            "<p class=\"quiet\" style=\"margin-bottom:4px;color:#5b616e\">\
             Newest checkpoint of the journal</p>\n\
             <pre style=\"margin-top:0;padding:8px;background:#f2f3f5;color:#1b1d22;\
             font-size:12px;white-space:pre-wrap;word-break:break-all\">{}</pre>",
            Escaped(message.checkpoint.trim_end())
        );
    }
}

/// Red for what wants somebody now, amber for what may, green for what does not.
fn colour(message: &Message) -> &'static str {
    use lapwing_core::Verdict::{Automated, Drill, Echo, Intruder, Own, Preview};
    match (
        message.occasion,
        message.incident.as_ref().map(|part| part.verdict),
    ) {
        (Occasion::Alarm, _) | (_, Some(Intruder | Own)) => "#c62828",
        (_, Some(Automated | Preview | Echo)) => "#b26a00",
        (_, Some(Drill) | None) => "#2e7d32",
    }
}

/// Text between tags.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['<', '>', '&', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'&' => "&amp;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(
            Escaped("é<a href='x'>\"&\"</a>").to_string(),
            "é&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;"
        );
    }

    #[test]
    fn holds_nothing_active() {
        let html = page(&crate::samples::message());
        for forbidden in ["<script", "<img", "<a ", "http://", "https://", "url("] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
        assert!(html.len() < 16 * 1024, "{}", html.len());
    }
}
