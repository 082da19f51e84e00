//! Wrong settings, credentials and permissions: one clear sentence, the remedy, and nothing stored.

use harness::host;
use harness::simulator::{AppRegistration, DEMO_SECRET_ID};
use serde_json::{Value, json};

use crate::lab::started;

/// Runs `sync` with settings changed by `edit`, and gives its exit code, its report and what it stored.
async fn refused(
    edit_app: impl FnOnce(&mut AppRegistration),
    edit: impl FnOnce(&mut Value),
) -> (i32, String, usize) {
    let (simulator, workplace) = started();
    simulator.edit_app(edit_app);
    let mut settings = host::settings(&simulator);
    edit(&mut settings);
    workplace.settings(&settings).unwrap();
    let output = workplace.sync().output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let secret = settings["clientSecret"].as_str().unwrap_or("no secret");
    assert!(!told.contains(secret), "the secret was told: {told}");
    let stored = match workplace.export("users", &[]).await {
        Ok(users) => users.len(),
        Err(_) => 0,
    };
    (output.status.code().unwrap(), told, stored)
}

macro_rules! refusals {
    ($($name:ident: $app:expr, $settings:expr, $words:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let (code, told, stored) = refused($app, $settings).await;
            assert_eq!(code, 2, "{told}");
            assert_eq!(stored, 0);
            let lower = told.to_lowercase();
            for word in $words {
                assert!(lower.contains(&word.to_lowercase()), "no {word:?} in: {told}");
            }
        }
    )*};
}

fn as_it_is(_: &mut AppRegistration) {}
fn no_change(_: &mut Value) {}

refusals! {
    a_wrong_tenant_is_named: as_it_is,
        |s| s["tenantId"] = json!("00000000-0000-4000-8000-000000000000"),
        ["tenant"];
    a_wrong_client_id_is_named: as_it_is,
        |s| s["clientId"] = json!("00000000-0000-4000-8000-000000000000"),
        ["client id", "overview"];
    a_wrong_secret_is_named: as_it_is,
        |s| s["clientSecret"] = json!("Wrong~Secret.Value-0123456789abcdef"),
        ["secret"];
    the_id_of_a_secret_is_told_from_its_value: as_it_is,
        |s| s["clientSecret"] = json!(DEMO_SECRET_ID),
        ["Value"];
    an_expired_secret_is_named: |app| app.secret_expired = true, no_change, ["expired", "new"];
    missing_consent_is_named: |app| app.permissions.clear(), no_change,
        ["GroupMember.Read.All", "consent"];
    a_missing_permission_is_named: |app| { app.permissions.remove("User.Read.All"); }, no_change,
        ["User.Read.All", "consent"];
    an_unknown_cloud_is_named: as_it_is, |s| s["cloud"] = json!("germany"), ["cloud", "global"];
    an_unknown_setting_is_named: as_it_is, |s| s["tenant"] = json!("x"), ["tenant"];
    a_missing_secret_is_named: as_it_is,
        |s| { s.as_object_mut().unwrap().remove("clientSecret"); },
        ["clientSecret"];
    an_origin_that_was_not_granted_is_named_with_the_flag_that_grants_it: as_it_is,
        |s| s["graphEndpoint"] = json!("http://127.0.0.1:1"),
        ["--allow-origin http://127.0.0.1:1"];
}
