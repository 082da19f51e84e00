//! What no person would ask: requests made up from the API's own description, good ones and bad ones.
//!
//! The generator is Schemathesis, installed as the runtimes are. It asks as an administrator, so that it gets
//! behind the doors that [`super::roles`] looks at.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use harness::server::ServerUnderTest;

use super::bare;
use crate::runtimes::{once, python_with};

/// Operations that would end the test itself, or that another test is about.
const LEFT_OUT: [(&str, &str); 5] = [
    ("POST", "/api/v1/setup"),
    // A few wrong passwords, and signing in is refused for a while: that is the brake on guessing at work.
    ("POST", "/api/v1/session"),
    // A redirect to a provider that nobody configured here.
    ("GET", "/api/v1/session/oidc"),
    ("GET", "/api/v1/session/oidc/callback"),
    // It revokes the token that the test asks with.
    ("DELETE", "/api/v1/tokens/{id}"),
];

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
     response_headers_conformance,response_schema_conformance,negative_data_rejection,\
     missing_required_header,unsupported_method,use_after_free";

fn schemathesis() -> Option<&'static PathBuf> {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    once(&INSTALLED, "Schemathesis", || {
        let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/requirements.txt");
        Ok(python_with(&requirements)?.join("schemathesis"))
    })
}

/// Seconds that are spent; more of them find more.
fn seconds() -> u32 {
    let told = std::env::var("CONNECTOR_FUZZ_SECONDS").ok();
    told.and_then(|told| told.parse().ok()).unwrap_or(60)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_the_server_answers_as_its_description_says() {
    let Some(program) = schemathesis() else {
        return;
    };
    let server = ServerUnderTest::ready(bare()).await.unwrap();
    let admin = server.admin().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let seconds = seconds().to_string();
    let mut command = Command::new(program);
    command
        .current_dir(folder.path())
        .arg("run")
        .arg(format!("{}/api/v1/openapi.json", server.url()))
        .args(["--url", server.url()])
        .args([
            "--header",
            &format!("Authorization: Bearer {}", admin.token()),
        ])
        .args([
            "--checks",
            CHECKS,
            "--max-time",
            &seconds,
            "--max-examples",
            "40",
        ])
        .args(["--seed", "1", "--workers", "1", "--no-color"])
        .args([
            "--phases",
            "coverage,fuzzing",
            "--suppress-health-check",
            "all",
        ]);
    for (method, path) in LEFT_OUT {
        command.args(["--exclude-name", &format!("{method} {path}")]);
    }
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        server.log().text(),
    );
}
