//! The first start.

use super::*;

#[tokio::test]
async fn the_code_makes_one_admin_and_no_second() {
    let (access, _clock, _folder) = access().await;
    let visitor = at("203.0.113.1");
    let code = access.setup_code().await.unwrap().unwrap();
    let code = code.expose_secret();
    assert!(!access.is_configured().await.unwrap());
    let session = access
        .set_up(&code.to_lowercase(), "root", PASSWORD.into(), &visitor)
        .await
        .unwrap();
    assert!(session.caller.user.first_admin);
    assert_eq!(session.caller.principal.role, Role::Admin);
    assert!(access.is_configured().await.unwrap());
    let again = access
        .set_up(code, "second", PASSWORD.into(), &visitor)
        .await;
    assert!(matches!(again, Err(AccessError::AlreadySetUp)));
    assert!(access.setup_code().await.unwrap().is_none());
}

#[tokio::test]
async fn a_weak_password_does_not_use_the_code_up() {
    let (access, _clock, _folder) = access().await;
    let visitor = at("203.0.113.1");
    let code = access.setup_code().await.unwrap().unwrap();
    let code = code.expose_secret();
    let weak = access.set_up(code, "root", "short".into(), &visitor).await;
    assert!(matches!(weak, Err(AccessError::Invalid(_))));
    let good = access.set_up(code, "root", PASSWORD.into(), &visitor).await;
    assert!(good.is_ok());
}

#[tokio::test]
async fn wrong_codes_are_slowed_down() {
    let (access, _clock, _folder) = access().await;
    let visitor = at("203.0.113.1");
    access.setup_code().await.unwrap();
    for _ in 0..5 {
        let outcome = access
            .set_up("00000-00000-00000-00000", "root", PASSWORD.into(), &visitor)
            .await;
        assert!(matches!(outcome, Err(AccessError::SetupCode)));
    }
    let outcome = access.set_up("", "root", PASSWORD.into(), &visitor).await;
    assert!(matches!(outcome, Err(AccessError::Throttled(_))));
}

#[tokio::test]
async fn an_older_code_is_no_longer_valid_and_none_is_before_one_was_made() {
    let (access, _clock, _folder) = access().await;
    let visitor = at("203.0.113.1");
    let none = access.set_up("", "root", PASSWORD.into(), &visitor).await;
    assert!(matches!(none, Err(AccessError::SetupCode)));
    let old = access.setup_code().await.unwrap().unwrap();
    access.setup_code().await.unwrap();
    let outcome = access
        .set_up(old.expose_secret(), "root", PASSWORD.into(), &visitor)
        .await;
    assert!(matches!(outcome, Err(AccessError::SetupCode)));
}
