//! What end-to-end tests share: the built binary, a home for it, a running station, requests as raw
//! bytes, and catchers of alerts. Everything stays on loopback; every wait has a deadline.
//!
//! The modules are one flat name space: a test says `use lapwing_tests::*`.

#[path = "harness/beacon.rs"]
mod beacon;
#[path = "harness/home.rs"]
mod home;
#[path = "harness/http.rs"]
mod http;
#[path = "harness/line.rs"]
mod line;
#[path = "harness/port.rs"]
mod port;
#[path = "harness/process.rs"]
mod process;
#[path = "harness/siege.rs"]
pub mod siege;
#[path = "harness/station.rs"]
mod station;
#[path = "harness/waiting.rs"]
mod waiting;

pub use beacon::Beacon;
pub use home::{Home, Minted, trips};
pub use http::{Answer, exchange, get, post};
pub use lapwing_testkit::{Hook, Mail, MailCatcher, WebhookCatcher};
pub use line::Line;
pub use port::free;
pub use process::{Ran, binary, finish, finish_within, repository, venv};
pub use station::Station;
pub use waiting::{eventually, within};
