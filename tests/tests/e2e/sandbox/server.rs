//! A source that is as odd as a test needs it: a few routes over bare TCP, so that it can break every
//! rule of HTTP, and a count of who called.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A server of one test. Ends with it.
pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

struct Shared {
    /// Head lines of the requests that came, without headers.
    seen: Mutex<Vec<String>>,
    arrived: watch::Sender<usize>,
    gate: watch::Sender<bool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            arrived: watch::Sender::new(0),
            gate: watch::Sender::new(false),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            accepting,
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn url(&self, path: &str) -> String {
        self.origin() + path
    }

    /// The first lines of all requests so far.
    pub(super) fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many requests came for this path.
    pub(super) fn count(&self, path: &str) -> usize {
        let seen = self.seen();
        seen.iter().filter(|line| line.contains(path)).count()
    }

    /// Waits until so many requests have come for this path.
    pub(super) async fn wait_for(&self, path: &str, count: usize) {
        let mut arrived = self.shared.arrived.subscribe();
        while self.count(path) < count {
            arrived.changed().await.unwrap();
        }
    }

    /// Whether those that wait at `/gate` may go on.
    pub(super) fn gate(&self, open: bool) {
        self.shared.gate.send_replace(open);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // A guest that goes away is no mistake of the server's.
            let _ = serve(stream, &shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(head) = read_head(&mut stream, &mut buffer).await? else {
            return Ok(());
        };
        let line = head.lines().next().unwrap_or_default().to_owned();
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        shared.seen.lock().unwrap().push(line);
        shared.arrived.send_modify(|count| *count += 1);
        answer(&mut stream, shared, &path, &head).await?;
    }
}

/// Reads the head of a request and drops its body.
async fn read_head(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> std::io::Result<Option<String>> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|part| part == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse::<usize>().unwrap());
    while buffer.len() < end + length {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    buffer.drain(..end + length);
    Ok(Some(head))
}

async fn answer(
    stream: &mut TcpStream,
    shared: &Shared,
    path: &str,
    head: &str,
) -> std::io::Result<()> {
    match path.split('?').next().unwrap_or_default() {
        "/gate" => {
            let _ = shared.gate.subscribe().wait_for(|open| *open).await;
            whole(stream, "", "through").await
        }
        "/never" => std::future::pending().await,
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(100)).await;
            whole(stream, "", "slow").await
        }
        "/echo" => whole(stream, "", head).await,
        "/echo-in-headers" => {
            let credential = head
                .lines()
                .find_map(|line| line.strip_prefix("authorization: "))
                .unwrap_or("none");
            let headers = format!(
                "x-echo: {credential}\r\nlocation: https://directory.contoso.example/?{credential}\r\n\
                 set-cookie: token={credential}\r\nwww-authenticate: {credential}\r\n"
            );
            whole(stream, &headers, "see the headers").await
        }
        "/echo-in-pieces" => {
            chunked(stream, "").await?;
            for piece in head.as_bytes().chunks(3) {
                chunk(stream, piece).await?;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            stream.write_all(b"0\r\n\r\n").await
        }
        "/echo-compressed" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(head.as_bytes())?;
            chunked(stream, "content-encoding: gzip\r\n").await?;
            chunk(stream, &encoder.finish()?).await?;
            stream.write_all(b"0\r\n\r\n").await
        }
        "/echo-deflated" => whole(stream, "content-encoding: deflate\r\n", head).await,
        "/large-declared" => {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n";
            stream.write_all(head.as_bytes()).await?;
            pour(stream).await
        }
        "/large" => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
                .await?;
            pour(stream).await
        }
        "/bomb" => bomb(stream).await,
        "/loris" => {
            chunked(stream, "").await?;
            loop {
                chunk(stream, b"x").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        "/stuck" => {
            chunked(stream, "").await?;
            chunk(stream, b"the beginning").await?;
            std::future::pending().await
        }
        "/redirect" => {
            let target = path.split_once("?to=").map_or("", |(_, target)| target);
            let answer =
                format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await
        }
        "/many-headers" => {
            let headers: String = (0..90)
                .map(|n| format!("x-{n}: {}\r\n", "y".repeat(3_000)))
                .collect();
            whole(stream, &headers, "").await
        }
        _ => whole(stream, &format!("x-path: {path}\r\n"), "good").await,
    }
}

async fn whole(stream: &mut TcpStream, headers: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await
}

async fn chunked(stream: &mut TcpStream, headers: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}transfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await
}

async fn chunk(stream: &mut TcpStream, data: &[u8]) -> std::io::Result<()> {
    let mut piece = format!("{:x}\r\n", data.len()).into_bytes();
    piece.extend_from_slice(data);
    piece.extend_from_slice(b"\r\n");
    stream.write_all(&piece).await
}

/// Writes a gigabyte, or as much of it as is taken.
async fn pour(stream: &mut TcpStream) -> std::io::Result<()> {
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..1024 {
        stream.write_all(&piece).await?;
    }
    Ok(())
}

/// A gigabyte of zeros in a megabyte of gzip, compressed no further than it is taken.
async fn bomb(stream: &mut TcpStream) -> std::io::Result<()> {
    let zeros = vec![0; 1 << 20];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    chunked(stream, "content-encoding: gzip\r\n").await?;
    for _ in 0..1024 {
        encoder.write_all(&zeros)?;
        encoder.flush()?;
        let piece = std::mem::take(encoder.get_mut());
        chunk(stream, &piece).await?;
    }
    chunk(stream, &encoder.finish()?).await?;
    stream.write_all(b"0\r\n\r\n").await
}
