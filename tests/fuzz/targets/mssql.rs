//! Fuzzes mssql.

#![no_main]

lapwing_fuzz::door!("mssql", false);
