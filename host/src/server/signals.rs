//! What the system tells the server, and what the server tells the system.

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Certificate;

/// Cancels `stop` on the first SIGTERM or SIGINT and `kill` on the second, and reads the certificate again on
/// SIGHUP. Must be called within a runtime, in which it goes on.
///
/// # Errors
/// Where the system doesn't let signals be caught.
pub fn stop_on_signals(
    stop: CancellationToken,
    kill: CancellationToken,
    certificate: Option<Certificate>,
) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        first_of(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping; once more stops at once");
        stop.cancel();
        first_of(&mut terminate, &mut interrupt).await;
        kill.cancel();
    });
    tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            if let Some(certificate) = &certificate {
                certificate.refresh_and_tell().await;
            }
        }
    });
    Ok(())
}

async fn first_of(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// Tells systemd, where it started this process as a service of `Type=notify`.
pub fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("systemd could not be told: {error}");
    }
}
