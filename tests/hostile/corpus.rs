//! What fuzzing found worth keeping, once more: no protocol panics over it, and each connection ends.

#[path = "../fuzz/src/lib.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "the targets' own code, which fuzzers use whole"
)]
mod fuzz;

use std::fs;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};

use lapwing_core::bounded;
use lapwing_listen::PROTOCOLS;
use lapwing_tests::repository;

static PANICS: AtomicUsize = AtomicUsize::new(0);

#[test]
fn nothing_that_was_found_once_is_a_panic() {
    // A listener that panics loses its connection only, so that it has to be noticed here.
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        before(info);
    }));
    let corpus = repository().join("tests/fuzz/corpus");
    let names = PROTOCOLS.iter().map(|it| (it.name, false));
    for (name, tls) in names.chain([("http", true)]) {
        let directory = if tls {
            "tls".to_owned()
        } else {
            name.replace('-', "_")
        };
        let target = fuzz::Target::new(name, tls);
        let files = fs::read_dir(corpus.join(&directory)).unwrap_or_else(|error| {
            panic!("no corpus of {directory}: {error}; tests/fuzz has a target for each protocol")
        });
        for file in files {
            let path = file.unwrap().path();
            target.run(&bounded::read_file(&path, 1 << 20).unwrap());
            assert_eq!(PANICS.load(Ordering::Relaxed), 0, "{}", path.display());
        }
    }
}
