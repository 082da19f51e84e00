//! Sessions.

use super::*;

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_lives_while_it_is() {
    let (access, clock, _folder) = access().await;
    let user = access.test_user("anna", Role::Viewer).await;
    let (used, unused) = (
        access.test_session(&user).await,
        access.test_session(&user).await,
    );
    pass(&clock, SignedDuration::from_hours(11));
    assert!(alive(&access, &used).await);
    pass(&clock, SignedDuration::from_hours(11));
    assert!(alive(&access, &used).await);
    assert!(!alive(&access, &unused).await);
}

#[tokio::test]
async fn a_session_ends_after_seven_days_however_much_it_is_used() {
    let (access, clock, _folder) = access().await;
    let user = access.test_user("anna", Role::Viewer).await;
    let session = access.test_session(&user).await;
    for _ in 0..(7 * 24 - 1) {
        pass(&clock, SignedDuration::from_hours(1));
        assert!(alive(&access, &session).await);
    }
    pass(&clock, SignedDuration::from_hours(1));
    assert!(!alive(&access, &session).await);
}

#[tokio::test]
async fn the_database_holds_nothing_that_one_can_sign_in_with() {
    let (access, _, folder) = access().await;
    let user = access.test_user("anna", Role::Viewer).await;
    let session = access.test_session(&user).await;
    let token = access.test_token(&user).await;
    access.database.close().await;
    let Means::Session { csrf, .. } = &session.caller.means else {
        panic!("no session");
    };
    let secrets = [session.cookie.expose_secret(), csrf.expose_secret(), &token];
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in secrets {
            let secret = secret.strip_prefix("ch_").unwrap_or(secret);
            // Past the identifier, which is stored.
            let secret = secret
                .get(33..)
                .filter(|rest| rest.len() == 43)
                .unwrap_or(secret)
                .as_bytes();
            assert!(memchr::memmem::find(&bytes, secret).is_none());
        }
    }
}

#[tokio::test]
async fn secrets_are_not_shown_by_debug() {
    let (access, _clock, _folder) = access().await;
    let user = access.test_user("anna", Role::Viewer).await;
    let session = access.test_session(&user).await;
    let shown = format!("{session:?} {access:?}");
    assert!(!shown.contains(session.cookie.expose_secret()));
}

#[tokio::test]
async fn the_oldest_of_too_many_sessions_goes() {
    let (access, _clock, _folder) = access().await;
    let user = access.test_user("anna", Role::Viewer).await;
    let first = access.test_session(&user).await;
    for _ in 0..50 {
        access.test_session(&user).await;
    }
    assert!(!alive(&access, &first).await);
    let list = access.sessions(&first.caller).await.unwrap();
    assert_eq!(list.len(), 50);
}

#[tokio::test]
async fn signing_out_elsewhere_leaves_this_session_and_other_users() {
    let (access, _clock, _folder) = access().await;
    let anna = access.test_user("anna", Role::Viewer).await;
    let bert = access.test_user("bert", Role::Viewer).await;
    let (here, there) = (
        access.test_session(&anna).await,
        access.test_session(&anna).await,
    );
    let others = access.test_session(&bert).await;
    assert_eq!(access.sign_out_elsewhere(&here.caller).await.unwrap(), 1);
    assert!(alive(&access, &here).await);
    assert!(!alive(&access, &there).await);
    assert!(alive(&access, &others).await);
}
