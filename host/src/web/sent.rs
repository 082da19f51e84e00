//! Forms whose fields are known only once it is known what they are about.

use std::fmt;

use axum::extract::{FromRequest, Request};

use super::form::Form;
use crate::api::problem::Problem;

/// What a form was filled in with, by name of the field. Its debug form shows no values.
pub(super) struct Sent(Vec<(String, String)>);

impl Sent {
    /// What was written into a field, without the space around it; empty where nothing was.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default().trim()
    }

    /// What was written into a field, as it is.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Whether a box was ticked.
    pub(super) fn is_ticked(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Everything that was sent for a field.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.0.iter().filter(move |(own, _)| own == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The button that was pressed.
    pub(super) fn action(&self) -> &str {
        self.text("action")
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| name);
        f.debug_set().entries(names).finish()
    }
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Form::from_request(request, state)
            .await
            .map(|Form(fields)| Self(fields))
    }
}

#[cfg(test)]
impl Sent {
    /// As if these had been sent.
    pub(super) fn of(fields: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(fields.iter().map(own).collect())
    }
}
