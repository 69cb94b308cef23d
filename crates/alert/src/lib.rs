//! From trips to somebody's attention: incidents, the messages about them, and the channels that
//! carry those.
//!
//! [`fold`] puts trips together into incidents, without a clock and the same way each time.
//! [`Message`] says what happened in words that hold no bait. [`Dispatcher`] takes queued messages
//! out of an [`Outbox`] and hands them to [`Channel`]s until each one arrived or is given up, in
//! which case the other channels say so. A message may arrive twice (after a crash between sending
//! and noting it), always under the same id, and is never lost silently.
//!
//! Deliberately absent: nothing here connects to an address found in a trip.

mod channel;
mod dispatch;
mod email;
mod error;
mod fold;
mod guard;
mod html;
mod lane;
pub mod message;
mod outbox;
mod pace;
mod parts;
mod scrub;
mod settings;
mod tls;
mod webhook;
mod words;

#[cfg(test)]
mod samples;

pub use channel::{Build, CHANNELS, Channel, ChannelKind, Sending, delivery};
pub use dispatch::Dispatcher;
pub use error::{AlertError, ChannelError};
pub use fold::{Folded, fold, goes_on};
pub use guard::Guard;
pub use message::{
    BaitPart, IncidentFacts, IncidentPart, Message, NetworkPart, SCHEMA_VERSION, TripPart,
};
pub use outbox::Outbox;
pub use pace::Pace;
pub use tls::client as tls_client;
