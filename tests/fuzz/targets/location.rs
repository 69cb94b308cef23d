//! Fuzzes databases of geography: IPFire's `location.db`, and MaxMind's format.

#![no_main]

use std::net::IpAddr;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use lapwing_attribute::Geography;

/// Addresses of both families that samples and the embedded data know.
const ASKED: [&str; 6] = [
    "193.0.6.139",
    "185.220.101.7",
    "8.8.8.8",
    "2001:67c:2e8::1",
    "2a00:1450:4000::1",
    "2c0f:f248::1",
];

static GEOGRAPHY: LazyLock<Mutex<Geography>> =
    LazyLock::new(|| Mutex::new(Geography::embedded().expect("it is built in")));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut geography = GEOGRAPHY.lock().expect("nothing panicked before");
    let read = geography.add_read(bytes.to_vec(), Path::new("fuzzed"));
    if read.is_ok() {
        for address in ASKED {
            let address: IpAddr = address.parse().expect("an address");
            let _ = geography.lookup(address);
        }
    }
    geography.drop_files();
});
