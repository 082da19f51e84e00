//! Results: rows, targets, and both as JSON and Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use harness::simulator::Statistics;
use serde::Serialize;
use serde_json::Value;

/// Who did the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Program {
    /// The component in the host.
    Connector,
    /// The same core linked into a program, with the host's egress and store.
    Native,
    /// The plain script, listing.
    BarList,
    /// The plain script, by delta.
    BarDelta,
}

impl Program {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::Native => "native core",
            Self::BarList => "script, list",
            Self::BarDelta => "script, delta",
        }
    }
}

/// What a program used in a case, by the medians of its rounds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) case: &'static str,
    pub(crate) run: String,
    pub(crate) program: Program,
    pub(crate) rounds: usize,
    pub(crate) wall_seconds: f64,
    pub(crate) cpu_seconds: f64,
    /// 10^6 bytes.
    pub(crate) peak_megabytes: f64,
    /// 2^20 bytes.
    pub(crate) instance_mebibytes: Option<f64>,
    pub(crate) requests: u64,
    pub(crate) batch_parts: u64,
    pub(crate) resource_units: u64,
    pub(crate) throttled: u64,
    /// The least time in which a quota lets so many units through.
    pub(crate) floor_seconds: Option<f64>,
    /// Milliseconds from the beginning of the run to its end, as its report tells; the process is older.
    pub(crate) run_milliseconds: Option<f64>,
}

/// What one round of one program used.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_kib: u64,
    pub(crate) instance_bytes: Option<f64>,
    pub(crate) run_milliseconds: Option<f64>,
    /// What the program told; null where it tells nothing.
    pub(crate) report: Value,
    pub(crate) asked: Statistics,
}

impl Row {
    pub(crate) fn of(
        case: &'static str,
        run: impl Into<String>,
        program: Program,
        rounds: &[Round],
        quota: Option<u32>,
    ) -> Self {
        let middle = |value: &dyn Fn(&Round) -> f64| median(rounds.iter().map(value).collect());
        let count = |value: &dyn Fn(&Statistics) -> u64| {
            let mut counts: Vec<u64> = rounds.iter().map(|round| value(&round.asked)).collect();
            counts.sort_unstable();
            counts.get(counts.len() / 2).copied().unwrap_or_default()
        };
        let some = |value: &dyn Fn(&Round) -> Option<f64>| {
            let values: Vec<f64> = rounds.iter().filter_map(value).collect();
            (!values.is_empty()).then(|| median(values))
        };
        let resource_units = count(&|asked| asked.resource_units);
        Self {
            case,
            run: run.into(),
            program,
            rounds: rounds.len(),
            wall_seconds: middle(&|round| round.wall.as_secs_f64()),
            cpu_seconds: middle(&|round| round.cpu.as_secs_f64()),
            peak_megabytes: middle(&|round| round.peak_kib as f64 * 1024.0 / 1e6),
            instance_mebibytes: some(&|round| Some(round.instance_bytes? / f64::from(1 << 20))),
            requests: count(&|asked| asked.requests),
            batch_parts: count(&|asked| asked.batch_parts),
            resource_units,
            throttled: count(&|asked| asked.throttled),
            floor_seconds: quota.map(|units| resource_units as f64 / f64::from(units) * 10.0),
            run_milliseconds: some(&|round| round.run_milliseconds),
        }
    }

    /// Calls of Graph: requests and parts of batches, but not the batches themselves. Where batches had fewer than 20
    /// parts, it says more than there were, never less.
    pub(crate) fn calls(&self) -> u64 {
        let batches = self.batch_parts.div_ceil(20);
        self.requests - batches.min(self.requests) + self.batch_parts
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A figure that is wanted, and what was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) case: &'static str,
    pub(crate) what: String,
    pub(crate) measured: f64,
    pub(crate) at_most: f64,
    pub(crate) met: bool,
}

/// Everything of one session.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Results {
    pub(crate) date: String,
    pub(crate) machine: String,
    pub(crate) script: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) targets: Vec<Target>,
}

impl Results {
    pub(crate) fn row(&self, case: &str, program: Program) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.case == case && row.program == program)
    }

    pub(crate) fn at_most(
        &mut self,
        case: &'static str,
        what: impl Into<String>,
        measured: f64,
        at_most: f64,
    ) {
        self.targets.push(Target {
            case,
            what: what.into(),
            measured,
            at_most,
            met: measured <= at_most,
        });
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("{}, {}. {}\n\n", self.date, self.machine, self.script);
        text.push_str(
            "| case | run | program | wall s | CPU s | peak MB | instance MiB | requests | parts | RU | floor s | wall/floor |\n\
             | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for row in &self.rows {
            // Writing into a string can't fail.
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.2} | {:.2} | {:.0} | {} | {} | {} | {} | {} | {} |",
                row.case,
                row.run,
                row.program.name(),
                row.wall_seconds,
                row.cpu_seconds,
                row.peak_megabytes,
                shown(row.instance_mebibytes, 1),
                row.requests,
                row.batch_parts,
                row.resource_units,
                shown(row.floor_seconds, 1),
                shown(row.floor_seconds.map(|floor| row.wall_seconds / floor), 2),
            );
        }
        text.push_str(
            "\n| case | target | measured | at most | |\n| --- | --- | ---: | ---: | --- |\n",
        );
        for target in &self.targets {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                target.case,
                target.what,
                rounded(target.measured),
                rounded(target.at_most),
                if target.met { "met" } else { "**missed**" },
            );
        }
        text
    }
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

fn rounded(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
