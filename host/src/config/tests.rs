use super::*;

fn mistakes(error: &ConfigError) -> Vec<String> {
    error.mistakes().iter().map(ToString::to_string).collect()
}

fn environment(variables: &[(&str, &str)]) -> Sources {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Sources::default().environment(variables)
}

#[test]
fn an_empty_configuration_is_all_defaults() {
    assert_eq!("".parse::<Config>().unwrap(), Config::default());
}

#[test]
fn the_example_is_the_defaults_with_and_without_its_comment_marks() {
    let example = example();
    assert_eq!(example.parse::<Config>().unwrap(), Config::default());
    let uncommented: String = example
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(value) if value.starts_with(char::is_alphabetic) => format!("{value}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let mut config: Config = uncommented.parse().unwrap();
    assert_eq!(config.limits.of_any(), limits::Limits::default());
    config.limits = LimitPolicy::default();
    assert_eq!(config, Config::default());
    assert!(
        uncommented.contains("\nlisten = \"127.0.0.1:8080\"\n"),
        "{example}"
    );
}

#[test]
fn the_example_value_of_every_optional_field_can_be_used() {
    for section in SECTIONS {
        for field in section.fields {
            if let Some(example) = field.example {
                let text = format!("[{}]\n{} = {example}", section.path, field.key());
                let read = text.parse::<Config>();
                // A certificate alone, or half a provider, is a mistake of its own.
                assert!(
                    read.is_ok() || ["server.tls", "access.oidc"].contains(&section.path),
                    "{text}: {read:?}"
                );
            }
        }
    }
}

#[test]
fn every_mistake_is_told_at_once_with_its_line_and_its_remedy() {
    let error = "[server]\nlisten = \"nowhere\"\ntimeout = 5\n\n[limits.all]\nmemroy = 5\n[runs]\nconcurrent = 0"
        .parse::<Config>()
        .unwrap_err();
    let told = mistakes(&error);
    assert_eq!(told.len(), 4, "{told:#?}");
    let all = told.join("\n");
    for expected in [
        "line 2: server.listen: invalid socket address",
        "IP address and port to listen at",
        "line 3: server.timeout: unknown field `timeout`",
        "line 6: limits.all.memroy: unknown field `memroy`",
        "line 8: runs.concurrent: nothing could run",
    ] {
        assert!(all.contains(expected), "{expected} is missing in {all}");
    }
}

#[test]
fn a_section_that_does_not_exist_is_a_mistake_even_if_it_is_empty() {
    let error = "[serverr]".parse::<Config>().unwrap_err();
    assert!(
        error.to_string().contains("line 1: serverr: unknown field"),
        "{error}"
    );
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let error = "[server]\nlisten = \n".parse::<Config>().unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[test]
fn the_environment_wins_over_the_file_and_a_flag_over_both() {
    let sources = environment(&[
        ("CONNECTOR_SERVER_LISTEN", "127.0.0.1:2"),
        ("CONNECTOR_SERVER_REQUEST_TIMEOUT", "5s"),
        ("CONNECTOR_SERVER_INSECURE_HTTP", "true"),
        ("CONNECTOR_NETWORK_CA_FILES", "/a.pem, /b.pem"),
        ("CONNECTOR_SERVER_TLS_CERTIFICATE", ""),
        ("CONNECTOR_LIMITS_ALL_CPU_MS", "77"),
        ("CONNECTOR_VAULT_CREDENTIAL", "12"),
        ("CONNECTOR_PLUGINS", "/another/programs/matter"),
    ])
    .text("[server]\nlisten = \"127.0.0.1:1\"\ninsecureHttp = false\n[runs]\nkeepDays = 7");
    let loaded = sources.load().unwrap();
    let server = &loaded.config.server;
    assert_eq!(server.listen.port(), 2);
    assert_eq!(server.request_timeout.as_secs(), 5);
    assert!(server.insecure_http);
    assert_eq!(server.tls, TlsPolicy::default());
    assert_eq!(
        loaded.config.network.ca_files,
        [PathBuf::from("/a.pem"), PathBuf::from("/b.pem")]
    );
    assert_eq!(loaded.config.limits.of_any().cpu_ms, 77);
    assert_eq!(loaded.config.vault.credential, "12");
    let flagged = sources
        .flag("--listen", "server.listen", "[::1]:3")
        .load()
        .unwrap();
    assert_eq!(flagged.config.server.listen.port(), 3);
    let origin = |path: &str| {
        let values = flagged.values();
        let value = values.into_iter().find(|value| value.path == path);
        value.unwrap().given.to_string()
    };
    assert_eq!(origin("server.listen"), "--listen");
    assert_eq!(
        origin("server.requestTimeout"),
        "CONNECTOR_SERVER_REQUEST_TIMEOUT"
    );
    assert_eq!(origin("runs.keepDays"), "configuration line 5");
    assert_eq!(origin("server.database"), "default");
}

#[test]
fn the_log_variable_of_every_command_wins_over_the_section() {
    let sources = environment(&[("CONNECTOR_LOG", "trace"), ("CONNECTOR_LOG_FILTER", "warn")]);
    assert_eq!(sources.load().unwrap().config.log.filter, "trace");
}

#[test]
fn a_mistyped_variable_is_a_mistake_as_in_the_file() {
    let error = environment(&[
        ("CONNECTOR_SERVER_LISTN", "127.0.0.1:1"),
        ("CONNECTOR_RUNS_CONCURRENT", "many"),
    ])
    .load()
    .unwrap_err();
    let told = mistakes(&error).join("\n");
    assert!(
        told.contains("CONNECTOR_SERVER_LISTN: there is no field"),
        "{told}"
    );
    assert!(
        told.contains("CONNECTOR_RUNS_CONCURRENT: runs.concurrent: invalid type"),
        "{told}"
    );
}

#[test]
fn every_field_has_a_variable_of_its_own() {
    let mut variables: Vec<String> = fields().map(|(path, _)| section::variable(&path)).collect();
    let count = variables.len();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), count);
}

#[test]
fn what_does_not_go_together_is_told_with_the_remedy() {
    let error = "[server.tls]\ncertificate = \"a.pem\"\n[vault]\nkeyFile = \"k\"\nkeyEnv = \"K\"\n\
                 [telemetry]\notlpEndpoint = \"grpc://x\"\nsampleRatio = 2.0\n[log]\nfilter = \"a=b=c\""
        .parse::<Config>()
        .unwrap_err();
    let told = mistakes(&error).join("\n");
    for path in [
        "server.tls.key",
        "vault.keyEnv",
        "telemetry.otlpEndpoint",
        "telemetry.sampleRatio",
        "log.filter",
    ] {
        assert!(told.contains(path), "{path} is missing in {told}");
    }
}

#[test]
fn a_password_in_a_url_is_not_shown() {
    let loaded = Sources::default()
        .text("[network]\nproxy = \"http://user:hush@proxy:3128\"")
        .load()
        .unwrap();
    let shown = serde_json::to_string(&loaded.values()).unwrap();
    assert!(
        !shown.contains("hush") && shown.contains("user:***@proxy"),
        "{shown}"
    );
}

#[test]
fn an_identity_provider_is_read_with_its_roles_and_checked_with_the_rest() {
    let text = "[access.oidc]\nissuer = \"https://login.contoso.example\"\nclientId = \"c\"\n\
                redirectBaseUrl = \"https://sync.contoso.example\"\n[access.oidc.roles]\nAdmins = \"admin\"";
    let config: Config = text.parse().unwrap();
    assert_eq!(config.access.oidc.roles.len(), 1);
    let half = "[access.oidc]\nissuer = \"https://login.contoso.example\"";
    let paths: Vec<String> = half
        .parse::<Config>()
        .unwrap_err()
        .mistakes()
        .into_iter()
        .map(|mistake| mistake.path)
        .collect();
    assert_eq!(
        paths,
        [
            "access.oidc.clientId",
            "access.oidc.redirectBaseUrl",
            "access.oidc.roles"
        ]
    );
}
