//! Fuzzes ldap.

#![no_main]

lapwing_fuzz::door!("ldap", false);
