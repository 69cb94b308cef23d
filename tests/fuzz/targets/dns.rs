//! Fuzzes dns.

#![no_main]

lapwing_fuzz::door!("dns", false);
