//! The real component in the real host against the simulator.
//!
//! One program, so that it is linked once; a module for each part of the behaviour.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod browser;
mod catalog;
mod changes;
mod command;
mod contract;
mod crash;
mod credentials;
mod guard;
mod lab;
mod partial;
mod registry;
mod runtimes;
mod sandbox;
mod scim;
mod secrets;
mod server;
mod snapshot;
mod swap;
mod throttling;
mod traps;
mod users;
mod walk;
mod work;
