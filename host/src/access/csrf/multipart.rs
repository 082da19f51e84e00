//! The token of a form that uploads a file.
//!
//! Such a body is large, so only its beginning is looked at: the token has to be the first part. What was read is
//! put before the rest, which is streamed on as it comes.

use axum::body::{Body, BodyDataStream, Bytes};
use futures::{StreamExt, stream};
use memchr::memmem;
use multer::Multipart;

use super::CSRF_FIELD;

/// Bytes in which the first part has to end.
const LONGEST_BEGINNING: usize = 16 * 1024;

/// The beginning of a body.
struct Beginning {
    /// What was taken from the body, as it came.
    taken: Vec<Bytes>,
    /// The first bytes of it.
    seen: Vec<u8>,
}

/// The token that a body carries, if it does; and the body, unchanged.
pub(super) async fn token(kind: &str, body: Body) -> (Option<String>, Body) {
    let Ok(boundary) = multer::parse_boundary(kind) else {
        return (None, body);
    };
    let mut rest = body.into_data_stream();
    let beginning = first_part(&boundary, &mut rest).await;
    let token = read(&boundary, beginning.seen).await;
    let whole = stream::iter(beginning.taken.into_iter().map(Ok)).chain(rest);
    (token, Body::from_stream(whole))
}

/// Reads until the first part has ended, the body fails, or it is clear that the part is too long.
async fn first_part(boundary: &str, rest: &mut BodyDataStream) -> Beginning {
    let (opening, closing) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
    let mut beginning = Beginning {
        taken: Vec::new(),
        seen: Vec::new(),
    };
    // Where the end of the part may begin: what was searched isn't searched again.
    let mut searched = opening.len();
    while beginning.seen.len() < LONGEST_BEGINNING {
        let Some(Ok(chunk)) = rest.next().await else {
            break;
        };
        let room = LONGEST_BEGINNING - beginning.seen.len();
        let part = chunk.get(..room).unwrap_or(&chunk);
        beginning.seen.extend_from_slice(part);
        beginning.taken.push(chunk);
        let ahead = beginning.seen.get(searched..).unwrap_or_default();
        if memmem::find(ahead, closing.as_bytes()).is_some() {
            break;
        }
        searched = beginning.seen.len().saturating_sub(closing.len());
        searched = searched.max(opening.len());
    }
    beginning
}

/// The text of the first part, if it is the field of the token.
async fn read(boundary: &str, seen: Vec<u8>) -> Option<String> {
    let seen = stream::once(async move { Ok::<_, std::convert::Infallible>(seen) });
    let mut parts = Multipart::new(seen, boundary);
    let first = parts.next_field().await.ok()??;
    if first.name() != Some(CSRF_FIELD) {
        return None;
    }
    first.text().await.ok()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    const KIND: &str = "multipart/form-data; boundary=line";

    fn part(name: &str, content: &str) -> String {
        format!("--line\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    }

    /// A body that comes in pieces of so many bytes.
    fn in_pieces(text: &str, size: usize) -> Body {
        let pieces: Vec<Bytes> = text
            .as_bytes()
            .chunks(size)
            .map(Bytes::copy_from_slice)
            .collect();
        Body::from_stream(stream::iter(
            pieces.into_iter().map(Ok::<_, std::io::Error>),
        ))
    }

    async fn token_of(text: &str, size: usize) -> (Option<String>, Bytes) {
        let (token, body) = token(KIND, in_pieces(text, size)).await;
        (token, to_bytes(body, usize::MAX).await.unwrap())
    }

    #[tokio::test]
    async fn the_token_is_read_and_the_body_stays_as_it_was_however_it_comes() {
        let file = "\r\n--lin".repeat(10_000);
        let form = format!(
            "{}{}--line--\r\n",
            part("csrf", "right"),
            part("file", &file)
        );
        for size in [1, 7, 4096, form.len()] {
            let (token, body) = token_of(&form, size).await;
            assert_eq!(token.as_deref(), Some("right"), "pieces of {size}");
            assert_eq!(body, form.as_bytes(), "pieces of {size}");
        }
    }

    #[tokio::test]
    async fn only_the_first_part_counts() {
        let form = format!("{}{}--line--\r\n", part("file", "x"), part("csrf", "right"));
        let (token, body) = token_of(&form, 64).await;
        assert_eq!(token, None);
        assert_eq!(body, form.as_bytes());
    }

    #[tokio::test]
    async fn a_first_part_without_an_end_in_the_beginning_is_none() {
        let form = format!(
            "{}--line--\r\n",
            part("csrf", &"r".repeat(LONGEST_BEGINNING))
        );
        let (token, body) = token_of(&form, 1000).await;
        assert_eq!(token, None);
        assert_eq!(body, form.as_bytes());
    }

    #[tokio::test]
    async fn no_more_than_the_beginning_is_read_of_a_body_without_a_token() {
        let pieces = stream::iter(0..1_000).map(|_| Ok(Bytes::from(vec![b'x'; 1024])));
        let counted = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = counted.clone();
        let counting = pieces.inspect(move |_: &Result<Bytes, std::io::Error>| {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        let (token, _body) = token(KIND, Body::from_stream(counting)).await;
        assert_eq!(token, None);
        assert_eq!(counted.load(std::sync::atomic::Ordering::Relaxed), 16);
    }

    #[tokio::test]
    async fn without_a_boundary_there_is_none() {
        let form = part("csrf", "right");
        let (token, body) = token("multipart/form-data", in_pieces(&form, 64)).await;
        assert_eq!(token, None);
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), form.as_bytes());
    }

    #[tokio::test]
    async fn a_body_that_fails_carries_none() {
        let pieces = [
            Ok(Bytes::from("--line\r\n")),
            Err(std::io::Error::other("gone")),
        ];
        let (token, body) = token(KIND, Body::from_stream(stream::iter(pieces))).await;
        assert_eq!(token, None);
        drop(body);
    }
}
