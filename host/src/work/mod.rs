//! Work: what is to be run when, what runs now, and what became of it.

pub mod state;

mod assignments;
mod executor;
mod policy;
mod queue;
mod record;
mod store;

pub use assignments::{Assignment, Assignments, Chosen, JobParts, NotChosen};
pub use executor::{DecideError, Executor, Order, Outcome, Signals};
pub use policy::WorkPolicy;
pub use queue::QueueError;
pub use record::{
    AskedMode, Changed, Run, RunDecision, RunFault, RunStatus, Skipped, Trigger, TriggerKind,
};
