//! A server that means no good. It speaks as much HTTP as that takes.

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server on a port of its own; it ends with its runtime.
pub(super) struct Server {
    pub(super) origin: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen)));
            }
        });
        Self { origin, heads }
    }

    /// The authority part of its origin.
    pub(super) fn authority(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    /// The heads of all requests that came.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Answers one request in the way that its path names, and closes.
async fn serve(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    heads.lock().unwrap().push(head.clone());
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    // Whoever is hung up on is not the server's concern.
    let _ = answer(&mut stream, &path, &head).await;
}

async fn answer(stream: &mut TcpStream, path: &str, head: &str) -> std::io::Result<()> {
    let (what, detail) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or((path.trim_start_matches('/'), ""));
    match what {
        "echo" => {
            let credential = head
                .lines()
                .find_map(|line| line.strip_prefix("authorization: "))
                .unwrap_or_default();
            let begin = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\nx-echo: {credential}\r\nx-escaped: {}\r\n\r\n",
                credential.replace(' ', "%20")
            );
            stream.write_all(begin.as_bytes()).await?;
            // In pieces, so that the credential is spread over them.
            for piece in head.as_bytes().chunks(7) {
                stream
                    .write_all(format!("{:x}\r\n", piece.len()).as_bytes())
                    .await?;
                stream.write_all(piece).await?;
                stream.write_all(b"\r\n").await?;
                stream.flush().await?;
            }
            stream.write_all(b"0\r\n\r\n").await
        }
        "redirect" => {
            let text = format!(
                "HTTP/1.1 302 Found\r\nconnection: close\r\ncontent-length: 0\r\nlocation: http://{detail}/\r\n\r\n"
            );
            stream.write_all(text.as_bytes()).await
        }
        "never" => std::future::pending().await,
        "dribble" => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
                .await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        "endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 64 << 10]).await?;
            }
        }
        "headers" => {
            let text = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\nx-large: {}\r\n\r\n",
                "x".repeat(100 << 10)
            );
            stream.write_all(text.as_bytes()).await
        }
        "bomb" => {
            let mut zip = GzEncoder::new(Vec::new(), Compression::best());
            for _ in 0..64 {
                zip.write_all(&vec![0; 1 << 20])?;
            }
            zipped(stream, &zip.finish()?).await
        }
        "zipped" => {
            let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
            zip.write_all(head.as_bytes())?;
            zipped(stream, &zip.finish()?).await
        }
        _ => {
            stream
                .write_all(
                    b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
                )
                .await
        }
    }
}

async fn zipped(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    let text = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bytes.len()
    );
    stream.write_all(text.as_bytes()).await?;
    stream.write_all(bytes).await
}
