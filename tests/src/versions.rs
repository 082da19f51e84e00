//! Other versions of the Entra plugin, made from the one that was built: for tests of a swap.
//!
//! A component is patched in its data, so a hundred versions cost no more than one build.

use anyhow::ensure;

/// The component with another version number of the same length, such as `0.1.7`.
///
/// # Errors
/// Where the component doesn't hold its version as it is expected to.
pub fn with_version(component: &[u8], version: &str) -> anyhow::Result<Vec<u8>> {
    patched(component, env!("CARGO_PKG_VERSION"), version)
}

/// The component with every occurrence of a text of its data replaced by one of the same length.
///
/// # Errors
/// Where the text does not occur, or the other is not as long.
pub fn patched(component: &[u8], text: &str, other: &str) -> anyhow::Result<Vec<u8>> {
    ensure!(
        text.len() == other.len(),
        "{text} and {other} differ in length"
    );
    let mut bytes = component.to_vec();
    let mut found = 0;
    let mut at = 0;
    while let Some(window) = bytes.get_mut(at..at + text.len()) {
        if window == text.as_bytes() {
            window.copy_from_slice(other.as_bytes());
            found += 1;
        }
        at += 1;
    }
    ensure!(found > 0, "the component does not hold {text}");
    Ok(bytes)
}
