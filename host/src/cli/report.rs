//! A run's report as text.

use std::io::{self, Write};

use connector_host::contract::Fault;
use connector_host::directory::{Removals, Removed, RunState, StreamTally};
use connector_host::run::{LimitUse, Report};
use indicatif::{HumanBytes, HumanCount, HumanDuration};

use super::table::table;

/// How many names of a list are written; the JSON report has more.
const NAMES: usize = 10;

/// Writes a report for people.
pub(super) fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let state = match report.state {
        RunState::Processing => "Processing",
        RunState::Processed => "Processed",
        RunState::Partial => "Processed in part",
        RunState::Held => "Held",
        RunState::Rejected => "Rejected",
        RunState::Superseded => "Superseded",
        RunState::Failed => "Failed",
        RunState::Cancelled => "Cancelled",
        RunState::Interrupted => "Interrupted",
    };
    let mode = report.mode.word();
    let resumed = if report.resumed { ", resumed" } else { "" };
    writeln!(
        out,
        "{state}: {mode} of {} with {}, because {}{resumed}",
        report.connector, report.plugin, report.reason
    )?;
    if let Some(note) = &report.note {
        writeln!(out, "{note}")?;
    }
    for problem in &report.problems {
        writeln!(
            out,
            "  {}: {} {}",
            problem.path, problem.message, problem.remedy
        )?;
    }
    if let Some(fault) = &report.fault {
        write_fault(out, fault)?;
    }
    if report.state != RunState::Failed {
        streams(out, report)?;
    }
    if let Some(removals) = &report.removals {
        held(out, removals)?;
    }
    for failure in &report.failures {
        writeln!(out, "not read: {}", failure.partition)?;
        write_fault(out, &failure.fault)?;
    }
    if report.failures_dropped > 0 {
        let more = HumanCount(report.failures_dropped);
        writeln!(out, "… and {more} more parts that were not read")?;
    }
    let unavailable = &report.tally.unavailable;
    for group in unavailable.iter().take(NAMES) {
        let name = group.name.as_deref().unwrap_or("unnamed");
        writeln!(
            out,
            "members kept, not read: {name} ({}): {}",
            group.id, group.reason
        )?;
    }
    more(out, unavailable.len(), "groups")?;
    network(out, report)?;
    near_limits(out, report)
}

/// Limits of which a fifth or less is left; the JSON report has all.
fn near_limits(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let near = |limit: &&LimitUse| limit.used > limit.allowed / 5 * 4;
    for limit in report.limits.iter().filter(near) {
        let LimitUse {
            limit,
            used,
            allowed,
        } = limit;
        writeln!(
            out,
            "near its limit: {limit} {} of {}",
            HumanCount(*used),
            HumanCount(*allowed)
        )?;
    }
    Ok(())
}

/// Writes a fault: what happened, what to do, the code to search for.
pub(super) fn write_fault(out: &mut impl Write, fault: &Fault) -> io::Result<()> {
    writeln!(out, "  {} [{}]", fault.message, fault.code)?;
    if let Some(remedy) = &fault.remedy {
        writeln!(out, "  {remedy}")?;
    }
    Ok(())
}

fn streams(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let mut table = table(&["", "seen", "added", "updated", "removed", ""]);
    let tally = &report.tally;
    for (name, stream) in [
        ("users", tally.users),
        ("groups", tally.groups),
        ("memberships", tally.memberships),
    ] {
        let StreamTally {
            seen,
            added,
            updated,
            removed,
            complete,
        } = stream;
        let proof = if complete { "complete" } else { "partial" };
        let mut row = vec![name.to_owned()];
        row.extend([seen, added, updated, removed].map(|n| HumanCount(n).to_string()));
        row.push(proof.into());
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1).take(4) {
        column.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    writeln!(out, "{table}")
}

fn held(out: &mut impl Write, removals: &Removals) -> io::Result<()> {
    writeln!(
        out,
        "Nothing was removed. This run would remove {}, {} and {}.",
        of(removals.users, "users"),
        of(removals.groups, "groups"),
        of(removals.memberships, "memberships"),
    )?;
    writeln!(
        out,
        "Look at the list; if it is right, run again with --allow-mass-change."
    )?;
    for group in removals.sample.groups.iter().take(NAMES) {
        writeln!(out, "  group {} ({})", group.name, group.id)?;
    }
    for user in removals.sample.users.iter().take(NAMES) {
        writeln!(out, "  user {} ({})", user.name, user.id)?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a percentage to show")]
fn of(stream: Removed, name: &str) -> String {
    let percent = 100.0 * stream.removed as f64 / (stream.held.max(1)) as f64;
    format!(
        "{} of {} {name} ({percent:.1} %)",
        HumanCount(stream.removed),
        HumanCount(stream.held)
    )
}

fn more(out: &mut impl Write, all: usize, what: &str) -> io::Result<()> {
    if all > NAMES {
        writeln!(out, "… and {} more {what}; see --report json", all - NAMES)?;
    }
    Ok(())
}

fn network(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let network = &report.network;
    let mut routes: Vec<_> = network.requests_by_route.iter().collect();
    routes.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    for (route, count) in routes.iter().take(NAMES) {
        writeln!(out, "{:>9}  {route}", HumanCount(**count).to_string())?;
    }
    more(out, routes.len(), "routes")?;
    writeln!(
        out,
        "{} requests, {} resource units, {}, {} retries, {:.1} s waited for throttling",
        HumanCount(network.requests),
        HumanCount(network.resource_units),
        HumanBytes(network.bytes_received),
        HumanCount(report.retries),
        network.seconds_waited,
    )?;
    let duration = std::time::Duration::from_millis(report.duration_ms);
    let took = if report.duration_ms < 60_000 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        HumanDuration(duration).to_string()
    };
    writeln!(
        out,
        "{} partitions, at most {} in one instance, {took}",
        HumanCount(report.tally.partitions),
        HumanBytes(report.peak_instance_memory as u64),
    )
}
