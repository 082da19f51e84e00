//! Your account: who you are here, your password, your sessions, your API tokens.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::filters;
use super::form::{Form, Mistakes};
use super::notice::Notice;
use super::page::{Answer, again, done, page};
use super::settings::Revocable;
use super::shell::Shell;
use crate::access::{Caller, Means, SessionEntry, SignedInBy, User, Visitor, deserialize_secret};
use crate::api::extract::Signed;
use crate::api::problem::{FieldError, Problem};
use crate::api::{Plane, session_cookie};

/// Tokens that are listed; whoever has more revokes the ones that ended.
const MOST_TOKENS: u32 = 100;

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route("/account", get(show))
        .route("/account/password", post(change_password))
        .route("/account/sessions/end", post(end_others))
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    shell: Shell,
    user: User,
    /// Whether there is a session at all: a program that reads the page has none.
    in_session: bool,
    signed_in_by: &'static str,
    sessions: Vec<SessionEntry>,
    tokens: Vec<Revocable>,
    token_count: u64,
    mistakes: Mistakes,
}

fn words(by: SignedInBy) -> &'static str {
    match by {
        SignedInBy::Password => "with a password",
        SignedInBy::Setup => "by making the first administrator",
        SignedInBy::Oidc => "through the identity provider",
    }
}

/// What a browser calls itself, in a word or two.
fn browser(agent: &str) -> String {
    const KNOWN: [(&str, &str); 8] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
        ("connector-host", "connector-host"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let named = |list: &[(&str, &'static str)]| {
        let mut found = list.iter();
        found
            .find(|(mark, _)| agent.contains(mark))
            .map(|(_, name)| *name)
    };
    match (named(&KNOWN), named(&SYSTEMS)) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        _ => agent.chars().take(40).collect(),
    }
}

impl AccountPage {
    async fn of(shell: Shell, plane: &Plane, caller: &Caller) -> Result<Self, Problem> {
        let access = &plane.access;
        let (in_session, signed_in_by) = match caller.means {
            Means::Session { by, .. } => (true, words(by)),
            Means::Token { .. } => (false, "with an API token"),
        };
        let sessions = if in_session {
            access.sessions(caller).await?
        } else {
            Vec::new()
        };
        let tokens = access.tokens(caller, false, None, MOST_TOKENS).await?;
        let now = shell.now;
        Ok(Self {
            user: caller.user.clone(),
            in_session,
            signed_in_by,
            sessions,
            tokens: tokens
                .into_iter()
                .map(|token| Revocable::new(token, now))
                .collect(),
            token_count: access.count_tokens(caller, false).await?,
            shell,
            mistakes: Mistakes::default(),
        })
    }

    fn has_other_sessions(&self) -> bool {
        self.sessions.iter().any(|session| !session.current)
    }
}

async fn show(shell: Shell, Signed(caller): Signed, State(plane): State<Plane>) -> Answer {
    page(&AccountPage::of(shell, &plane, &caller).await?)
}

#[derive(Deserialize)]
struct PasswordFields {
    #[serde(rename = "oldPassword", deserialize_with = "deserialize_secret")]
    old: SecretString,
    #[serde(rename = "newPassword", deserialize_with = "deserialize_secret")]
    new: SecretString,
    #[serde(deserialize_with = "deserialize_secret")]
    repeated: SecretString,
}

async fn change_password(
    shell: Shell,
    Signed(caller): Signed,
    State(plane): State<Plane>,
    visitor: Visitor,
    Form(given): Form<PasswordFields>,
) -> Answer {
    let changed = async {
        if given.new.expose_secret() != given.repeated.expose_secret() {
            return Err(Problem::invalid([FieldError {
                path: "repeated".into(),
                message: "It is not the same as the new password.".into(),
                remedy: "Write the new password once more.".into(),
            }]));
        }
        let access = &plane.access;
        let session = access
            .change_own_password(&caller, given.old, given.new, &visitor)
            .await?;
        Ok(session)
    };
    match changed.await {
        Ok(session) => {
            let cookie = session_cookie(Some(&session.cookie), visitor.secure);
            let notice = Notice::done("Changed your password. All other sessions have ended.");
            let to = Redirect::to("/account");
            Ok((CookieJar::new().add(cookie), notice, to).into_response())
        }
        Err(problem) => {
            let mistakes = Mistakes::of(problem)?;
            let mut shown = AccountPage::of(shell, &plane, &caller).await?;
            shown.mistakes = mistakes;
            again(&shown.mistakes, &shown)
        }
    }
}

async fn end_others(Signed(caller): Signed, State(plane): State<Plane>) -> Answer {
    let ended = plane.access.sign_out_elsewhere(&caller).await?;
    let what = match ended {
        0 => "There was no other session.".to_owned(),
        1 => "Ended 1 other session.".to_owned(),
        ended => format!("Ended {ended} other sessions."),
    };
    done("/account", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_in_a_word_or_two() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                    Chrome/130.0 Safari/537.36 Edg/130.0";
        assert_eq!(browser(edge), "Edge on Windows");
        assert_eq!(browser("curl/8.5.0"), "curl");
        assert_eq!(browser("something"), "something");
    }
}
