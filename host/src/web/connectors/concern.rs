//! What an administrator should look at in a connector, most urgent first.

use uuid::Uuid;

use super::page_of;
use crate::catalog::{Connector, Warning};
use crate::web::filters::counted;
use crate::work::{Overview, Run, RunStatus};

/// Something that an administrator should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Concern {
    /// Whether something has failed or waits, and not only might.
    pub(super) bad: bool,
    /// What is the matter.
    pub(super) message: String,
    /// What to do about it.
    pub(super) remedy: String,
    /// Word to search for; empty where there is none.
    pub(super) code: String,
    /// Where it is done, and what the link says.
    pub(super) link: Option<(String, &'static str)>,
}

/// All of them.
pub(super) fn of(connector: &Connector, overview: &Overview) -> Vec<Concern> {
    let mut concerns: Vec<Concern> = overview
        .last
        .as_ref()
        .and_then(of_run)
        .into_iter()
        .collect();
    if let Some(token) = overview.token.as_ref().filter(|token| token.old) {
        let days = token.age_seconds / 86_400;
        concerns.push(Concern {
            bad: false,
            message: format!("The cursor is {days} days old and may expire at the source."),
            remedy: "Run it now: once the cursor has expired, a run reads everything again.".into(),
            code: "cursor.old".into(),
            link: None,
        });
    }
    let of_settings = connector.warnings.iter();
    concerns.extend(of_settings.map(|warning| of_warning(connector.id, warning)));
    concerns
}

fn of_run(run: &Run) -> Option<Concern> {
    let link = |says| Some((format!("/runs/{}", run.id), says));
    match run.state {
        RunStatus::Held => Some(Concern {
            bad: true,
            message: format!(
                "The last run would remove {}, {} and {}, and waits for a decision.",
                counted(run.users.removed, "user"),
                counted(run.groups.removed, "group"),
                counted(run.memberships.removed, "membership")
            ),
            remedy: "Look at what it would remove, then allow or reject it.".into(),
            code: String::new(),
            link: link("Decide"),
        }),
        RunStatus::Failed => {
            let fault = run.fault.as_ref();
            let message = fault.map_or("The last run failed.", |fault| fault.message.as_str());
            let mut remedy = fault
                .and_then(|fault| fault.remedy.clone())
                .unwrap_or_default();
            if run.retry_at.is_some() {
                remedy = format!("{remedy} It is tried once more by itself.")
                    .trim_start()
                    .into();
            }
            Some(Concern {
                bad: true,
                message: message.to_owned(),
                remedy,
                code: fault.map(|fault| fault.code.clone()).unwrap_or_default(),
                link: link("Look at the run"),
            })
        }
        RunStatus::Partial => Some(Concern {
            bad: false,
            message: "The last run could not read everything.".into(),
            remedy: "What it could not read stays as it was.".into(),
            code: String::new(),
            link: link("See what"),
        }),
        _ => None,
    }
}

fn of_warning(connector: Uuid, warning: &Warning) -> Concern {
    let link = match warning.code.split_once('.') {
        Some(("secret", _)) => Some((format!("{}/edit", page_of(connector)), "Edit")),
        Some(("plugin", _)) => Some(("/plugins".into(), "Plugins")),
        _ => None,
    };
    Concern {
        bad: warning.code == "secret.expired",
        message: warning.message.clone(),
        remedy: warning.remedy.clone(),
        code: warning.code.clone(),
        link,
    }
}
