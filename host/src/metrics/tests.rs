use std::sync::Mutex;

use super::*;
use crate::directory::{StreamTally, Tally};
use crate::egress::Usage;

/// Reads the text format strictly: every line is a comment or `name{label="value",…} number`.
fn parse(text: &str) -> Vec<(String, f64)> {
    text.lines()
        .filter(|line| !line.starts_with("# HELP ") && !line.starts_with("# TYPE "))
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert!(
                name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
                "{line}"
            );
            (series.to_owned(), value.parse().unwrap())
        })
        .collect()
}

fn value(text: &str, series: &str) -> Option<f64> {
    parse(text)
        .into_iter()
        .find(|(name, _)| name == series)
        .map(|(_, value)| value)
}

fn report() -> Report {
    let network = Usage {
        requests: 7,
        resource_units: 21,
        throttled: 2,
        seconds_waited: 1.5,
        ..Usage::default()
    };
    Report {
        connector: "contoso".into(),
        plugin: "p@1.0.0".into(),
        plugin_at_fault: false,
        state: RunState::Processed,
        mode: Mode::Snapshot,
        reason: "first".into(),
        resumed: false,
        note: None,
        fault: None,
        problems: Vec::new(),
        tally: Tally {
            users: StreamTally::default(),
            partitions: 3,
            ..Tally::default()
        },
        pages: 11,
        failures: Vec::new(),
        failures_dropped: 0,
        removals: None,
        guard: None,
        network,
        retries: 0,
        peak_instance_memory: 0,
        limits: Vec::new(),
        duration_ms: 2_500,
        log: Vec::new(),
        log_dropped: 0,
    }
}

#[tokio::test]
async fn a_run_is_counted_under_its_connector_mode_and_state() {
    let metrics = Metrics::default();
    metrics.run_ended("contoso", &report());
    let text = metrics.text().await;
    let run = "{connector=\"contoso\",mode=\"snapshot\",state=\"processed\"}";
    assert_eq!(
        value(&text, &format!("connector_runs_total{run}")),
        Some(1.0)
    );
    for (name, expected) in [
        ("requests_total", 7.0),
        ("resource_units_total", 21.0),
        ("throttled_requests_total", 2.0),
        ("wait_seconds_total", 1.5),
        ("partitions_total", 3.0),
        ("pages_total", 11.0),
    ] {
        let series = format!("connector_{name}{{connector=\"contoso\"}}");
        assert_eq!(value(&text, &series), Some(expected), "{name} in {text}");
    }
    assert!(
        text.contains("connector_run_duration_seconds_bucket{connector=\"contoso\",mode=\"snapshot\",le=\"5\"} 1"),
        "{text}"
    );
    assert!(text.contains("connector_build_info{version=\""), "{text}");
}

#[tokio::test]
async fn a_request_is_counted_under_its_route_and_never_under_its_path_or_a_made_up_method() {
    let metrics = Metrics::default();
    let took = Duration::from_millis(3);
    metrics.request_ended(&http::Method::GET, Some("/api/v1/runs/{id}"), 200, took);
    let strange = http::Method::from_bytes(b"BREW").unwrap();
    metrics.request_ended(&strange, None, 404, took);
    let text = metrics.text().await;
    let known = "{method=\"GET\",route=\"/api/v1/runs/{id}\",status=\"200\"}";
    assert_eq!(
        value(&text, &format!("connector_http_requests_total{known}")),
        Some(1.0)
    );
    assert!(
        text.contains("{method=\"other\",route=\"unmatched\",status=\"404\"}"),
        "{text}"
    );
    assert!(!text.contains("BREW"));
}

#[tokio::test]
async fn connectors_beyond_the_bound_are_counted_together() {
    let metrics = Metrics::default();
    for n in 0..MOST_CONNECTORS + 5 {
        metrics.run_ended(&format!("c{n}"), &report());
    }
    let text = metrics.text().await;
    let series = "connector_pages_total{connector=\"other\"}";
    assert_eq!(value(&text, series), Some(55.0));
    let pages = text.matches("connector_pages_total{").count();
    assert_eq!(pages, MOST_CONNECTORS + 1);
}

struct Shrinking(Mutex<Vec<&'static str>>);

#[async_trait]
impl Sampler for Shrinking {
    async fn sample(&self, gauges: &Gauges) {
        let mut connectors = self.0.lock().unwrap();
        for connector in connectors.iter() {
            gauges.held(connector, 5, 2, 9);
            gauges.cursor_age(connector, Duration::from_secs(60));
            gauges.secret_expiry(connector, "clientSecret", -3.0);
        }
        gauges.runs_queued(4);
        gauges.store("control", 4_096);
        connectors.pop();
    }
}

#[tokio::test]
async fn gauges_are_read_when_somebody_asks_and_forget_what_is_gone() {
    let metrics = Metrics::default();
    metrics.sample_with(Arc::new(Shrinking(Mutex::new(vec!["a", "b"]))));
    let text = metrics.text().await;
    let users = "connector_held{connector=\"b\",kind=\"users\"}";
    assert_eq!(value(&text, users), Some(5.0), "{text}");
    assert_eq!(value(&text, "connector_runs_queued"), Some(4.0));
    let secret = "connector_secret_expiry_seconds{connector=\"b\",secret=\"clientSecret\"}";
    assert_eq!(value(&text, secret), Some(-3.0));
    let text = metrics.text().await;
    assert_eq!(value(&text, users), None, "{text}");
    assert!(value(&text, &users.replace("\"b\"", "\"a\"")).is_some());
}

#[tokio::test]
async fn a_run_is_in_flight_until_it_ends_however_it_ends() {
    let metrics = Metrics::default();
    let run = metrics.run_started();
    let given_up = metrics.run_started();
    drop(given_up);
    let now = value(&metrics.text().await, "connector_runs_in_flight");
    assert_eq!(now, Some(1.0));
    drop(run);
    let then = value(&metrics.text().await, "connector_runs_in_flight");
    assert_eq!(then, Some(0.0));
}
