//! Fuzzes ssh.

#![no_main]

lapwing_fuzz::door!("ssh", false);
