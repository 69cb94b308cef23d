//! Who decides, and whether what they say can be shown.

use std::os::unix::fs::MetadataExt as _;

use lapwing_core::text;

use crate::args::By;
use crate::failure::Advice;

/// Most characters of a reason or a note.
const LONGEST: usize = 4000;

/// Who says so: by name, or the login name of whoever runs the command.
///
/// # Errors
/// A name that cannot be shown.
pub(crate) fn who(by: &By) -> anyhow::Result<String> {
    let By { by } = by;
    if let Some(name) = by {
        return said("by", name);
    }
    // Behind sudo everybody is root.
    let login = ["SUDO_USER", "LOGNAME", "USER"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|name| !name.trim().is_empty() && !name.chars().any(text::is_unprintable));
    let number = || std::fs::metadata("/proc/self").map_or(0, |about| about.uid());
    Ok(login.unwrap_or_else(|| format!("user {}", number())))
}

/// What the operator says, if it says something and a terminal can show it.
///
/// # Errors
/// It does not, or cannot.
pub(crate) fn said(what: &str, words: &str) -> anyhow::Result<String> {
    let trimmed = words.trim();
    let fits = trimmed.chars().count() <= LONGEST;
    if trimmed.is_empty() || !fits || trimmed.chars().any(text::is_unprintable) {
        let shown: String = trimmed.chars().take(60).collect();
        return Err(Advice::error(
            format!("--{what} {shown:?} says nothing that can be shown"),
            format!("write a name or a sentence on one line, at most {LONGEST} characters"),
        ));
    }
    Ok(trimmed.to_owned())
}
