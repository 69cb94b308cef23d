//! Fuzzes mysql.

#![no_main]

lapwing_fuzz::door!("mysql", false);
