//! The tree of hashes beside the journal, after a power cut.

use std::fs;

use lapwing_core::bounded;
use lapwing_tests::{Beacon, Home, eventually, get, trips};

#[test]
fn a_damaged_tree_is_noticed_at_the_start_and_made_anew() {
    let home = Home::new();
    home.ok(&["init", "--address", "http://*.example.org"]);
    let beacon = Beacon::of(&home.mint("url", &[]));
    let station = home.listen(&[]);
    for _ in 0..20 {
        get(station.address(), &beacon.host, &beacon.target, &[]);
    }
    trips(&home, 20);
    station.stop();
    let path = home.data().join("tree");
    let read = || bounded::read_file(&path, 1 << 20).unwrap_or_default();
    let whole = read();
    assert!(whole.len() > 20 * 32, "{}", whole.len());
    for damage in [0, whole.len() / 2] {
        let mut bytes = whole.clone();
        bytes[damage..damage + 40].fill(0);
        fs::write(&path, &bytes).expect("it is written");
        // Nothing comes: it is made anew all the same, while the station idles.
        let station = home.listen(&[]);
        eventually("it is whole again", || {
            read().starts_with(&whole).then_some(())
        });
        let log = station.stderr();
        assert!(log.contains("tree") && log.contains("made anew"), "{log}");
        station.stop();
    }
    let station = home.listen(&[]);
    get(station.address(), &beacon.host, &beacon.target, &[]);
    trips(&home, 21);
    eventually("it grows", || (read().len() > whole.len()).then_some(()));
    assert!(!station.stderr().contains("made anew"));
    station.stop();
    assert_eq!(home.run(&["evidence", "verify"]).code, 0);
}
