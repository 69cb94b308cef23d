//! Fuzzes smtp.

#![no_main]

lapwing_fuzz::door!("smtp", false);
