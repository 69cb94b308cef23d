//! Actors: what an actor rests on, what the operator decides of it, and how well trips are linked where the truth is known.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod benchmark;
mod decisions;
