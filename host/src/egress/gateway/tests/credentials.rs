//! As whom requests are sent.

use super::*;

/// Echoes the `Authorization` header in headers and body, in small pieces.
fn echo() -> Router {
    Router::new().fallback(any(|headers: Headers| async move {
        let value = headers
            .get("authorization")
            .cloned()
            .unwrap_or_else(|| "none".parse().unwrap());
        let text = format!("you sent {:?}", value.to_str().unwrap());
        let pieces: Vec<_> = text
            .as_bytes()
            .chunks(7)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect();
        (
            [("x-echo", value)],
            Payload::from_stream(stream::iter(pieces)),
        )
    }))
}

#[tokio::test]
async fn an_echoed_token_never_reaches_the_guest() {
    const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJyb2xlcyI6WyJBIl19.c2lnbmF0dXJl";
    let answer = json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN });
    let base = serve(echo().route("/token", post(|| async { Json(answer) }))).await;
    let mut wanted = connection(&[&base]);
    wanted.authentication = client_credentials(&format!("{base}/token"), &[&base]);
    let egress = Egress::new(options(&[&base])).unwrap();
    let gateway = egress
        .gateway(wanted, &[], secrets(), Limits::default())
        .unwrap();
    let response = gateway.send(get(&base)).await.unwrap();
    assert_eq!(response.headers()["x-echo"], "[redacted]");
    assert_eq!(
        read(response).await.unwrap(),
        format!("you sent \"Bearer {}\"", "*".repeat(TOKEN.len()))
    );
    let debug = format!("{gateway:?} {egress:?}");
    assert!(!debug.contains(TOKEN) && !debug.contains(SECRET), "{debug}");
}

#[tokio::test]
async fn a_bearer_secret_is_sent_and_scrubbed() {
    let seen = Seen::default();
    let lines = seen.clone();
    let router = echo().route(
        "/seen",
        on_get(move |headers: Headers| async move {
            lines.push(headers["authorization"].to_str().unwrap());
        }),
    );
    let base = serve(router).await;
    let mut wanted = connection(&[&base]);
    wanted.authentication = Authentication::Bearer {
        setting: "token".to_owned(),
    };
    let egress = Egress::new(options(&[&base])).unwrap();
    let secrets = Secrets::from([("token".to_owned(), SecretString::from(SECRET))]);
    let gateway = egress
        .gateway(wanted, &[], secrets, Limits::default())
        .unwrap();
    gateway.send(get(&format!("{base}/seen"))).await.unwrap();
    assert_eq!(seen.lines(), [format!("Bearer {SECRET}")]);
    assert!(
        !read(gateway.send(get(&base)).await.unwrap())
            .await
            .unwrap()
            .contains("hunter2")
    );
    assert_eq!(gateway.renew().await.unwrap_err().error, "denied");
}

#[tokio::test]
async fn the_token_goes_to_its_audience_alone() {
    let answer =
        json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": "opaque-token-1" });
    let (first, second) = (
        serve(echo().route("/token", post(|| async { Json(answer) }))).await,
        serve(echo()).await,
    );
    let mut wanted = connection(&[&first, &second]);
    wanted.authentication = client_credentials(
        &format!("{first}/token"),
        &[&format!("{first}/v1"), "https://elsewhere.contoso.example"],
    );
    let egress = Egress::new(options(&[&first, &second])).unwrap();
    let gateway = egress
        .gateway(wanted, &[], secrets(), Limits::default())
        .unwrap();
    let shown = |base: String| {
        let gateway = &gateway;
        async move { gateway.send(get(&base)).await.unwrap().headers()["x-echo"].clone() }
    };
    assert_eq!(shown(second.clone()).await, "none");
    assert_eq!(gateway.usage().token_requests, 0);
    assert_eq!(shown(first).await, "[redacted]");
    assert_eq!(shown(second).await, "none", "also when there is a token");
}

#[test]
fn what_a_proof_lacks_is_told_with_its_setting() {
    let egress = Egress::new(options(&["http://127.0.0.1:9"])).unwrap();
    let open = |proof: Proof, secrets: Secrets| {
        let mut wanted = connection(&["http://127.0.0.1:9"]);
        wanted.authentication = client_credentials("http://127.0.0.1:9/token", &[]);
        if let Authentication::ClientCredentials(credentials) = &mut wanted.authentication {
            credentials.proof = proof;
        }
        egress
            .gateway(wanted, &[], secrets, Limits::default())
            .unwrap_err()
            .to_string()
    };
    let key = || "clientSecret".to_owned();
    assert_eq!(
        open(Proof::ClientSecret(key()), Secrets::new()),
        "the secret setting `clientSecret` has no value"
    );
    assert_eq!(
        open(Proof::Certificate(key()), secrets()),
        "the secret setting `clientSecret` can't be used: it is neither PEM text nor a PKCS#12 file in base64"
    );
    let file = Proof::FederatedToken {
        setting: "federatedTokenFile".to_owned(),
        file: "/run/token".into(),
    };
    assert_eq!(
        open(file, secrets()),
        "the file that the setting `federatedTokenFile` names can't be used: the operator lets no folder's files be sent as tokens"
    );
    let mut wanted = connection(&["http://127.0.0.1:9"]);
    wanted.authentication = Authentication::Bearer { setting: key() };
    let broken = Secrets::from([(key(), SecretString::from("hunter2\nhunter2"))]);
    let message = egress
        .gateway(wanted, &[], broken, Limits::default())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("line break") && !message.contains("hunter2"),
        "{message}"
    );
}

#[tokio::test]
async fn an_encoding_that_was_not_asked_for_is_refused() {
    let base = serve(Router::new().route(
        "/",
        on_get(|| async { ([("content-encoding", "br")], "x").into_response() }),
    ))
    .await;
    let error = refused(&gateway(&[&base], Limits::default()), get(&base)).await;
    assert!(error.to_string().contains("content encoding"), "{error}");
}

#[test]
fn everything_may_move_between_threads() {
    fn movable<T: Send>(_: &T) {}
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Gateway>();
    shared::<Egress>();
    let gateway = gateway(&["http://127.0.0.1:9"], Limits::default());
    movable(&gateway.send(get("http://127.0.0.1:9/")));
    movable(&gateway.renew());
    movable(&Body::empty());
}
