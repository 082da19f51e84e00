//! Logs on standard error, and traces to a collector.

mod export;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LogFormat, LogPolicy, TelemetryPolicy};

/// The target of spans that are meant for traces: requests to this server, runs, their partitions and requests.
/// They hold neither secrets nor identifiers of users.
pub const TARGET: &str = "connector_host::trace";

/// How long a collector may take for one request, and at the end for all that is left.
const PATIENCE: Duration = Duration::from_secs(10);

/// Logs and traces of this process. To be stopped at the end, so that the last traces leave.
#[derive(Debug, Default)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Why logs or traces can't be had.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter can't be understood.
    #[error("the log filter {filter:?} can't be understood: {reason}")]
    Filter {
        /// The filter.
        filter: String,
        /// Why.
        reason: String,
    },
    /// The file with headers for the collector can't be used.
    #[error("the headers file {} can't be used: {reason}", .path.display())]
    Headers {
        /// The file.
        path: PathBuf,
        /// Why; never what it holds.
        reason: String,
    },
    /// The collector can't be reached as configured.
    #[error("traces can't be sent as configured: {0}")]
    Exporter(String),
    /// The process logs already.
    #[error("logs have been set up already")]
    Twice,
}

/// Begins to log, and to trace where a collector is configured. With one it must be called within a runtime, in
/// which traces are sent. `ca_files` are trusted beside the machine's authorities.
///
/// # Errors
/// [`TelemetryError`]; each says what can't be used.
pub fn start(
    log: &LogPolicy,
    traces: &TelemetryPolicy,
    ca_files: &[PathBuf],
) -> Result<Telemetry, TelemetryError> {
    let filter =
        EnvFilter::builder()
            .parse(&log.filter)
            .map_err(|error| TelemetryError::Filter {
                filter: log.filter.clone(),
                reason: error.to_string(),
            })?;
    let provider = provider(traces, ca_files)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match log.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(provider.as_ref().map(layer))
        .try_init()
        .map_err(|_| TelemetryError::Twice)?;
    Ok(Telemetry { traces: provider })
}

impl Telemetry {
    /// Sends what is left. Must be called within the runtime that it was started in.
    pub async fn stop(self) {
        let Some(traces) = self.traces else { return };
        let stopped = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(PATIENCE));
        match stopped.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the last traces are lost: {error}"),
            Err(error) => tracing::warn!("the last traces are lost: {error}"),
        }
    }
}

/// Takes the spans that are meant for traces, and no others.
fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(provider: &SdkTracerProvider) -> impl Layer<S> {
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(|about| about.target() == TARGET))
}

fn provider(
    policy: &TelemetryPolicy,
    ca_files: &[PathBuf],
) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    let Some(endpoint) = &policy.otlp_endpoint else {
        return Ok(None);
    };
    let headers = match &policy.headers_file {
        Some(file) => headers(file)?,
        None => HashMap::new(),
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(export::Sender::new(ca_files, PATIENCE)?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!(
            "{}/v1/traces",
            endpoint.as_str().trim_end_matches('/')
        ))
        .with_headers(headers)
        .with_timeout(PATIENCE)
        .build()
        .map_err(|error| TelemetryError::Exporter(error.to_string()))?;
    let resource = Resource::builder()
        .with_service_name(policy.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let share = Sampler::TraceIdRatioBased(policy.sample_ratio);
    Ok(Some(
        SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .build(),
    ))
}

/// `Name: value`, one a line.
fn headers(file: &Path) -> Result<HashMap<String, String>, TelemetryError> {
    let wrong = |reason: String| TelemetryError::Headers {
        path: file.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let mut headers = HashMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| wrong(format!("line {number} is not `Name: value`")))?;
        let (name, value) = (name.trim(), value.trim());
        let fits =
            http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(value).is_ok();
        if !fits {
            return Err(wrong(format!("line {number} is no header")));
        }
        headers.insert(name.to_owned(), value.to_owned());
    }
    Ok(headers)
}
