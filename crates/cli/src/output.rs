//! Printing: data to stdout, words to stderr, tables for people, JSON for programs, progress for
//! what takes long.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write};

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{HumanFloatCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use lapwing_core::text;
use serde::Serialize;

/// Turns colour off for good; otherwise `NO_COLOR` and the terminal decide.
pub(crate) fn set_colour(never: bool) {
    if never {
        ColorChoice::Never.write_global();
    }
}

/// A colour as a style.
pub(crate) const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi(colour)))
}

/// Prints one line of data.
pub(crate) fn line(text: &str) -> io::Result<()> {
    writeln!(anstream::stdout(), "{text}")
}

/// Says something to the person at the terminal.
pub(crate) fn say(text: &str) {
    // Whether stderr can be written is nothing a command should fail of.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Prints a value as JSON, indented.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    raw(json_text(value)?.as_bytes())?;
    Ok(())
}

/// Prints what is printable already.
pub(crate) fn raw(text: &[u8]) -> io::Result<()> {
    io::stdout().lock().write_all(text)
}

/// What [`json`] prints.
pub(crate) fn json_text(value: &impl Serialize) -> anyhow::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(printable(&text) + "\n")
}

/// JSON text with what a terminal would act on escaped: it may hold an intruder's words, and JSON
/// itself asks for that below U+0020 only.
pub(crate) fn printable(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && text::is_unprintable(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// A table with a head, as wide as the terminal.
pub(crate) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head.iter().map(|text| text.to_uppercase()));
    table
}

/// Prints a table without blanks at line ends.
pub(crate) fn print_table(table: &Table) -> io::Result<()> {
    for text in table.to_string().lines() {
        line(text.trim_end())?;
    }
    Ok(())
}

/// A progress bar on stderr; invisible where stderr is no terminal.
pub(crate) fn progress(length: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(8));
    let style =
        ProgressStyle::with_template("{msg} [{bar:32}] {human_pos}/{human_len} {rate} ETA {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("rate", |state: &ProgressState, to: &mut dyn fmt::Write| {
                // A bar has nowhere to fail to.
                let _ = write!(to, "{:.0}/s", HumanFloatCount(state.per_sec()));
            })
            .progress_chars("=> ");
    bar.set_style(style);
    bar.set_message(what.to_owned());
    bar
}

/// Whether a person can be asked something.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}
