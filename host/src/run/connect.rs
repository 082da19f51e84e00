//! The way out of a job: its connection, its credential and their limits.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::contract::{CheckLine, CheckOutcome, Fault, FaultKind, Problem};
use crate::egress::{
    CertificateFacts, ENDS_SOON_DAYS, Egress, EgressError, Limits as EgressLimits,
};
use crate::limits::Limits;
use crate::plugin::{CallError, Plugin, RunLog, Session};
use crate::settings::Settings;

/// Where and how a job reaches its source.
#[derive(Debug, Clone)]
pub struct Connected {
    /// For the instances of this job.
    pub session: Session,
}

/// Why a job can't reach its source.
#[derive(Debug)]
pub enum ConnectError {
    /// The settings are wrong.
    Problems(Vec<Problem>),
    /// The plugin failed, or asks for what the operator didn't grant.
    Fault(Fault),
}

/// Validates a job's settings and opens its way out.
///
/// # Errors
/// [`ConnectError`]; nothing was stored and no request was sent.
pub async fn connect(
    plugin: &Plugin,
    settings: &Settings,
    egress: &Arc<Egress>,
) -> Result<Connected, ConnectError> {
    let call = |error: CallError| ConnectError::Fault(error.into_fault());
    let mut instance = plugin.open(None).await.map_err(call)?;
    let connection = instance
        .connect(&settings.plugin)
        .await
        .map_err(call)?
        .map_err(ConnectError::Problems)?;
    let opening = {
        let (egress, secrets) = (Arc::clone(egress), settings.secrets.clone());
        let (hosts, limits) = (
            plugin.description().hosts.clone(),
            egress_limits(plugin.limits()),
        );
        // An encrypted certificate takes its time.
        tokio::task::spawn_blocking(move || egress.gateway(connection, &hosts, secrets, limits))
    };
    let opened = opening.await.map_err(|error| {
        ConnectError::Fault(Fault {
            kind: FaultKind::Transient,
            code: "egress.aborted".into(),
            message: error.to_string(),
            remedy: None,
            setting: None,
        })
    })?;
    let gateway = opened.map_err(|error| ConnectError::Fault(egress_fault(&error)))?;
    Ok(Connected {
        session: Session {
            gateway,
            log: Arc::new(log_of(plugin)),
            directory: None,
        },
    })
}

pub(super) fn log_of(plugin: &Plugin) -> RunLog {
    let limits = plugin.limits();
    RunLog::new(
        &plugin.description().id(),
        limits.log_lines,
        limits.log_line_bytes,
    )
}

fn egress_limits(limits: &Limits) -> EgressLimits {
    EgressLimits {
        max_requests: limits.requests,
        max_in_flight: limits.in_flight_requests,
        max_request_bytes: limits.request_bytes,
        max_response_bytes: limits.response_bytes,
        max_total_response_bytes: limits.total_response_bytes,
    }
}

fn egress_fault(error: &EgressError) -> Fault {
    let (code, remedy, setting) = match error {
        EgressError::Certificate { key, source } => {
            (source.code(), Some(source.remedy()), Some(key))
        }
        EgressError::TokenFile { key, source } => {
            ("egress.token-file", Some(source.remedy()), Some(key))
        }
        _ => ("egress.denied", None, None),
    };
    Fault {
        kind: FaultKind::Configuration,
        code: code.into(),
        message: error.to_string(),
        remedy: remedy.map(str::to_owned),
        setting: setting.cloned(),
    }
}

impl Connected {
    /// The connection test's line about the client's certificate, where it has one.
    #[must_use]
    pub fn certificate_line(&self) -> Option<CheckLine> {
        let facts = self.session.gateway.certificate()?;
        Some(line(facts, Timestamp::now()))
    }
}

fn line(facts: &CertificateFacts, now: Timestamp) -> CheckLine {
    let left = facts.not_after.duration_since(now);
    let remedy = (left < SignedDuration::from_hours(24 * ENDS_SOON_DAYS)).then(|| {
        format!(
            "It ends in {} days: make a new certificate, register it at the vendor's side and set it here.",
            left.as_hours() / 24
        )
    });
    CheckLine {
        item: "certificate".to_owned(),
        outcome: CheckOutcome::Passed,
        seen: format!("{facts}."),
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_told_and_warned_of_from_thirty_days_before_its_end() {
        let facts = CertificateFacts {
            subject: "CN=directory-sync".into(),
            thumbprint: "AB12".into(),
            sha256: "cd34".into(),
            not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
            not_after: "2027-01-01T00:00:00Z".parse().unwrap(),
        };
        let at = |now: &str| line(&facts, now.parse().unwrap());
        let early = at("2026-06-01T00:00:00Z");
        assert_eq!(
            early.seen,
            "CN=directory-sync, thumbprint AB12, valid until 2027-01-01."
        );
        assert_eq!(early.remedy, None);
        let late = at("2026-12-22T00:00:00Z");
        assert!(late.remedy.unwrap().contains("in 10 days"));
    }
}
