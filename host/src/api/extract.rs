//! What handlers take from a request; whatever is wrong with it is a [`Problem`].

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

use super::problem::{FieldError, Problem};
use crate::access::{Caller, Principal, Role};

/// Extractors for somebody who has at least a role: they end the request where nobody is signed in (401) or the
/// role doesn't suffice (403). The router's authentication put the principal there.
macro_rules! roles {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub struct $name(pub Principal);

        impl<S: Sync> FromRequestParts<S> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
                principal(parts, Role::$name).map(Self)
            }
        }
    )+};
}

roles! {
    /// Somebody who may look.
    Viewer;
    /// Somebody who may run, cancel, allow and reject.
    Operator;
    /// Somebody who may change everything.
    Admin;
}

/// The user behind a request, with how it proved that: somebody who may at least look.
#[derive(Debug)]
pub struct Signed(pub Caller);

impl<S: Sync> FromRequestParts<S> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>();
        caller.cloned().map(Self).ok_or_else(Problem::unauthorized)
    }
}

fn principal(parts: &Parts, needed: Role) -> Result<Principal, Problem> {
    let Some(principal) = parts.extensions.get::<Principal>() else {
        return Err(Problem::unauthorized());
    };
    if principal.role < needed {
        return Err(Problem::forbidden(needed));
    }
    Ok(principal.clone())
}

/// A JSON document.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let is_json = kind
            .and_then(|kind| kind.to_str().ok())
            .and_then(|kind| kind.split(';').next())
            .is_some_and(|kind| {
                let kind = kind.trim().to_ascii_lowercase();
                kind == "application/json"
                    || (kind.starts_with("application/") && kind.ends_with("+json"))
            });
        if !is_json {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "request.media-type",
                "The body is not declared to be JSON.",
            )
            .remedy("Send `Content-Type: application/json`."));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|error| unreadable(&error))?;
        let mut source = serde_json::Deserializer::from_slice(&body);
        let value = serde_path_to_error::deserialize(&mut source).map_err(|error| {
            let path = error.path().to_string();
            let cause = error.into_inner();
            if cause.is_data() {
                return Problem::invalid([misfit(&path, &cause.to_string())]);
            }
            not_json(&cause)
        })?;
        source.end().map_err(|error| not_json(&error))?;
        Ok(Self(value))
    }
}

fn unreadable(error: &BytesRejection) -> Problem {
    Problem::new(error.status(), "request.body", error.body_text())
}

fn not_json(cause: &serde_json::Error) -> Problem {
    // The parser's message quotes nothing of the document, only where it broke.
    Problem::new(
        StatusCode::BAD_REQUEST,
        "request.json",
        format!("The body is no JSON document: {cause}."),
    )
}

fn misfit(path: &str, message: &str) -> FieldError {
    FieldError {
        path: path.into(),
        message: message.into(),
        remedy: "See the OpenAPI document for what is possible.".into(),
    }
}

/// Parameters in the path. One that can't be read names no resource.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(path) => Ok(Self(path.0)),
            Err(_) => Err(Problem::not_found("resource")),
        }
    }
}

/// Parameters after the question mark.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(query) => Ok(Self(query.0)),
            Err(error) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "request.query",
                error.body_text(),
            )),
        }
    }
}
