//! Fuzzes lists that others publish: exits of the Tor network, MISP's warning lists; and the files that they are kept
//! in. The first byte says which.

#![no_main]

use std::net::IpAddr;
use std::path::Path;

use lapwing_attribute::exits::parse_lists;
use lapwing_attribute::lists::read_list;
use lapwing_attribute::{Exits, Lists};
use lapwing_core::Timestamp;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(bytes);
    let time = Timestamp::from_micros(1_795_000_000_000_000);
    let address = IpAddr::from([192, 0, 2, 1]);
    let again = |exits: &Exits| {
        let read = Exits::parse(&exits.to_text());
        assert_eq!(read.as_ref(), Ok(exits), "what is written is read");
        let _ = exits.at(address, time);
    };
    match which {
        b'e' => {
            if let Ok(lists) = parse_lists(&text, time) {
                again(&Exits::default().with(lists));
            }
        }
        b'h' => {
            if let Ok(exits) = Exits::parse(&text) {
                again(&exits);
            }
        }
        b'm' => {
            let _ = read_list(bytes);
        }
        _ => {
            if let Ok(lists) = Lists::read(bytes.to_vec(), Path::new("fuzzed")) {
                let _ = lists.lookup(address);
                let _ = lists.lookup("2001:db8::1".parse().expect("an address"));
            }
        }
    }
});
