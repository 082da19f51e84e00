//! What work does, with a clock that is turned and runs that are scripted.

mod api;
mod crashes;
mod decisions;
mod facts;
mod fakes;
mod queueing;
mod retention;
mod schedules;
mod soak;
mod stage;

use fakes::{Act, caller, fault};
use stage::Stage;
