//! Fuzzes mongodb.

#![no_main]

lapwing_fuzz::door!("mongodb", false);
