//! What an outcome means for the run.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::executor::Outcome;
use super::policy::RunPolicy;
use super::record::{Changed, Run, RunFault, RunStatus, Trigger};
use super::store::Ending;
use crate::contract::{Fault, FaultKind, Problem};
use crate::directory::{RunState, StreamTally};
use crate::run::Report;

/// Whether the run goes on in the next process.
pub(super) fn is_interrupted(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Interrupted => true,
        Outcome::Ended { report, .. } => report.state == RunState::Interrupted,
        Outcome::Cancelled | Outcome::Failed { .. } => false,
    }
}

/// What is written down of a run that ends at this time with this outcome.
pub(super) fn end_of(outcome: &Outcome, run: &Run, policy: &RunPolicy, at: Timestamp) -> Ending {
    let (mut ending, fault) = match outcome {
        Outcome::Ended {
            report,
            directory_run,
            holdings,
        } => {
            let (ending, fault) = reported(report, *directory_run);
            let ending = Ending {
                holdings: *holdings,
                ..ending
            };
            (ending, fault)
        }
        Outcome::Cancelled => (Ending::bare(RunStatus::Cancelled), None),
        Outcome::Interrupted => failed(&stopped(), &[]),
        Outcome::Failed { fault, problems } => failed(fault, problems),
    };
    if let Some(fault) = fault.filter(|_| ending.state == RunStatus::Failed) {
        ending.fault = Some(RunFault::from(&fault));
        ending.retry_at = retry_at(&fault, run, policy, at);
    }
    ending
}

fn failed(fault: &Fault, problems: &[Problem]) -> (Ending, Option<Fault>) {
    let report = (!problems.is_empty()).then(|| json!({ "problems": problems }));
    let ending = Ending {
        report,
        ..Ending::bare(RunStatus::Failed)
    };
    (ending, Some(fault.clone()))
}

fn reported(report: &Report, directory_run: Option<i64>) -> (Ending, Option<Fault>) {
    let state = match report.state {
        RunState::Processed => RunStatus::Processed,
        RunState::Partial => RunStatus::Partial,
        RunState::Held => RunStatus::Held,
        RunState::Cancelled => RunStatus::Cancelled,
        // The others are no ends of a run that was just carried out.
        RunState::Failed
        | RunState::Processing
        | RunState::Rejected
        | RunState::Superseded
        | RunState::Interrupted => RunStatus::Failed,
    };
    let network = &report.network;
    let ending = Ending {
        state,
        mode: Some(report.mode),
        reason: Some(report.reason.clone()),
        plugin: Some(report.plugin.clone()),
        directory_run,
        fault: None,
        retry_at: None,
        cursor_kept: state.is_success() && report.failures.is_empty(),
        users: changed(report.tally.users),
        groups: changed(report.tally.groups),
        memberships: changed(report.tally.memberships),
        holdings: None,
        requests: network.requests,
        resource_units: network.resource_units,
        waited_ms: whole_ms(network.seconds_waited),
        duration_ms: report.duration_ms,
        // Plain data, which serde_json always takes.
        report: serde_json::to_value(report).ok().filter(Value::is_object),
    };
    let fault = report.fault.clone().unwrap_or_else(|| wrong(report));
    (ending, Some(fault))
}

/// A failed run that names no fault has mistakes in its settings or its map.
fn wrong(report: &Report) -> Fault {
    if report.problems.is_empty() {
        return stopped();
    }
    problems_fault(&report.problems)
}

/// What is wrong with settings, as one fault.
pub(super) fn problems_fault(problems: &[Problem]) -> Fault {
    let told: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    Fault {
        kind: FaultKind::Configuration,
        code: "settings.invalid".into(),
        message: format!("The settings are not valid: {}.", told.join("; ")),
        remedy: problems.first().map(|problem| problem.remedy.clone()),
        setting: problems.first().map(|problem| problem.path.clone()),
    }
}

fn stopped() -> Fault {
    Fault {
        kind: FaultKind::Transient,
        code: "host.interrupted".into(),
        message: "The run was interrupted.".into(),
        remedy: Some("Run it again: it goes on from where it was.".into()),
        setting: None,
    }
}

/// When a failed run is tried once more: where its fault is one that passes, and it was no such try itself.
fn retry_at(fault: &Fault, run: &Run, policy: &RunPolicy, at: Timestamp) -> Option<Timestamp> {
    let asked_ms = match fault.kind {
        FaultKind::Transient => None,
        FaultKind::Throttled(ms) => ms,
        _ => return None,
    };
    if matches!(run.trigger, Trigger::Retry { .. }) {
        return None;
    }
    let wait = SignedDuration::try_from(policy.retry_wait(asked_ms)).ok()?;
    at.checked_add(wait).ok()
}

/// Why the connector goes to its next state.
pub(super) fn cause(ending: &Ending) -> String {
    match (ending.state, &ending.fault) {
        (RunStatus::Failed, Some(fault)) => fault.message.clone(),
        (RunStatus::Processed, _) => "Everything was read".into(),
        (RunStatus::Partial, _) => "Something could not be read".into(),
        (RunStatus::Held, _) => "The run would remove too much".into(),
        (RunStatus::Cancelled, _) => "The run was cancelled".into(),
        _ => "The run ended".into(),
    }
}

/// A mistake of the host's, which must not take others with it.
pub(super) fn broken(what: &str) -> Outcome {
    Outcome::Failed {
        fault: Fault {
            kind: FaultKind::Permanent,
            code: "host.panic".into(),
            message: format!("The host broke down in this run: {what}."),
            remedy: Some("Report it to the host's developers.".into()),
            setting: None,
        },
        problems: Vec::new(),
    }
}

fn changed(tally: StreamTally) -> Changed {
    Changed {
        added: tally.added,
        updated: tally.updated,
        removed: tally.removed,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and a wait is not negative"
)]
fn whole_ms(seconds: f64) -> u64 {
    (seconds * 1_000.0) as u64
}
