//! Coming in and going out: the first administrator, signing in, signing out.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::assets;
use super::filters;
use super::form::{Form, Mistakes};
use super::page::{Answer, again, go, page};
use crate::access::{NewSession, PasswordSignIn, Visitor, deserialize_secret, local_path};
use crate::api::extract::{Query, Signed};
use crate::api::problem::Problem;
use crate::api::{Plane, session_cookie};

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route("/setup", get(set_up_form).post(set_up))
        .route("/sign-in", get(sign_in_form).post(sign_in))
        .route("/sign-out", post(sign_out))
}

/// The page to sign in at, which leads back to another.
pub(super) fn address(back: &str) -> String {
    if back == "/" {
        return "/sign-in".into();
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("back", back);
    format!("/sign-in?{}", query.finish())
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetUpPage {
    assets: String,
    name: String,
    mistakes: Mistakes,
}

#[derive(Deserialize)]
struct FirstAdmin {
    #[serde(deserialize_with = "deserialize_secret")]
    code: SecretString,
    name: String,
    #[serde(deserialize_with = "deserialize_secret")]
    password: SecretString,
}

async fn set_up_form(State(plane): State<Plane>) -> Answer {
    if plane.access.is_configured().await? {
        return go("/sign-in");
    }
    page(&SetUpPage {
        assets: assets::root(),
        name: "admin".into(),
        mistakes: Mistakes::default(),
    })
}

async fn set_up(
    State(plane): State<Plane>,
    visitor: Visitor,
    Form(given): Form<FirstAdmin>,
) -> Answer {
    let code = given.code.expose_secret().trim();
    let made = plane
        .access
        .set_up(code, &given.name, given.password, &visitor)
        .await;
    match made {
        Ok(session) => Ok(begun(&session, &visitor, "/")),
        Err(error) => {
            let shown = SetUpPage {
                assets: assets::root(),
                name: given.name,
                mistakes: refused(error.into())?,
            };
            again(&shown.mistakes, &shown)
        }
    }
}

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInPage {
    assets: String,
    name: String,
    back: String,
    passwords: bool,
    provider: bool,
    mistakes: Mistakes,
}

impl SignInPage {
    fn new(plane: &Plane, name: String, back: String) -> Self {
        let policy = plane.access.policy();
        Self {
            assets: assets::root(),
            name,
            back,
            passwords: policy.password_sign_in != PasswordSignIn::Nobody,
            provider: plane.access.has_provider(),
            mistakes: Mistakes::default(),
        }
    }

    /// Where the identity provider is asked.
    fn provider_address(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("returnTo", &self.back);
        format!("/api/v1/session/oidc?{}", query.finish())
    }
}

#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    back: String,
}

#[derive(Deserialize)]
struct Credentials {
    name: String,
    #[serde(deserialize_with = "deserialize_secret")]
    password: SecretString,
    #[serde(default)]
    back: String,
}

async fn sign_in_form(State(plane): State<Plane>, Query(query): Query<Back>) -> Answer {
    let back = local_path(Some(&query.back)).to_owned();
    page(&SignInPage::new(&plane, String::new(), back))
}

async fn sign_in(
    State(plane): State<Plane>,
    visitor: Visitor,
    Form(given): Form<Credentials>,
) -> Answer {
    let back = local_path(Some(&given.back)).to_owned();
    let begun_or_not = plane
        .access
        .sign_in(&given.name, given.password, &visitor)
        .await;
    match begun_or_not {
        Ok(session) => Ok(begun(&session, &visitor, &back)),
        Err(error) => {
            let mut shown = SignInPage::new(&plane, given.name, back);
            shown.mistakes = refused(error.into())?;
            again(&shown.mistakes, &shown)
        }
    }
}

/// Signing in and setting up are refused with 401 and 403 too, which elsewhere are no mistakes of a form.
fn refused(mut problem: Problem) -> Result<Mistakes, Problem> {
    if matches!(problem.status, 401 | 403) {
        problem.status = StatusCode::UNPROCESSABLE_ENTITY.as_u16();
    }
    Mistakes::of(problem)
}

fn begun(session: &NewSession, visitor: &Visitor, to: &str) -> Response {
    let cookie = session_cookie(Some(&session.cookie), visitor.secure);
    (CookieJar::new().add(cookie), Redirect::to(to)).into_response()
}

async fn sign_out(Signed(caller): Signed, State(plane): State<Plane>, visitor: Visitor) -> Answer {
    plane.access.sign_out(&caller).await?;
    let jar = CookieJar::new().add(session_cookie(None, visitor.secure));
    Ok((jar, Redirect::to("/sign-in")).into_response())
}
