//! Building faults.

use crate::contract::{Fault, FaultKind, Problem};

impl Fault {
    pub(crate) fn new(
        kind: FaultKind,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            remedy: None,
            setting: None,
        }
    }

    pub(crate) fn protocol(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FaultKind::Protocol, code, message)
    }

    pub(crate) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    pub(crate) fn with_setting(mut self, setting: impl Into<String>) -> Self {
        self.setting = Some(setting.into());
        self
    }

    /// The first of the problems that an administrator's entry has, as a reason to stop.
    pub(crate) fn of_settings(problems: &[Problem]) -> Self {
        let others = problems.len().saturating_sub(1);
        let Some(first) = problems.first() else {
            return Self::new(
                FaultKind::Configuration,
                "settings.invalid",
                "The settings are not valid.",
            );
        };
        let more = if others == 0 {
            String::new()
        } else {
            format!(" ({others} more problems)")
        };
        Self::new(
            FaultKind::Configuration,
            "settings.invalid",
            format!("{}: {}{more}", first.path, first.message),
        )
        .with_remedy(&first.remedy)
        .with_setting(first.path.split(['[', '.']).next().unwrap_or_default())
    }

    /// The same for a transform map.
    pub(crate) fn of_map(problems: &[Problem]) -> Self {
        let mut fault = Self::of_settings(problems);
        fault.code = "map.invalid".to_owned();
        fault.message = format!("The transform map can't be used: {}", fault.message);
        fault.setting = None;
        fault
    }
}

impl Problem {
    pub(crate) fn new(
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

/// Foreign text for a message: one line, no control characters, bounded.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 300;
    let mut out = String::with_capacity(text.len().min(MOST + 4));
    for character in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if out.len() >= MOST {
            out.push('…');
            break;
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_shown_on_one_line_and_cut() {
        assert_eq!(shown("a\nb\u{7}c"), "a b c");
        assert!(shown(&"é".repeat(1000)).len() < 320);
    }

    #[test]
    fn a_settings_fault_names_the_setting_without_its_index() {
        let fault = Fault::of_settings(&[
            Problem::new("groups[3]", "not an id", "Use an object id"),
            Problem::new("tenantId", "missing", "Give it"),
        ]);
        assert_eq!(fault.setting.as_deref(), Some("groups"));
        assert!(fault.message.contains("1 more"));
    }
}
