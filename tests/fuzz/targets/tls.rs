//! Fuzzes tls.

#![no_main]

lapwing_fuzz::door!("http", true);
