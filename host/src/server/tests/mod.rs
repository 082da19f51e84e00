//! Over real sockets, as clients meet the server.

mod layers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

use super::*;
use crate::config::Config;
use crate::control_plane;
use crate::control_plane::testing::plane_with;

/// A server at work, in a folder that goes with it.
struct Running {
    plane: Arc<ControlPlane>,
    url: String,
    metrics: Option<SocketAddr>,
    certificate: Option<Certificate>,
    kill: CancellationToken,
    ended: JoinHandle<Result<Ended, ServeError>>,
    _folder: tempfile::TempDir,
}

async fn run(change: impl FnOnce(&mut Config)) -> Running {
    let (plane, folder) = plane_with(change).await;
    let server = Server::bind(Arc::clone(&plane)).await.unwrap();
    let kill = CancellationToken::new();
    Running {
        url: server.url(),
        metrics: server.metrics_address(),
        certificate: server.certificate(),
        ended: tokio::spawn(server.run(kill.clone())),
        kill,
        plane,
        _folder: folder,
    }
}

impl Running {
    async fn get(&self, path: &str) -> reqwest::Response {
        get(format!("{}{path}", self.url)).await.unwrap()
    }

    async fn stop(self) -> Ended {
        self.plane.shutdown.cancel();
        self.ended.await.unwrap().unwrap()
    }
}

async fn get(url: String) -> reqwest::Result<reqwest::Response> {
    let trust = crate::egress::tls(&[]).unwrap();
    let client = reqwest::Client::builder().tls_backend_preconfigured(trust);
    client.build()?.get(url).send().await
}

async fn json(answer: reqwest::Response) -> Value {
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// A certificate for `localhost` in two files.
fn certificate(folder: &Path) -> (PathBuf, PathBuf, rcgen::CertifiedKey<rcgen::KeyPair>) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    std::fs::write(&certificate, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    (certificate, key, pair)
}

/// A client that trusts one authority.
fn client_that_trusts(folder: &Path, pem: &str) -> reqwest::Client {
    let file = folder.join("trusted.pem");
    std::fs::write(&file, pem).unwrap();
    reqwest::Client::builder()
        .tls_backend_preconfigured(crate::egress::tls(&[file]).unwrap())
        .build()
        .unwrap()
}

#[tokio::test]
async fn it_lives_and_tells_each_check_of_its_readiness() {
    let server = run(|_| {}).await;
    assert_eq!(server.get("healthz").await.status(), 200);
    let ready = server.get("readyz").await;
    assert_eq!(ready.status(), 200);
    let ready = json(ready).await;
    assert_eq!(
        ready["checks"],
        serde_json::json!([
            "control-database",
            "directory",
            "data-folder",
            "plugins",
            "running"
        ])
    );
    assert_eq!(server.stop().await, Ended { unfinished: 0 });
}

#[tokio::test]
async fn a_check_that_fails_is_named_and_its_reason_is_not_told() {
    let server = run(|_| {}).await;
    let ledger = control_plane::plugins_folder(&server.plane.data_dir).join("registry.json");
    std::fs::write(ledger, "nonsense-in-the-ledger").unwrap();
    let ready = server.get("readyz").await;
    assert_eq!(ready.status(), 503);
    let text = ready.text().await.unwrap();
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["code"], "server.not-ready");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1);
    assert_eq!(problem["errors"][0]["path"], "plugins");
    assert!(!text.contains("registry.json"), "{text}");
}

#[tokio::test]
async fn https_speaks_http_2_and_takes_a_new_certificate_without_a_restart() {
    let files = tempfile::tempdir().unwrap();
    let (certificate_file, key, first) = certificate(files.path());
    let server = run(|config| {
        config.server.tls.certificate = Some(certificate_file);
        config.server.tls.key = Some(key);
    })
    .await;
    let url = server.url.replace("127.0.0.1", "localhost");
    assert!(url.starts_with("https://"), "{url}");
    let health = format!("{url}healthz");
    let client = client_that_trusts(files.path(), &first.cert.pem());
    let answer = client.get(&health).send().await.unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert_eq!(
        answer.headers()["strict-transport-security"],
        "max-age=31536000"
    );

    let (_, _, second) = certificate(files.path());
    let in_use = server.certificate.clone().unwrap();
    assert!(in_use.refresh().await.unwrap());
    assert!(!in_use.refresh().await.unwrap(), "nothing changed since");
    let new = client_that_trusts(files.path(), &second.cert.pem());
    assert_eq!(new.get(&health).send().await.unwrap().status(), 200);
    let old = client_that_trusts(files.path(), &first.cert.pem());
    assert!(old.get(&health).send().await.is_err());

    // One that can't be used leaves the other in use.
    std::fs::write(files.path().join("tls.crt"), first.cert.pem()).unwrap();
    let error = in_use.refresh().await.unwrap_err();
    assert!(matches!(error, TlsError::Pair { .. }), "{error}");
    let new = client_that_trusts(files.path(), &second.cert.pem());
    assert_eq!(new.get(&health).send().await.unwrap().status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_can_not_be_read_is_told_by_its_file() {
    let files = tempfile::tempdir().unwrap();
    let (certificate_file, key, _) = certificate(files.path());
    let missing = Certificate::read(&files.path().join("none.crt"), &key).await;
    let text = missing.unwrap_err().to_string();
    assert!(text.contains("none.crt"), "{text}");
    // The two changed places.
    let swapped = Certificate::read(&key, &certificate_file).await;
    let text = swapped.unwrap_err().to_string();
    assert!(text.contains("there is no certificate in it"), "{text}");
}

#[tokio::test]
async fn plain_http_beyond_the_machine_is_refused_before_anything_listens() {
    let (plane, _folder) = plane_with(|config| {
        config.server.listen = ([0, 0, 0, 0], 0).into();
    })
    .await;
    let error = Server::bind(plane).await.unwrap_err();
    assert!(matches!(error, ServeError::PlainHttp(_)), "{error}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_with_the_remedy() {
    let first = run(|_| {}).await;
    let taken = first
        .url
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let taken = taken.parse().unwrap();
    let (plane, _folder) = plane_with(|config| config.server.listen = taken).await;
    let error = Server::bind(plane).await.unwrap_err().to_string();
    assert!(error.contains("--listen"), "{error}");
}

#[tokio::test]
async fn metrics_are_told_to_anyone_at_their_own_address_and_to_nobody_unknown_at_the_main_one() {
    let server =
        run(|config| config.server.metrics_listen = Some(([127, 0, 0, 1], 0).into())).await;
    assert_eq!(server.get("metrics").await.status(), 401);
    server.get("nothing/here").await;
    let address = server.metrics.unwrap();
    let answer = get(format!("http://{address}/metrics")).await.unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        crate::metrics::CONTENT_TYPE
    );
    let text = answer.text().await.unwrap();
    for expected in [
        "connector_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"401\"} 1",
        "connector_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1",
        "connector_store_bytes{store=\"control\"}",
        "connector_store_bytes{store=\"directory\"}",
        "connector_instances_in_use 0",
    ] {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
    let api = get(format!("http://{address}/api/v1/audit")).await.unwrap();
    assert_eq!(api.status(), 404);
}

#[tokio::test]
async fn when_it_is_told_to_stop_it_waits_for_the_work_that_is_under_way() {
    let server = run(|_| {}).await;
    let (begun, shutdown) = (
        Arc::new(tokio::sync::Notify::new()),
        server.plane.shutdown.clone(),
    );
    let work = server.plane.tasks.spawn({
        let begun = Arc::clone(&begun);
        async move {
            begun.notify_one();
            shutdown.cancelled().await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    begun.notified().await;
    let ended = server.stop().await;
    assert_eq!(ended, Ended { unfinished: 0 });
    assert!(work.is_finished());
}

#[tokio::test]
async fn work_that_takes_longer_than_the_grace_is_left_to_the_next_start() {
    let server = run(|config| config.server.shutdown_grace = Duration::from_millis(100)).await;
    server.plane.tasks.spawn(std::future::pending::<()>());
    assert_eq!(server.stop().await, Ended { unfinished: 1 });
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let server = run(|config| config.server.shutdown_grace = Duration::from_secs(3_600)).await;
    server.plane.tasks.spawn(std::future::pending::<()>());
    server.plane.shutdown.cancel();
    server.kill.cancel();
    let ended = server.ended.await.unwrap().unwrap();
    assert!(ended.unfinished >= 1, "{ended:?}");
}

#[tokio::test]
async fn while_it_stops_it_is_not_ready_and_takes_no_new_connections() {
    let server =
        run(|config| config.server.metrics_listen = Some(([127, 0, 0, 1], 0).into())).await;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    server.plane.tasks.spawn(async move { drop(ended.await) });
    server.plane.shutdown.cancel();
    let side = server.metrics.unwrap();
    let ready = get(format!("http://{side}/readyz")).await.unwrap();
    let problem = json(ready).await;
    assert_eq!(problem["errors"][0]["path"], "running");
    let refused = async {
        while get(format!("{}healthz", server.url)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused)
        .await
        .unwrap();
    end.send(()).unwrap();
    server.ended.await.unwrap().unwrap();
}
