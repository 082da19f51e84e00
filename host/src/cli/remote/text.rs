//! Text from elsewhere, made fit for a terminal. Names come from the source's tenant: whoever can name a group
//! there must not be able to move the cursor here.

use jiff::Timestamp;
use serde_json::Value;

/// One line without anything that a terminal obeys or that reorders what is read.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if acts(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// The same of several lines.
pub(super) fn clean_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(clean).collect();
    lines.join("\n")
}

/// JSON on one line, in which characters that a terminal obeys are escaped. They are in strings only, so it
/// stays the same document.
pub(super) fn json_line(value: &Value) -> String {
    escaped(&value.to_string())
}

/// The same on many lines.
pub(super) fn json_lines(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    escaped(&text)
}

fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && acts(c) {
            // All of these are in the basic plane.
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// An instant to the second.
pub(super) fn time(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => clean(text),
    }
}

/// A value in a cell.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => clean(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            items.join(", ")
        }
        // What has a name is told by it.
        Value::Object(members) => match members.get("name") {
            Some(Value::String(name)) if !name.is_empty() => clean(name),
            _ => json_line(value),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_can_not_talk_to_the_terminal() {
        assert_eq!(
            clean("a\u{1b}]0;x\u{7}b\u{9b}2Jc\u{202e}d\n"),
            "a\u{fffd}]0;x\u{fffd}b\u{fffd}2Jc\u{fffd}d "
        );
    }

    #[test]
    fn json_stays_the_same_document() {
        let value = json!({"name": "a\u{1b}b\u{9b}c\u{202e}d", "more": ["é", 1]});
        for text in [json_line(&value), json_lines(&value)] {
            assert!(!text.chars().any(|c| c != '\n' && acts(c)));
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
