//! `cargo bench-sandbox`: what the sandbox costs and how fast a plugin is swapped.
//!
//! Times are medians over rounds; ratios compare rounds that were run in turn, so that what else the machine
//! does falls on both.

#![expect(clippy::print_stdout, reason = "its table is its result")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use connector_host::limits::Limits;
use connector_host::plugin::registry::{PluginId, PluginPolicy, Registry};
use connector_host::plugin::{Engine, Plugin};
use connector_host::settings::PluginSettings;
use harness::{artefacts, versions};

mod bare;

/// Instances that are held at once to weigh them.
const HELD: usize = 200;
/// Rounds of what is repeated.
const ROUNDS: usize = 31;
/// A record of the source, as a preview maps it.
const SAMPLE: &str = r#"{"id":"5f0f6a0e-0000-4000-8000-000000000001","mail":"megan@contoso.example",
    "userPrincipalName":"megan@contoso.example","givenName":"Megan","surname":"Bowen","displayName":"Megan Bowen",
    "jobTitle":"Auditor","country":"US","streetAddress":"1 Main Street","preferredLanguage":"en-US",
    "groupInfo":[{"idpGroup":"a"},{"idpGroup":"b"},{"idpGroup":"c"}]}"#;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let component = artefacts::component()?;
    // For `cargo bench-sync`: one figure, in microseconds.
    if std::env::args().any(|argument| argument == "--instance") {
        let each = runtime.block_on(async { instance(&pool(component).await?).await })?;
        println!("{:.1}", each.as_secs_f64() * 1e6);
        return Ok(());
    }
    println!("| what | figure |\n| --- | ---: |");
    runtime.block_on(async {
        first_use(component).await?;
        instances(component).await?;
        swap(component).await
    })?;
    bare::cost_of_limits(&fs::read(component)?, SAMPLE)
}

fn row(what: &str, figure: &str) {
    println!("| {what} | {figure} |");
}

fn micros(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// From the file to a description, with and without compiled code.
async fn first_use(component: &Path) -> anyhow::Result<()> {
    let (mut compiled, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let code = tempfile::tempdir()?;
        for times in [&mut compiled, &mut kept] {
            let engine = Engine::new(Limits::default(), Some(code.path()))?;
            let began = Instant::now();
            Plugin::load(&engine, component).await?;
            times.push(began.elapsed());
        }
    }
    row("loading a plugin, compiled anew", &millis(median(compiled)));
    row("loading a plugin, with kept code", &millis(median(kept)));
    Ok(())
}

/// The plugin, with a pool of many instances.
async fn pool(component: &Path) -> anyhow::Result<Plugin> {
    let limits = Limits {
        in_flight: HELD,
        ..Limits::default()
    };
    Ok(Plugin::load(&Engine::new(limits, None)?, component).await?)
}

/// What it takes to make and drop a fresh instance.
async fn instance(plugin: &Plugin) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..200 {
            plugin.open(None).await?;
        }
        times.push(began.elapsed() / 200);
    }
    Ok(median(times))
}

/// Fresh instances by number, time and weight.
async fn instances(component: &Path) -> anyhow::Result<()> {
    let plugin = pool(component).await?;
    let each = instance(&plugin).await?;
    row("a fresh instance, made and dropped", &micros(each));
    row(
        "instances in a second, one task",
        &format!("{:.0}", 1.0 / each.as_secs_f64()),
    );
    let began = Instant::now();
    let tasks = (0..2).map(|_| {
        let plugin = plugin.clone();
        tokio::spawn(async move {
            for _ in 0..2_000 {
                plugin.open(None).await?;
            }
            anyhow::Ok(())
        })
    });
    for task in futures::future::join_all(tasks).await {
        task??;
    }
    row(
        "instances in a second, two tasks",
        &format!("{:.0}", 4_000.0 / began.elapsed().as_secs_f64()),
    );

    let settings = PluginSettings {
        values: "{}".into(),
        secrets: Vec::new(),
    };
    let before = resident()?;
    let mut held = Vec::new();
    for _ in 0..HELD {
        let mut instance = plugin.open(None).await?;
        // A call, so that what it allocates to begin with is counted.
        let _ = instance.connect(&settings).await?;
        held.push(instance);
    }
    let weight = resident()?.saturating_sub(before) / held.len();
    row(
        "memory of an idle instance, after a call",
        &format!("{} KiB", weight >> 10),
    );
    Ok(())
}

/// Bytes of this process that are in memory.
fn resident() -> anyhow::Result<usize> {
    let text = fs::read_to_string("/proc/self/statm")?;
    let pages = text.split(' ').nth(1).context("statm has more fields")?;
    Ok(pages.parse::<usize>()? * 4096)
}

/// From one active version to the other, and a run's question for the active one.
async fn swap(component: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("plugins");
    let engine = Engine::new(Limits::default(), Some(&Registry::code_folder(&root)))?;
    let registry = Registry::open(&engine, &root, PluginPolicy::default())?;
    let bytes = fs::read(component)?;
    let mut ids = Vec::<PluginId>::new();
    for version in ["0.1.1", "0.1.2"] {
        let file = folder.path().join("plugin.wasm");
        fs::write(&file, versions::with_version(&bytes, version)?)?;
        let installed = registry.install(&file, None).await?;
        registry.approve(&installed.id).await?;
        ids.push(installed.id);
    }
    let (mut swaps, mut questions) = (Vec::new(), Vec::new());
    let wanted = "entra-directory-sync".parse().map_err(anyhow::Error::msg)?;
    for id in ids.iter().cycle().take(ROUNDS) {
        let began = Instant::now();
        registry.activate(id).await?;
        swaps.push(began.elapsed());
        registry.resolve(&wanted).await?;
        let began = Instant::now();
        registry.resolve(&wanted).await?;
        questions.push(began.elapsed());
    }
    row("a swap, to disk and loaded", &millis(median(swaps)));
    row(
        "a run's question which version is active",
        &micros(median(questions)),
    );
    Ok(())
}
