//! The server as a program of its own, over HTTP, against the simulator: what its users see from the outside.

mod calendar;
mod credentials;
mod fuzz;
mod held;
mod inside;
mod kit;
mod operations;
mod roles;
mod soak;
mod states;
mod stopping;
mod story;
mod tenants;

pub(crate) use credentials::by_certificate;
use harness::artefacts;
use harness::server::Setup;
use harness::simulator::Simulator;

/// A server without plugins.
pub(crate) fn bare() -> Setup {
    Setup::new(artefacts::tested_host().unwrap())
}

/// A server with the Entra plugin that reaches this simulator.
pub(crate) fn entra(simulator: &Simulator) -> Setup {
    bare()
        .plugin(artefacts::component().unwrap())
        .reach(simulator)
}
