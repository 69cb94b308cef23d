//! How fast a file is searched, on one thread: `cargo run --release --example speed -p lapwing-search
//! -- FILE [VALUES]`.

use std::io::Read as _;
use std::time::Instant;

use lapwing_search::Gatherer;
use rand::RngExt as _;
use rand::distr::Alphanumeric;

#[expect(clippy::print_stdout, reason = "it is what it is for")]
fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let path = args.next().unwrap_or_default();
    let count: u32 = args
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1000);
    let mut rng = rand::rng();
    let mut gatherer = Gatherer::default();
    let begun = Instant::now();
    for tag in 0..count {
        let value: String = (0..32)
            .map(|_| char::from(rng.sample(Alphanumeric)))
            .collect();
        gatherer.add(tag, &value);
    }
    let needles = gatherer.finish();
    println!("{count} values in {:.3} s", begun.elapsed().as_secs_f64());
    let mut file = std::fs::File::open(path)?;
    let mut chunk = vec![0; 1 << 20];
    let (mut read, mut found, mut seconds) = (0, 0, 0.0);
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        let begun = Instant::now();
        found += needles.search(&chunk[..count]).found.len();
        seconds += begun.elapsed().as_secs_f64();
        read += count;
    }
    println!(
        "{read} bytes, {found} found, {:.1} MB/s",
        read as f64 / 1e6 / seconds
    );
    Ok(())
}
