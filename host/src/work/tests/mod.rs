//! What work does, with a clock that is turned and runs that are scripted.

mod api;
mod crashes;
mod decisions;
mod facts;
mod queueing;
mod retention;
mod schedules;
mod soak;
mod stage;

use stage::{Act, Stage, caller, fault};
