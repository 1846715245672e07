//! Puts a digest of the crate's sources into the build, so that every result names the code that
//! made it.

use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::{env, fs};

#[allow(clippy::disallowed_methods)] // the build has an environment; the engine has none
fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut sources = vec![root.join("Cargo.toml")];
    collect(&root.join("src"), &mut sources);
    sources.sort();

    let mut digest = Sha256::new();
    for path in &sources {
        let name = path.strip_prefix(&root).expect("all lie below the root");
        digest.update(name.to_string_lossy().replace('\\', "/").as_bytes());
        digest.update([0]);
        // A checkout with other line ends is the same program.
        let text = fs::read_to_string(path).expect("sources are UTF-8").replace("\r\n", "\n");
        digest.update(text.as_bytes());
        digest.update([0]);
    }
    let hex: String = digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=PROVING_SOURCE_DIGEST={hex}");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=Cargo.toml");
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the source tree is readable") {
        let path = entry.expect("the source tree is readable").path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
}
