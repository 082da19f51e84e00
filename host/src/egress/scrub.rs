//! Blackens secrets in what goes to a guest.
//!
//! A service that echoes the `Authorization` header would otherwise hand the token to the
//! plugin. Each byte of a match becomes `*`, so lengths stay true.

use std::sync::Arc;

use bytes::Bytes;
use memchr::{memchr_iter, memmem};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};

/// Shorter secrets can't be told from ordinary text.
const SHORTEST: usize = 8;
/// How much of a secret is searched for; the rest is compared. Keeps a searcher cheap to build.
const ANCHOR: usize = 24;
const REDACTED: &str = "[redacted]";

/// What must not be seen.
#[derive(Default)]
pub(super) struct Patterns(Vec<Zeroizing<Vec<u8>>>);

impl Patterns {
    /// Every secret as it is, and as URLs, forms and JSON spell it.
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let mut patterns: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for secret in secrets {
            for spelling in spellings(secret.expose_secret()) {
                if spelling.len() >= SHORTEST && !patterns.contains(&spelling) {
                    patterns.push(spelling);
                }
            }
        }
        Self(patterns)
    }

    /// Marks the matches in `data` as ranges.
    fn find(&self, data: &[u8]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for pattern in &self.0 {
            let anchor = pattern.get(..ANCHOR).unwrap_or(pattern);
            let mut from = 0;
            while let Some(at) = data.get(from..).and_then(|rest| memmem::find(rest, anchor)) {
                let start = from + at;
                if data
                    .get(start..)
                    .is_some_and(|rest| rest.starts_with(pattern))
                {
                    found.push((start, start + pattern.len()));
                }
                from = start + 1;
            }
        }
        found
    }

    /// Where the longest end of `data` begins that may be the beginning of a match.
    fn open_end(&self, data: &[u8]) -> usize {
        let mut open = data.len();
        for pattern in &self.0 {
            let Some(first) = pattern.first() else {
                continue;
            };
            let from = data.len().saturating_sub(pattern.len() - 1);
            let Some(window) = data.get(from..) else {
                continue;
            };
            for at in memchr_iter(*first, window) {
                if from + at >= open {
                    break;
                }
                if window.get(at..).is_some_and(|end| pattern.starts_with(end)) {
                    open = from + at;
                    break;
                }
            }
        }
        open
    }

    pub(super) fn occur_in(&self, data: &[u8]) -> bool {
        !self.find(data).is_empty()
    }

    /// Replaces every match in a text.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut found = self.find(text.as_bytes());
        found.sort_unstable();
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (start, end) in found {
            if start >= done {
                // Matches are whole characters: secrets are text.
                out.push_str(text.get(done..start).unwrap_or_default());
                out.push_str(REDACTED);
            }
            done = done.max(end);
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }
}

fn spellings(secret: &str) -> [Zeroizing<Vec<u8>>; 4] {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = Zeroizing::new(form.replace('+', "%20").into_bytes());
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or_default();
    let json = Zeroizing::new(json.as_bytes().to_vec());
    [
        Zeroizing::new(secret.as_bytes().to_vec()),
        Zeroizing::new(form.into_bytes()),
        percent,
        json,
    ]
}

/// Scrubs a stream whatever its chunks.
#[derive(Default)]
pub(super) struct Scrubber {
    patterns: Arc<Patterns>,
    /// Held back, because a match may begin here.
    tail: Vec<u8>,
    /// How much of the tail belongs to a match that began earlier.
    masked: usize,
}

impl Scrubber {
    pub(super) fn new(patterns: Arc<Patterns>) -> Self {
        Self {
            patterns,
            tail: Vec::new(),
            masked: 0,
        }
    }

    /// What may be passed on now that `chunk` has come; often the chunk itself, uncopied.
    pub(super) fn push(&mut self, chunk: Bytes) -> Bytes {
        let data = if self.tail.is_empty() {
            chunk
        } else {
            self.tail.extend_from_slice(&chunk);
            Bytes::from(std::mem::take(&mut self.tail))
        };
        let open = self.patterns.open_end(&data);
        self.release(data, open)
    }

    /// The rest, after the last chunk.
    pub(super) fn finish(&mut self) -> Bytes {
        let data = Bytes::from(std::mem::take(&mut self.tail));
        let end = data.len();
        self.release(data, end)
    }

    /// Masks the matches in `data`, gives what stands before `open` and keeps the rest.
    fn release(&mut self, data: Bytes, open: usize) -> Bytes {
        let mut found = self.patterns.find(&data);
        if self.masked > 0 {
            found.push((0, self.masked));
        }
        self.masked = found
            .iter()
            .map(|(_, end)| end.saturating_sub(open))
            .max()
            .unwrap_or(0);
        if let Some(rest) = data.get(open..) {
            self.tail.extend_from_slice(rest);
        }
        if found.is_empty() {
            return data.slice(..open);
        }
        let mut out = data.get(..open).unwrap_or_default().to_vec();
        for (start, end) in found {
            if let Some(part) = out.get_mut(start..end.min(open)) {
                part.fill(b'*');
            }
        }
        Bytes::from(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn patterns(secrets: &[&str]) -> Arc<Patterns> {
        let secrets: Vec<SecretString> = secrets
            .iter()
            .map(|text| SecretString::from(*text))
            .collect();
        Arc::new(Patterns::new(&secrets))
    }

    fn scrub(patterns: &Arc<Patterns>, chunks: &[&[u8]]) -> Vec<u8> {
        let mut scrubber = Scrubber::new(Arc::clone(patterns));
        let mut out = Vec::new();
        for chunk in chunks {
            out.extend_from_slice(&scrubber.push(Bytes::copy_from_slice(chunk)));
        }
        out.extend_from_slice(&scrubber.finish());
        out
    }

    /// The same, by looking at every place of the whole text.
    fn oracle(secrets: &[&str], text: &[u8]) -> Vec<u8> {
        let mut out = text.to_vec();
        for secret in secrets {
            for at in 0..text.len() {
                if text[at..].starts_with(secret.as_bytes()) {
                    out[at..at + secret.len()].fill(b'*');
                }
            }
        }
        out
    }

    #[test]
    fn a_secret_is_blackened_across_chunk_borders() {
        let patterns = patterns(&["hunter2hunter2"]);
        let out = scrub(&patterns, &[b"{\"echo\":\"hunt", b"er2hu", b"nter2\"}"]);
        assert_eq!(out, b"{\"echo\":\"**************\"}");
    }

    #[test]
    fn spellings_of_urls_and_json_are_blackened_too() {
        let patterns = patterns(&["p\"ss w+rd/~long"]);
        for text in [
            "p\"ss w+rd/~long",
            "p%22ss+w%2Brd%2F%7Elong",
            "p%22ss%20w%2Brd%2F%7Elong",
            "p\\\"ss w+rd/~long",
        ] {
            let out = scrub(&patterns, &[b"<", text.as_bytes(), b">"]);
            assert_eq!(
                String::from_utf8(out).unwrap(),
                format!("<{}>", "*".repeat(text.len())),
                "{text}"
            );
        }
    }

    #[test]
    fn an_untouched_chunk_is_passed_on_without_a_copy() {
        let mut scrubber = Scrubber::new(patterns(&["hunter2hunter2"]));
        let chunk = Bytes::from_static(b"some bytes that hold no secret");
        assert_eq!(scrubber.push(chunk.clone()).as_ptr(), chunk.as_ptr());
    }

    #[test]
    fn texts_are_redacted_by_a_word() {
        let patterns = patterns(&["hunter2hunter2", "2hunter2xyz"]);
        assert_eq!(patterns.redact("a hunter2hunter2xyz b"), "a [redacted] b");
        assert_eq!(patterns.redact("nothing here"), "nothing here");
        assert!(patterns.occur_in(b"..hunter2hunter2..") && !patterns.occur_in(b"hunter2"));
    }

    #[test]
    fn very_short_secrets_do_not_blacken_everything() {
        assert_eq!(
            scrub(&patterns(&["", "a", "1234567"]), &[b"a 1234567 b"]),
            b"a 1234567 b"
        );
    }

    proptest! {
        #[test]
        fn no_chunking_lets_a_secret_through_or_changes_anything_else(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("abababab"), Just("babababab"), Just("aaaaaaaaaaaaaaaaaaaaaaaaaaaab"), Just("a"),
                    Just("ab"), Just("aaaaaaaaaaaa"), Just("b"), Just("babab"), Just(" "), Just("{\"x\":"),
                ],
                0..40,
            ),
            cuts in proptest::collection::vec(0_usize..400, 0..20),
        ) {
            let secrets = ["abababab", "babababab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaab"];
            let text = pieces.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            let out = scrub(&patterns(&secrets), &chunks);
            prop_assert_eq!(out, oracle(&secrets, &text));
        }
    }
}
