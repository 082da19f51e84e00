//! API tokens: an administrator sees everybody's here; everybody makes and revokes their own.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::Deserialize;
use uuid::Uuid;

use super::super::filters;
use super::super::form::{Form, Mistakes};
use super::super::link::Foot;
use super::super::page::{Answer, again, done, page};
use super::super::shell::{Administers, Shell};
use crate::access::{NewToken, Role, Token};
use crate::api::Plane;
use crate::api::extract::{Path, Query, Signed};
use crate::api::page::{Page, Paging};
use crate::api::problem::Problem;

/// Tokens of a page.
const TOKENS: u32 = 50;
const LIST: &str = "/settings/tokens";

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route(LIST, get(list))
        .route("/settings/tokens/new", get(new).post(create))
        .route("/settings/tokens/{id}/revoke", get(ask_revoke))
        .route("/settings/tokens/{id}/revoke", post(revoke))
}

/// How long a token is to live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Lifetime {
    Week,
    Month,
    #[default]
    Quarter,
    Year,
    Forever,
}

impl Lifetime {
    const ALL: [Self; 5] = [
        Self::Week,
        Self::Month,
        Self::Quarter,
        Self::Year,
        Self::Forever,
    ];

    /// Its value in a form.
    fn value(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
            Self::Forever => "forever",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Week => "in 7 days",
            Self::Month => "in 30 days",
            Self::Quarter => "in 90 days",
            Self::Year => "in 365 days",
            Self::Forever => "never",
        }
    }

    /// When a token that is made now ends.
    fn end(self, now: Timestamp) -> Option<Timestamp> {
        let days = match self {
            Self::Week => 7,
            Self::Month => 30,
            Self::Quarter => 90,
            Self::Year => 365,
            Self::Forever => return None,
        };
        now.checked_add(SignedDuration::from_hours(24 * days)).ok()
    }
}

/// A token in a list, with how it stands.
pub(in crate::web) struct Revocable {
    pub(in crate::web) token: Token,
    now: Timestamp,
}

impl Revocable {
    pub(in crate::web) fn new(token: Token, now: Timestamp) -> Self {
        Self { token, now }
    }

    /// Whether it has ended.
    pub(in crate::web) fn has_ended(&self) -> bool {
        self.token.expires_at.is_some_and(|end| end <= self.now)
    }
}

#[derive(Template)]
#[template(path = "settings/tokens.html")]
struct ListPage {
    shell: Shell,
    tokens: Vec<Revocable>,
    foot: Foot,
}

async fn list(
    Administers { shell, .. }: Administers,
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Query(paging): Query<Paging>,
) -> Answer {
    let access = &plane.access;
    let before = paging.position()?;
    let tokens = access.tokens(&caller, true, before, TOKENS + 1).await?;
    let total = access.count_tokens(&caller, true).await?;
    let listed = Page::of(tokens, TOKENS, |token| token.id);
    let foot = Foot::new(
        filters::counted(total, "token"),
        LIST,
        &[],
        paging.cursor.as_deref(),
        listed.next.as_deref(),
    );
    let now = shell.now;
    page(&ListPage {
        shell,
        tokens: listed
            .items
            .into_iter()
            .map(|token| Revocable::new(token, now))
            .collect(),
        foot,
    })
}

#[derive(Template)]
#[template(path = "settings/token-new.html")]
struct NewPage {
    shell: Shell,
    name: String,
    role: Role,
    lifetime: Lifetime,
    mistakes: Mistakes,
}

impl NewPage {
    /// Roles that the maker may give away.
    fn roles(&self) -> impl Iterator<Item = Role> {
        let most = self.shell.role;
        Role::ALL.into_iter().filter(move |role| *role <= most)
    }
}

#[derive(Deserialize)]
struct NewFields {
    name: String,
    role: Role,
    #[serde(default)]
    ends: Lifetime,
}

async fn new(shell: Shell) -> Answer {
    page(&NewPage {
        shell,
        name: String::new(),
        role: Role::Viewer,
        lifetime: Lifetime::default(),
        mistakes: Mistakes::default(),
    })
}

/// The only page that a token's secret is ever on.
#[derive(Template)]
#[template(path = "settings/token-made.html")]
struct MadePage<'a> {
    shell: Shell,
    token: &'a Token,
    secret: &'a str,
    /// Where this server is, for the example.
    server: String,
}

async fn create(
    shell: Shell,
    Signed(caller): Signed,
    State(plane): State<Plane>,
    visitor: crate::access::Visitor,
    Form(given): Form<NewFields>,
) -> Answer {
    let new = NewToken {
        name: given.name.trim().to_owned(),
        role: given.role,
        expires_at: given.ends.end(shell.now),
    };
    match plane.access.create_token(&new, &caller).await {
        Ok((token, secret)) => {
            let shown = MadePage {
                server: server(&plane, &visitor),
                shell,
                token: &token,
                secret: secret.expose_secret(),
            };
            // It is not to be found again by going back.
            Ok(([(CACHE_CONTROL, "no-store")], page(&shown)?).into_response())
        }
        Err(error) => {
            let shown = NewPage {
                shell,
                name: new.name,
                role: given.role,
                lifetime: given.ends,
                mistakes: Mistakes::of(error.into())?,
            };
            again(&shown.mistakes, &shown)
        }
    }
}

/// The address at which programs reach this server.
fn server(plane: &Plane, visitor: &crate::access::Visitor) -> String {
    if let Some(url) = &plane.config.server.public_url {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    let scheme = if visitor.secure { "https" } else { "http" };
    let listen = plane.config.server.listen.to_string();
    format!("{scheme}://{}", visitor.host.as_deref().unwrap_or(&listen))
}

#[derive(Template)]
#[template(path = "settings/token-revoke.html")]
struct RevokePage {
    shell: Shell,
    token: Token,
    is_mine: bool,
}

async fn ask_revoke(
    shell: Shell,
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Answer {
    let token = plane.access.token(id, &caller).await?;
    page(&RevokePage {
        shell,
        is_mine: token.user_id == caller.user.id,
        token,
    })
}

async fn revoke(
    shell: Shell,
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Answer {
    let token: Result<Token, Problem> = plane.access.token(id, &caller).await.map_err(Into::into);
    let token = token?;
    plane.access.revoke_token(id, &caller).await?;
    let to = if shell.administers() {
        LIST
    } else {
        "/account"
    };
    done(to, format!("Revoked {}. It no longer works.", token.name))
}
