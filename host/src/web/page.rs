//! Answers that are pages.

use askama::Template;
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::form::Mistakes;
use super::notice::Notice;
use crate::api::problem::Problem;

/// A page, or why there is none.
pub(super) type Answer = Result<Response, Problem>;

/// The page that a template makes.
pub(super) fn page(template: &impl Template) -> Answer {
    let text = template
        .render()
        .map_err(|error| Problem::internal(&error))?;
    Ok(Html(text).into_response())
}

/// A form once more, with what was wrong with what was sent.
pub(super) fn again(mistakes: &Mistakes, template: &impl Template) -> Answer {
    Ok((mistakes.status(), page(template)?).into_response())
}

/// After something was done: goes to a page, which says what was done.
pub(super) fn done(to: &str, what: impl Into<String>) -> Answer {
    Ok((Notice::done(what), Redirect::to(to)).into_response())
}

/// Goes to a page.
pub(super) fn go(to: &str) -> Answer {
    Ok(Redirect::to(to).into_response())
}
