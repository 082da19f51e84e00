//! What users, sessions and tokens promise.

use std::time::Duration;

use jiff::SignedDuration;
use secrecy::ExposeSecret;

use super::testing::{PASSWORD, access_under, at};
use super::*;
use crate::clock::ManualClock;

mod sessions;
mod setting_up;
mod signing_in;
mod tokens;
mod users;

const WRONG: &str = "not that password";

async fn access() -> (Access, ManualClock, tempfile::TempDir) {
    access_under(AccessPolicy::default()).await
}

fn pass(clock: &ManualClock, time: SignedDuration) {
    clock.turn_to(clock.now() + time);
}

fn root() -> Principal {
    Principal::system()
}

async fn alive(access: &Access, session: &NewSession) -> bool {
    let cookie = session.cookie.expose_secret();
    let found = access.session(cookie, &Visitor::default()).await.unwrap();
    found.is_some()
}

async fn works(access: &Access, token: &str) -> bool {
    let found = access.bearer(token, &Visitor::default()).await.unwrap();
    found.is_some()
}

fn change(user: &User) -> UserChange {
    UserChange {
        name: user.name.clone(),
        display_name: user.display_name.clone(),
        role: user.role,
        disabled: user.disabled,
    }
}

fn new_user(name: &str, password: &str) -> NewUser {
    NewUser {
        name: name.into(),
        display_name: None,
        role: Role::Viewer,
        password: password.into(),
    }
}
