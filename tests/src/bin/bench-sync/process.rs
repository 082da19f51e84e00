//! Programs as processes of their own, and what the system says that they used.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;

/// What one process used.
#[derive(Debug)]
pub(crate) struct Used {
    /// From its start to its end.
    pub(crate) wall: Duration,
    /// User and system time.
    pub(crate) cpu: Duration,
    /// The most memory that it has had, in KiB.
    pub(crate) peak_kib: u64,
    /// What it wrote.
    pub(crate) output: Vec<u8>,
}

/// How often memory is looked at. Its high-water mark only grows: the last look is the one that counts.
const LOOK: Duration = Duration::from_millis(5);

impl Used {
    /// Runs a program to its end, which must be a success.
    pub(crate) async fn by(mut command: tokio::process::Command) -> anyhow::Result<Self> {
        let cpu_before = children_cpu()?;
        let started = Instant::now();
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{command:?} doesn't start"))?;
        let status = format!("/proc/{}/status", child.id().context("a running child")?);
        let mut ended = std::pin::pin!(child.wait_with_output());
        let mut peak_kib = 0;
        let output = loop {
            tokio::select! {
                output = &mut ended => break output?,
                () = tokio::time::sleep(LOOK) => {
                    peak_kib = high_water_mark(&status).unwrap_or(peak_kib);
                }
            }
        };
        let wall = started.elapsed();
        anyhow::ensure!(
            output.status.success(),
            "{command:?} ended with {}: {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(Self {
            wall,
            cpu: children_cpu()?.saturating_sub(cpu_before),
            peak_kib,
            output: output.stdout,
        })
    }
}

fn high_water_mark(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// CPU time of all children that have ended, user and system, to a hundredth of a second.
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
