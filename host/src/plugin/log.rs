//! Messages of a plugin, made harmless and kept within bounds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::journal::Journal;
pub use crate::journal::Level;

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// Its text, without control characters.
    pub text: String,
}

/// The log of one run: the first lines, and a count of the others.
#[derive(Debug)]
pub struct RunLog {
    source: String,
    max_lines: usize,
    max_bytes: usize,
    kept: Mutex<Kept>,
    journal: Option<Arc<Journal>>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: Vec<LogLine>,
    dropped: u64,
}

impl RunLog {
    /// A log that keeps `max_lines` lines of `max_bytes` bytes. `source` names the plugin in the
    /// host's own log.
    #[must_use]
    pub fn new(source: &str, max_lines: usize, max_bytes: usize) -> Self {
        Self {
            source: source.to_owned(),
            max_lines,
            max_bytes,
            kept: Mutex::default(),
            journal: None,
        }
    }

    /// The same, which tells the run's journal too.
    #[must_use]
    pub fn telling(self, journal: Arc<Journal>) -> Self {
        Self {
            journal: Some(journal),
            ..self
        }
    }

    pub(super) fn write(&self, level: Level, message: &str) {
        let text = harmless(message, self.max_bytes);
        if let Some(journal) = &self.journal {
            journal.plugin(level, &text);
        }
        let mut kept = self.kept();
        if kept.lines.len() >= self.max_lines {
            kept.dropped += 1;
            return;
        }
        let source = &self.source;
        match level {
            Level::Debug => tracing::debug!(target: "plugin", "{source}: {text}"),
            Level::Info => tracing::info!(target: "plugin", "{source}: {text}"),
            Level::Warn => tracing::warn!(target: "plugin", "{source}: {text}"),
            Level::Error => tracing::error!(target: "plugin", "{source}: {text}"),
        }
        kept.lines.push(LogLine { level, text });
    }

    /// The lines kept so far, and how many were dropped.
    #[must_use]
    pub fn lines(&self) -> (Vec<LogLine>, u64) {
        let kept = self.kept();
        (kept.lines.clone(), kept.dropped)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Text that may be logged or shown: at most `max_bytes` long, control characters made visible, so
/// that no line can pass for two and no terminal obeys it.
pub(crate) fn harmless(text: &str, max_bytes: usize) -> String {
    let (head, mut cut) = head(text, max_bytes);
    let mut out = String::with_capacity(head.len());
    for c in head.chars() {
        let end = out.len();
        if c.is_control() || is_format_control(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        // Made visible, a character may be ten times as long.
        if out.len() > max_bytes {
            out.truncate(end);
            cut = true;
            break;
        }
    }
    if cut {
        out.push('…');
    }
    out
}

/// A label of one line, at most `max_bytes` long: control characters become spaces. Characters that join
/// emoji and order mixed scripts belong to a name and stay; whoever shows it must isolate it.
pub(crate) fn one_line(text: &str, max_bytes: usize) -> String {
    let (head, cut) = head(text, max_bytes);
    let mut out = head.replace(char::is_control, " ");
    if cut {
        out.push('…');
    }
    out
}

/// At most `max_bytes` of a text, and whether there is more.
fn head(text: &str, max_bytes: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(max_bytes);
    let (head, tail) = text.split_at(end);
    (head, !tail.is_empty())
}

/// Characters that reorder, hide or break the text around them, or are themselves not to be seen.
pub(crate) fn is_format_control(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_can_not_break_its_line_or_move_the_cursor() {
        assert_eq!(
            harmless("one\nERROR two\u{1b}[2J", 100),
            "one\\u{a}ERROR two\\u{1b}[2J"
        );
    }

    #[test]
    fn a_label_is_one_line_and_keeps_what_its_script_needs() {
        assert_eq!(one_line("👩\u{200d}👧\tB", 100), "👩\u{200d}👧 B");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        assert_eq!(harmless("aé", 2), "a…");
    }

    #[test]
    fn a_message_is_no_longer_for_being_made_visible() {
        assert_eq!(harmless("\u{1b}\u{1b}\u{1b}", 13), "\\u{1b}\\u{1b}…");
    }

    #[test]
    fn what_reorders_or_hides_text_is_made_visible() {
        for c in ['\u{202e}', '\u{61c}', '\u{2060}', '\u{e0041}', '\u{ad}'] {
            assert!(harmless(&c.to_string(), 100).starts_with("\\u{"), "{c:?}");
        }
    }

    #[test]
    fn lines_past_the_limit_are_counted_and_not_kept() {
        let log = RunLog::new("test", 2, 100);
        for n in 0..5 {
            log.write(Level::Info, &n.to_string());
        }
        let (lines, dropped) = log.lines();
        assert_eq!(lines.len(), 2);
        assert_eq!(dropped, 3);
    }

    #[test]
    fn the_runs_journal_gets_the_newest_too() {
        let journal = Arc::<Journal>::default();
        let log = RunLog::new("test", 2, 100).telling(Arc::clone(&journal));
        for n in 0..5 {
            log.write(Level::Info, &n.to_string());
        }
        assert_eq!(journal.news().lines[4].text, "4");
    }
}
