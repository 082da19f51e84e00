//! Forms: what comes with them, and what is wrong with it.

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;

use crate::api::problem::{FieldError, Problem};

/// What a form was filled in with. Fields may come more than once, for a `Vec`; the field `csrf`, which every
/// form has, was checked before and is passed over.
#[derive(Debug)]
pub(super) struct Form<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum_extra::extract::Form::<T>::from_request(request, state).await {
            Ok(form) => Ok(Self(form.0)),
            Err(error) => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "request.form",
                // It names the field, and quotes nothing.
                error.to_string(),
            )
            .remedy("Go back and fill in the form again.")),
        }
    }
}

/// Where a day such as `2026-03-01` begins by UTC, so many days later; nothing where it is no day.
pub(super) fn midnight(day: &str, later: i64) -> Option<Timestamp> {
    let day: Date = day.parse().ok()?;
    let day = day
        .checked_add(jiff::Span::new().try_days(later).ok()?)
        .ok()?;
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
}

/// What is wrong with a form that was sent: shown above it, and beside the fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Mistakes {
    /// What happened, where it isn't about single fields.
    pub(super) problem: Option<Problem>,
    fields: Vec<FieldError>,
}

impl Mistakes {
    /// Of a request that was refused, where the form can be shown again with the reason: bad input, a conflict,
    /// a brake. Anything else is an error of its own page.
    pub(super) fn of(mut problem: Problem) -> Result<Self, Problem> {
        if !(400..500).contains(&problem.status) || matches!(problem.status, 401 | 403 | 404) {
            return Err(problem);
        }
        let fields = std::mem::take(&mut problem.errors);
        let problem = fields.is_empty().then_some(problem);
        Ok(Self { problem, fields })
    }

    /// The status of the form that is shown again.
    pub(super) fn status(&self) -> StatusCode {
        let problem = self.problem.as_ref().map(|problem| problem.status);
        problem
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.problem.is_none() && self.fields.is_empty()
    }

    /// All of those about fields.
    pub(super) fn fields(&self) -> &[FieldError] {
        &self.fields
    }

    /// What is wrong with a field.
    pub(super) fn at(&self, path: &str) -> Option<&FieldError> {
        self.fields.iter().find(|error| error.path == path)
    }
}

impl From<Vec<FieldError>> for Mistakes {
    fn from(fields: Vec<FieldError>) -> Self {
        Self {
            problem: None,
            fields,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_by_utc() {
        let told = |day, later| midnight(day, later).map(|at| at.to_string());
        assert_eq!(told("2026-03-01", 0).unwrap(), "2026-03-01T00:00:00Z");
        assert_eq!(told("2026-02-28", 1).unwrap(), "2026-03-01T00:00:00Z");
        assert!(told("1 March", 0).is_none() && told("9999-12-31", 1).is_none());
    }
}
