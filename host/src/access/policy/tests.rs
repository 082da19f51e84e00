//! What a policy may say.

use super::provider::is_safe;
use super::*;

fn wrong(text: &str) -> Vec<String> {
    let policy: AccessPolicy = toml::from_str(text).unwrap();
    match policy.check() {
        Ok(()) => Vec::new(),
        Err(error) => error.0.into_iter().map(|field| field.path).collect(),
    }
}

const PROVIDER: &str = r#"
    [oidc]
    issuer = "https://login.contoso.example"
    clientId = "client"
    redirectBaseUrl = "https://sync.contoso.example"
    roles = { Admins = "admin" }
"#;

#[test]
fn an_empty_policy_is_all_defaults() {
    assert_eq!(
        toml::from_str::<AccessPolicy>("").unwrap(),
        AccessPolicy::default()
    );
    assert!(wrong("").is_empty());
}

#[test]
fn a_policy_survives_being_written_and_read() {
    let text =
        format!("trustedProxies = ['10.0.0.0/8']\npasswordSignIn = 'first-admin'\n{PROVIDER}");
    let policy: AccessPolicy = toml::from_str(&text).unwrap();
    assert!(policy.check().is_ok());
    let json = serde_json::to_value(&policy).unwrap();
    assert_eq!(
        serde_json::from_value::<AccessPolicy>(json).unwrap(),
        policy
    );
}

#[test]
fn an_unknown_field_is_an_error() {
    assert!(toml::from_str::<AccessPolicy>("sessionIdle = 5").is_err());
    assert!(toml::from_str::<AccessPolicy>("trustedProxies = ['everyone']").is_err());
}

#[test]
fn every_wrong_field_is_named() {
    assert_eq!(
        wrong("sessionIdleMinutes = 0\nsessionLifetimeMinutes = 99999999"),
        ["access.sessionIdleMinutes", "access.sessionLifetimeMinutes"]
    );
    assert_eq!(
        wrong("sessionIdleMinutes = 20000"),
        ["access.sessionIdleMinutes"]
    );
    assert_eq!(
        wrong("origins = ['https://a.example', 'a.example', 'https://a.example/x']"),
        ["access.origins[1]", "access.origins[2]"]
    );
    assert_eq!(
        wrong("passwordSignIn = 'nobody'"),
        ["access.passwordSignIn"]
    );
    let provider = r#"
        [oidc]
        issuer = "http://login.contoso.example"
        clientId = ""
        clientSecretFile = "a"
        clientSecretEnv = "B"
        redirectBaseUrl = "sync"
    "#;
    assert_eq!(
        wrong(provider),
        [
            "access.oidc.issuer",
            "access.oidc.clientId",
            "access.oidc.clientSecretEnv",
            "access.oidc.redirectBaseUrl",
            "access.oidc.roles"
        ]
    );
}

#[test]
fn plain_http_is_for_this_machine_only() {
    for (url, safe) in [
        ("https://login.contoso.example/tenant", true),
        ("http://127.0.0.1:9000", true),
        ("http://localhost:9000", true),
        ("http://[::1]:9000", true),
        ("http://10.0.0.1", false),
        ("https://user@contoso.example", false),
        ("https://contoso.example?x=1", false),
        ("file:///etc/passwd", false),
    ] {
        assert_eq!(is_safe(url), safe, "{url}");
    }
}

#[test]
fn the_clients_secret_comes_out_of_a_file_and_is_never_part_of_an_error() {
    use secrecy::ExposeSecret;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let policy: AccessPolicy = toml::from_str(PROVIDER).unwrap();
    let mut oidc = policy.oidc;
    assert!(oidc.secret().unwrap().is_none());
    oidc.client_secret_file = Some(file.clone());
    assert!(oidc.secret().is_err());
    std::fs::write(&file, "\n").unwrap();
    assert!(oidc.secret().is_err());
    std::fs::write(&file, "hunter2\n").unwrap();
    assert_eq!(oidc.secret().unwrap().unwrap().expose_secret(), "hunter2");
}
