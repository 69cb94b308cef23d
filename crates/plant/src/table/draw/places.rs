//! Where somebody lives: a town and what belongs to it are the template's; of postcodes a town has several.

use std::collections::BTreeSet;

use rand::seq::IndexedRandom as _;

use crate::table::Value;
use crate::table::learn::Learned;
use crate::table::roles::{is_place, is_postcode};

/// A postcode of the same town, as rare as the template's; anything else as the template has it.
pub(super) fn like(learned: &Learned<'_>, own: &[Value], at: usize, template: &Value) -> Value {
    if !is_postcode(&learned.table.columns[at]) {
        return template.clone();
    }
    let columns = 0..learned.columns.len();
    let places: Vec<usize> = columns
        .filter(|other| *other != at && is_place(&learned.table.columns[*other]))
        .collect();
    let alike = |row: &&Vec<Value>| places.iter().all(|place| row[*place] == own[*place]);
    let count = |value: &Value| learned.columns[at].counts.get(&value.token()).copied();
    // One that a row less has, for it is to be ours as well.
    let own_count = count(template).unwrap_or(1);
    let rows = learned.rows.iter().filter(alike).map(|row| &row[at]);
    if own_count == 1
        && !places.is_empty()
        && let Some(between) = code_between(rows.clone())
    {
        return Value::Text(between);
    }
    let near = rows.filter_map(|value| Some((count(value)?, value)));
    let near = near.filter(|(count, _)| *count < own_count.max(2));
    let near: Vec<(usize, &Value)> = near.collect();
    let most = near.iter().map(|(count, _)| *count).max();
    let near: Vec<&Value> = near
        .into_iter()
        .filter(|(count, _)| Some(*count) == most)
        .map(|(_, value)| value)
        .collect();
    let chosen = near.choose(&mut rand::rng()).copied();
    if places.is_empty() {
        template
    } else {
        chosen.unwrap_or(template)
    }
    .clone()
}

/// A code that no row has among those of a town, where they fill a fourth of their range: it is sure to be
/// the town's.
fn code_between<'a>(codes: impl Iterator<Item = &'a Value>) -> Option<String> {
    let texts: BTreeSet<&str> = codes.map(Value::text).collect::<Option<_>>()?;
    let width = texts.first()?.len();
    let figures = |text: &&str| text.len() == width && text.bytes().all(|b| b.is_ascii_digit());
    let numbers = texts.iter().filter(|text| figures(text));
    let numbers: BTreeSet<u32> = numbers.filter_map(|text| text.parse().ok()).collect();
    let (least, most) = (*numbers.first()?, *numbers.last()?);
    let filled = u32::try_from(numbers.len()).ok()?;
    if numbers.len() != texts.len() || filled < 3 || most - least >= filled.checked_mul(4)? {
        return None;
    }
    let open: Vec<u32> = (least..most)
        .filter(|code| !numbers.contains(code))
        .collect();
    let code = open.choose(&mut rand::rng())?;
    Some(format!("{code:0width$}"))
}
