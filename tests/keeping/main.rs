//! Incidents as work for people, and keeping and forgetting: what is erased is gone from the files, what is
//! held is not, and the log verifies whatever happens meanwhile.

mod digests;
mod holding;
mod incidents;
mod lookups;
mod purging;
mod redacting;
mod scene;
