//! What a server writes on its outputs.

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::sync::watch;

use super::api::Told;

/// What a server says of itself when it starts.
#[derive(Debug, Clone, Default)]
pub(super) struct Greeting {
    pub(super) url: Option<String>,
    pub(super) code: Option<String>,
    /// It has closed its output.
    pub(super) over: bool,
}

/// Reads what a server says at its start, and everything after that.
pub(super) async fn listen(
    output: impl AsyncRead + Unpin,
    log: Told,
    told: watch::Sender<Greeting>,
) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log.add(line.as_bytes());
        log.add(b"\n");
        told.send_modify(|greeting| {
            if let Some(url) = line.strip_prefix("Listening at ") {
                greeting.url = Some(url.to_owned());
            }
            if let Some((_, code)) = line.split_once("works once: ") {
                greeting.code = Some(code.to_owned());
            }
        });
    }
    told.send_modify(|greeting| greeting.over = true);
}

/// Reads everything.
pub(super) async fn copy(mut output: impl AsyncRead + Unpin, log: Told) {
    let mut buffer = [0; 8_192];
    while let Ok(count @ 1..) = output.read(&mut buffer).await {
        log.add(buffer.get(..count).unwrap_or_default());
    }
}
