//! `cargo bench-sync`: how long runs take and what they cost, against the simulator.
//!
//! Every figure is measured from outside: the host runs as its own process, built for release.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing JSON by a key never panics"
)]
#![expect(clippy::print_stdout, reason = "its table is its result")]

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use harness::artefacts;
use harness::host::{Workplace, report};
use harness::simulator::{Behaviour, Simulator, SimulatorOptions, TenantSpec};
use serde_json::Value;

/// Measures a snapshot, an incremental run without changes and one with 1,000 changes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Tenants to measure.
    #[arg(long = "tenant", value_enum, default_values_t = [Size::Small, Size::Large])]
    tenants: Vec<Size>,
    /// Latencies of the simulated Graph, in milliseconds.
    #[arg(long = "latency", default_values_t = [0, 50])]
    latencies: Vec<u64>,
    /// Quota that the host keeps, as in `connector-host sync --quota`. Without a limit, latency and
    /// the machine are all that a run waits for.
    #[arg(long, default_value = "unlimited")]
    quota: String,
    /// Partitions read at the same time; the host's default where absent.
    #[arg(long)]
    max_in_flight: Option<usize>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Size {
    /// 10,000 users, 1,000 groups, 100,000 memberships.
    Small,
    /// 100,000 users, 10,000 groups, 1,000,000 memberships.
    Large,
}

impl Size {
    fn spec(self) -> TenantSpec {
        match self {
            Self::Small => TenantSpec::sized(10_000, 1_000, 100_000, 1),
            Self::Large => TenantSpec::sized(100_000, 10_000, 1_000_000, 1),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Small => "10k / 1k / 100k",
            Self::Large => "100k / 10k / 1M",
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let plugin = artefacts::component()?;
    let program = artefacts::host(true)?;
    println!(
        "| users / groups / memberships | latency | run | requests | RU | wall s | CPU s | host MB | instance MiB |\n\
         | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    );
    for size in &arguments.tenants {
        for latency in &arguments.latencies {
            measure(&arguments, *size, *latency, program, plugin).await?;
        }
    }
    Ok(())
}

async fn measure(
    arguments: &Arguments,
    size: Size,
    latency: u64,
    program: &Path,
    plugin: &Path,
) -> anyhow::Result<()> {
    let simulator = Simulator::start(SimulatorOptions {
        tenant: size.spec(),
        behaviour: Behaviour {
            latency_ms: latency,
            ..Behaviour::default()
        },
        ..SimulatorOptions::default()
    })?;
    let workplace = Workplace::new(&simulator, program, plugin)?;
    for (name, changes) in [
        ("snapshot", 0),
        ("incremental, nothing changed", 0),
        ("incremental, 1,000 changes", 1_000),
    ] {
        if changes > 0 {
            simulator.churn(1, changes);
        }
        let mut command = workplace.sync();
        command.args(["--report", "json", "--quota", &arguments.quota]);
        if let Some(in_flight) = arguments.max_in_flight {
            command.arg("--max-in-flight").arg(in_flight.to_string());
        }
        let figures = Figures::of(command).await?;
        println!(
            "| {} | {latency} ms | {name} | {} | {} | {:.2} | {:.2} | {:.0} | {:.1} |",
            size.name(),
            figures.report["network"]["requests"],
            figures.report["network"]["resourceUnits"],
            figures.wall.as_secs_f64(),
            figures.cpu.as_secs_f64(),
            figures.peak_kib as f64 * 1024.0 / 1e6,
            figures.report["peakInstanceMemory"]
                .as_f64()
                .unwrap_or_default()
                / f64::from(1 << 20),
        );
    }
    Ok(())
}

/// What one process used.
struct Figures {
    report: Value,
    wall: Duration,
    cpu: Duration,
    peak_kib: u64,
}

impl Figures {
    async fn of(mut command: tokio::process::Command) -> anyhow::Result<Self> {
        let cpu_before = children_cpu()?;
        let started = Instant::now();
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let status = format!("/proc/{}/status", child.id().context("a running child")?);
        let mut ended = std::pin::pin!(child.wait_with_output());
        let mut peak_kib = 0;
        let output = loop {
            tokio::select! {
                output = &mut ended => break output?,
                () = tokio::time::sleep(Duration::from_millis(5)) => {
                    // The high-water mark only grows: the last reading is the one that counts.
                    peak_kib = high_water_mark(&status).unwrap_or(peak_kib);
                }
            }
        };
        let wall = started.elapsed();
        anyhow::ensure!(
            output.status.success(),
            "the run ended with {}: {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(Self {
            report: report(&output)?,
            wall,
            cpu: children_cpu()?.saturating_sub(cpu_before),
            peak_kib,
        })
    }
}

fn high_water_mark(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// CPU time of all children that have ended, user and system.
fn children_cpu() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields = text.rsplit_once(") ").context("a stat line")?.1;
    let ticks: u64 = fields
        .split_whitespace()
        // cutime and cstime are fields 16 and 17; the command's name is the second.
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}
