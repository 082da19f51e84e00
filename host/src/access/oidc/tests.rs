//! Who comes in through an identity provider, and who doesn't.

use secrecy::ExposeSecret;

use super::testing::{Mistake, Person, TestProvider, person};
use super::*;
use crate::access::testing::{access_under, at};
use crate::access::{Principal, UserChange};
use crate::clock::{Clock as _, ManualClock};

/// Access with a provider, in one place.
struct Scene {
    provider: TestProvider,
    access: Access,
    clock: ManualClock,
    _folders: (tempfile::TempDir, tempfile::TempDir),
}

type Outcome = Result<(NewSession, String), AccessError>;

impl Scene {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut OidcPolicy)) -> Self {
        let clock = ManualClock::new("2026-03-01T08:00:00Z".parse().unwrap());
        let provider = TestProvider::start(&clock).await;
        let folder = tempfile::tempdir().unwrap();
        let mut policy = provider.policy(folder.path());
        change(&mut policy.oidc);
        let (mut access, _, other) = access_under(policy).await;
        access.clock = std::sync::Arc::new(clock.clone());
        Self {
            provider,
            access,
            clock,
            _folders: (folder, other),
        }
    }

    async fn begin(&self) -> Started {
        let visitor = at("203.0.113.1");
        let begun = self.access.start_oidc(Some("/connectors?x=1"), &visitor);
        begun.await.unwrap()
    }

    async fn end(&self, code: &str, state: &str, cookie: &str) -> Outcome {
        let answer = OidcAnswer {
            code: Some(code.into()),
            state: Some(state.into()),
            ..OidcAnswer::default()
        };
        let visitor = at("203.0.113.1");
        self.access
            .finish_oidc(answer, Some(cookie), &visitor)
            .await
    }

    async fn sign_in(&self, person: Person) -> Outcome {
        let started = self.begin().await;
        let (code, state) = self.provider.sign_in(&started.url, person);
        self.end(&code, &state, started.state.expose_secret()).await
    }

    async fn user(&self, person: Person) -> User {
        let (session, _) = self.sign_in(person).await.unwrap();
        session.caller.user
    }

    async fn alive(&self, session: &NewSession) -> bool {
        let cookie = session.cookie.expose_secret();
        let found = self.access.session(cookie, &Visitor::default()).await;
        found.unwrap().is_some()
    }
}

fn refused(outcome: Outcome) -> OidcError {
    match outcome {
        Err(AccessError::Oidc(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn at_the_first_sign_in_a_user_is_made_and_found_again_at_the_next() {
    let scene = Scene::new().await;
    let (session, to) = scene
        .sign_in(person(
            "s-1",
            "anna@contoso.example",
            &["Staff", "Operators"],
        ))
        .await
        .unwrap();
    assert_eq!(to, "/connectors?x=1");
    let user = &session.caller.user;
    assert_eq!(user.name, "anna@contoso.example");
    assert_eq!(user.display_name, "anna@contoso.example the Great");
    assert_eq!(user.role, Role::Operator);
    assert!(!user.has_password);
    assert!(scene.alive(&session).await);
    let again = scene.user(person("s-1", "renamed", &["Operators"])).await;
    assert_eq!(again.id, user.id);
    let deeds = scene.access.deeds().await;
    let actions: Vec<&str> = deeds.iter().map(|deed| deed.0.as_str()).collect();
    assert_eq!(
        actions,
        ["user.create", "session.sign-in", "session.sign-in"]
    );
}

#[tokio::test]
async fn the_role_is_set_anew_at_each_sign_in_and_another_one_ends_older_sessions() {
    let scene = Scene::new().await;
    scene.access.test_user("root", Role::Admin).await;
    let (old, _) = scene
        .sign_in(person("s-1", "anna", &["Admins"]))
        .await
        .unwrap();
    let (new, _) = scene
        .sign_in(person("s-1", "anna", &["Staff"]))
        .await
        .unwrap();
    assert_eq!(new.caller.principal.role, Role::Viewer);
    assert!(!scene.alive(&old).await);
    assert!(scene.alive(&new).await);
}

#[tokio::test]
async fn the_last_admin_stays_one_whatever_the_provider_says() {
    let scene = Scene::new().await;
    scene.user(person("s-1", "anna", &["Admins"])).await;
    let user = scene.user(person("s-1", "anna", &["Staff"])).await;
    assert_eq!(user.role, Role::Admin);
}

#[tokio::test]
async fn nobody_takes_over_a_user_by_having_the_same_name() {
    let scene = Scene::new().await;
    let root = scene.access.test_user("root", Role::Admin).await;
    let user = scene.user(person("s-1", "Root", &["Staff"])).await;
    assert_ne!(user.id, root.id);
    assert!(user.name.starts_with("Root~"), "{}", user.name);
    assert_eq!(user.role, Role::Viewer);
}

#[tokio::test]
async fn a_token_with_any_mistake_lets_nobody_in_and_is_written_down() {
    let scene = Scene::new().await;
    let mistakes = [
        (Mistake::OtherNonce, "nonce"),
        (Mistake::OtherAudience, "audience"),
        (Mistake::OtherIssuer, "issuer"),
        (Mistake::Expired, "expired"),
        (Mistake::OtherKey, "signature"),
        (Mistake::OtherAccessToken, "access token"),
    ];
    for (mistake, word) in mistakes {
        let person = Person {
            mistake,
            ..person("s-1", "anna", &["Admins"])
        };
        let error = refused(scene.sign_in(person).await);
        let OidcError::Token(reason) = error else {
            panic!("{mistake:?}: {error}");
        };
        assert!(reason.to_lowercase().contains(word), "{reason}");
        assert!(!reason.contains("another nonce"), "{reason}");
    }
    let deeds = scene.access.deeds().await;
    assert_eq!(deeds.len(), mistakes.len());
    assert!(deeds.iter().all(|deed| deed.0 == "session.sign-in-failed"));
    assert!(scene.access.users(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_fetched_when_it_is_needed() {
    let scene = Scene::new().await;
    scene.user(person("s-1", "anna", &["Staff"])).await;
    scene.provider.use_another_key();
    scene.user(person("s-1", "anna", &["Staff"])).await;
}

#[tokio::test]
async fn an_answer_counts_once() {
    let scene = Scene::new().await;
    let started = scene.begin().await;
    let cookie = started.state.expose_secret();
    let anna = || person("s-1", "anna", &["Staff"]);
    let (code, state) = scene.provider.sign_in(&started.url, anna());
    scene.end(&code, &state, cookie).await.unwrap();
    let (code, state) = scene.provider.sign_in(&started.url, anna());
    let replayed = scene.end(&code, &state, cookie).await;
    assert_eq!(refused(replayed), OidcError::State);
}

#[tokio::test]
async fn an_answer_counts_only_in_the_browser_that_asked() {
    let scene = Scene::new().await;
    let (mine, theirs) = (scene.begin().await, scene.begin().await);
    let (code, state) = scene
        .provider
        .sign_in(&theirs.url, person("s-1", "mallory", &["Staff"]));
    let outcome = scene.end(&code, &state, mine.state.expose_secret()).await;
    assert_eq!(refused(outcome), OidcError::State);
}

#[tokio::test]
async fn a_code_of_another_sign_in_is_refused_by_its_challenge() {
    let scene = Scene::new().await;
    let (mine, theirs) = (scene.begin().await, scene.begin().await);
    let (stolen, _) = scene
        .provider
        .sign_in(&theirs.url, person("s-1", "anna", &["Admins"]));
    let state = mine.state.expose_secret();
    let error = refused(scene.end(&stolen, state, state).await);
    assert_eq!(
        error,
        OidcError::Refused("invalid_grant: as the test wants".into())
    );
}

#[tokio::test]
async fn an_answer_after_ten_minutes_is_too_late() {
    let scene = Scene::new().await;
    let started = scene.begin().await;
    let (code, state) = scene
        .provider
        .sign_in(&started.url, person("s-1", "anna", &["Staff"]));
    scene.clock.turn_to(scene.clock.now() + OIDC_PATIENCE);
    let outcome = scene.end(&code, &state, &state).await;
    assert_eq!(refused(outcome), OidcError::State);
}

#[tokio::test]
async fn whoever_has_no_role_here_is_refused_and_loses_the_sessions_they_had() {
    let scene = Scene::new().await;
    let (session, _) = scene
        .sign_in(person("s-1", "anna", &["Staff"]))
        .await
        .unwrap();
    let error = refused(scene.sign_in(person("s-1", "anna", &["Guests"])).await);
    assert_eq!(error, OidcError::NoRole("anna".into()));
    assert!(!scene.alive(&session).await);
    let error = refused(scene.sign_in(person("s-2", "bert", &[])).await);
    assert_eq!(error, OidcError::NoRole("bert".into()));
}

#[tokio::test]
async fn a_default_role_is_for_whoever_has_none() {
    let scene = Scene::with(|policy| policy.default_role = Some(Role::Viewer)).await;
    let user = scene.user(person("s-1", "anna", &["Guests"])).await;
    assert_eq!(user.role, Role::Viewer);
}

#[tokio::test]
async fn somebody_disabled_stays_out() {
    let scene = Scene::new().await;
    let user = scene.user(person("s-1", "anna", &["Staff"])).await;
    let disabled = UserChange {
        name: user.name,
        display_name: user.display_name,
        role: user.role,
        disabled: true,
    };
    let system = Principal::system();
    let changed = scene.access.change_user(user.id, &disabled, None, &system);
    changed.await.unwrap();
    let error = refused(scene.sign_in(person("s-1", "anna", &["Admins"])).await);
    assert_eq!(error, OidcError::Disabled("anna".into()));
}

#[tokio::test]
async fn the_providers_own_refusal_is_passed_on_and_uses_the_sign_in_up() {
    let scene = Scene::new().await;
    let started = scene.begin().await;
    let state = started.state.expose_secret();
    let answer = || OidcAnswer {
        state: Some(state.to_owned()),
        error: Some("access_denied".into()),
        error_description: Some("not\ntoday".into()),
        ..OidcAnswer::default()
    };
    let visitor = at("203.0.113.1");
    let outcome = scene
        .access
        .finish_oidc(answer(), Some(state), &visitor)
        .await;
    assert_eq!(
        refused(outcome),
        OidcError::Refused("access_denied: nottoday".into())
    );
    let outcome = scene
        .access
        .finish_oidc(answer(), Some(state), &visitor)
        .await;
    assert_eq!(refused(outcome), OidcError::State);
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_told_apart() {
    let scene = Scene::with(|policy| policy.issuer = "http://127.0.0.1:9".into()).await;
    let outcome = scene.access.start_oidc(None, &at("203.0.113.1")).await;
    assert!(matches!(
        outcome,
        Err(AccessError::Oidc(OidcError::Provider(_)))
    ));
}

#[tokio::test]
async fn beginning_again_and_again_is_slowed_down() {
    let scene = Scene::new().await;
    for _ in 0..20 {
        scene.begin().await;
    }
    let outcome = scene.access.start_oidc(None, &at("203.0.113.1")).await;
    assert!(matches!(outcome, Err(AccessError::Throttled(_))));
}

#[test]
fn afterwards_one_goes_only_to_pages_of_this_server() {
    assert!(is_local("/"));
    assert!(is_local("/connectors?x=1#y"));
    for elsewhere in [
        "",
        "connectors",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "https://evil.example",
    ] {
        assert!(!is_local(elsewhere), "{elsewhere:?}");
    }
}
