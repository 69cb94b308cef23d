//! Files as projects have them, each with one minted credential in it.

use std::fs;
use std::path::Path;

use lapwing_tests::Home;

/// Samples of each kind, as many as the table was measured with.
pub(crate) const SAMPLES: usize = 12;

/// The operator's domain: nobody can have it, and it is none of the names in documentation, with which
/// scanners throw away all that stands beside them.
pub(crate) const DOMAIN: &str = "corp-net.internal";

const ABOVE: &str = "APP_ENV=production\nLOG_LEVEL=info\nTZ=Europe/Berlin\n\n";
const BELOW: &str = "\nQUEUE_WORKERS=4\nCACHE_TTL=300\n";

/// A data directory with an address, of the scheme that the addresses of vendors have.
pub(crate) fn home() -> Home {
    let home = Home::new();
    home.ok(&["init", "--address", &format!("https://*.{DOMAIN}")]);
    home
}

/// Lines of an environment file for `count` canaries of `kind`.
pub(crate) fn mint(home: &Home, kind: &str, count: usize) -> Vec<String> {
    let count = count.to_string();
    let out = home.ok(&["mint", kind, "--count", &count, "--out", "env"]);
    let mut blocks: Vec<String> = Vec::new();
    for line in out.lines() {
        if line.starts_with(&format!("# {kind} ")) {
            blocks.push(String::new());
        } else if let Some(block) = blocks.last_mut() {
            block.push_str(line);
            block.push('\n');
        }
    }
    blocks
}

/// Writes `directory/name/.env` around `lines`.
pub(crate) fn write(directory: &Path, name: &str, lines: &str) {
    let service = directory.join(name);
    fs::create_dir_all(&service).unwrap();
    fs::write(service.join(".env"), format!("{ABOVE}{lines}{BELOW}")).unwrap();
}
