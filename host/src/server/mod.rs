//! The server: what listens, how it is spoken to, and how it ends.
//!
//! ```no_run
//! use std::sync::Arc;
//! use connector_host::{clock::SystemClock, config::Config, control_plane::ControlPlane, server::Server};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let plane = ControlPlane::open(Config::default(), Arc::new(SystemClock)).await?;
//! let server = Server::bind(Arc::new(plane)).await?;
//! println!("{}", server.url());
//! server.run(CancellationToken::new()).await?;
//! # Ok(())
//! # }
//! ```

pub(crate) mod about;
mod health;
mod holdings;
mod layers;
mod router;
mod signals;
mod tls;

#[cfg(test)]
mod tests;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::{Control, Handle};
use secrecy::SecretString;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::access::AccessError;
use crate::config::{PlainHttp, Transport};
use crate::control_plane::ControlPlane;

pub use signals::{stop_on_signals, tell_systemd};
pub use tls::{Certificate, TlsError};

/// Until the first request of a connection, and the head of any, has come.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// A server that is bound and not yet at work.
pub struct Server {
    plane: Arc<ControlPlane>,
    main: TcpListener,
    address: SocketAddr,
    metrics: Option<(TcpListener, SocketAddr)>,
    certificate: Option<Certificate>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Plain http would leave the machine.
    #[error(transparent)]
    PlainHttp(#[from] PlainHttp),
    /// The certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address can't be listened at.
    #[error(
        "nothing can listen at {listen}: {reason}; choose another address with --listen, or stop what has it"
    )]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// Why.
        reason: String,
    },
    /// Listening failed.
    #[error("the server can't go on listening: {0}")]
    Listen(std::io::Error),
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Pieces of work that did not end within the grace; the next start goes on with them.
    pub unfinished: usize,
}

impl Server {
    /// Takes the addresses and reads the certificate. From here on connections are queued; [`Server::run`]
    /// answers them.
    ///
    /// # Errors
    /// [`ServeError`]; each says what to do about it.
    pub async fn bind(plane: Arc<ControlPlane>) -> Result<Self, ServeError> {
        let policy = &plane.config.server;
        let certificate = match policy.transport()? {
            Transport::Tls { certificate, key } => Some(Certificate::read(certificate, key).await?),
            Transport::Plain => None,
        };
        let (main, address) = listen(policy.listen)?;
        let metrics = policy.metrics_listen.map(listen).transpose()?;
        Ok(Self {
            main,
            address,
            metrics,
            certificate,
            plane,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it tells metrics, if that is an address of its own.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(_, address)| *address)
    }

    /// Where browsers reach it.
    #[must_use]
    pub fn url(&self) -> String {
        if let Some(url) = &self.plane.config.server.public_url {
            return url.to_string();
        }
        let scheme = match self.certificate {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}/", self.address)
    }

    /// The certificate, so that it can be read again on a signal.
    #[must_use]
    pub fn certificate(&self) -> Option<Certificate> {
        self.certificate.clone()
    }

    /// The one-time code with which the first administrator is set up; nothing where there is one.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn setup_code(&self) -> Result<Option<SecretString>, AccessError> {
        self.plane.access.setup_code().await
    }

    /// Serves until [`ControlPlane::shutdown`] is cancelled, then waits for open requests and running work, up to
    /// the grace or until `kill` is cancelled. The databases are closed at the end.
    ///
    /// # Errors
    /// Where listening fails for good.
    pub async fn run(self, kill: CancellationToken) -> Result<Ended, ServeError> {
        let plane = self.plane;
        health::sample(&plane);
        let (main, side) = (Control::new(), Control::new());
        let mut serving = JoinSet::new();
        let app = router::app(&plane, self.certificate.is_some());
        if let Some((listener, _)) = self.metrics {
            let own = router::metrics_app(&plane);
            serving.spawn(serve(listener, own, side.clone(), None));
        }
        if let Some(certificate) = self.certificate.clone() {
            let stopped = plane.shutdown.clone();
            tokio::spawn(stopped.run_until_cancelled_owned(certificate.follow()));
        }
        serving.spawn(serve(self.main, app, main.clone(), self.certificate));
        let failed = tokio::select! {
            ended = serving.join_next() => failure(ended),
            () = plane.shutdown.cancelled() => None,
        };
        // Whatever it is that ends the server ends everything else too.
        plane.shutdown.cancel();
        tell_systemd(sd_notify::NotifyState::Stopping);
        let grace = plane.config.server.shutdown_grace;
        main.graceful_shutdown(Some(grace));
        plane.tasks.close();
        let work = tokio::time::timeout(grace, plane.tasks.wait());
        let all = async {
            let _ = work.await;
            // Until then it tells that this server is not ready any more.
            side.shutdown();
            while serving.join_next().await.is_some() {}
        };
        let _ = kill.run_until_cancelled(all).await;
        main.shutdown();
        side.shutdown();
        let unfinished = plane.tasks.len();
        plane.close().await;
        match failed {
            Some(error) => Err(error),
            None => Ok(Ended { unfinished }),
        }
    }
}

/// Binds an address. A server that was stopped a moment ago must not keep the next one from it.
fn listen(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let fail = |error: std::io::Error| ServeError::Bind {
        listen,
        reason: error.to_string(),
    };
    let listener = TcpListener::bind(listen).map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    Ok((listener, address))
}

async fn serve(
    listener: TcpListener,
    app: Router,
    control: Control,
    certificate: Option<Certificate>,
) -> std::io::Result<()> {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let handle = Handle::with_control(control);
    let mut server = axum_server::from_tcp(listener)?
        .handle(handle)
        .first_request_timeout(HEAD_TIMEOUT)
        .accept_error_handler(|peer, error| tracing::debug!(?peer, %error, "no connection"));
    server
        .http_builder()
        .http1()
        .header_read_timeout(HEAD_TIMEOUT);
    match certificate {
        Some(certificate) => server.acceptor(certificate.acceptor()).serve(app).await,
        None => server.serve(app).await,
    }
}

/// Why serving ended by itself.
fn failure(
    ended: Option<Result<std::io::Result<()>, tokio::task::JoinError>>,
) -> Option<ServeError> {
    match ended {
        Some(Ok(Err(error))) => Some(ServeError::Listen(error)),
        Some(Err(error)) => Some(ServeError::Listen(std::io::Error::other(error))),
        Some(Ok(Ok(()))) | None => None,
    }
}
