//! Fuzzes postgres.

#![no_main]

lapwing_fuzz::door!("postgres", false);
