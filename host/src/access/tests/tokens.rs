//! API tokens.

use super::*;

fn new(role: Role, expires_at: Option<Timestamp>) -> NewToken {
    NewToken {
        name: "nightly".into(),
        role,
        expires_at,
    }
}

async fn caller(access: &Access, token: &str) -> Caller {
    let found = access.bearer(token, &Visitor::default()).await.unwrap();
    found.unwrap()
}

#[tokio::test]
async fn nobody_gives_a_token_a_role_above_their_own() {
    let (access, _clock, _folder) = access().await;
    let user = access.test_user("anna", Role::Viewer).await;
    let session = access.test_session(&user).await;
    let outcome = access
        .create_token(&new(Role::Operator, None), &session.caller)
        .await;
    assert!(matches!(
        outcome,
        Err(AccessError::RoleAbove(Role::Operator))
    ));
}

#[tokio::test]
async fn a_token_does_what_both_it_and_its_user_may() {
    let (access, _clock, _folder) = access().await;
    let user = access.test_user("anna", Role::Operator).await;
    let token = access.test_token(&user).await;
    assert_eq!(caller(&access, &token).await.principal.role, Role::Operator);
    let demoted = UserChange {
        role: Role::Viewer,
        ..change(&user)
    };
    access
        .change_user(user.id, &demoted, None, &root())
        .await
        .unwrap();
    assert_eq!(caller(&access, &token).await.principal.role, Role::Viewer);
}

#[tokio::test]
async fn a_token_of_a_disabled_or_deleted_user_stops_working() {
    let (access, _clock, _folder) = access().await;
    for deleted in [true, false] {
        let user = access.test_user("anna", Role::Viewer).await;
        let token = access.test_token(&user).await;
        assert!(works(&access, &token).await);
        if deleted {
            access.delete_user(user.id, None, &root()).await.unwrap();
        } else {
            let disabled = UserChange {
                disabled: true,
                ..change(&user)
            };
            access
                .change_user(user.id, &disabled, None, &root())
                .await
                .unwrap();
        }
        assert!(!works(&access, &token).await);
    }
}

#[tokio::test]
async fn a_token_ends_when_it_was_to_end() {
    let (access, clock, _folder) = access().await;
    let user = access.test_user("anna", Role::Viewer).await;
    let session = access.test_session(&user).await;
    let end = clock.now() + SignedDuration::from_hours(1);
    let (_, token) = access
        .create_token(&new(Role::Viewer, Some(end)), &session.caller)
        .await
        .unwrap();
    let token = token.expose_secret();
    pass(&clock, SignedDuration::from_mins(59));
    assert!(works(&access, token).await);
    pass(&clock, SignedDuration::from_mins(1));
    assert!(!works(&access, token).await);
}

#[tokio::test]
async fn a_token_made_by_a_token_ends_no_later_than_it() {
    let (access, clock, _folder) = access().await;
    let user = access.test_user("anna", Role::Viewer).await;
    let session = access.test_session(&user).await;
    let end = clock.now() + SignedDuration::from_hours(1);
    let (_, token) = access
        .create_token(&new(Role::Viewer, Some(end)), &session.caller)
        .await
        .unwrap();
    let maker = caller(&access, token.expose_secret()).await;
    let (made, _) = access
        .create_token(&new(Role::Viewer, None), &maker)
        .await
        .unwrap();
    assert_eq!(made.expires_at, Some(end));
    let later = end + SignedDuration::from_secs(1);
    let outcome = access
        .create_token(&new(Role::Viewer, Some(later)), &maker)
        .await;
    assert!(matches!(outcome, Err(AccessError::Invalid(_))));
}

#[tokio::test]
async fn a_part_of_a_token_or_another_secret_is_no_token() {
    let (access, _clock, _folder) = access().await;
    let user = access.test_user("anna", Role::Viewer).await;
    let token = access.test_token(&user).await;
    // The secret may hold a `_` too.
    let (id, secret) = (&token[..35], &token[36..]);
    for wrong in [
        "".to_owned(),
        "ch_".into(),
        id.into(),
        format!("{id}_"),
        format!("{id}_{secret}x"),
        format!("ch_{}_{secret}", Uuid::now_v7().simple()),
    ] {
        assert!(!works(&access, &wrong).await, "{wrong}");
    }
    assert!(works(&access, &token).await);
}

#[tokio::test]
async fn last_use_is_written_at_most_once_a_minute() {
    let (access, clock, _folder) = access().await;
    let user = access.test_user("anna", Role::Viewer).await;
    let session = access.test_session(&user).await.caller;
    let token = access.test_token(&user).await;
    let used = async || {
        let list = access.tokens(&session, false, None, 10).await.unwrap();
        list[0].used_at
    };
    assert_eq!(used().await, None);
    let first = clock.now();
    works(&access, &token).await;
    pass(&clock, SignedDuration::from_secs(59));
    works(&access, &token).await;
    assert_eq!(used().await, Some(first));
    pass(&clock, SignedDuration::from_secs(1));
    works(&access, &token).await;
    assert_eq!(used().await, Some(clock.now()));
}

#[tokio::test]
async fn only_its_user_and_admins_see_and_end_a_token() {
    let (access, _clock, _folder) = access().await;
    let admin = access.test_user("root", Role::Admin).await;
    let anna = access.test_user("anna", Role::Viewer).await;
    let bert = access.test_user("bert", Role::Operator).await;
    access.test_token(&anna).await;
    let admin = access.test_session(&admin).await.caller;
    let bert = access.test_session(&bert).await.caller;
    assert!(
        access
            .tokens(&bert, true, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let list = access.tokens(&admin, true, None, 10).await.unwrap();
    assert_eq!(list[0].user_name, "anna");
    let outcome = access.revoke_token(list[0].id, &bert).await;
    assert!(matches!(outcome, Err(AccessError::NotFound("token"))));
    access.revoke_token(list[0].id, &admin).await.unwrap();
    let list = access.tokens(&admin, true, None, 10).await.unwrap();
    assert!(list.is_empty());
}
