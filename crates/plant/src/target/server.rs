//! Rows in database servers: what all of them have in common.

use lapwing_core::Placement;

use super::sealed::Planting;
use super::{Target, with_table};
use crate::bait::Wish;
use crate::diff::Diff;
use crate::error::PlantError;
use crate::table::address::{Address, Object, Scheme};
use crate::table::dialect::Dialect;
use crate::table::life::{self, Site, decoy};
use crate::table::session::{Access, Session};
use crate::text::shapeless;
use crate::{Condition, Listed, Options, Plan, Run};

/// Opens a connection for an address.
type Open = fn(&Address, Access) -> Result<Box<dyn Session>, PlantError>;

/// A sort of server.
pub(crate) struct Server {
    pub name: &'static str,
    pub summary: &'static str,
    pub scheme: &'static Scheme,
    pub dialect: Dialect,
    pub(super) open: Open,
}

impl Server {
    fn site(&self, address: Address) -> Site {
        let open = self.open;
        Site {
            place: address.place(),
            object: address.named.object,
            table: address.named.name.clone(),
            like: address.named.like.clone(),
            open: Box::new(move |access| open(&address, access)),
        }
    }
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

    fn dialect(&self) -> Option<Dialect> {
        Some(self.dialect)
    }

    fn plan(&self, target: &str, wish: &Wish, options: &Options) -> Result<Plan, PlantError> {
        let address = Address::parse(target, self.scheme)?;
        let (object, database) = (address.named.object, address.database.clone());
        if wish.row.is_empty() {
            return Err(shapeless(wish, self.name, address.place().as_ref()));
        }
        let site = self.site(address);
        match object {
            Object::Row | Object::NewTable => life::plan(site, self.name, wish, options),
            Object::View => decoy::plan_view(site, self.name, wish, options),
            Object::Role => decoy::plan_role(site, self.name, wish, &database),
        }
    }

    fn check(&self, placement: &Placement) -> Result<Condition, PlantError> {
        let address = Address::parse(&placement.target, self.scheme)?;
        let site = self.site(address);
        match site.object {
            Object::Row | Object::NewTable => life::check(&site, placement),
            Object::View | Object::Role => decoy::check(&site, placement),
        }
    }

    fn uproot(&self, placement: &Placement, force: bool, run: Run) -> Result<Diff, PlantError> {
        let address = Address::parse(&placement.target, self.scheme)?;
        let site = self.site(address);
        match site.object {
            Object::Row | Object::NewTable => life::uproot(&site, placement, force, run),
            Object::View | Object::Role => decoy::uproot(&site, placement, force, run),
        }
    }

    fn tables(&self, database: &str) -> Option<Result<Vec<Listed>, PlantError>> {
        let address = Address::parse(&with_table(database, "none"), self.scheme);
        Some(address.and_then(|address| {
            life::listed(&self.site(address), |name| {
                let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
                with_table(database, &name)
            })
        }))
    }
}
