//! The functions of transform maps. They work on texts.

use std::borrow::Cow;

/// A function of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Trim,
    Collapse,
    Lower,
    Upper,
    FirstWord,
    LastWord,
    LocalPart,
    DomainPart,
}

/// Names as they stand in a rule; `plugin/README.md` documents each.
pub(super) const NAMES: [(&str, Function); 8] = [
    ("trim", Function::Trim),
    ("collapse", Function::Collapse),
    ("lower", Function::Lower),
    ("upper", Function::Upper),
    ("first-word", Function::FirstWord),
    ("last-word", Function::LastWord),
    ("local-part", Function::LocalPart),
    ("domain-part", Function::DomainPart),
];

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find_map(|(own, function)| (*own == name).then_some(*function))
    }

    fn apply(self, text: &str) -> Cow<'_, str> {
        let part = match self {
            Self::Trim => text.trim(),
            Self::Collapse => return text.split_whitespace().collect::<Vec<_>>().join(" ").into(),
            Self::Lower => return text.to_lowercase().into(),
            Self::Upper => return text.to_uppercase().into(),
            Self::FirstWord => text.split_whitespace().next().unwrap_or_default(),
            Self::LastWord => text.split_whitespace().next_back().unwrap_or_default(),
            Self::LocalPart => text.rsplit_once('@').map_or(text, |(local, _)| local),
            Self::DomainPart => text.rsplit_once('@').map_or("", |(_, domain)| domain),
        };
        Cow::Borrowed(part)
    }
}

/// Applies functions in order.
pub(super) fn apply<'a>(functions: &[Function], text: &'a str) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    for function in functions {
        text = match text {
            Cow::Borrowed(text) => function.apply(text),
            Cow::Owned(text) => Cow::Owned(function.apply(&text).into_owned()),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_does_what_its_name_says() {
        for (names, text, expected) in [
            (&["trim"][..], "  a b ", "a b"),
            (&["collapse"], " a \t b\n", "a b"),
            (&["lower"], "ÄRGER", "ärger"),
            (&["upper"], "straße", "STRASSE"),
            (&["first-word"], "  Ada King Lovelace", "Ada"),
            (&["last-word"], "Ada King Lovelace ", "Lovelace"),
            (&["last-word"], "Cher", "Cher"),
            (&["first-word"], "  ", ""),
            (&["local-part"], "ada@contoso.com", "ada"),
            (&["local-part"], "ada", "ada"),
            (&["domain-part"], "x_y.com#EXT#@contoso.com", "contoso.com"),
            (&["domain-part"], "ada", ""),
            (&["last-word", "upper", "trim"], "ada lovelace", "LOVELACE"),
        ] {
            let functions: Vec<Function> = names
                .iter()
                .map(|name| Function::named(name).unwrap())
                .collect();
            assert_eq!(apply(&functions, text), expected, "{names:?} of {text:?}");
        }
        assert_eq!(Function::named("Trim"), None);
    }
}
