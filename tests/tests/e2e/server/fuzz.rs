//! What no person would ask: requests made up from the API's own description, good ones and bad ones.
//!
//! The generator is Schemathesis, installed as the runtimes are. It asks as an administrator, so that it gets
//! behind the doors that [`super::roles`] looks at.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::json;

use super::kit::{Stage, text};
use crate::runtimes::{once, python_with};

/// Operations that would end the test itself, or that another test is about.
const LEFT_OUT: [&str; 5] = [
    "POST /api/v1/setup",
    // A few wrong passwords, and signing in is refused for a while: that is the brake on guessing at work.
    "POST /api/v1/session",
    // A redirect to a provider that nobody configured here.
    "GET /api/v1/session/oidc",
    "GET /api/v1/session/oidc/callback",
    // It revokes the token that the test asks with.
    "DELETE /api/v1/tokens/{id}",
];

/// A file beside the configuration.
fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(name)
}

fn schemathesis() -> Option<&'static PathBuf> {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    once(&INSTALLED, "Schemathesis", || {
        Ok(python_with(&own("requirements.txt"))?.join("schemathesis"))
    })
}

/// Seconds that are spent; more of them find more.
fn seconds() -> String {
    std::env::var("CONNECTOR_FUZZ_SECONDS").unwrap_or_else(|_| "60".into())
}

/// The configuration with identifiers of what the server has, which are used more often than made-up ones.
async fn configuration(stage: &Stage, folder: &Path) -> PathBuf {
    let connector = stage.connector("contoso").await;
    let run = stage.succeed(&connector).await;
    let first = async |path: &str| {
        let page = stage.api.read(path).await.unwrap();
        text(&page["items"][0]["id"])
    };
    let user = first("/directory/users?limit=1").await;
    let somebody = first("/users").await;
    let profile = connector.profile.clone();
    let known = [
        ("connector", vec![connector.id.clone()]),
        ("group", vec![first("/directory/groups?limit=1").await]),
        ("user", vec![user.clone()]),
        ("member", vec![user]),
        ("profile", vec![profile.clone()]),
        ("map", vec![first("/transform-maps").await]),
        ("plugin", vec!["entra-directory-sync".into()]),
        (
            "id",
            vec![connector.id, text(&run["id"]), profile, somebody],
        ),
    ];
    let mut written = std::fs::read_to_string(own("schemathesis.toml")).unwrap();
    for (name, values) in &known {
        let values = json!(values);
        written.push_str(&format!("\n[dictionaries.{name}]\nvalues = {values}\n"));
    }
    written.push_str("\n[parameters]\n");
    for (name, _) in &known {
        let used = format!("{{ dictionary = \"{name}\", probability = 0.8 }}");
        written.push_str(&format!("\"path.{name}\" = {used}\n"));
    }
    let file = folder.join("schemathesis.toml");
    std::fs::write(&file, written).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_the_server_answers_as_its_description_says() {
    let Some(program) = schemathesis() else {
        return;
    };
    let stage = Stage::new().await;
    let folder = tempfile::tempdir().unwrap();
    let configuration = configuration(&stage, folder.path()).await;
    let url = stage.server.url();
    let authorization = format!("Authorization: Bearer {}", stage.api.token());
    let mut command = tokio::process::Command::new(program);
    command
        .current_dir(folder.path())
        .env("PYTHONPATH", own(""))
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .arg("--config-file")
        .arg(configuration)
        .args(["run", &format!("{url}/api/v1/openapi.json"), "--url", url])
        .args(["--header", &authorization])
        .args([
            "--max-time",
            &seconds(),
            "--max-examples",
            "20",
            "--seed",
            "1",
        ])
        // With more, this Python trips over a mistake of its own.
        .args(["--workers", "1"])
        .args(["--phases", "coverage,fuzzing", "--no-color"])
        .args(["--suppress-health-check", "all"])
        .kill_on_drop(true);
    for operation in LEFT_OUT {
        command.args(["--exclude-name", operation]);
    }
    let output = command.output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(told.contains(" passed"), "{told}");
    let log = stage.server.log().text();
    assert!(!log.contains("panicked"), "{log}");
}
