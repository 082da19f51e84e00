//! Signing in with a password.

use super::*;

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let (access, _clock, _folder) = access().await;
    access.test_user("root", Role::Admin).await;
    let user = access.test_user("anna", Role::Viewer).await;
    let disabled = UserChange {
        disabled: true,
        ..change(&user)
    };
    access
        .change_user(user.id, &disabled, None, &root())
        .await
        .unwrap();
    let visitor = at("203.0.113.1");
    for (name, password) in [("root", WRONG), ("nobody", PASSWORD), ("anna", PASSWORD)] {
        let outcome = access.sign_in(name, password.into(), &visitor).await;
        assert!(matches!(outcome, Err(AccessError::SignIn)), "{name}");
    }
}

#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let (access, _clock, _folder) = access().await;
    let anna = new_user("anna", PASSWORD);
    access.create_user(anna, &root()).await.unwrap();
    let timed = async |name: &str, place: u8| {
        let visitor = at(&format!("203.0.113.{place}"));
        let begun = std::time::Instant::now();
        let outcome = access.sign_in(name, WRONG.into(), &visitor).await;
        assert!(matches!(outcome, Err(AccessError::SignIn)));
        begun.elapsed()
    };
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    // In turn, since other tests load the machine now more, now less.
    for place in 1..=6 {
        known = known.min(timed("anna", place).await);
        unknown = unknown.min(timed("nobody", place).await);
    }
    assert!(unknown * 2 > known, "{unknown:?} and {known:?}");
}

#[tokio::test]
async fn failures_are_written_down_with_the_claimed_name_cut_to_a_bound() {
    let (access, _clock, _folder) = access().await;
    let long = format!("x\n{}", "y".repeat(1000));
    let outcome = access
        .sign_in(&long, PASSWORD.into(), &at("203.0.113.1"))
        .await;
    assert!(outcome.is_err());
    let deeds = access.deeds().await;
    assert_eq!(deeds[0].0, "session.sign-in-failed");
    assert_eq!(deeds[0].1, format!("x{}", "y".repeat(127)));
}

#[tokio::test]
async fn after_five_wrong_passwords_even_the_right_one_has_to_wait_there_but_not_elsewhere() {
    let (access, clock, _folder) = access().await;
    access.test_user("anna", Role::Viewer).await;
    for _ in 0..5 {
        let outcome = access
            .sign_in("anna", WRONG.into(), &at("203.0.113.1"))
            .await;
        assert!(matches!(outcome, Err(AccessError::SignIn)));
    }
    let throttled = access
        .sign_in("Anna", PASSWORD.into(), &at("203.0.113.1"))
        .await;
    let Err(AccessError::Throttled(wait)) = throttled else {
        panic!("let in");
    };
    assert_eq!(wait, Duration::from_secs(60));
    assert_eq!(
        access.deeds().await.len(),
        5,
        "throttled ones are not written down"
    );
    let elsewhere = access
        .sign_in("anna", PASSWORD.into(), &at("203.0.113.2"))
        .await;
    assert!(elsewhere.is_ok());
    pass(&clock, SignedDuration::from_secs(60));
    let later = access
        .sign_in("anna", PASSWORD.into(), &at("203.0.113.1"))
        .await;
    assert!(later.is_ok());
}

#[tokio::test]
async fn guessing_from_many_addresses_never_keeps_a_user_out_where_they_were_before() {
    let (access, clock, _folder) = access().await;
    access.test_user("anna", Role::Viewer).await;
    let home = at("203.0.113.1");
    access
        .sign_in("anna", PASSWORD.into(), &home)
        .await
        .unwrap();
    pass(&clock, SignedDuration::from_hours(24));
    while access.throttle.stranger("anna", clock.now()).is_ok() {}
    let abroad = access
        .sign_in("anna", PASSWORD.into(), &at("198.51.100.1"))
        .await;
    assert!(matches!(abroad, Err(AccessError::Throttled(_))));
    assert!(access.sign_in("anna", PASSWORD.into(), &home).await.is_ok());
}

#[tokio::test]
async fn without_passwords_the_first_admin_still_gets_in_unless_said_otherwise() {
    let oidc = OidcPolicy {
        issuer: "https://login.contoso.example".into(),
        client_id: "client".into(),
        client_secret_file: None,
        client_secret_env: None,
        redirect_base_url: "https://sync.contoso.example".into(),
        scopes: Vec::new(),
        roles_claim: "roles".into(),
        roles: [("Admins".to_owned(), Role::Admin)].into(),
        default_role: None,
        ca_files: Vec::new(),
        proxy: None,
    };
    let visitor = at("203.0.113.1");
    for (password_sign_in, first_gets_in) in [
        (PasswordSignIn::FirstAdmin, true),
        (PasswordSignIn::Nobody, false),
    ] {
        let (access, _clock, _folder) = access_under(AccessPolicy {
            password_sign_in,
            oidc: oidc.clone(),
            ..AccessPolicy::default()
        })
        .await;
        let code = access.setup_code().await.unwrap().unwrap();
        access
            .set_up(code.expose_secret(), "root", PASSWORD.into(), &visitor)
            .await
            .unwrap();
        access.test_user("anna", Role::Admin).await;
        let enters = async |name| {
            access
                .sign_in(name, PASSWORD.into(), &visitor)
                .await
                .is_ok()
        };
        assert_eq!(enters("root").await, first_gets_in);
        assert!(!enters("anna").await);
    }
}
