//! What a row takes after: rows of the sample, one for each group of columns that hang together.

use rand::seq::IndexedRandom as _;

use super::TRIES;
use crate::bait::Wish;
use crate::names;
use crate::table::Value;
use crate::table::learn::{Learned, Role, ratio};

/// Columns that hold what a row may do: rare values of these are not given to bait.
const RIGHTS: [&str; 8] = [
    "role",
    "admin",
    "staff",
    "superuser",
    "permission",
    "permissions",
    "privilege",
    "owner",
];
/// A value rarer than this is a right that few have.
const FEW: f64 = 0.1;
/// Which part of the rows is new, and how many at least.
const NEWEST: usize = 6;
const FEWEST: usize = 50;
/// What a row is to take after: of each group of columns that hang together what one neighbour has; of those
/// that change with time what a new one has. None has rights that few have, and in the columns `wanted` each
/// has something.
pub(super) fn template(learned: &Learned<'_>, wanted: &[usize]) -> Option<Vec<Value>> {
    let mut random = rand::rng();
    let newest = (learned.rows.len() / NEWEST)
        .max(FEWEST)
        .min(learned.rows.len());
    let mut chosen = || {
        let mut template = learned.rows.choose(&mut random)?.clone();
        for group in &learned.groups().all {
            let rows = if group.drifts {
                &learned.rows[..newest]
            } else {
                learned.rows
            };
            let wanted = || wanted.iter().filter(|at| group.columns.contains(at));
            let has = |row: &&Vec<Value>| wanted().all(|at| row[*at] != Value::Null);
            let having: Vec<&Vec<Value>> = rows.iter().filter(has).collect();
            let row = having
                .choose(&mut random)
                .copied()
                .or(rows.choose(&mut random))?;
            for at in &group.columns {
                template[*at] = row[*at].clone();
            }
        }
        Some(template)
    };
    let mut template = chosen()?;
    for _ in 0..TRIES {
        if !is_privileged(learned, &template) {
            break;
        }
        template = chosen()?;
    }
    Some(template)
}

/// Whether a row has rights that few have.
fn is_privileged(learned: &Learned<'_>, row: &[Value]) -> bool {
    (0..row.len()).any(|at| {
        let column = &learned.columns[at];
        let name = names::snake(&learned.table.columns[at].name);
        let rights = name.split('_').any(|word| RIGHTS.contains(&word));
        let count = column.counts.get(&row[at].token()).copied().unwrap_or(1);
        rights && column.role == Role::Category && ratio(count, column.filled) < FEW
    })
}

/// Whether a field of the canary yields to what the neighbours have in its column, as far as they tell.
pub(super) fn takes_over(learned: &Learned<'_>, wish: &Wish, at: usize, field: &str) -> bool {
    let column = &learned.columns[at];
    let known = column.filled > 0 && column.role != Role::Phone;
    wish.free.contains(field) && wish.yields(field) && known
}
