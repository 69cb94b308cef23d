//! Fuzzes smpp.

#![no_main]

lapwing_fuzz::door!("smpp", false);
