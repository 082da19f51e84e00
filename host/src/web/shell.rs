//! What every page of a signed-in user has around it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::assets;
use super::notice::Notice;
use crate::access::{Caller, Means, Principal, Role};
use crate::api::Plane;
use crate::api::problem::Problem;

/// Who looks at a page, where, and when; every template of a page has one called `shell`.
///
/// As an extractor it ends the request of somebody who isn't signed in. It is enough for pages that every role
/// may see; for others there are [`Operates`] and [`Administers`].
#[derive(Debug, Clone)]
pub(super) struct Shell {
    /// Name of the user.
    pub(super) user: String,
    /// What the request may do.
    pub(super) role: Role,
    /// Value of the field `csrf` that every form has.
    pub(super) csrf: String,
    /// Path of the page.
    pub(super) path: String,
    /// What was done just before.
    pub(super) notice: Option<Notice>,
    /// What time it is: ages are counted from it.
    pub(super) now: Timestamp,
    /// The last event before the page was made: a stream that begins with a later one has news for it.
    pub(super) seen: u64,
    /// Path below which style and scripts are.
    pub(super) assets: String,
}

impl Shell {
    pub(super) fn of(parts: &Parts, plane: &Plane) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>();
        let caller = caller.ok_or_else(Problem::unauthorized)?;
        let csrf = match &caller.means {
            Means::Session { csrf, .. } => csrf.expose_secret().to_owned(),
            // Programs that read pages send no forms.
            Means::Token { .. } => String::new(),
        };
        Ok(Self {
            user: caller.user.name.clone(),
            role: caller.principal.role,
            csrf,
            path: parts.uri.path().to_owned(),
            notice: Notice::of(&CookieJar::from_headers(&parts.headers)),
            now: plane.clock.now(),
            seen: plane.work.events().last(),
            assets: assets::root(),
        })
    }

    /// Whether the user may run, cancel, allow and reject.
    pub(super) fn operates(&self) -> bool {
        self.role >= Role::Operator
    }

    /// Whether the user may change everything.
    pub(super) fn administers(&self) -> bool {
        self.role >= Role::Admin
    }

    /// Whether the page is this one or below it: what `aria-current` is made from.
    pub(super) fn is_at(&self, path: &str) -> bool {
        self.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromRequestParts<Plane> for Shell {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, plane: &Plane) -> Result<Self, Problem> {
        Self::of(parts, plane)
    }
}

/// Extractors like [`Shell`] for those who have at least a role, with who it is for the record.
macro_rules! roles {
    ($($(#[doc = $doc:literal])+ $name:ident needs $role:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(super) struct $name {
            /// What is around the page.
            pub(super) shell: Shell,
            /// Who it is, for the record.
            pub(super) by: Principal,
        }

        impl FromRequestParts<Plane> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, plane: &Plane) -> Result<Self, Problem> {
                let shell = Shell::of(parts, plane)?;
                let by = parts.extensions.get::<Principal>().cloned();
                let by = by.ok_or_else(Problem::unauthorized)?;
                if shell.role < Role::$role {
                    return Err(Problem::forbidden(Role::$role));
                }
                Ok(Self { shell, by })
            }
        }
    )+};
}

roles! {
    /// Somebody who may run, cancel, allow and reject.
    Operates needs Operator;
    /// Somebody who may change everything.
    Administers needs Admin;
}
