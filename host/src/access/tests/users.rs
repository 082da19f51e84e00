//! Users.

use super::*;

#[tokio::test]
async fn a_name_is_taken_whatever_its_capitals() {
    let (access, _clock, _folder) = access().await;
    access.test_user("Änna", Role::Viewer).await;
    let outcome = access
        .create_user(new_user("äNNA", PASSWORD), &root())
        .await;
    assert!(matches!(outcome, Err(AccessError::NameTaken)));
}

#[tokio::test]
async fn every_wrong_field_of_a_new_user_is_named() {
    let (access, _clock, _folder) = access().await;
    let new = NewUser {
        display_name: Some(String::new()),
        ..new_user("with space", "short")
    };
    let Err(AccessError::Invalid(wrong)) = access.create_user(new, &root()).await else {
        panic!("accepted");
    };
    let paths: Vec<&str> = wrong.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["name", "displayName", "password"]);
}

#[tokio::test]
async fn a_new_user_can_sign_in() {
    let (access, _clock, _folder) = access().await;
    access
        .create_user(new_user("anna", PASSWORD), &root())
        .await
        .unwrap();
    let session = access
        .sign_in("ANNA", PASSWORD.into(), &at("203.0.113.1"))
        .await
        .unwrap();
    assert_eq!(session.caller.principal.actor.name, "anna");
    assert!(session.caller.user.signed_in_at.is_some());
    assert!(alive(&access, &session).await);
}

#[tokio::test]
async fn the_last_enabled_admin_can_neither_go_nor_be_disabled_nor_demoted() {
    let (access, _clock, _folder) = access().await;
    let last = access.test_user("root", Role::Admin).await;
    let other = access.test_user("other", Role::Admin).await;
    let disabled = UserChange {
        disabled: true,
        ..change(&other)
    };
    access
        .change_user(other.id, &disabled, None, &root())
        .await
        .unwrap();
    let demoted = UserChange {
        role: Role::Operator,
        ..change(&last)
    };
    let disabled = UserChange {
        disabled: true,
        ..change(&last)
    };
    for change in [demoted, disabled] {
        let outcome = access.change_user(last.id, &change, None, &root()).await;
        assert!(matches!(outcome, Err(AccessError::LastAdmin)));
    }
    let outcome = access.delete_user(last.id, None, &root()).await;
    assert!(matches!(outcome, Err(AccessError::LastAdmin)));
    access.delete_user(other.id, None, &root()).await.unwrap();
}

#[tokio::test]
async fn a_change_about_an_old_revision_is_refused() {
    let (access, _clock, _folder) = access().await;
    let user = access.test_user("anna", Role::Viewer).await;
    let renamed = UserChange {
        display_name: "Anna".into(),
        ..change(&user)
    };
    let now = access
        .change_user(user.id, &renamed, Some(1), &root())
        .await
        .unwrap();
    assert_eq!(now.revision, 2);
    let outcome = access
        .change_user(user.id, &renamed, Some(1), &root())
        .await;
    assert!(matches!(
        outcome,
        Err(AccessError::Changed {
            seen: 1,
            current: 2
        })
    ));
    assert!(access.delete_user(user.id, Some(1), &root()).await.is_err());
}

#[tokio::test]
async fn another_role_password_or_state_ends_the_sessions_but_another_name_does_not() {
    let (access, _clock, _folder) = access().await;
    let user = access.test_user("anna", Role::Viewer).await;
    let renamed = UserChange {
        name: "annette".into(),
        ..change(&user)
    };
    let promoted = UserChange {
        role: Role::Operator,
        ..renamed.clone()
    };
    let disabled = UserChange {
        disabled: true,
        ..promoted.clone()
    };
    for (change, survives) in [(renamed, true), (promoted, false), (disabled, false)] {
        let session = access.test_session(&user).await;
        access
            .change_user(user.id, &change, None, &root())
            .await
            .unwrap();
        assert_eq!(alive(&access, &session).await, survives, "{change:?}");
    }
    let session = access.test_session(&user).await;
    assert!(!alive(&access, &session).await, "of somebody disabled");

    let other = access.test_user("bert", Role::Viewer).await;
    let session = access.test_session(&other).await;
    access
        .set_password(other.id, "another password".into(), None, &root())
        .await
        .unwrap();
    assert!(!alive(&access, &session).await);
}

#[tokio::test]
async fn a_lost_password_is_reset_by_name_and_written_down_as_the_systems_deed() {
    let (access, _clock, _folder) = access().await;
    access.test_user("root", Role::Admin).await;
    access
        .reset_password("ROOT", "another password".into())
        .await
        .unwrap();
    let signed_in = access
        .sign_in("root", "another password".into(), &at("203.0.113.1"))
        .await;
    assert!(signed_in.is_ok());
    let deeds = access.deeds().await;
    let reset = ("user.password".into(), "system".into(), "root".into());
    assert_eq!(deeds.first(), Some(&reset));
    let nobody = access.reset_password("nobody", PASSWORD.into()).await;
    assert!(matches!(nobody, Err(AccessError::NotFound("user"))));
}
