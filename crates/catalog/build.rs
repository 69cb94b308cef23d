//! Compiles in the files of `canaries/`, deflated: they are read once, and would take up memory ever after. A new file
//! needs no line of code.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::DeflateEncoder;

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let root = manifest.join("../../canaries");
    println!("cargo::rerun-if-changed=../../canaries");
    let mut list = String::from("&[\n");
    for class in sorted(&root)? {
        if !class.is_dir() {
            continue;
        }
        println!("cargo::rerun-if-changed=../../canaries/{}", name(&class));
        for file in sorted(&class)? {
            if file
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                let path = format!("{}/{}", name(&class), name(&file));
                println!("cargo::rerun-if-changed=../../canaries/{path}");
                let deflated = path.replace('/', "-");
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
                let length = io::copy(&mut fs::File::open(&file)?, &mut encoder)?;
                fs::write(out.join(&deflated), encoder.finish()?)?;
                let _ = writeln!(
                    list,
                    "(\"canaries/{path}\", {}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{deflated}\"))),",
                    length
                );
            }
        }
    }
    list.push_str("]\n");
    fs::write(out.join("builtin.rs"), list)
}

fn sorted(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
