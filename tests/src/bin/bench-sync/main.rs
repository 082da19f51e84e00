//! `cargo bench-sync`: how long runs take and what they cost, beside a plain script and beside the same core without a
//! sandbox.
//!
//! Every figure is measured from outside: simulator, host, script and native core are processes of their own, built for
//! release, and take turns. What each asked for is what the simulator counted.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing JSON by a key never panics"
)]
#![expect(clippy::print_stdout, reason = "its table is its result")]
#![expect(clippy::print_stderr, reason = "what it is doing meanwhile")]

mod cases;
mod process;
mod programs;
mod table;
mod tenant;

use std::path::{Path, PathBuf};

use clap::Parser;

use cases::{Case, Session};
use programs::{Built, Programs};
use table::Results;

/// Measures what synchronising costs: time, CPU, memory, calls.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure, in this order [default: all but quota and wide, which take minutes]
    #[arg(long = "case", value_enum, value_delimiter = ',')]
    cases: Vec<Case>,
    /// How often each program runs; figures are medians
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Also write bench.json and bench.md into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Another script than tests/bench/plain_sync.py, called in the same way
    #[arg(long, value_name = "FILE")]
    bar: Option<PathBuf>,
    /// Python for the script; without, one of its own with what the script likes best is made beside what cargo built
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Leave the script out
    #[arg(long)]
    no_bar: bool,
    /// Leave the native core out, which takes long to build
    #[arg(long)]
    no_native: bool,
    #[command(flatten)]
    built: Built,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.cases.is_empty() {
        arguments.cases = Case::QUICK.to_vec();
    }
    let native = !arguments.no_native && arguments.cases.iter().any(|case| case.has_native());
    let script = (!arguments.no_bar).then_some((arguments.bar, arguments.python));
    let programs = Programs::build(script, native, &arguments.built)?;
    let mut session = Session {
        results: Results {
            date: format!("{:.0}", jiff::Timestamp::now()),
            machine: machine(),
            script: programs.script_is(),
            ..Results::default()
        },
        programs,
        rounds: arguments.rounds as usize,
    };
    let mut failed = Vec::new();
    for case in arguments.cases {
        eprintln!("{case:?}: {}", case.about());
        // What the others measured is not lost for it.
        if let Err(error) = session.measure(case).await {
            eprintln!("{case:?} failed: {error:?}");
            failed.push(case);
        }
    }
    session.compare_sizes();
    println!("{}", session.results.markdown());
    if let Some(folder) = &arguments.out {
        write(folder, &session.results)?;
    }
    anyhow::ensure!(failed.is_empty(), "without figures: {failed:?}");
    Ok(())
}

fn write(folder: &Path, results: &Results) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(
        folder.join("bench.json"),
        serde_json::to_string_pretty(results)?,
    )?;
    std::fs::write(folder.join("bench.md"), results.markdown())?;
    Ok(())
}

/// The machine in a few words.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
    };
    let processor = value(&read("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = value(&read("/proc/meminfo"), "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
        .unwrap_or_default();
    format!(
        "{cores} cores of {}, {:.0} GB, load {} before",
        processor.as_deref().unwrap_or("an unknown processor"),
        memory as f64 * 1024.0 / 1e9,
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
    )
}
