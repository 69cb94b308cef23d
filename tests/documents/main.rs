//! Documents before the programs that people open them with: LibreOffice and Chromium open what was
//! minted and trip what should trip; strict readers take it for sound; two hundred of a kind are no more
//! alike than two hundred that LibreOffice wrote.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests: what is not there fails them"
)]

mod access;
mod desk;
mod likeness;
mod opening;
mod own;
