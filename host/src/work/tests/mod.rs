//! What work does, with a clock that is turned and runs that are scripted.

mod api;
mod crashes;
mod decisions;
mod facts;
pub(crate) mod fakes;
mod logs;
mod queueing;
mod retention;
mod schedules;
mod soak;
pub(crate) mod stage;

use fakes::{Act, caller, fault};
use stage::Stage;
