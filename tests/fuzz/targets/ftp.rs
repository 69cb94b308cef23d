//! Fuzzes ftp.

#![no_main]

lapwing_fuzz::door!("ftp", false);
