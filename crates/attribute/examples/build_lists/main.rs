//! Builds the embedded lists (`data/lists.bin`) from a directory of MISP's warning lists.
//!
//! Usage: `build_lists DIRECTORY OUTPUT`: a clone of <https://github.com/MISP/misp-warninglists>, and
//! `crates/attribute/data/lists.bin`.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use lapwing_attribute::lists::{build, read_misp, source_of_misp};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, output] = arguments.as_slice() else {
        return Err("usage: build_lists DIRECTORY OUTPUT".into());
    };
    let (lists, date) = read_misp(Path::new(directory))?;
    let bytes = build(source_of_misp(&date), &lists);
    std::fs::write(output, &bytes)?;
    let networks: usize = lists.iter().map(|list| list.networks.len()).sum();
    let size = bytes.len();
    writeln!(
        std::io::stdout(),
        "{} lists, {networks} networks, {size} bytes",
        lists.len()
    )?;
    Ok(())
}
