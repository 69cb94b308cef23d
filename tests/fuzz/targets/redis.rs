//! Fuzzes redis.

#![no_main]

lapwing_fuzz::door!("redis", false);
