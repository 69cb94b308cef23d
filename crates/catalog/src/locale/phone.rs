//! Telephone numbers: the operator's own, or of the ranges that regulators keep for fiction. Such a range
//! is public, and a number of it gives a record away; so without either a record shows none.
//!
//! Ranges: Ofcom (numbers for drama), NANPA (555-0100 to 555-0199), Bundesnetzagentur (Mitteilung
//! 148/2021), Arcep (decision 2018-0881: numbers for audiovisual works). The other locales' regulators
//! keep none.

use crate::dice::Dice;

use super::data::{Locale, Place};
use super::fill;

/// The word that asks for the range kept for fiction.
const RESERVED: &str = "reserved";
/// Most characters of a number.
const LONGEST: usize = 24;

/// Writes a number, or nothing.
pub(super) fn draw(
    phones: &[String],
    locale: &Locale,
    place: &Place,
    dice: &mut Dice<'_>,
    out: &mut String,
) {
    match dice.pick(phones).map(String::as_str) {
        None => {}
        Some(RESERVED) => out.push_str(&reserved(locale, place, dice).unwrap_or_default()),
        Some(own) => out.push_str(own),
    }
}

/// A number of the range kept for fiction: of the place's own area if there is one there.
fn reserved(locale: &Locale, place: &Place, dice: &mut Dice<'_>) -> Option<String> {
    let here = place
        .fiction
        .as_ref()
        .filter(|_| locale.fiction.is_empty() || dice.below(3) > 0);
    let pattern = match here {
        Some(here) => here,
        None => dice.pick(&locale.fiction)?,
    };
    Some(fill(&pattern.replace("{area}", &place.area), dice))
}

/// Whether a text asks for the range kept for fiction.
pub(super) fn is_reserved(text: &str) -> bool {
    text == RESERVED
}

/// Whether a text can be shown as a telephone number. A `+` at its head would make a formula of it in a
/// spreadsheet; write the number without.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text == RESERVED
        || (5..=15).contains(&digits)
            && text.len() <= LONGEST
            && text.starts_with(|first: char| first.is_ascii_digit() || first == '(')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b" ()-./".contains(&byte))
}
