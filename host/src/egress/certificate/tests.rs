use base64::engine::general_purpose::STANDARD;
use harness::identity::{Age, Key, of_elliptic_curve};
use serde_json::Value;

use super::*;

const PASSWORD: &str = "correct horse battery staple";

fn read(given: &str, password: Option<&str>) -> Result<ClientCertificate, CertificateError> {
    let password = password.map(SecretString::from);
    ClientCertificate::read(&SecretString::from(given), password.as_ref())
}

fn refused(given: &str, password: Option<&str>) -> CertificateError {
    read(given, password).unwrap_err()
}

fn valid() -> String {
    Key::first().certificate("directory-sync", -1, 100).unwrap()
}

#[test]
fn pem_is_read_whatever_became_of_its_line_breaks_and_order() {
    let (key, certificate) = (Key::first().pem().unwrap(), valid());
    let older = Key::first().older_pem().unwrap();
    let both = format!("{key}{certificate}");
    for given in [
        both.clone(),
        format!("{certificate}{key}"),
        format!("{certificate}\n# a comment\n{older}"),
        both.replace('\n', "\r\n"),
        both.replace('\n', " "),
        both.replace('\n', ""),
        both.replace('\n', "\\n"),
    ] {
        let facts = read(&given, None).unwrap().facts().clone();
        assert_eq!(facts.subject, "CN=directory-sync");
        assert_eq!(facts.thumbprint.len(), 40);
        assert_eq!(facts.sha256.len(), 64);
    }
}

#[test]
fn an_encrypted_key_needs_its_password() {
    let key = Key::first().encrypted_pem(PASSWORD).unwrap();
    let given = key + &valid();
    assert!(read(&given, Some(PASSWORD)).is_ok());
    assert_eq!(refused(&given, None), CertificateError::PasswordMissing);
    assert_eq!(
        refused(&given, Some("wrong")),
        CertificateError::WrongPassword
    );
}

#[test]
fn pfx_files_of_today_and_of_old_are_read_with_their_password() {
    for age in [Age::New, Age::Old] {
        let pfx = Key::first().pfx(&valid(), PASSWORD, age).unwrap();
        let given = STANDARD.encode(pfx);
        let facts = read(&given, Some(PASSWORD)).unwrap().facts().clone();
        assert_eq!(facts.subject, "CN=directory-sync", "{age:?}");
        assert_eq!(refused(&given, None), CertificateError::PasswordMissing);
        assert_eq!(
            refused(&given, Some("wrong")),
            CertificateError::WrongPassword
        );
    }
}

#[test]
fn the_certificate_of_the_key_is_found_among_others() {
    let issuer = Key::second().certificate("issuer", -10, 1000).unwrap();
    let given = Key::first().pem().unwrap() + &issuer + &valid();
    assert_eq!(
        read(&given, None).unwrap().facts().subject,
        "CN=directory-sync"
    );
}

#[test]
fn each_thing_that_is_wrong_has_its_own_words_and_shows_nothing_of_the_key() {
    let key = Key::first().pem().unwrap();
    let small = Key::new(1024).unwrap();
    let (curve_key, curve) = of_elliptic_curve("curve").unwrap();
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let cases = [
        ("hunter2".to_owned(), CertificateError::Unreadable),
        (STANDARD.encode([0x30; 600]), CertificateError::Unreadable),
        (
            "-----BEGIN PRIVATE KEY-----".to_owned(),
            CertificateError::Broken { part: "PEM" },
        ),
        (valid(), CertificateError::NoKey),
        (key.clone(), CertificateError::NoCertificate),
        (
            Key::second().pem().unwrap() + &valid(),
            CertificateError::Mismatch,
        ),
        (curve_key + &curve, CertificateError::NotRsa),
        (
            legacy.to_owned() + &valid(),
            CertificateError::Encryption("`Proc-Type: 4,ENCRYPTED`"),
        ),
        (
            small.pem().unwrap() + &small_certificate(&small),
            CertificateError::TooSmall { bits: 1024 },
        ),
    ];
    for (given, expected) in cases {
        let error = refused(&given, None);
        assert_eq!(error, expected);
        assert!(!error.remedy().is_empty());
        let body: String = key.lines().skip(1).take(3).collect();
        assert!(!format!("{error:?} {error}").contains(&body));
    }
}

/// What signs certificates refuses keys as small as this, so another key's signature stands in it.
fn small_certificate(small: &Key) -> String {
    let public = small.public_pem().unwrap();
    let of = harness::identity::of_pem(&public).unwrap();
    harness::identity::certificate_of(&of, "small").unwrap()
}

#[test]
fn a_certificate_is_valid_between_its_two_instants() {
    let now = Timestamp::now();
    let facts = |from, to| {
        let certificate = Key::first().certificate("c", from, to).unwrap();
        let given = Key::first().pem().unwrap() + &certificate;
        read(&given, None).unwrap().facts().clone()
    };
    assert_eq!(facts(-1, 1).check(now), Ok(()));
    assert!(matches!(
        facts(-9, -1).check(now),
        Err(CertificateError::Expired { .. })
    ));
    assert!(matches!(
        facts(2, 9).check(now),
        Err(CertificateError::NotYetValid { .. })
    ));
}

#[test]
fn an_assertion_is_short_lived_names_its_certificate_and_is_never_the_same() {
    let given = Key::first().pem().unwrap() + &valid();
    let certificate = read(&given, None).unwrap();
    let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
    let make = || {
        let token = certificate
            .assertion("client", "https://login.example/t/token", now)
            .unwrap();
        let parts: Vec<Value> = token
            .expose_secret()
            .split('.')
            .take(2)
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        parts
    };
    let [header, claims] = &make()[..] else {
        panic!("two parts")
    };
    let digits: String = URL_SAFE_NO_PAD
        .decode(header["x5t#S256"].as_str().unwrap())
        .unwrap()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(header["alg"], "PS256");
    assert_eq!(digits, certificate.facts().sha256);
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&"client".into(), &"client".into())
    );
    assert_eq!(claims["aud"], "https://login.example/t/token");
    let second = |claim: &str| claims[claim].as_i64().unwrap();
    assert_eq!(second("nbf"), now.as_second());
    assert_eq!(second("exp") - second("nbf"), 300);
    assert_ne!(make()[1]["jti"], claims["jti"]);
}

#[test]
fn a_certificate_s_debug_form_shows_no_key() {
    let given = Key::first().pem().unwrap() + &valid();
    let shown = format!("{:?}", read(&given, None).unwrap());
    assert!(
        shown.contains("CN=directory-sync") && !shown.contains("RsaKeyPair"),
        "{shown}"
    );
}
