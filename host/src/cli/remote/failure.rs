//! Why a command against a server fails: what happened, what to do, and the exit code.

use std::fmt::Write as _;

use connector_host::api::problem::Problem;
use connector_host::run::{EXIT_CONFIGURATION, EXIT_FAILED};

use super::text::{clean, clean_lines};

/// Why a command against a server fails.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Failure {
    /// The server says so.
    #[error("{}", told(.0))]
    Refused(Box<Problem>),
    /// What was entered can't be, found out on this side.
    #[error("{message}\n  {remedy}")]
    Input {
        /// What is wrong.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// The server can't be reached, or what answers is no connector host.
    #[error("{message}\n  {remedy}")]
    Connection {
        /// What happened.
        message: String,
        /// What to do about it.
        remedy: String,
    },
}

impl Failure {
    pub(super) fn input(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Input {
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    pub(super) fn connection(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Connection {
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// Whether the server says that there is no such thing.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.status == 404)
    }

    /// The exit code of the command. Time and the state of things are no mistake of whoever entered the
    /// command: the same command may succeed later.
    pub(in crate::cli) fn exit_code(&self) -> u8 {
        match self {
            Self::Input { .. } => EXIT_CONFIGURATION,
            Self::Connection { .. } => EXIT_FAILED,
            Self::Refused(problem) => match problem.status {
                408 | 409 | 412 | 429 => EXIT_FAILED,
                400..=499 => EXIT_CONFIGURATION,
                _ => EXIT_FAILED,
            },
        }
    }
}

/// A problem as lines: what and which code, the remedy, every wrong field with its own.
fn told(problem: &Problem) -> String {
    let mut text = format!("{} [{}]", clean(&problem.detail), clean(&problem.code));
    if let Some(remedy) = &problem.remedy {
        // Writing into a string never fails.
        let _ = write!(text, "\n  {}", clean_lines(remedy));
    }
    for error in &problem.errors {
        let _ = write!(
            text,
            "\n  {}: {} {}",
            clean(&error.path),
            clean(&error.message),
            clean(&error.remedy)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use connector_host::api::problem::FieldError;

    use super::*;

    #[test]
    fn every_wrong_field_is_a_line_with_its_remedy() {
        let problem = Problem::invalid([
            FieldError {
                path: "schedule.zone".into(),
                message: "`Berlin` is no time zone.".into(),
                remedy: "Did you mean Europe/Berlin?".into(),
            },
            FieldError {
                path: "name".into(),
                message: "A name has 1 to 100 characters.".into(),
                remedy: "Shorten\u{1b}[31m it.".into(),
            },
        ]);
        let failure = Failure::Refused(Box::new(problem));
        assert_eq!(
            failure.to_string(),
            "What was sent is not valid: schedule.zone, name. [request.invalid]\n  \
             schedule.zone: `Berlin` is no time zone. Did you mean Europe/Berlin?\n  \
             name: A name has 1 to 100 characters. Shorten\u{fffd}[31m it."
        );
        assert_eq!(failure.exit_code(), EXIT_CONFIGURATION);
    }

    #[test]
    fn what_may_succeed_later_is_no_mistake_of_the_command() {
        for (status, code) in [
            (400, 2),
            (401, 2),
            (403, 2),
            (404, 2),
            (409, 1),
            (412, 1),
            (422, 2),
            (429, 1),
            (500, 1),
            (503, 1),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let failure = Failure::Refused(Box::new(Problem::new(status, "a.b", "c")));
            assert_eq!(failure.exit_code(), code, "{status}");
        }
    }
}
