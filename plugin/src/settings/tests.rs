use super::credential::CERTIFICATE_PASSWORD;
use super::*;
use crate::contract::Proof;

const TENANT: &str = "11111111-1111-1111-1111-111111111111";
const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
const GROUP: &str = "AAAAAAAA-0000-0000-0000-000000000001";

fn parse(values: &str, secrets: &[&str]) -> Result<Settings, Vec<Problem>> {
    Settings::parse(&Document {
        values: values.to_owned(),
        secrets: secrets.iter().map(|key| (*key).to_owned()).collect(),
    })
}

/// Settings that are right but for these members.
fn with(members: &str) -> String {
    let comma = if members.is_empty() { "" } else { "," };
    let mut keys = String::new();
    for (key, value) in [("tenantId", TENANT), ("clientId", CLIENT)] {
        if !members.contains(&format!("\"{key}\"")) {
            keys.push_str(&format!("\"{key}\":\"{value}\","));
        }
    }
    let keys = keys.trim_end_matches(',');
    if keys.is_empty() {
        format!("{{{members}}}")
    } else {
        format!("{{{keys}{comma}{members}}}")
    }
}

fn good(members: &str) -> Settings {
    parse(&with(members), &[SECRET]).unwrap()
}

#[test]
fn each_wrong_field_is_one_problem_with_path_and_remedy() {
    let long = "x".repeat(300);
    for (members, path, part) in [
        (r#""tenantId":"common""#, "tenantId", "many tenants"),
        (
            r#""tenantId":"contoso""#,
            "tenantId",
            "neither a GUID nor a domain",
        ),
        (r#""tenantId":"10.0.0.1""#, "tenantId", "neither"),
        (r#""tenantId":"contoso.com/x""#, "tenantId", "neither"),
        (r#""tenantId":"-a.com""#, "tenantId", "neither"),
        (r#""tenantId":7"#, "tenantId", "not a text"),
        (r#""tenantId":" ""#, "tenantId", "blank"),
        (
            r#""snapshotStrategy":"cheap""#,
            "snapshotStrategy",
            "no such strategy",
        ),
        (
            r#""snapshotStrategy":true"#,
            "snapshotStrategy",
            "not a text",
        ),
        (r#""tenantId":null"#, "tenantId", "missing"),
        (
            r#""clientId":"{22222222-2222-2222-2222-222222222222}""#,
            "clientId",
            "not a GUID",
        ),
        (
            r#""clientId":"aBc8Q~1234567890abcdefghijklmnopqrstuvwx""#,
            "clientId",
            "client secret",
        ),
        (
            r#""clientId":"22222222222222222222222222222222""#,
            "clientId",
            "not a GUID",
        ),
        (r#""groups":"some""#, "groups", "neither a list"),
        (r#""groups":[]"#, "groups", "empty"),
        (r#""groups":["Sales"]"#, "groups[0]", "not the object id"),
        (r#""groups":[7]"#, "groups[0]", "not the object id"),
        (
            r#""groups":["aaaaaaaa-0000-0000-0000-000000000001","AAAAAAAA-0000-0000-0000-000000000001"]"#,
            "groups[1]",
            "already",
        ),
        (r#""cloud":"germany""#, "cloud", "no such cloud"),
        (r#""cloud":["global"]"#, "cloud", "not a text"),
        (
            r#""graphEndpoint":"graph.microsoft.com""#,
            "graphEndpoint",
            "not an origin",
        ),
        (
            r#""graphEndpoint":"https://graph.microsoft.com/v1.0""#,
            "graphEndpoint",
            "not an origin",
        ),
        (
            r#""graphEndpoint":"https://graph.microsoft.com?x""#,
            "graphEndpoint",
            "not an origin",
        ),
        (
            r#""loginEndpoint":"https://user@login.example""#,
            "loginEndpoint",
            "not an origin",
        ),
        (
            r#""loginEndpoint":"ftp://login.example""#,
            "loginEndpoint",
            "not an origin",
        ),
        (r#""notification":"x""#, "notification", "not a JSON object"),
        (r#""defaultCountry":1"#, "defaultCountry", "not a text"),
        (
            r#""keepUsersWithoutGroups":"yes""#,
            "keepUsersWithoutGroups",
            "neither `true` nor `false`",
        ),
        (
            r#""clientSecret":"s""#,
            "clientSecret",
            "among the plain settings",
        ),
        (
            r#""clientCertificate":"s""#,
            "clientCertificate",
            "among the plain settings",
        ),
        (r#""tenant":"x""#, "tenant", "no such setting"),
    ] {
        let problems = parse(&with(members), &[SECRET]).unwrap_err();
        assert_eq!(problems.len(), 1, "{members}: {problems:?}");
        assert_eq!(problems[0].path, path, "{members}");
        assert!(
            problems[0].message.contains(part),
            "{members}: {}",
            problems[0].message
        );
        assert!(!problems[0].remedy.is_empty(), "{members}");
        assert!(!problems[0].message.contains(&long));
    }
}

#[test]
fn every_problem_is_told_and_not_only_the_first() {
    let problems = parse(
        r#"{"clientId":"x","cloud":"moon","groups":["a","b"],"extra":1}"#,
        &[],
    )
    .unwrap_err();
    let paths: Vec<&str> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "extra",
            "tenantId",
            "clientId",
            "clientSecret",
            "groups[0]",
            "groups[1]",
            "cloud"
        ]
    );
}

#[test]
fn a_secret_that_is_missing_or_unknown_is_a_problem() {
    assert_eq!(parse(&with(""), &[]).unwrap_err()[0].path, SECRET);
    assert_eq!(
        parse(&with(""), &[SECRET, "password"]).unwrap_err()[0].path,
        "password"
    );
}

#[test]
fn each_credential_is_proved_by_its_own_setting() {
    let file = r#""federatedTokenFile":"/var/run/secrets/azure/tokens/azure-identity-token""#;
    for (members, secrets, proof) in [
        ("", &[SECRET][..], Proof::ClientSecret(SECRET.to_owned())),
        (
            "",
            &[CERTIFICATE],
            Proof::Certificate(CERTIFICATE.to_owned()),
        ),
        (
            "",
            &[CERTIFICATE, CERTIFICATE_PASSWORD],
            Proof::Certificate(CERTIFICATE.to_owned()),
        ),
        (file, &[], Proof::FederatedToken(TOKEN_FILE.to_owned())),
    ] {
        let connection = parse(&with(members), secrets).unwrap().connection();
        let Authentication::ClientCredentials(credentials) = connection.authentication else {
            panic!("{secrets:?}")
        };
        assert_eq!(credentials.proof, proof);
    }
}

#[test]
fn anything_but_one_credential_is_one_problem() {
    let file = r#""federatedTokenFile":"/run/token""#;
    let relative = r#""federatedTokenFile":"token""#;
    for (members, secrets, path, part) in [
        ("", &[][..], SECRET, "no credential"),
        ("", &[SECRET, CERTIFICATE], CERTIFICATE, "more than one"),
        (
            file,
            &[SECRET],
            TOKEN_FILE,
            "clientSecret, federatedTokenFile",
        ),
        (file, &[CERTIFICATE], TOKEN_FILE, "more than one"),
        (file, &[SECRET, CERTIFICATE], TOKEN_FILE, "more than one"),
        (relative, &[], TOKEN_FILE, "not an absolute path"),
        (
            "",
            &[SECRET, CERTIFICATE_PASSWORD],
            CERTIFICATE_PASSWORD,
            "no certificate",
        ),
    ] {
        let problems = parse(&with(members), secrets).unwrap_err();
        assert_eq!(problems.len(), 1, "{members} {secrets:?}: {problems:?}");
        assert_eq!(problems[0].path, path, "{members} {secrets:?}");
        assert!(problems[0].message.contains(part), "{problems:?}");
    }
}

#[test]
fn settings_that_are_no_object_are_a_problem() {
    for text in ["", "[]", "7", "{", "null"] {
        assert_eq!(parse(text, &[SECRET]).unwrap_err().len(), 1, "{text}");
    }
}

#[test]
fn ids_are_compared_in_lower_case() {
    let settings = good(&format!(r#""groups":["{GROUP}"]"#));
    assert_eq!(
        settings.scope,
        Scope::Groups(vec![GROUP.to_ascii_lowercase()])
    );
    assert_eq!(
        good(r#""tenantId":"Contoso.OnMicrosoft.com""#).tenant,
        "contoso.onmicrosoft.com"
    );
}

#[test]
fn all_groups_of_the_global_cloud_is_the_default() {
    for members in [
        "",
        r#""groups":"all","cloud":"global""#,
        r#""groups":null,"cloud":null"#,
    ] {
        let settings = good(members);
        assert_eq!(settings.scope, Scope::All);
        assert_eq!(settings.graph, "https://graph.microsoft.com");
    }
}

#[test]
fn users_without_groups_are_not_kept_unless_it_is_said() {
    for (members, kept) in [
        ("", false),
        (r#""keepUsersWithoutGroups":null"#, false),
        (r#""keepUsersWithoutGroups":false"#, false),
        (r#""keepUsersWithoutGroups":true"#, true),
    ] {
        assert_eq!(good(members).keep_users_without_groups, kept, "{members}");
    }
}

#[test]
fn each_cloud_has_its_own_hosts_and_scope() {
    for (cloud, login, graph) in [
        (
            "global",
            "https://login.microsoftonline.com",
            "https://graph.microsoft.com",
        ),
        (
            "us-gov",
            "https://login.microsoftonline.us",
            "https://graph.microsoft.us",
        ),
        (
            "us-gov-dod",
            "https://login.microsoftonline.us",
            "https://dod-graph.microsoft.us",
        ),
        (
            "china",
            "https://login.partner.microsoftonline.cn",
            "https://microsoftgraph.chinacloudapi.cn",
        ),
    ] {
        let connection = good(&format!(r#""cloud":"{cloud}""#)).connection();
        assert_eq!(connection.origins, [login, graph]);
        let Authentication::ClientCredentials(credentials) = connection.authentication else {
            panic!("{cloud}")
        };
        assert_eq!(
            credentials.token_endpoint,
            format!("{login}/{TENANT}/oauth2/v2.0/token")
        );
        assert_eq!(credentials.scope.unwrap(), format!("{graph}/.default"));
        assert_eq!(credentials.audience, [graph]);
        assert_eq!(credentials.client_id, CLIENT);
        assert_eq!(credentials.proof, Proof::ClientSecret(SECRET.to_owned()));
        let consent = good(&format!(r#""cloud":"{cloud}""#)).consent_url();
        assert_eq!(
            consent,
            format!("{login}/{TENANT}/adminconsent?client_id={CLIENT}")
        );
    }
}

#[test]
fn an_endpoint_in_graphs_place_leaves_the_scope_that_of_the_cloud() {
    let members =
        r#""loginEndpoint":"http://127.0.0.1:9000/","graphEndpoint":"http://127.0.0.1:9000""#;
    let connection = good(members).connection();
    assert_eq!(connection.origins, ["http://127.0.0.1:9000"]);
    let Authentication::ClientCredentials(credentials) = connection.authentication else {
        panic!()
    };
    assert_eq!(
        credentials.scope.as_deref(),
        Some("https://graph.microsoft.com/.default")
    );
    assert_eq!(credentials.audience, ["http://127.0.0.1:9000"]);
}

#[test]
fn a_port_that_is_the_schemes_own_is_left_out() {
    assert_eq!(
        good(r#""graphEndpoint":"HTTPS://Graph.Example:443""#).graph,
        "https://graph.example"
    );
}

#[test]
fn the_quota_is_that_of_a_large_tenant() {
    let quota = good("").connection().quota.unwrap();
    assert_eq!((quota.units, quota.window_ms), (8000, 10_000));
    assert_eq!(quota.cost_header.as_deref(), Some("x-ms-resource-unit"));
}

#[test]
fn every_setting_of_the_catalogue_is_known_and_every_known_one_is_in_it() {
    let mut keys: Vec<String> = catalogue().into_iter().map(|setting| setting.key).collect();
    keys.retain(|key| !SECRETS.contains(&key.as_str()));
    assert_eq!(keys, KEYS);
    for setting in catalogue() {
        if let Some(default) = setting.default_value {
            let members = format!("\"{}\":{default}", setting.key);
            good(&members);
        }
    }
}

#[test]
fn a_snapshot_is_to_be_fast_unless_it_is_to_be_thrifty() {
    assert_eq!(good("").priority, Priority::Fastest);
    assert_eq!(
        good(r#""snapshotStrategy":"fastest""#).priority,
        Priority::Fastest
    );
    assert_eq!(
        good(r#""snapshotStrategy":"thrifty""#).priority,
        Priority::Thrifty
    );
}
