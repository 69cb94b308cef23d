//! What every engine does on the way to a row: finding the columns that can hold the canary, and
//! judging what was drawn.

use super::address::Said;
use super::draw::Drawn;
use super::likely::{self, Likely};
use super::roles::mail_column;
use super::session::{self, Session};
use super::{Table, Value};
use crate::bait::{Column, Wish};
use crate::error::{PlantError, Problem};

/// How many rows show where e-mail addresses are.
const ENOUGH: usize = 200;

/// What to do where no likely row can be drawn.
pub(crate) const UNLIKELY: &str =
    "choose a table whose rows are more like this kind, or set fewer values with --set";

/// Looks for the column of e-mail addresses among the rows of a table, where the canary has one and no
/// column is called as its kind says.
pub(crate) fn find_mail(
    session: &mut dyn Session,
    table: &mut Table,
    of: &str,
    wish: &Wish,
) -> Result<(), Said> {
    let mapped = table.mapped(wish);
    let open = |hint: &&Column| {
        let placed = mapped.iter().any(|(_, field)| *field == hint.field);
        hint.takes_mail() && wish.fields.contains_key(&hint.field) && !placed
    };
    if wish.row.iter().any(|hint| open(&hint)) {
        let neighbours = Table {
            name: of.to_owned(),
            ..table.clone()
        };
        let rows = session::sample(session, &neighbours, ENOUGH)?;
        table.mail = mail_column(table, &rows);
    }
    Ok(())
}

/// Refuses a table without a column for what the canary is recognised by.
pub(crate) fn require_column(table: &Table, wish: &Wish, place: &str) -> Result<(), PlantError> {
    let mapped = table.mapped(wish);
    if !mapped.is_empty() && wish.recognisable(mapped.iter().map(|(_, field)| *field)) {
        return Ok(());
    }
    let wanted: Vec<&str> = wish
        .row
        .iter()
        .filter(|hint| wish.tells(&hint.field))
        .flat_map(|hint| hint.names.iter().map(String::as_str))
        .collect();
    let what = format!(
        "has no column that can hold what {} is recognised by (its columns: {})",
        wish.kind,
        table.listing()
    );
    Err(PlantError::Shape(Problem::new(place, what).hint(format!(
        "choose a table with one of: {}",
        wanted.join(", ")
    ))))
}

/// Judges a row; what the operator has set and only the canary can hold does not count.
///
/// # Errors
/// It is less likely than ninety-nine in a hundred of its neighbours; says so.
pub(crate) fn likely(judge: &Likely<'_>, wish: &Wish, drawn: &mut Drawn) -> Result<(), String> {
    let learned = judge.learned;
    let mut firm = vec![false; drawn.values.len()];
    for (at, field) in learned.table.mapped(wish) {
        let kept = !wish.free.contains(field) || !drawn.refined.contains_key(field);
        firm[at] = drawn.canary[at] && kept;
    }
    let row: Vec<Value> = drawn
        .values
        .iter()
        .map(|value| value.clone().unwrap_or(Value::Null))
        .collect();
    for (firm, value) in firm.iter_mut().zip(&drawn.values) {
        *firm |= value.is_none();
    }
    let Some(threshold) = judge.threshold(&firm) else {
        return Ok(());
    };
    let score = judge.score(&row, &firm, 0);
    if score.total < threshold {
        return Err(likely::refusal(learned, &score, threshold));
    }
    drawn.score = Some((score.total, threshold));
    Ok(())
}
