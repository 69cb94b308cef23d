//! Redis: a key in a group of keys, planted as a row of a table is, or a key of our own for a credential.
//! Hashes and strings are written, over RESP2 and on this host only; nothing that is there is touched.

mod address;
mod beside;
mod facts;
mod form;
mod group;
mod make;
mod neighbours;
mod own;
mod plan;
mod reading;
mod record;
mod server;
mod uproot;
mod wire;
mod write;

use lapwing_core::Placement;

use self::address::{Address, EXAMPLE, Named};
use self::record::Detail;
use self::server::Server;
use super::sealed::Planting;
use super::{PassedOver, Target};
use crate::bait::Wish;
use crate::diff::Diff;
use crate::error::PlantError;
use crate::{Condition, Listed, Options, Plan, Run};

/// The target.
pub(crate) struct Redis;

impl Target for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn summary(&self) -> &'static str {
        "a key of Redis or Valkey: one more of a group, or a credential of its own"
    }

    fn example(&self) -> &'static str {
        EXAMPLE
    }
}

impl Planting for Redis {
    fn claims(&self, target: &str, head: Option<&[u8]>) -> bool {
        head.is_none() && Address::claims(target)
    }

    fn canonical(&self, target: &str) -> Option<Result<String, PlantError>> {
        let ours = Address::claims(target);
        ours.then(|| Address::parse(target).map(|address| address.place()))
    }

    fn passed_over(&self, placement: &Placement) -> Option<Result<PassedOver, PlantError>> {
        let read = || {
            let Detail { key, group, .. } = Detail::of(placement)?;
            let database = Address::parse(&placement.target)?.base();
            // A key of our own is in no group that a job goes through.
            Ok(group.map(|group| PassedOver {
                database,
                group,
                key,
            }))
        };
        read().transpose()
    }

    fn plan(&self, target: &str, wish: &Wish, options: &Options) -> Result<Plan, PlantError> {
        plan::plan(Address::parse(target)?, self.name(), wish, options)
    }

    fn check(&self, placement: &Placement) -> Result<Condition, PlantError> {
        let detail = Detail::of(placement)?;
        let mut server = Server::open(&Address::parse(&placement.target)?)?;
        record::condition(&mut server, placement, &detail)
    }

    fn uproot(&self, placement: &Placement, force: bool, run: Run) -> Result<Diff, PlantError> {
        let address = Address::parse(&placement.target)?;
        uproot::uproot(&address, placement, force, run)
    }

    fn tables(&self, database: &str) -> Option<Result<Vec<Listed>, PlantError>> {
        let list = |mut address: Address| {
            address.named = Named::Base;
            let listed = reading::listed(&address)?.into_iter();
            let one = |(name, columns): (String, Vec<String>)| Listed {
                target: address.of_group(&name),
                name,
                columns,
            };
            Ok(listed.map(one).collect())
        };
        Some(Address::parse(database).and_then(list))
    }
}
