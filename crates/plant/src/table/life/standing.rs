//! What has become of rows of ours.

use lapwing_core::{Placement, PlacementState};

use super::Site;
use super::record::{Detail, Kept, Remembered, digest};
use crate::Condition;
use crate::error::PlantError;
use crate::table::session::{self, Session};
use crate::table::{Cell, Table, Value};

/// What has become of one row; with the cells that name it.
pub(super) enum Standing {
    Absent,
    /// As planted.
    Same(Vec<Cell>),
    /// The canary's own values stand; something else was changed.
    Touched(Vec<Cell>),
    /// The canary's own values were changed.
    Altered(Vec<Cell>),
}

/// Looks for every row of a placement.
pub(super) fn standing(
    session: &mut dyn Session,
    site: &Site,
    placement: &Placement,
    detail: &Detail,
) -> Result<Vec<Standing>, PlantError> {
    let failed = site.failed("look for the row");
    let mut found: Vec<Standing> = Vec::new();
    // Children first: before the planting was confirmed only they tell which parents are ours.
    let mut keys: Vec<Vec<Cell>> = detail.rows.iter().map(|row| row.key.clone()).collect();
    for at in (0..detail.rows.len()).rev() {
        let row = &detail.rows[at];
        let Some(described) = session.describe(&row.table).map_err(&failed)? else {
            found.push(Standing::Absent);
            continue;
        };
        let table = &described.table;
        let (standing, cells) = one(session, placement, table, row, &keys[at]).map_err(&failed)?;
        for link in &row.links {
            let value = cells.iter().find(|cell| cell.column == link.column);
            if let (true, Some(cell)) = (keys[link.row].is_empty(), value) {
                keys[link.row] = vec![Cell::new(&link.to, cell.value.clone(), false)];
            }
        }
        found.push(standing);
    }
    found.reverse();
    Ok(found)
}

type Said = crate::table::address::Said;

fn one(
    session: &mut dyn Session,
    placement: &Placement,
    table: &Table,
    row: &Remembered,
    key: &[Cell],
) -> Result<(Standing, Vec<Cell>), Said> {
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let canary: Vec<Cell> = row
        .kept
        .iter()
        .filter_map(|kept| Some(Cell::new(&kept.column, kept.canary.clone()?, true)))
        .collect();
    let mut by = key.to_vec();
    let mut found = session::read(session, table, &by, &names)?;
    if found.is_empty() && !canary.is_empty() {
        by = canary.clone();
        found = session::read(session, table, &by, &names)?;
        let named: Option<Vec<Cell>> = found.first().map(|cells| {
            let keys = cells
                .iter()
                .filter(|cell| table.primary.contains(&cell.column));
            keys.cloned().collect()
        });
        if let Some(named) = named.filter(|named| !named.is_empty()) {
            by = named;
        }
    }
    let (Some(cells), true) = (found.pop(), found.is_empty()) else {
        return Ok((Standing::Absent, Vec::new()));
    };
    let value = |column: &str| {
        let cell = cells.iter().find(|cell| cell.column == column);
        cell.map_or(Value::Null, |cell| cell.value.clone())
    };
    let stands = canary
        .iter()
        .all(|cell| cell.value.alike(&value(&cell.column)));
    let like = |kept: &&Kept| digest(placement, &kept.column, &value(&kept.column)) == kept.digest;
    let alike = row.kept.iter().filter(like).count();
    let beside = |kept: &&Kept| !table.primary.contains(&kept.column);
    let (most, all) = (
        row.kept.iter().filter(beside).filter(like).count(),
        row.kept.iter().filter(beside).count(),
    );
    let standing = if stands && alike == row.kept.len() {
        Standing::Same(by)
    } else if stands && !canary.is_empty() {
        Standing::Touched(by)
    } else if most * 5 >= all * 3 {
        Standing::Altered(by)
    } else {
        // A key that another row has come to bear.
        Standing::Absent
    };
    Ok((standing, cells))
}

/// One word for all rows of a placement; the last is the canary's.
pub(super) fn condition(found: &[Standing], state: PlacementState) -> Condition {
    let some = found.iter().any(|row| !matches!(row, Standing::Absent));
    let Some(main) = found.last().filter(|_| some) else {
        return Condition::Missing;
    };
    if state == PlacementState::Intended {
        return Condition::HalfPlanted;
    }
    let all = |test: fn(&Standing) -> bool| found.iter().all(test);
    match main {
        Standing::Absent => Condition::HalfPlanted,
        Standing::Altered(_) => Condition::Changed,
        _ if all(|row| matches!(row, Standing::Same(_))) => Condition::Present,
        _ => Condition::Moved,
    }
}

/// Refuses to take out what is not there, or no longer ours.
pub(super) fn require_ours(site: &Site, found: &[Standing], force: bool) -> Result<(), PlantError> {
    if found.iter().all(|row| matches!(row, Standing::Absent)) {
        let problem = site.problem("nothing of this canary stands there any more");
        return Err(PlantError::NotOurs(
            problem.hint("`--force` gives the placement up"),
        ));
    }
    let changed = |row: &Standing| matches!(row, Standing::Touched(_) | Standing::Altered(_));
    if !force && found.iter().any(changed) {
        let problem = site.problem("the row has been changed since it was planted");
        return Err(PlantError::NotOurs(
            problem.hint("look at it, then take it out with --force"),
        ));
    }
    Ok(())
}
