//! How this server is.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;

use super::super::filters;
use super::super::page::{Answer, page};
use super::super::shell::Shell;
use super::super::size::size;
use crate::access::PasswordSignIn;
use crate::api::Plane;
use crate::config::Config;
use crate::server::about::{About, Check};

pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/settings", get(overview))
}

#[derive(Template)]
#[template(path = "settings/overview.html")]
struct OverviewPage {
    shell: Shell,
    about: About,
    /// The directory's database, without a password.
    directory: String,
    config: Config,
    backup: String,
}

impl OverviewPage {
    fn is_ready(&self) -> bool {
        self.about
            .checks
            .iter()
            .all(|check| check.failure.is_none())
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "templates call it like this"
    )]
    fn size(&self, bytes: &u64) -> String {
        size(*bytes)
    }

    /// Who may sign in with a password.
    fn passwords(&self) -> &'static str {
        match self.config.access.password_sign_in {
            PasswordSignIn::Everyone => "everyone who has one",
            PasswordSignIn::FirstAdmin => "only the first administrator",
            PasswordSignIn::Nobody => "nobody",
        }
    }
}

/// Minutes in the largest unit that tells them exactly.
fn time(minutes: u32) -> String {
    let (count, unit) = match minutes {
        0 => (0, "minute"),
        minutes if minutes % 1_440 == 0 => (minutes / 1_440, "day"),
        minutes if minutes % 60 == 0 => (minutes / 60, "hour"),
        minutes => (minutes, "minute"),
    };
    filters::counted(count, unit)
}

/// What a check looks at, and what to do where it fails.
fn words(check: &Check) -> (&'static str, &'static str) {
    match check.name {
        "control-database" => (
            "The control database answers",
            "Look whether the disk is full and the data folder is this user's, then at the server's log.",
        ),
        "directory" => (
            "The directory answers",
            "Look whether its database is there and not held by another process.",
        ),
        "data-folder" => (
            "The data folder can be written to",
            "Make room on the disk, or give the folder back to the server's user.",
        ),
        "plugins" => (
            "The installed plugins can be read",
            "Look at the folder plugins in the data folder: only the server's user may write to it.",
        ),
        _ => (
            "The server takes on work",
            "It was told to stop. Runs under way end first; start it again when it has stopped.",
        ),
    }
}

async fn overview(shell: Shell, State(plane): State<Plane>) -> Answer {
    let about = About::of(&plane).await?;
    let configured = plane.configured.iter();
    let directory = configured
        .filter(|value| value.path == "server.database")
        .find_map(|value| value.value.as_str().map(str::to_owned));
    let own = || {
        let file = plane.data_dir.join("directory.sqlite");
        file.display().to_string()
    };
    page(&OverviewPage {
        directory: directory.unwrap_or_else(own),
        backup: format!(
            "connector-host backup --data-dir {} FOLDER",
            plane.data_dir.display()
        ),
        config: plane.config.clone(),
        shell,
        about,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_largest_unit_that_is_exact() {
        assert_eq!(time(720), "12 hours");
        assert_eq!(time(10_080), "7 days");
        assert_eq!(time(1_440), "1 day");
        assert_eq!(time(90), "90 minutes");
    }
}
