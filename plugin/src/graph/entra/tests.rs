use super::*;
use crate::contract::Settings as Document;

fn settings() -> Settings {
    Settings::parse(&Document {
        values: r#"{"tenantId":"contoso.com","clientId":"22222222-2222-2222-2222-222222222222"}"#
            .to_owned(),
        secrets: vec![SECRET.to_owned()],
    })
    .unwrap()
}

fn fault(status: u16, error: &str, description: &str) -> Fault {
    let refusal = Refusal {
        status,
        error: error.to_owned(),
        description: description.to_owned(),
    };
    explain(&refusal, &settings())
}

#[test]
fn each_common_mistake_is_explained_in_one_sentence_with_its_setting() {
    for (status, error, number, kind, setting, part) in [
        (
            401,
            "invalid_client",
            7_000_215,
            FaultKind::Authentication,
            Some(SECRET),
            "secret's ID was copied",
        ),
        (
            401,
            "invalid_client",
            7_000_222,
            FaultKind::Authentication,
            Some(SECRET),
            "has expired",
        ),
        (
            400,
            "unauthorized_client",
            700_016,
            FaultKind::Configuration,
            Some("clientId"),
            "does not know an application",
        ),
        (
            400,
            "invalid_request",
            90_002,
            FaultKind::Configuration,
            Some("tenantId"),
            "no such tenant",
        ),
        (
            400,
            "invalid_tenant",
            90_002,
            FaultKind::Configuration,
            Some("tenantId"),
            "no such tenant",
        ),
        (
            400,
            "invalid_request",
            900_023,
            FaultKind::Configuration,
            Some("tenantId"),
            "no such tenant",
        ),
        (
            400,
            "invalid_request",
            90_038,
            FaultKind::Configuration,
            Some("cloud"),
            "another Microsoft cloud",
        ),
        (
            400,
            "invalid_scope",
            70_011,
            FaultKind::Configuration,
            Some("cloud"),
            "scope",
        ),
        (
            400,
            "invalid_resource",
            500_011,
            FaultKind::Configuration,
            Some("cloud"),
            "service principal",
        ),
        (
            400,
            "unauthorized_client",
            7_000_112,
            FaultKind::Configuration,
            Some("clientId"),
            "disabled",
        ),
        (
            400,
            "invalid_grant",
            65_001,
            FaultKind::Authentication,
            None,
            "consented",
        ),
        (
            400,
            "invalid_client",
            700_024,
            FaultKind::Authentication,
            None,
            "clock",
        ),
    ] {
        let description =
            format!("AADSTS{number}: Something. Trace ID: 1 Correlation ID: 2 Timestamp: 3");
        let fault = fault(status, error, &description);
        assert_eq!(fault.kind, kind, "{number}");
        assert_eq!(fault.setting.as_deref(), setting, "{number}");
        assert!(fault.message.contains(part), "{number}: {}", fault.message);
        assert!(
            fault.message.contains(&format!("AADSTS{number}")),
            "{}",
            fault.message
        );
        assert_eq!(fault.code, format!("oauth.{error}"));
        assert!(fault.remedy.is_some());
    }
}

#[test]
fn the_kind_follows_the_oauth_error_and_not_the_number() {
    let misleading = "AADSTS7000215: Invalid client secret provided.";
    assert_eq!(
        fault(503, "temporarily_unavailable", misleading).kind,
        FaultKind::Transient
    );
    assert_eq!(
        fault(500, "anything", misleading).kind,
        FaultKind::Transient
    );
    assert_eq!(
        fault(429, "anything", misleading).kind,
        FaultKind::Throttled(None)
    );
    assert_eq!(
        fault(401, "invalid_client", "no number at all").kind,
        FaultKind::Authentication
    );
    assert_eq!(
        fault(401, "invalid_client", "AADSTS999999999999999: new").kind,
        FaultKind::Authentication
    );
    assert_eq!(
        fault(400, "something_new", "").kind,
        FaultKind::Authentication
    );
}

#[test]
fn words_of_the_host_are_explained_too() {
    let unreachable = fault(0, "unreachable", "no route to host");
    assert_eq!(unreachable.kind, FaultKind::Transient);
    assert!(
        unreachable
            .message
            .contains("https://login.microsoftonline.com could not be reached")
    );
    assert_eq!(
        fault(0, "denied", "not allowed").kind,
        FaultKind::Configuration
    );
    assert_eq!(fault(200, "malformed", "<html>").kind, FaultKind::Protocol);
}

#[test]
fn missing_consent_comes_with_the_link_to_consent() {
    let fault = fault(400, "invalid_grant", "AADSTS65001: no consent");
    assert_eq!(
        fault.remedy.as_deref(),
        Some(
            "Let an administrator grant consent. https://login.microsoftonline.com/contoso.com/adminconsent?client_id=22222222-2222-2222-2222-222222222222"
        )
    );
}

#[test]
fn a_hostile_description_can_not_break_the_line() {
    let fault = fault(
        401,
        "invalid_client",
        &format!("evil\r\nline {}", "x".repeat(5000)),
    );
    assert!(!fault.message.contains('\n') && fault.message.len() < 600);
}

#[test]
fn what_is_wrong_with_another_credential_is_told_of_that_one() {
    let by = |secrets: &[&str], file: &str, error: &str, description: &str| {
        let values = format!(
            r#"{{"tenantId":"contoso.com","clientId":"22222222-2222-2222-2222-222222222222"{file}}}"#
        );
        let settings = Settings::parse(&Document {
            values,
            secrets: secrets.iter().map(|key| (*key).to_owned()).collect(),
        });
        let refusal = Refusal {
            status: 401,
            error: error.to_owned(),
            description: description.to_owned(),
        };
        explain(&refusal, &settings.unwrap())
    };
    let file = r#","federatedTokenFile":"/run/token""#;
    for (secrets, file, error, description, setting, part) in [
        (
            &[CERTIFICATE][..],
            "",
            "invalid_client",
            "AADSTS700027: x",
            CERTIFICATE,
            "does not know the certificate",
        ),
        (
            &[CERTIFICATE],
            "",
            "invalid_client",
            "no number",
            CERTIFICATE,
            "does not accept the certificate",
        ),
        (
            &[],
            file,
            "invalid_request",
            "AADSTS70021: x",
            TOKEN_FILE,
            "no federated credential",
        ),
        (
            &[],
            file,
            "invalid_request",
            "AADSTS700211: x",
            TOKEN_FILE,
            "issuer",
        ),
        (
            &[],
            file,
            "invalid_request",
            "AADSTS700212: x",
            TOKEN_FILE,
            "audience",
        ),
        (
            &[],
            file,
            "invalid_request",
            "AADSTS700213: x",
            TOKEN_FILE,
            "subject",
        ),
        (
            &[],
            file,
            "unproven",
            "the file is too large",
            TOKEN_FILE,
            "the file is too large",
        ),
    ] {
        let fault = by(secrets, file, error, description);
        assert_eq!(fault.setting.as_deref(), Some(setting), "{description}");
        assert!(fault.message.contains(part), "{}", fault.message);
        assert!(fault.remedy.is_some(), "{description}");
    }
}
