//! `cargo demo --serve`: a server with everything set up, and a tenant that changes all the time.

use std::path::Path;
use std::time::Duration;

use harness::server::{ADMIN, PASSWORD, ServerUnderTest, Setup};
use harness::showcase;
use harness::simulator::Simulator;
use serde_json::{Value, json};

/// How often the tenant changes.
const PACE: Duration = Duration::from_secs(5);
/// Changes at a time.
const CHANGES: usize = 5;

/// Serves until Ctrl-C.
pub(crate) async fn serve(
    simulator: &Simulator,
    program: &Path,
    plugin: &Path,
) -> anyhow::Result<()> {
    let mut server = tokio::select! {
        seeded = seeded(simulator, program, plugin) => seeded?,
        // What was started ends with it.
        stopped = tokio::signal::ctrl_c() => return Ok(stopped?),
    };
    introduce(&server)?;
    let mut pace = tokio::time::interval(PACE);
    for seed in 0.. {
        tokio::select! {
            _ = pace.tick() => simulator.churn(seed, CHANGES),
            stopped = tokio::signal::ctrl_c() => {
                stopped?;
                break;
            }
        };
    }
    println!("\nStopping the server …");
    let status = server.stop().await?;
    anyhow::ensure!(status.success(), "the server ended with {status}");
    Ok(())
}

/// A server with an administrator, a connector, a profile that runs every minute, and the first run done.
async fn seeded(
    simulator: &Simulator,
    program: &Path,
    plugin: &Path,
) -> anyhow::Result<ServerUnderTest> {
    println!("Starting a server with the plugin …");
    let setup = Setup::new(program).plugin(plugin).reach(simulator);
    let server = ServerUnderTest::ready(setup).await?;
    let api = server.admin()?;
    let connector = showcase::connector(&api, simulator, "contoso", "The simulated tenant").await?;
    let start = jiff::Timestamp::now().strftime("%FT%H:%M:00").to_string();
    let rhythm = json!({ "kind": "every", "count": 1, "unit": "minutes", "start": start });
    let profile = showcase::profile("every minute", &rhythm);
    let path = format!("/connectors/{connector}/profiles");
    api.make(&path, &profile).await?;
    println!("First run: a snapshot …");
    let path = format!("/connectors/{connector}/runs");
    let answer = api.post(&path, &json!({})).await?;
    // The schedule may have been faster.
    if answer.status.is_success() {
        let run = server.ended(&showcase::id(&answer.json()?)?).await?;
        let state = run.get("state").and_then(Value::as_str);
        anyhow::ensure!(state == Some("processed"), "the first run: {run:#}");
    }
    Ok(server)
}

fn introduce(server: &ServerUnderTest) -> anyhow::Result<()> {
    let (url, token) = (server.url(), server.admin()?.token().to_owned());
    println!(
        "
A server is up at {url}
    user      {ADMIN}
    password  {PASSWORD}
    token     {token}
The tenant changes every {} seconds, and the connector `contoso` runs every minute. Try:

    export URL={url}/api/v1 AUTH='Authorization: Bearer {token}'
    curl -sH \"$AUTH\" $URL/connectors
    curl -sH \"$AUTH\" \"$URL/directory/groups?text=sales&match=substring\"
    curl -sH \"$AUTH\" \"$URL/runs?limit=3\"
    curl -NsH \"$AUTH\" $URL/events
    curl -s {url}/api/v1/openapi.json

Ctrl-C ends everything.",
        PACE.as_secs()
    );
    Ok(())
}
