//! The server as a program of its own, over HTTP, against the simulator: what its users see from the outside.

mod fuzz;
mod roles;

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
