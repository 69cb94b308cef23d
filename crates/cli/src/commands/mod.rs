//! One file a command, or a few that belong together.

mod actors;
pub(crate) mod agent;
mod alert;
mod allow;
mod artifact;
mod audit;
mod backup;
mod bundle;
mod canaries;
mod check;
mod config;
mod credential;
mod declared;
mod demo;
mod drill;
pub(crate) mod elsewhere;
mod erasures;
mod evidence;
mod exclude;
mod filter;
mod forget;
mod geo;
mod holds;
mod hosts;
mod incidents;
mod init;
mod kinds;
mod listen;
mod lists;
pub(crate) mod mint;
mod mutes;
mod network;
mod orphans;
mod placements;
pub(crate) mod plant;
mod protocols;
mod purge;
mod recommend;
mod redact;
mod reindex;
mod report;
mod rotate;
mod scan;
mod schedule;
mod status;
mod tls;
mod trips;

use crate::args::{Args, Command};
use crate::failure::Exit;

/// Runs a command.
pub(crate) fn run(args: Args) -> anyhow::Result<Exit> {
    let Args { global, command } = args;
    match command {
        Command::Demo(args) => demo::run(&global, &args),
        Command::Init(args) => init::run(&global, &args),
        Command::Kinds(args) => kinds::run(&global, &args),
        Command::Lists(args) => lists::run(&global, &args),
        Command::Status => status::run(&global),
        Command::Protocols => protocols::run(&global),
        Command::Mint(args) => mint::run(&global, &args),
        Command::Canaries(args) => canaries::list(&global, &args),
        Command::Retire(args) => canaries::retire(&global, &args),
        Command::Plant(args) => plant::plant(&global, &args),
        Command::Recommend(args) => recommend::run(&global, &args),
        Command::Places(_) => plant::places(&global),
        Command::Check(args) => check::run(&global, &args),
        Command::Exclude(args) => exclude::run(&global, &args),
        Command::Uproot(args) => plant::uproot(&global, &args),
        Command::Credential(args) => credential::run(&global, &args),
        Command::Rotate(args) => rotate::run(&global, &args),
        Command::Plan(args) => declared::plan(&global, &args),
        Command::Apply(args) => declared::apply(&global, &args),
        Command::Drift(args) => declared::drift(&global, &args),
        Command::Destroy(args) => declared::destroy(&global, &args),
        Command::Filter(args) => filter::run(&global, &args),
        Command::Bundle(args) => bundle::run(&global, &args),
        Command::Placements(args) => placements::run(&global, &args),
        Command::Hosts(args) => hosts::run(&global, &args),
        Command::Agent(args) => agent::run(&args),
        Command::Listen(args) => listen::run(&global, &args),
        Command::Tls(args) => tls::run(&global, &args),
        Command::Drill(args) => drill::run(&global, &args),
        Command::Schedule(args) => schedule::run(&global, &args),
        Command::Trips(args) => trips::list(&global, &args),
        Command::Trip(args) => trips::show(&global, &args),
        Command::Watch(_) => trips::watch(&global),
        Command::Incidents(args) => incidents::list(&global, &args),
        Command::Incident(args) => incidents::show(&global, &args),
        Command::Mute(args) => mutes::add(&global, &args),
        Command::Mutes(args) => mutes::list(&global, &args),
        Command::Unmute(args) => mutes::end(&global, &args),
        Command::Actors(args) => actors::list(&global, &args),
        Command::Actor(args) => actors::actor(&global, &args),
        Command::Alert(args) => alert::run(&global, &args),
        Command::Report(args) => report::run(&global, &args),
        Command::Audit(args) => audit::run(&global, &args),
        Command::Orphans(args) => orphans::run(&global, &args),
        Command::Allow(args) => allow::run(&global, &args),
        Command::Scan(args) => scan::run(&global, &args),
        Command::Geo(args) => geo::run(&global, &args),
        Command::Network(args) => network::run(&global, &args),
        Command::Evidence(args) => evidence::run(&global, &args),
        Command::Hold(args) => holds::add(&global, &args),
        Command::Holds(args) => holds::list(&global, &args),
        Command::Unhold(args) => holds::end(&global, &args),
        Command::Purge(args) => purge::run(&global, &args),
        Command::Redact(args) => redact::run(&global, &args),
        Command::Erasures => erasures::list(&global),
        Command::Reindex(_) => reindex::run(&global),
        Command::Backup(args) => backup::backup(&global, &args),
        Command::Restore(args) => backup::restore(&global, &args),
        Command::Config(_) => config::run(&global),
    }
}
