//! What a connection test tells of the client's certificate, which only the host knows.

use jiff::{SignedDuration, Timestamp};

use super::Connected;
use crate::contract::{CheckLine, CheckOutcome};
use crate::egress::CertificateFacts;

/// So long before its end it is told that a certificate ends.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

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
    let remedy = (left < SOON).then(|| {
        format!(
            "It ends in {} days: make a new certificate, register it at the vendor's side and set it here.",
            left.as_hours() / 24
        )
    });
    CheckLine {
        item: "certificate".to_owned(),
        outcome: CheckOutcome::Passed,
        seen: format!(
            "{}, thumbprint {}, valid until {}.",
            facts.subject,
            facts.thumbprint,
            facts.last_day()
        ),
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
