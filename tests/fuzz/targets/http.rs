//! Fuzzes http.

#![no_main]

lapwing_fuzz::door!("http", false);
