//! Notes the versions that numerical results depend on.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    println!("cargo:rustc-env=NMNC_RUSTC={}", version.trim());
    // Absent when the crate is built outside its workspace.
    let lock = Path::new("../../Cargo.lock");
    let text = std::fs::read_to_string(lock).unwrap_or_default();
    if lock.exists() {
        println!("cargo:rerun-if-changed=../../Cargo.lock");
    }
    println!("cargo:rustc-env=NMNC_BURN={}", locked_version(&text, "burn-core").unwrap_or("unknown"));
    println!("cargo:rustc-env=NMNC_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}

fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{package}\"\n")))?;
    entry.split("version = \"").nth(1)?.split('"').next()
}
