//! What the decoy databases hold: tables of people and payments that never were, made by the catalogue's own
//! generators from the station's seed and the canary that opens them, so that they are the same whenever it is used.
//! Their e-mail addresses are at the operator's domain or an example one, no telephone number is shown, and no column
//! leads to a listener: what is read here is no bait of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use lapwing_catalog::{Address, Catalog, Dialect, Dump, DumpOrder, Kind, MintOrder, Scene, Sort};
use lapwing_core::CanaryId;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use crate::sql::{Column, Table, Type, Value};
use crate::station::Station;
use crate::visit::Account;

/// The records that tables are made of, the name of their table if that kind's is taken, and how many rows it has.
const RECORDS: &[(&str, &str, [u64; 2])] = &[
    ("customer", "customers", [60, 140]),
    ("payment", "payments", [150, 320]),
    ("employee", "staff", [9, 24]),
];
/// The database of an account that names none.
const DEFAULT: &str = "app";

/// A database with its tables.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) tables: Vec<Table>,
}

/// The databases that somebody looks at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Databases(Arc<Mutex<BTreeMap<CanaryId, Weak<Database>>>>);

impl Databases {
    fn known(&self, id: &CanaryId) -> Option<Arc<Database>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, database| database.strong_count() > 0);
        known.get(id)?.upgrade()
    }

    fn keep(&self, id: CanaryId, database: &Arc<Database>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(id, Arc::downgrade(database));
    }
}

/// The database that an account opens. It is made on a thread of its own, and shared by its connections.
pub(crate) async fn open(station: &Station, account: &Account) -> Arc<Database> {
    let id = account.canary.id;
    if let Some(database) = station.system.databases.known(&id) {
        return database;
    }
    let catalog = Arc::clone(&station.catalog);
    let mut seed = Sha256::new();
    seed.update(station.system.bytes("database"));
    seed.update(id.to_string());
    let order = Order {
        name: account
            .database
            .clone()
            .unwrap_or_else(|| DEFAULT.to_owned()),
        seed: seed.finalize().into(),
        mail_domain: mail_domain(&station.hostname),
        minted: account.canary.minted,
    };
    let name = order.name.clone();
    let made = tokio::task::spawn_blocking(move || order.make(&catalog)).await;
    let database = Arc::new(made.unwrap_or_else(|_| Database {
        name,
        tables: Vec::new(),
    }));
    station.system.databases.keep(id, &database);
    database
}

/// The operator's domain, as far as the station's name tells it.
fn mail_domain(hostname: &str) -> String {
    let own = hostname.contains('.')
        && !hostname.ends_with("localdomain")
        && hostname.parse::<std::net::IpAddr>().is_err();
    if own {
        hostname.to_ascii_lowercase()
    } else {
        "example.com".to_owned()
    }
}

struct Order {
    name: String,
    seed: [u8; 32],
    mail_domain: String,
    minted: lapwing_core::Timestamp,
}

impl Order {
    fn make(self, catalog: &Catalog) -> Database {
        let mut rng = StdRng::from_seed(self.seed);
        let mut tables: Vec<Table> = Vec::new();
        for (id, other, [low, high]) in RECORDS {
            // The operator's own file may stand in place of a kind.
            let Some(kind) = catalog.kind(id) else {
                continue;
            };
            let count = rng.random_range(*low..*high);
            let Some(mut table) = self.table(kind, count, &mut rng) else {
                continue;
            };
            if tables.iter().any(|known| known.name == table.name) {
                (*other).clone_into(&mut table.name);
            }
            tables.push(table);
        }
        tables.sort_by(|one, two| one.name.cmp(&two.name));
        Database {
            name: self.name,
            tables,
        }
    }

    fn table(&self, kind: &Kind, count: u64, rng: &mut StdRng) -> Option<Table> {
        let order = DumpOrder {
            dialect: Dialect::Postgresql,
            table: None,
            count,
            phones: false,
            now: self.minted,
        };
        let style = rng.random();
        let mut dump = Dump::new(kind, order, rng);
        // Only its columns with our address would show it.
        let address = Address::parse("https://www.example.com").ok()?;
        let shown = |field: Option<&str>| {
            field.is_none_or(|field| {
                !field.starts_with("beacon.") && !kind.is_secret(field) && field != "phone"
            })
        };
        let shown: Vec<bool> = dump.shape().map(|(_, _, field, _)| shown(field)).collect();
        let mut rows = Vec::new();
        let sorts: Vec<Sort> = dump.shape().map(|column| column.1).collect();
        for _ in 0..count {
            let created = dump.next_created();
            let fields = kind.mint(&mut MintOrder {
                rng,
                address: Some(&address),
                mail_domain: Some(&self.mail_domain),
                set: &BTreeMap::new(),
                now: self.minted,
                scene: Scene {
                    created: Some(created),
                    style: Some(style),
                    ..Scene::default()
                },
            });
            let cells = dump.cells(&fields.ok()?);
            let cells = cells
                .into_iter()
                .zip(&sorts)
                .map(|(cell, sort)| value(cell, *sort));
            let row = cells
                .zip(&shown)
                .filter(|(_, shown)| **shown)
                .map(|(cell, _)| cell);
            rows.push(row.collect());
        }
        let columns = dump.shape().zip(&shown).filter(|(_, shown)| **shown);
        let columns = columns.map(|((name, sort, field, unique), _)| Column {
            name: name.to_owned(),
            kind: of_sort(sort),
            nullable: field.is_some() && !unique,
            key: field.is_none(),
            unique: unique && field.is_some(),
        });
        Some(Table {
            name: dump.table().to_owned(),
            columns: columns.collect(),
            rows,
            lenient: false,
        })
    }
}

fn of_sort(sort: Sort) -> Type {
    match sort {
        Sort::Serial | Sort::Integer => Type::Int,
        Sort::Amount => Type::Amount,
        Sort::Boolean => Type::Bool,
        Sort::Date => Type::Date,
        Sort::Timestamp => Type::Moment,
        Sort::Text(most) => Type::Text(most),
    }
}

fn value(cell: Option<String>, sort: Sort) -> Value {
    let Some(text) = cell else { return Value::Null };
    match sort {
        Sort::Serial | Sort::Integer => text.parse().map_or(Value::Text(text), Value::Int),
        Sort::Boolean => Value::Bool(text == "true"),
        _ => Value::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_core::Timestamp;

    #[test]
    fn a_canary_always_opens_the_same() {
        let catalog = Catalog::builtin().unwrap();
        let make = |seed| {
            let order = Order {
                name: "main".to_owned(),
                seed: [seed; 32],
                mail_domain: "bait.example".to_owned(),
                minted: Timestamp::from_micros(1_750_000_000_000_000),
            };
            order.make(&catalog)
        };
        let (one, again, other) = (make(1), make(1), make(2));
        assert_eq!(one.tables, again.tables);
        assert_ne!(one.tables, other.tables);
        assert_eq!(one.tables.len(), 3);
        for table in &one.tables {
            assert!(table.rows.len() > 8, "{}", table.name);
            assert!(table.columns[0].key, "{}", table.name);
            let text = format!("{:?}", table.rows);
            assert!(!text.contains("http"), "{text}");
            assert!(
                table
                    .rows
                    .iter()
                    .all(|row| row.len() == table.columns.len())
            );
        }
    }
}
