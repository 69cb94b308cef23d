//! Fuzzes http_proxy.

#![no_main]

lapwing_fuzz::door!("http-proxy", false);
