use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;

use super::*;

/// A collector that keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

impl Collector {
    async fn start(&self) -> String {
        let kept = self.0.clone();
        let take = async move |headers: HeaderMap, body: Bytes| {
            kept.lock().unwrap().push((headers, body));
            StatusCode::OK
        };
        let app = Router::new().route("/v1/traces", post(take));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }
}

fn policy(endpoint: &str, headers_file: Option<PathBuf>) -> TelemetryPolicy {
    TelemetryPolicy {
        otlp_endpoint: Some(endpoint.parse().unwrap()),
        service_name: "the-service".into(),
        headers_file,
        ..TelemetryPolicy::default()
    }
}

/// Spans as a run leaves them, and one that is nobody's business.
fn leave_spans(provider: &SdkTracerProvider) {
    let subscriber = tracing_subscriber::registry().with(layer(provider));
    tracing::subscriber::with_default(subscriber, || {
        // The library keeps what anybody wants to see; another test may have hidden these spans.
        tracing::callsite::rebuild_interest_cache();
        let run = tracing::info_span!(target: TARGET, "run", connector = "contoso").entered();
        tracing::debug_span!(target: TARGET, "partition", key = "groups").in_scope(|| {});
        tracing::info_span!("private span").in_scope(|| {});
        drop(run);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_for_traces_reach_the_collector_by_the_time_that_it_is_stopped_and_others_never_do() {
    let collector = Collector::default();
    let endpoint = collector.start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("headers");
    std::fs::write(&file, "# for the collector\nX-Token: t0ken\n\n").unwrap();
    let provider = provider(&policy(&endpoint, Some(file)), &[])
        .unwrap()
        .unwrap();
    leave_spans(&provider);
    let telemetry = Telemetry {
        traces: Some(provider),
    };
    telemetry.stop().await;
    let kept = collector.0.lock().unwrap();
    let (headers, body) = kept.first().unwrap();
    assert_eq!(headers["x-token"], "t0ken");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let holds = |text: &str| memchr::memmem::find(body, text.as_bytes()).is_some();
    for expected in ["run", "partition", "contoso", "the-service"] {
        assert!(holds(expected), "{expected} is missing");
    }
    assert!(!holds("private span"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_holds_nothing_up_for_long() {
    let provider = provider(&policy("http://127.0.0.1:1", None), &[])
        .unwrap()
        .unwrap();
    leave_spans(&provider);
    let telemetry = Telemetry {
        traces: Some(provider),
    };
    tokio::time::timeout(2 * PATIENCE, telemetry.stop())
        .await
        .unwrap();
}

#[test]
fn without_a_collector_there_is_nothing_to_send_to() {
    assert!(
        provider(&TelemetryPolicy::default(), &[])
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_headers_file_that_is_none_is_told_by_line_and_never_by_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("headers");
    for (text, expected) in [
        ("X: ok\nhush-hush", "line 2 is not `Name: value`"),
        ("with space: hush-hush", "line 1 is no header"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = headers(&file).unwrap_err().to_string();
        assert!(
            error.contains(expected) && !error.contains("hush"),
            "{error}"
        );
    }
}
