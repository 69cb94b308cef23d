//! Builds the embedded geography (`data/networks.mmdb`, `networks.json`, `LICENSE.md`) from the
//! unpacked npm packages that `data/build.sh` fetches, and checks it against them before writing.
//!
//! Usage: `build_geo COUNTRY-PACKAGE ASN-PACKAGE OUTPUT`, three directories.

mod licence;
mod sources;
mod tree;
mod writer;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use sources::{Package, Sources};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [country, asn, output] = arguments.as_slice() else {
        return Err("usage: build_geo COUNTRY-PACKAGE ASN-PACKAGE OUTPUT".into());
    };
    let country = Package::open(Path::new(country))?;
    let asn = Package::open(Path::new(asn))?;
    let sources = Sources::read(&country, &asn)?;
    let segments = sources.merged();
    let tree = tree::build(&segments);
    let bytes = writer::write(&sources, &tree, asn.epoch)?;
    let checked = sources.check(&bytes)?;
    let output = Path::new(output);
    std::fs::write(output.join("networks.mmdb"), &bytes)?;
    licence::write(output, &country, &asn, segments.len())?;
    writeln!(
        std::io::stdout(),
        "{} networks, {} nodes, {} bytes; {checked} addresses agree with the sources",
        segments.len(),
        tree.nodes.len(),
        bytes.len()
    )?;
    Ok(())
}
