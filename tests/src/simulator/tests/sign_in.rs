//! The token endpoint, and tokens on calls.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use ring::digest::{SHA256, digest};
use serde_json::json;

use super::*;
use crate::identity::{Key, of_pem};

#[tokio::test]
async fn a_token_names_the_roles_of_the_app_and_has_an_end() {
    let api = Api::small().await;
    let answer = api.sign_in(&form(DEMO_CLIENT_SECRET)).await.json();
    assert_eq!(answer["token_type"], "Bearer");
    assert!(
        answer["expires_in"].as_u64().unwrap() > 3_000 && answer.get("refresh_token").is_none()
    );
    let claims = answer["access_token"]
        .as_str()
        .unwrap()
        .split('.')
        .nth(1)
        .unwrap()
        .to_owned();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["roles"].as_array().unwrap().len(), 3);
    assert_eq!(claims["appid"], DEMO_CLIENT_ID);
    api.simulator.set_permissions(Vec::<String>::new());
    let bare = api.sign_in(&form(DEMO_CLIENT_SECRET)).await.json();
    let claims = bare["access_token"]
        .as_str()
        .unwrap()
        .split('.')
        .nth(1)
        .unwrap()
        .to_owned();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert!(claims.get("roles").is_none());
}

#[tokio::test]
async fn wrong_sign_ins_fail_with_the_codes_that_entra_uses() {
    let api = Api::small().await;
    let good = form(DEMO_CLIENT_SECRET);
    for (form, status, error, number) in [
        (form("wrong"), 401, "invalid_client", 7_000_215),
        (form(DEMO_SECRET_ID), 401, "invalid_client", 7_000_215),
        (
            good.replace(DEMO_CLIENT_ID, "11111111-1111-4111-8111-111111111111"),
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            good.replace(".default", "User.Read"),
            400,
            "invalid_scope",
            70_011,
        ),
        (
            good.replace("graph.microsoft.com", "example.com"),
            400,
            "invalid_resource",
            500_011,
        ),
        (
            good.replace("client_credentials", "password"),
            400,
            "unsupported_grant_type",
            70_003,
        ),
        (
            good.replace("client_secret=", "nothing="),
            401,
            "invalid_client",
            7_000_218,
        ),
    ] {
        let answer = api.sign_in(&form).await;
        let body = answer.json();
        assert_eq!(
            (
                answer.status,
                body["error"].as_str().unwrap(),
                &body["error_codes"][0]
            ),
            (status, error, &Value::from(number))
        );
        assert!(
            body["error_description"]
                .as_str()
                .unwrap()
                .starts_with(&format!("AADSTS{number}: "))
        );
    }
    api.simulator.edit_app(|app| app.secret_expired = true);
    assert_eq!(api.sign_in(&good).await.json()["error_codes"][0], 7_000_222);
}

#[tokio::test]
async fn an_unknown_tenant_is_told_apart_and_basic_authentication_works() {
    let api = Api::small().await;
    let post = |url: String, auth: Option<String>, form: String| {
        let mut request = Request::post(url);
        if let Some(auth) = auth {
            request = request.header("authorization", auth);
        }
        request.body(Full::from(form)).unwrap()
    };
    let elsewhere = api
        .simulator
        .token_endpoint()
        .replace(DEMO_TENANT_ID, "99999999-9999-4999-8999-999999999999");
    let answer = api
        .send(post(elsewhere, None, form(DEMO_CLIENT_SECRET)))
        .await
        .unwrap();
    assert_eq!(
        (answer.status, &answer.json()["error_codes"][0]),
        (400, &Value::from(90_002))
    );
    let basic = format!(
        "Basic {}",
        STANDARD.encode(format!("{DEMO_CLIENT_ID}:{DEMO_CLIENT_SECRET}"))
    );
    let body =
        "grant_type=client_credentials&scope=https://graph.microsoft.com/.default".to_owned();
    assert_eq!(
        api.send(post(api.simulator.token_endpoint(), Some(basic), body))
            .await
            .unwrap()
            .status,
        200
    );
}

#[tokio::test]
async fn calls_without_a_valid_token_are_refused_and_tokens_age_by_the_clock() {
    let mut api = Api::small().await;
    assert_eq!(api.get("/groups").await.status, 200);
    api.simulator.advance_clock(3_601);
    let expired = api.get("/groups").await;
    assert_eq!(
        (expired.status, expired.code().as_str()),
        (401, "InvalidAuthenticationToken")
    );
    assert!(expired.header("www-authenticate").is_some());
    for token in ["", "abc.def.ghi"] {
        api.token = token.to_owned();
        assert_eq!(api.get("/groups").await.status, 401);
    }
}

/// A form that presents this assertion.
fn presenting(assertion: &str) -> String {
    format!(
        "grant_type=client_credentials&client_id={DEMO_CLIENT_ID}&client_assertion={assertion}&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&scope=https://graph.microsoft.com/.default"
    )
}

/// The status and the AADSTS number of the answer; the latter is 0 for a token.
async fn answered(api: &Api, form: &str) -> (u16, u64) {
    let answer = api.sign_in(form).await;
    let number = answer.json()["error_codes"][0].as_u64();
    (answer.status, number.unwrap_or_default())
}

#[tokio::test]
async fn an_app_s_own_assertion_is_accepted_once_and_only_as_the_documentation_has_it() {
    let api = Api::small().await;
    let key = Key::first();
    let certificate = key.certificate("app", -1, 10).unwrap();
    let x5t = URL_SAFE_NO_PAD.encode(digest(&SHA256, &of_pem(&certificate).unwrap()));
    let now = api.simulator.now();
    let endpoint = api.simulator.token_endpoint();
    let made = |signer: &Key, alg: &str, name: &str, changed: &str, value: Value| {
        let mut claims = json!({
            "aud": endpoint, "iss": DEMO_CLIENT_ID, "sub": DEMO_CLIENT_ID, "jti": fastrand::u64(..).to_string(),
            "iat": now, "nbf": now, "exp": now + 300,
        });
        if !changed.is_empty() {
            claims[changed] = value;
        }
        let header = json!({ "alg": alg, "typ": "JWT", "x5t#S256": name });
        presenting(&signer.jwt(&header, &claims).unwrap())
    };
    let good = |alg| made(key, alg, &x5t, "", Value::Null);
    assert_eq!(answered(&api, &good("PS256")).await, (401, 700_027));
    api.simulator
        .edit_app(|app| app.certificates = vec![certificate.clone()]);
    let once = good("PS256");
    assert_eq!(answered(&api, &once).await, (200, 0));
    assert_eq!(answered(&api, &once).await, (401, 50_027), "a second time");
    assert_eq!(answered(&api, &good("RS256")).await, (200, 0));
    for (changed, value, number) in [
        ("aud", json!("https://login.microsoftonline.com/x"), 700_023),
        (
            "sub",
            json!("11111111-1111-4111-8111-111111111111"),
            700_021,
        ),
        ("exp", json!(now - 301), 700_024),
        ("nbf", json!(now + 301), 700_024),
        ("exp", json!(now + 3_600), 700_024),
        ("jti", Value::Null, 50_027),
        ("exp", Value::Null, 50_027),
    ] {
        let form = made(key, "PS256", &x5t, changed, value);
        assert_eq!(answered(&api, &form).await, (401, number), "{changed}");
    }
    for form in [
        made(Key::second(), "PS256", &x5t, "", Value::Null),
        made(key, "PS256", "another", "", Value::Null),
    ] {
        assert_eq!(answered(&api, &form).await, (401, 700_027));
    }
    let untyped = good("PS256").replace("jwt-bearer", "saml2-bearer");
    assert_eq!(answered(&api, &untyped).await, (400, 900_144));
    assert_eq!(answered(&api, &presenting("a.b.c")).await, (401, 50_027));
    api.simulator.advance_clock(11 * 24 * 3_600);
    assert_eq!(
        answered(&api, &good("PS256")).await,
        (401, 700_027),
        "it ended"
    );
}

#[tokio::test]
async fn another_provider_s_token_is_accepted_where_all_of_its_record_matches() {
    let api = Api::small().await;
    let now = api.simulator.now();
    let made = |signer: &Key, changed: &str, value: Value| {
        let mut claims = json!({
            "iss": "https://issuer.contoso.example", "sub": "workload", "aud": usual_audience(),
            "nbf": now, "exp": now + 3_600,
        });
        claims[changed] = value;
        let header = json!({ "alg": "RS256", "typ": "JWT" });
        presenting(&signer.jwt(&header, &claims).unwrap())
    };
    let good = made(Key::first(), "iat", json!(now));
    assert_eq!(answered(&api, &good).await, (400, 70_021), "none is known");
    let known = FederatedCredential {
        issuer: "https://issuer.contoso.example".to_owned(),
        subject: "workload".to_owned(),
        audience: usual_audience(),
        key: Key::first().public_pem().unwrap(),
    };
    api.simulator.edit_app(|app| app.federated = vec![known]);
    for _ in 0..2 {
        assert_eq!(
            answered(&api, &good).await,
            (200, 0),
            "as often as it lasts"
        );
    }
    for (form, number) in [
        (
            made(
                Key::first(),
                "iss",
                json!("https://issuer.contoso.example/"),
            ),
            700_211,
        ),
        (made(Key::first(), "sub", json!("Workload")), 700_213),
        (made(Key::first(), "aud", json!(["x", "y"])), 700_212),
        (made(Key::first(), "exp", json!(now - 301)), 700_024),
        (made(Key::second(), "iat", json!(now)), 50_013),
    ] {
        assert_eq!(answered(&api, &form).await, (401, number));
    }
}
