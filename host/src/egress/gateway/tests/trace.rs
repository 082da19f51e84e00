//! What a trace tells of a request.

use std::sync::Mutex;

use tracing_subscriber::fmt::format::FmtSpan;

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_trace_tells_the_kind_of_a_request_and_nobody_who_is_in_it() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _traced = tracing::subscriber::set_default(subscriber);
    let app = Router::new().route("/users/{id}", on_get(async || "Ada"));
    let base = serve(app).await;
    let gateway = gateway(&[&base], Limits::default());
    let url = format!("{base}/users/ada@contoso.example?$select=private");
    let mut span = None;
    for _ in 0..50 {
        // The library keeps what anybody wants to see; another test may set up or end its own at this moment.
        tracing::callsite::rebuild_interest_cache();
        let answer = gateway.send(get(&url)).await.unwrap();
        assert_eq!(answer.status(), 200);
        drop(answer);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let closed = |line: &&str| line.contains("source request") && line.contains("close");
        span = text.lines().find(closed).map(str::to_owned);
        if span.is_some() {
            break;
        }
    }
    let span = span.unwrap();
    for expected in ["GET /users/{id}", "http.response.status_code=200"] {
        assert!(span.contains(expected), "{expected} is missing in {span}");
    }
    assert!(
        !span.contains("ada@") && !span.contains("private"),
        "{span}"
    );
}
