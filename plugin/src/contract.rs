//! The contract's types, generated from `wit/` so that they can't drift from it.
//!
//! Only the types: they are the same on every target, so the core and its tests use them
//! natively. The imports and exports, which exist in WebAssembly only, are in `guest`.

#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::indexing_slicing,
    reason = "generated code"
)]
pub(crate) mod generated {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package entra:core; world types { import connector:plugin/contract@2.0.0; }",
        world: "entra:core/types",
        generate_unused_types: true,
        generate_all,
        additional_derives: [PartialEq, Clone],
    });
}

pub(crate) use generated::connector::plugin::contract::*;
