//! The token endpoint, and tokens on calls.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;

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

#[tokio::test]
async fn an_assertion_is_accepted_where_one_is_configured() {
    let api = Api::small().await;
    let form = format!(
        "grant_type=client_credentials&client_id={DEMO_CLIENT_ID}&client_assertion=a.b.c&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&scope=https://graph.microsoft.com/.default"
    );
    assert_eq!(api.sign_in(&form).await.json()["error_codes"][0], 70_021);
    api.simulator
        .edit_app(|app| app.assertion = Some("a.b.c".to_owned()));
    assert_eq!(api.sign_in(&form).await.status, 200);
}
