//! Puts a list into a JSON document without parsing the rest of it.
//!
//! So keys keep their order and numbers their digits, and a document with many groups costs
//! little more than copying it.

use std::borrow::Cow;
use std::ops::Range;

use super::fault::Result;

/// The document on one line. A JSON text has line breaks only between its tokens.
pub(super) fn one_line(document: &str) -> Cow<'_, str> {
    if document.contains('\n') || document.contains('\r') {
        Cow::Owned(document.replace(['\n', '\r'], " "))
    } else {
        Cow::Borrowed(document)
    }
}

/// The document with `list` at `path`, names joined with `.`. It replaces what is there; objects on
/// the way are made where there are none. An empty path leaves the document as it is.
pub(super) fn join(document: &str, path: &str, list: &str) -> Result<String> {
    if path.is_empty() {
        return Ok(document.to_owned());
    }
    put(document, path, list).ok_or_else(|| "a document that is no JSON object".to_owned().into())
}

fn put(object: &str, path: &str, list: &str) -> Option<String> {
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    let found = find(object, name)?;
    let old = found.value.and_then(|range| {
        let text = object.get(range.clone())?;
        Some((range, text))
    });
    let value = match (rest, &old) {
        (None, _) => list.to_owned(),
        (Some(rest), Some((_, text))) if text.starts_with('{') => put(text, rest, list)?,
        (Some(rest), _) => put("{}", rest, list)?,
    };
    let (before, after, new) = match old {
        Some((range, _)) => (range.start, range.end, value),
        None => {
            let comma = if found.empty { "" } else { "," };
            let name = serde_json::to_string(name).ok()?;
            (found.end, found.end, format!("{comma}{name}:{value}"))
        }
    };
    Some([object.get(..before)?, &new, object.get(after..)?].concat())
}

struct Found {
    /// Where the value is. Of several with one name, as for other readers, the last counts.
    value: Option<Range<usize>>,
    /// Where the closing brace is.
    end: usize,
    /// Whether the object has no members.
    empty: bool,
}

/// Looks for a member of an object.
fn find(object: &str, name: &str) -> Option<Found> {
    let mut text = Scanner {
        text: object,
        at: 0,
    };
    let mut value = None;
    let mut empty = true;
    text.expect(b'{')?;
    loop {
        text.space();
        match text.peek()? {
            b'}' => {
                let end = text.at;
                return Some(Found { value, end, empty });
            }
            b',' => text.at += 1,
            _ => {
                empty = false;
                let key = text.value()?;
                text.expect(b':')?;
                text.space();
                let range = text.value()?;
                let key = object.get(key)?;
                // Names with escapes are too rare to compare them any other way.
                let same = if key.contains('\\') {
                    serde_json::from_str::<String>(key).ok()? == name
                } else {
                    key.get(1..key.len() - 1)? == name
                };
                if same {
                    value = Some(range);
                }
            }
        }
    }
}

/// Walks over a valid JSON text.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Steps over a value.
    fn value(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => self.string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                b'}' | b']' | b',' | b':' if depth == 0 => return None,
                b',' | b':' => {
                    self.at += 1;
                    continue;
                }
                byte if byte.is_ascii_whitespace() => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    while !matches!(
                        self.peek()?,
                        b',' | b'}' | b']' | b':' | b' ' | b'\t' | b'\n' | b'\r'
                    ) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return Some(start..self.at);
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_put_where_the_path_says() {
        let cases = [
            ("{}", "g", r#"{"g":[1]}"#),
            (r#"{"a":1}"#, "g", r#"{"a":1,"g":[1]}"#),
            (r#"{"g":{"x":[{}]},"a":"}"}"#, "g", r#"{"g":[1],"a":"}"}"#),
            (r#"{"a":{"b":2}}"#, "a.g", r#"{"a":{"b":2,"g":[1]}}"#),
            (r#"{"a":null}"#, "a.b.g", r#"{"a":{"b":{"g":[1]}}}"#),
            (r#"{ "a" : [ ] }"#, "a", r#"{ "a" : [1] }"#),
            (r#"{"\u0067":0}"#, "g", r#"{"\u0067":[1]}"#),
            (
                r#"{"x":"\"g\":","n":1.50}"#,
                "g",
                r#"{"x":"\"g\":","n":1.50,"g":[1]}"#,
            ),
            (r#"{"a":1}"#, "", r#"{"a":1}"#),
        ];
        for (document, path, expected) in cases {
            assert_eq!(
                join(document, path, "[1]").unwrap(),
                expected,
                "{document} {path}"
            );
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for document in ["", "[]", "{", r#"{"a""#, "null"] {
            assert!(join(document, "g", "[]").is_err(), "{document}");
        }
    }

    #[test]
    fn a_document_comes_on_one_line() {
        assert_eq!(one_line("{\r\n\"a\":\n1}"), "{  \"a\": 1}");
    }
}
