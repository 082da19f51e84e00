//! Who may sign in.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use secrecy::SecretString;
use serde::Deserialize;
use uuid::Uuid;

use super::super::filters;
use super::super::form::{Form, Mistakes};
use super::super::link::Foot;
use super::super::page::{Answer, again, done, page};
use super::super::shell::{Administers, Shell};
use crate::access::{NewUser, Role, User, UserChange, deserialize_secret};
use crate::api::Plane;
use crate::api::extract::{Path, Query, Signed};
use crate::api::page::{Page, Paging};
use crate::api::problem::Problem;

/// Users of a page.
const USERS: u32 = 50;
const LIST: &str = "/settings/users";

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route(LIST, get(list))
        .route("/settings/users/new", get(new).post(create))
        .route("/settings/users/{id}", get(show).post(change))
        .route("/settings/users/{id}/password", post(set_password))
        .route("/settings/users/{id}/delete", get(ask_delete).post(delete))
}

/// How somebody signs in.
fn means(user: &User) -> &'static str {
    match (user.has_password, user.issuer.is_some()) {
        (true, true) => "password or identity provider",
        (true, false) => "password",
        (false, true) => "identity provider",
        (false, false) => "no way yet: give a password",
    }
}

#[derive(Template)]
#[template(path = "settings/users.html")]
struct ListPage {
    shell: Shell,
    users: Vec<User>,
    me: Uuid,
    foot: Foot,
}

async fn list(
    Administers { shell, .. }: Administers,
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Query(paging): Query<Paging>,
) -> Answer {
    let after: Option<String> = paging.position()?;
    let users = plane.access.users(after.as_deref(), USERS + 1).await?;
    let total = plane.access.count_users().await?;
    let listed = Page::of(users, USERS, |user| user.name.clone());
    let foot = Foot::new(
        filters::counted(total, "user"),
        LIST,
        &[],
        paging.cursor.as_deref(),
        listed.next.as_deref(),
    );
    page(&ListPage {
        shell,
        users: listed.items,
        me: caller.user.id,
        foot,
    })
}

#[derive(Template)]
#[template(path = "settings/user-new.html")]
struct NewPage {
    shell: Shell,
    name: String,
    display_name: String,
    role: Role,
    mistakes: Mistakes,
}

#[derive(Deserialize)]
struct NewFields {
    name: String,
    #[serde(default, rename = "displayName")]
    display_name: String,
    role: Role,
    #[serde(deserialize_with = "deserialize_secret")]
    password: SecretString,
}

async fn new(Administers { shell, .. }: Administers) -> Answer {
    page(&NewPage {
        shell,
        name: String::new(),
        display_name: String::new(),
        role: Role::Viewer,
        mistakes: Mistakes::default(),
    })
}

async fn create(
    Administers { shell, by }: Administers,
    State(plane): State<Plane>,
    Form(given): Form<NewFields>,
) -> Answer {
    let name = given.name.trim().to_owned();
    let display_name = given.display_name.trim().to_owned();
    let new = NewUser {
        name: name.clone(),
        display_name: Some(display_name.clone()).filter(|name| !name.is_empty()),
        role: given.role,
        password: given.password,
    };
    match plane.access.create_user(new, &by).await {
        Ok(user) => done(
            LIST,
            format!("Created {} as {}.", user.name, user.role.word()),
        ),
        Err(error) => {
            let shown = NewPage {
                shell,
                name,
                display_name,
                role: given.role,
                mistakes: Mistakes::of(error.into())?,
            };
            again(&shown.mistakes, &shown)
        }
    }
}

#[derive(Template)]
#[template(path = "settings/user.html")]
struct UserPage {
    shell: Shell,
    user: User,
    is_me: bool,
    /// What the form holds.
    given: UserChange,
    mistakes: Mistakes,
    /// What is wrong with the new password.
    password_mistakes: Mistakes,
}

impl UserPage {
    fn new(shell: Shell, user: User, me: Uuid) -> Self {
        Self {
            shell,
            is_me: user.id == me,
            given: UserChange {
                name: user.name.clone(),
                display_name: user.display_name.clone(),
                role: user.role,
                disabled: user.disabled,
            },
            user,
            mistakes: Mistakes::default(),
            password_mistakes: Mistakes::default(),
        }
    }
}

async fn show(
    Administers { shell, .. }: Administers,
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Answer {
    let user = plane.access.user(id).await?;
    page(&UserPage::new(shell, user, caller.user.id))
}

#[derive(Deserialize)]
struct ChangeFields {
    revision: i64,
    name: String,
    #[serde(default, rename = "displayName")]
    display_name: String,
    role: Role,
    #[serde(default)]
    disabled: Option<String>,
}

async fn change(
    Administers { shell, by }: Administers,
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Form(given): Form<ChangeFields>,
) -> Answer {
    let name = given.name.trim().to_owned();
    let shown = given.display_name.trim();
    let change = UserChange {
        display_name: if shown.is_empty() { &name } else { shown }.to_owned(),
        role: given.role,
        disabled: given.disabled.is_some(),
        name,
    };
    let access = &plane.access;
    match access
        .change_user(id, &change, Some(given.revision), &by)
        .await
    {
        Ok(user) => done(&format!("{LIST}/{id}"), format!("Saved {}.", user.name)),
        Err(error) => {
            let mistakes = Mistakes::of(on_form(error.into()))?;
            let mut page = UserPage::new(shell, access.user(id).await?, caller.user.id);
            page.given = change;
            page.mistakes = mistakes;
            again(&page.mistakes, &page)
        }
    }
}

/// A change that meets another one: the form shows what is there now, and can be sent again.
fn on_form(problem: Problem) -> Problem {
    if problem.code != "request.changed-meanwhile" {
        return problem;
    }
    Problem::conflict(
        "request.changed-meanwhile",
        "Somebody else changed this user meanwhile.",
    )
    .remedy("Look at the fields again, and save once more to put yours in their place.")
}

#[derive(Deserialize)]
struct PasswordFields {
    revision: i64,
    #[serde(deserialize_with = "deserialize_secret")]
    password: SecretString,
}

async fn set_password(
    Administers { shell, by }: Administers,
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Form(given): Form<PasswordFields>,
) -> Answer {
    let access = &plane.access;
    let set = access
        .set_password(id, given.password, Some(given.revision), &by)
        .await;
    match set {
        Ok(user) => {
            let what = format!(
                "{} has the new password. Their sessions have ended.",
                user.name
            );
            done(&format!("{LIST}/{id}"), what)
        }
        Err(error) => {
            let mistakes = Mistakes::of(on_form(error.into()))?;
            let mut page = UserPage::new(shell, access.user(id).await?, caller.user.id);
            page.password_mistakes = mistakes;
            again(&page.password_mistakes, &page)
        }
    }
}

#[derive(Template)]
#[template(path = "settings/user-delete.html")]
struct DeletePage {
    shell: Shell,
    user: User,
    is_me: bool,
    mistakes: Mistakes,
}

async fn ask_delete(
    Administers { shell, .. }: Administers,
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
) -> Answer {
    let user = plane.access.user(id).await?;
    page(&DeletePage {
        shell,
        is_me: user.id == caller.user.id,
        user,
        mistakes: Mistakes::default(),
    })
}

#[derive(Deserialize)]
struct DeleteFields {
    revision: i64,
}

async fn delete(
    Administers { shell, by }: Administers,
    Signed(caller): Signed,
    State(plane): State<Plane>,
    Path(id): Path<Uuid>,
    Form(given): Form<DeleteFields>,
) -> Answer {
    let access = &plane.access;
    let user = access.user(id).await?;
    match access.delete_user(id, Some(given.revision), &by).await {
        Ok(()) => done(LIST, format!("Deleted {}.", user.name)),
        Err(error) => {
            let shown = DeletePage {
                shell,
                is_me: user.id == caller.user.id,
                mistakes: Mistakes::of(error.into())?,
                user: access.user(id).await?,
            };
            again(&shown.mistakes, &shown)
        }
    }
}
