//! What the form of the editor was filled in with.

use std::collections::BTreeMap;

use super::trial::Wish;
use crate::contract::{Problem, Rule};

/// A form's fields, in the order in which they stand in it.
pub(super) type Pairs = Vec<(String, String)>;

/// What was asked of the editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Tell what is wrong.
    Check,
    /// A new rule behind the others.
    Add,
    /// A rule one place up.
    Up(usize),
    /// A rule one place down.
    Down(usize),
    /// A rule less.
    Remove(usize),
    /// Look for records to try the rules with.
    Find,
    /// Try the rules.
    Try,
    /// Keep the rules.
    Save,
    /// Keep the rules in the place of those of this revision, which were saved meanwhile.
    Overwrite(i64),
}

impl Action {
    fn read(text: &str) -> Self {
        let (word, place) = text.split_once(':').unwrap_or((text, ""));
        match (word, place.parse::<usize>()) {
            ("add", _) => Self::Add,
            ("up", Ok(place)) => Self::Up(place),
            ("down", Ok(place)) => Self::Down(place),
            ("remove", Ok(place)) => Self::Remove(place),
            ("find", _) => Self::Find,
            ("try", _) => Self::Try,
            ("save", _) => Self::Save,
            ("overwrite", _) => Self::Overwrite(place.parse().unwrap_or(-1)),
            _ => Self::Check,
        }
    }
}

/// What the form of the editor was filled in with.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    /// Name of the map.
    pub(super) name: String,
    /// About the new version.
    pub(super) comment: String,
    /// The revision that the form was made from.
    pub(super) revision: i64,
    /// The version that the form was made from.
    pub(super) version: i64,
    /// Every rule, blank ones as well.
    pub(super) rules: Vec<Rule>,
    /// What the rules are tried with.
    pub(super) wish: Wish,
}

impl Draft {
    /// The draft, and what is asked.
    pub(super) fn read(pairs: Pairs) -> (Self, Action) {
        let mut draft = Self::default();
        let mut action = Action::Check;
        let mut rules: BTreeMap<usize, Rule> = BTreeMap::new();
        for (name, value) in pairs {
            match name.as_str() {
                "name" => draft.name = value,
                "comment" => draft.comment = value,
                "revision" => draft.revision = value.parse().unwrap_or(-1),
                "version" => draft.version = value.parse().unwrap_or_default(),
                "action" => action = Action::read(&value),
                path => match place(path) {
                    Some((index, member)) => {
                        fill(rules.entry(index).or_insert_with(blank), member, value);
                    }
                    None => draft.wish.fill(path, value),
                },
            }
        }
        draft.rules = rules.into_values().collect();
        (draft, action)
    }

    /// Changes the list of rules; gives the place to go on at.
    pub(super) fn apply(&mut self, action: Action) -> Option<usize> {
        let last = self.rules.len().checked_sub(1);
        match action {
            Action::Add => {
                self.rules.push(blank());
                last.map_or(Some(0), |last| Some(last + 1))
            }
            Action::Up(place) if place > 0 && Some(place) <= last => {
                self.rules.swap(place - 1, place);
                Some(place - 1)
            }
            Action::Down(place) if Some(place) < last => {
                self.rules.swap(place, place + 1);
                Some(place + 1)
            }
            Action::Remove(place) if Some(place) <= last => {
                self.rules.remove(place);
                let last = self.rules.len().checked_sub(1)?;
                Some(place.min(last))
            }
            _ => None,
        }
    }

    /// The rules that say something, each with its place in the form.
    pub(super) fn said(&self) -> (Vec<Rule>, Vec<usize>) {
        let rules = self.rules.iter().enumerate();
        let said = rules.filter(|(_, rule)| **rule != blank());
        said.map(|(place, rule)| (rule.clone(), place)).unzip()
    }
}

/// Problems of the rules that say something, with the places that these have in the form.
pub(super) fn placed(problem: Problem, places: &[usize]) -> Problem {
    let moved = place(&problem.path).and_then(|(index, member)| {
        let place = places.get(index)?;
        Some(format!("rules[{place}].{member}"))
    });
    Problem {
        path: moved.unwrap_or(problem.path),
        ..problem
    }
}

/// The rule that a path such as `rules[3].target` is about, and what of it.
pub(super) fn place(path: &str) -> Option<(usize, &str)> {
    let (index, member) = path.strip_prefix("rules[")?.split_once("].")?;
    Some((index.parse().ok()?, member))
}

fn blank() -> Rule {
    Rule {
        target: String::new(),
        sources: Vec::new(),
        functions: Vec::new(),
        default_value: None,
        note: None,
    }
}

fn fill(rule: &mut Rule, member: &str, value: String) {
    let word = value.trim();
    if word.is_empty() {
        return;
    }
    match member.split('[').next().unwrap_or_default() {
        "target" => rule.target = word.to_owned(),
        "sources" => rule.sources.push(word.to_owned()),
        "functions" => rule.functions.push(word.to_owned()),
        "defaultValue" => rule.default_value = Some(word.to_owned()),
        // Browsers send lines as they were sent by post.
        "note" => rule.note = Some(word.replace("\r\n", "\n")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{problem, rule};

    fn pairs(of: &[(&str, &str)]) -> Pairs {
        of.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_form_becomes_rules_in_the_order_of_their_numbers() {
        let (draft, action) = Draft::read(pairs(&[
            ("action", "save"),
            ("revision", "4"),
            ("rules[10].target", "b"),
            ("rules[2].sources[0]", " id "),
            ("rules[2].sources[1]", ""),
            ("rules[2].sources[2]", "mail"),
            ("rules[2].target", "a"),
            ("rules[2].functions[0]", "trim"),
            ("rules[2].defaultValue", "\"NA\""),
            ("rules[2].note", "one\r\ntwo"),
            ("rules[x].target", "ignored"),
        ]));
        assert_eq!((action, draft.revision), (Action::Save, 4));
        assert_eq!(
            draft.rules,
            [
                Rule {
                    target: "a".into(),
                    sources: vec!["id".into(), "mail".into()],
                    functions: vec!["trim".into()],
                    default_value: Some("\"NA\"".into()),
                    note: Some("one\ntwo".into()),
                },
                Rule {
                    sources: Vec::new(),
                    ..rule("b", "")
                },
            ]
        );
    }

    #[test]
    fn rules_are_added_moved_and_removed_and_places_that_are_none_change_nothing() {
        let named = |draft: &Draft| {
            let targets = draft.rules.iter().map(|rule| rule.target.clone());
            targets.collect::<Vec<_>>().join("")
        };
        let mut draft = Draft {
            rules: vec![rule("a", "1"), rule("b", "2"), rule("c", "3")],
            ..Draft::default()
        };
        assert_eq!(draft.apply(Action::Up(2)), Some(1));
        assert_eq!(named(&draft), "acb");
        assert_eq!(draft.apply(Action::Down(0)), Some(1));
        assert_eq!(named(&draft), "cab");
        for nowhere in [
            Action::Up(0),
            Action::Down(2),
            Action::Remove(3),
            Action::Up(9),
        ] {
            assert_eq!(draft.apply(nowhere), None, "{nowhere:?}");
        }
        assert_eq!(draft.apply(Action::Remove(2)), Some(1));
        assert_eq!(draft.apply(Action::Add), Some(2));
        assert_eq!(named(&draft), "ca");
        assert_eq!(draft.rules.len(), 3);
    }

    #[test]
    fn problems_are_told_at_the_places_that_rules_have_in_the_form() {
        let draft = Draft {
            rules: vec![blank(), rule("a", "1")],
            ..Draft::default()
        };
        let (said, places) = draft.said();
        assert_eq!(said, [rule("a", "1")]);
        let told = placed(problem("rules[0].sources[0]"), &places);
        assert_eq!(told.path, "rules[1].sources[0]");
        assert_eq!(placed(problem("rules"), &places).path, "rules");
    }
}
