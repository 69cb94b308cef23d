//! Actors: what an actor rests on, what the operator decides of it, and how well trips are linked where the truth is known.

mod benchmark;
mod decisions;
