//! Directory connector for Microsoft Entra ID.
//!
//! A component that reads users, groups and memberships of a tenant through Microsoft Graph and
//! gives them to a host page by page, mapped by a transform map. The contract is in `wit/`;
//! what is read and why in this directory's `README.md`.
//!
//! Everything but `guest` is plain Rust over the trait `graph::transport::Transport`, and is
//! tested natively.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(
        dead_code,
        reason = "natively, tests and benchmarks call parts of the core"
    )
)]

mod check;
mod contract;
mod delta;
mod describe;
mod discover;
mod fault;
mod fields;
mod graph;
#[cfg(target_arch = "wasm32")]
mod guest;
mod lookup;
mod member_of;
mod members;
mod model;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
mod run;
#[cfg(test)]
mod script;
mod settings;
mod snapshot;
mod state;
mod transform;
mod walk;
