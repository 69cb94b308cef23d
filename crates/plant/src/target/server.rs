//! Rows in database servers: what all of them have in common.

use lapwing_core::Placement;

use super::sealed::Planting;
use super::{Target, with_table};
use crate::bait::Wish;
use crate::diff::Diff;
use crate::error::PlantError;
use crate::table::address::{Address, Scheme};
use crate::table::life::{self, Open};
use crate::text::shapeless;
use crate::{Condition, Listed, Options, Plan, Run};

/// A sort of server.
pub(crate) struct Server {
    pub name: &'static str,
    pub summary: &'static str,
    pub scheme: &'static Scheme,
    pub open: Open,
}

impl Target for Server {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn example(&self) -> &'static str {
        self.scheme.example
    }
}

impl Planting for Server {
    fn claims(&self, target: &str, head: Option<&[u8]>) -> bool {
        head.is_none() && self.scheme.claims(target)
    }

    fn canonical(&self, target: &str) -> Option<Result<String, PlantError>> {
        let ours = self.scheme.claims(target);
        ours.then(|| Address::parse(target, self.scheme).map(|address| address.place()))
    }

    fn plan(&self, target: &str, wish: &Wish, options: &Options) -> Result<Plan, PlantError> {
        let address = Address::parse(target, self.scheme)?;
        if wish.row.is_empty() {
            return Err(shapeless(wish, self.name, address.place().as_ref()));
        }
        life::plan(address, self.open, self.name, wish, options)
    }

    fn check(&self, placement: &Placement) -> Result<Condition, PlantError> {
        let address = Address::parse(&placement.target, self.scheme)?;
        life::check(&address, self.open, placement)
    }

    fn uproot(&self, placement: &Placement, force: bool, run: Run) -> Result<Diff, PlantError> {
        let address = Address::parse(&placement.target, self.scheme)?;
        life::uproot(&address, self.open, placement, force, run)
    }

    fn tables(&self, database: &str) -> Option<Result<Vec<Listed>, PlantError>> {
        Some(self.listed(database))
    }
}

impl Server {
    fn listed(&self, database: &str) -> Result<Vec<Listed>, PlantError> {
        let address = Address::parse(&with_table(database, "none"), self.scheme)?;
        let failed = address.failed("list the tables");
        let mut session = (self.open)(&address)?;
        let mut listed = Vec::new();
        for name in session.tables().map_err(&failed)? {
            let Some(described) = session.describe(&name).map_err(&failed)? else {
                continue;
            };
            let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
            let columns = described.table.columns.into_iter();
            listed.push(Listed {
                target: with_table(database, &encoded),
                columns: columns.map(|column| column.name).collect(),
                name,
            });
        }
        Ok(listed)
    }
}
