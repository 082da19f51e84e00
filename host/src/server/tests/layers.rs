//! What happens to every request and every answer.

use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::super::layers::{MOST_BODY, around};
use super::*;

/// Routes that do what handlers shouldn't.
fn odd_routes() -> Router {
    Router::new()
        .route("/things/{id}", get(async || "a thing"))
        .route(
            "/panic",
            get(async || -> &'static str { panic!("private words") }),
        )
        .route(
            "/slow",
            get(async || tokio::time::sleep(Duration::from_secs(3_600)).await),
        )
        .route("/eat", post(async |body: Bytes| body.len().to_string()))
        .route(
            "/eat-more",
            post(async |body: Bytes| body.len().to_string())
                .layer(axum::extract::DefaultBodyLimit::max(2 * MOST_BODY)),
        )
        .route("/long", get(async || Json("x".repeat(10_000))))
        .route(
            "/events",
            get(async || {
                let event = Event::default().data("y".repeat(10_000));
                Sse::new(futures::stream::iter([Ok::<_, std::convert::Infallible>(
                    event,
                )]))
            }),
        )
        .route(
            "/who",
            get(async |ConnectInfo(who): ConnectInfo<SocketAddr>| who.ip().to_string()),
        )
}

async fn app(change: impl FnOnce(&mut Config)) -> (Router, tempfile::TempDir) {
    let (plane, folder) = plane_with(change).await;
    (around(odd_routes(), &plane, false), folder)
}

async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

async fn fetch(app: &Router, path: &str) -> Response<Body> {
    send(app, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn problem(response: Response<Body>) -> Value {
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    serde_json::from_str(&text(response).await).unwrap()
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let (app, _folder) = app(|_| {}).await;
    let problem = problem(fetch(&app, "/nothing").await).await;
    assert_eq!(problem["status"], 404);
    assert_eq!(problem["code"], "request.not-found");
}

#[tokio::test]
async fn a_method_that_is_not_taken_is_a_problem_that_names_those_that_are() {
    let (app, _folder) = app(|_| {}).await;
    let request = Request::delete("/things/1").body(Body::empty()).unwrap();
    let answer = send(&app, request).await;
    assert_eq!(answer.headers()["allow"], "GET,HEAD");
    let problem = problem(answer).await;
    assert_eq!(problem["status"], 405);
    assert_eq!(problem["code"], "request.method");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_a_problem_unless_the_route_takes_more() {
    let (app, _folder) = app(|_| {}).await;
    let body = vec![b'x'; MOST_BODY + 1];
    let post = |path: &str| Request::post(path).body(Body::from(body.clone())).unwrap();
    let problem = problem(send(&app, post("/eat")).await).await;
    assert_eq!(problem["status"], 413);
    assert_eq!(problem["code"], "request.too-large");
    assert_eq!(send(&app, post("/eat-more")).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    // Opening needs the real time.
    tokio::time::resume();
    let config = control_plane::testing::config(folder.path());
    let clock = Arc::new(crate::clock::SystemClock);
    let plane = ControlPlane::open(config, clock).await.unwrap();
    tokio::time::pause();
    let app = around(odd_routes(), &Arc::new(plane), false);
    let problem = problem(fetch(&app, "/slow").await).await;
    assert_eq!(problem["status"], 503);
    assert_eq!(problem["code"], "request.timeout");
    assert!(problem["detail"].as_str().unwrap().contains("60s"));
}

#[tokio::test]
async fn a_handler_that_breaks_down_is_a_problem_without_its_words() {
    let (app, _folder) = app(|_| {}).await;
    let problem = problem(fetch(&app, "/panic").await).await;
    assert_eq!(problem["code"], "server.failed");
    assert!(!problem.to_string().contains("private words"));
}

#[tokio::test]
async fn answers_keep_browsers_from_doing_more_than_showing_them() {
    let (app, _folder) = app(|_| {}).await;
    let answer = fetch(&app, "/things/1").await;
    let headers = answer.headers();
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["cache-control"], "no-store");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!headers.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn behind_an_https_address_browsers_are_told_to_stay_with_it() {
    let (app, _folder) = app(|config| {
        config.server.public_url = Some("https://connectors.example.com".parse().unwrap());
    })
    .await;
    let answer = fetch(&app, "/things/1").await;
    assert!(answer.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn a_request_keeps_a_well_formed_name_and_gets_one_else() {
    let (app, _folder) = app(|_| {}).await;
    let named = |name: &str| {
        let request = Request::get("/things/1").header("x-request-id", name);
        request.body(Body::empty()).unwrap()
    };
    let answer = send(&app, named("trace-7.a_b")).await;
    assert_eq!(answer.headers()["x-request-id"], "trace-7.a_b");
    let long = "x".repeat(129);
    for bad in ["with space", "<script>", long.as_str()] {
        let answer = send(&app, named(bad)).await;
        let name = answer.headers()["x-request-id"].to_str().unwrap();
        assert!(uuid::Uuid::parse_str(name).is_ok(), "{name}");
    }
    let answer = fetch(&app, "/nothing").await;
    assert!(answer.headers().contains_key("x-request-id"));
}

#[tokio::test]
async fn long_answers_are_compressed_and_streams_of_events_are_not() {
    let (app, _folder) = app(|_| {}).await;
    let asking = |path: &str| {
        let request = Request::get(path).header("accept-encoding", "gzip");
        request.body(Body::empty()).unwrap()
    };
    let answer = send(&app, asking("/long")).await;
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let events = send(&app, asking("/events")).await;
    assert!(!events.headers().contains_key("content-encoding"));
}

/// A request that came over a connection from `peer`.
fn from(peer: &str, forwarded_for: Option<&str>) -> Request<Body> {
    let mut request = Request::get("/who");
    if let Some(chain) = forwarded_for {
        request = request.header("x-forwarded-for", chain);
    }
    let mut request = request.body(Body::empty()).unwrap();
    let peer: SocketAddr = peer.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

#[tokio::test]
async fn the_address_that_a_trusted_proxy_tells_is_believed_and_nobody_elses() {
    let (app, _folder) = app(|config| {
        config.server.trusted_proxies = vec!["10.0.0.5".parse().unwrap()];
    })
    .await;
    let who = async |request| text(send(&app, request).await).await;
    // The client may have written the first part itself.
    let chain = Some("1.1.1.1, 203.0.113.9, 10.0.0.5");
    assert_eq!(who(from("10.0.0.5:999", chain)).await, "203.0.113.9");
    assert_eq!(
        who(from("[::ffff:10.0.0.5]:999", chain)).await,
        "203.0.113.9"
    );
    assert_eq!(who(from("127.0.0.1:999", chain)).await, "127.0.0.1");
    let past = send(&app, from("10.0.0.6:999", chain)).await;
    assert_eq!(past.status(), StatusCode::FORBIDDEN);
    assert_eq!(problem(past).await["code"], "request.not-through-proxy");
}

#[tokio::test]
async fn without_a_trusted_proxy_the_connection_tells_who_asks() {
    let (app, _folder) = app(|_| {}).await;
    let answer = send(&app, from("192.0.2.1:999", Some("203.0.113.9"))).await;
    assert_eq!(text(answer).await, "192.0.2.1");
}
