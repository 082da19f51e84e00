//! The contract as wasmtime generates it from `wit/`. Nothing outside this module's siblings sees it.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated from wit/, which carries the documentation"
)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "connector",
    imports: {
        // A store that fails is no answer for a guest: the call ends.
        "connector:plugin/directory.holds": async | trappable,
        "connector:plugin/directory.seen": async | trappable,
        default: async,
    },
    exports: { default: async },
    additional_derives: [Clone],
});
