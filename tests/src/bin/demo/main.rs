//! `cargo demo`: the whole story in a minute, against a simulated tenant.

#![expect(clippy::print_stdout, reason = "it is a demonstration on a terminal")]

mod serve;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use harness::artefacts;
use harness::host::Workplace;
use harness::simulator::{Simulator, SimulatorOptions, TenantSpec};
use serde_json::Value;

/// Builds everything, makes a tenant, synchronises it, changes it, synchronises the changes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Users of the simulated tenant.
    #[arg(long, default_value_t = 2_000)]
    users: usize,
    /// Groups of the simulated tenant.
    #[arg(long, default_value_t = 200)]
    groups: usize,
    /// Memberships of the simulated tenant.
    #[arg(long, default_value_t = 20_000)]
    memberships: usize,
    /// Changes between the two runs.
    #[arg(long, default_value_t = 100)]
    changes: usize,
    /// Leave a server up instead, with everything set up and a tenant that changes, until Ctrl-C.
    #[arg(long)]
    serve: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    // `cargo demo` ends with a `--` already; one more does no harm.
    let given = std::env::args_os().enumerate();
    let given = given.filter(|(place, argument)| *place != 1 || argument != "--");
    match demo(Arguments::parse_from(given.map(|(_, argument)| argument))).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the demonstration failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(arguments: Arguments) -> anyhow::Result<()> {
    println!("Building the plugin and the host …");
    let plugin = artefacts::component()?;
    let program = artefacts::host(false)?;

    let simulator = Simulator::start(SimulatorOptions {
        tenant: TenantSpec::sized(arguments.users, arguments.groups, arguments.memberships, 7),
        ..SimulatorOptions::default()
    })?;
    println!(
        "A tenant of {} users and {} groups answers at {}\n",
        arguments.users,
        arguments.groups,
        simulator.base_url()
    );
    if arguments.serve {
        return serve::serve(&simulator, program, plugin).await;
    }
    let workplace = Workplace::new(&simulator, program, plugin)?;

    println!("== Connection test");
    show(&mut workplace.check()).await?;
    println!("\n== First run: a snapshot");
    show(&mut workplace.sync()).await?;
    println!(
        "\n== {} changes in the tenant, second run",
        arguments.changes
    );
    simulator.churn(1, arguments.changes);
    show(&mut workplace.sync()).await?;
    println!("\n== Some groups and who is in them");
    sample(&workplace).await
}

/// Runs a command with its output on the terminal.
async fn show(command: &mut tokio::process::Command) -> anyhow::Result<()> {
    let status = command.status().await?;
    anyhow::ensure!(status.success(), "the command ended with {status}");
    Ok(())
}

async fn sample(workplace: &Workplace) -> anyhow::Result<()> {
    let groups = workplace.export("groups", &[]).await?;
    let users = workplace.export("users", &[]).await?;
    let direct = workplace.export("memberships", &[]).await?;
    let effective = workplace.export("memberships", &["--effective"]).await?;
    for group in groups.iter().skip(20).take(5) {
        let id = text(group, "id")?;
        let of = |memberships: &[Value]| {
            memberships
                .iter()
                .filter(|m| m["group"] == id && m["kind"] == "user")
                .map(|m| m["member"].clone())
                .collect::<Vec<_>>()
        };
        let (direct, effective) = (of(&direct), of(&effective));
        println!(
            "{} ({} direct, {} effective users)",
            text(group, "name")?,
            direct.len(),
            effective.len()
        );
        for user in users
            .iter()
            .filter(|user| effective.contains(&user["id"]))
            .take(3)
        {
            println!("    {}", text(user, "name")?);
        }
    }
    Ok(())
}

fn text<'a>(record: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    record[key]
        .as_str()
        .with_context(|| format!("a record without {key}: {record}"))
}
