//! How pages say what runs are.

use crate::audit::{Actor, ActorKind};
use crate::directory::RemovalReason;
use crate::work::{AskedMode, Run, RunFault};

/// The mode that a run is or was of, or what is known before that.
pub(super) fn mode_of(run: &Run) -> &'static str {
    match (run.mode, run.asked) {
        (Some(known), _) => known.word(),
        (None, AskedMode::Snapshot) => "snapshot",
        (None, AskedMode::Auto) => "–",
    }
}

/// Who did something.
pub(super) fn who(actor: &Actor) -> String {
    match actor.kind {
        ActorKind::User | ActorKind::Anonymous => actor.name.clone(),
        ActorKind::Token => format!("the token {}", actor.name),
        ActorKind::Schedule => "the schedule".into(),
        ActorKind::System => "the host".into(),
    }
}

/// Who must act on a fault.
pub(super) fn whose(fault: &RunFault) -> &'static str {
    match fault.kind.as_str() {
        "configuration" => "The connector's settings need a change.",
        "authentication" => "The credential needs a look.",
        "permission" => "An administrator of the source must grant a permission.",
        "throttled" => "The source was too busy; that passes by itself.",
        "transient" => "This passes by itself.",
        "cursor-expired" => "The next run is a snapshot.",
        "protocol" | "permanent" => "This does not pass by itself.",
        _ => "",
    }
}

pub(super) fn reason(why: RemovalReason) -> &'static str {
    match why {
        RemovalReason::Hidden => "deleted at the source, can be restored there: would be hidden",
        RemovalReason::Removed => "the source says that it is gone",
        RemovalReason::NotListed => "not in the source's complete list",
        RemovalReason::Unreferenced => "no group holds the user any more",
        RemovalReason::WithObject => "goes with its group or member",
    }
}
