//! Leaves function names out of the component: they are a sixth of it.
//!
//! A package with a profile of its own does not get the workspace's `strip`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("CARGO_CFG_TARGET_FAMILY").unwrap_or_default();
    if target == "wasm" {
        println!("cargo::rustc-link-arg-cdylib=--strip-all");
    }
}
