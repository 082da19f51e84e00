//! `$filter`: the operators that directory objects support, and which of them only advanced queries may use.

use super::directory::{Directory, Slot};
use super::filter_parser::{Parser, invalid, tokens, too_many};
use super::refusal::Refusal;
use super::render::parse_guid;
use super::schema::Kind;

/// Values in one `in` list, or clauses joined by `or`.
pub(crate) const MAX_CLAUSES: usize = 15;

/// A parsed `$filter`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    root: Node,
    advanced: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Compare(String, Comparison, Literal),
    In(String, Vec<Literal>),
    StartsWith(String, String),
    EndsWith(String, String),
    Any(String, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Ge,
    Le,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    /// In lower case.
    Text(String),
    Flag(bool),
    Null,
}

impl Filter {
    /// Parses a filter over objects of `kinds` and checks each property and operator against what Graph offers.
    pub(crate) fn parse(text: &str, kinds: &[Kind]) -> Result<Self, Refusal> {
        let tokens = tokens(text)?;
        let mut parser = Parser {
            tokens: &tokens,
            kinds,
            advanced: false,
        };
        let root = parser.either()?;
        if !parser.tokens.is_empty() {
            return Err(invalid());
        }
        if count_or(&root) > MAX_CLAUSES {
            return Err(too_many(count_or(&root)));
        }
        Ok(Self {
            root,
            advanced: parser.advanced,
        })
    }

    /// Needs `ConsistencyLevel: eventual` and `$count=true`.
    pub(crate) fn needs_advanced(&self) -> bool {
        self.advanced
    }

    /// Compares by order.
    pub(crate) fn has_range(&self) -> bool {
        has_range(&self.root)
    }

    /// The ids, when the filter is nothing but `id eq` and `id in` joined by `or`.
    pub(crate) fn ids(&self) -> Option<Vec<u128>> {
        let mut ids = Vec::new();
        collect_ids(&self.root, &mut ids).then_some(ids)
    }

    pub(crate) fn matches(&self, directory: &Directory, slot: Slot) -> bool {
        holds(&self.root, directory, slot)
    }
}

/// The ids of a delta filter, which may name up to fifty objects and nothing else.
pub(crate) fn delta_ids(text: &str, kind: Kind) -> Result<Vec<u128>, Refusal> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        kinds: &[kind],
        advanced: false,
    };
    let root = parser.either()?;
    let mut ids = Vec::new();
    if !parser.tokens.is_empty() || !only_equals(&root) || !collect_ids(&root, &mut ids) {
        return Err(Refusal::unsupported(
            "Only filtering by id is supported for this query.",
        ));
    }
    if ids.len() > 50 {
        return Err(Refusal::unsupported(
            "The number of filtered objects exceeds the limit of 50.",
        ));
    }
    Ok(ids)
}

fn has_range(node: &Node) -> bool {
    match node {
        Node::And(left, right) | Node::Or(left, right) => has_range(left) || has_range(right),
        Node::Not(inner) => has_range(inner),
        Node::Compare(_, Comparison::Ge | Comparison::Le, _) => true,
        _ => false,
    }
}

fn only_equals(node: &Node) -> bool {
    match node {
        Node::Or(left, right) => only_equals(left) && only_equals(right),
        Node::Compare(..) => true,
        _ => false,
    }
}

fn count_or(node: &Node) -> usize {
    match node {
        Node::Or(left, right) => count_or(left) + count_or(right),
        Node::And(left, right) => count_or(left).max(count_or(right)),
        Node::Not(inner) => count_or(inner),
        _ => 1,
    }
}

fn collect_ids(node: &Node, ids: &mut Vec<u128>) -> bool {
    let mut add = |literal: &Literal| match literal {
        Literal::Text(text) => {
            ids.extend(parse_guid(text));
            true
        }
        _ => false,
    };
    match node {
        Node::Or(left, right) => collect_ids(left, ids) && collect_ids(right, ids),
        Node::Compare(name, Comparison::Eq, literal) if name == "id" => add(literal),
        Node::In(name, list) if name == "id" => list.iter().all(add),
        _ => false,
    }
}

fn holds(node: &Node, directory: &Directory, slot: Slot) -> bool {
    let text = |name: &str| {
        if name == "id" {
            return directory
                .head(slot)
                .map(|head| super::render::guid_text(head.id));
        }
        directory.text(slot, name).map(|text| text.to_lowercase())
    };
    match node {
        Node::And(left, right) => holds(left, directory, slot) && holds(right, directory, slot),
        Node::Or(left, right) => holds(left, directory, slot) || holds(right, directory, slot),
        Node::Not(inner) => !holds(inner, directory, slot),
        Node::Compare(name, comparison, literal) => match literal {
            Literal::Text(wanted) => {
                let Some(value) = text(name) else {
                    return *comparison == Comparison::Ne;
                };
                let order = value.as_str().cmp(wanted);
                match comparison {
                    Comparison::Eq => order.is_eq(),
                    Comparison::Ne => order.is_ne(),
                    Comparison::Ge => order.is_ge(),
                    Comparison::Le => order.is_le(),
                }
            }
            Literal::Flag(wanted) => {
                (value(directory, slot, name) == *wanted) == (*comparison == Comparison::Eq)
            }
            Literal::Null => {
                value(directory, slot, name).is_null() == (*comparison == Comparison::Eq)
            }
        },
        Node::In(name, list) => {
            let value = text(name);
            list.iter()
                .any(|literal| matches!((literal, &value), (Literal::Text(l), Some(v)) if l == v))
        }
        Node::StartsWith(name, prefix) => {
            text(name).is_some_and(|value| value.starts_with(&prefix.to_lowercase()))
        }
        Node::EndsWith(name, suffix) => {
            text(name).is_some_and(|value| value.ends_with(&suffix.to_lowercase()))
        }
        Node::Any(name, wanted) => value(directory, slot, name)
            .as_array()
            .is_some_and(|list| list.iter().any(|item| item == wanted.as_str())),
    }
}

fn value(directory: &Directory, slot: Slot, name: &str) -> serde_json::Value {
    let kind = directory.head(slot).map(|head| head.kind);
    let found = kind.and_then(|kind| Some(directory.blob(slot)?.value(kind, kind.index_of(name)?)));
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "11111111-2222-4333-8444-555555555555";

    fn parse(text: &str) -> Result<Filter, Refusal> {
        Filter::parse(text, &[Kind::Group])
    }

    #[test]
    fn operators_need_the_advanced_engine_as_documented() {
        for plain in [
            "id eq 'x'",
            "displayName eq 'it''s'",
            "startswith(displayName,'a')",
            "displayName ge 'a' and displayName le 'b'",
            "groupTypes/any(c:c eq 'Unified')",
            "securityEnabled eq true",
            "mail in ('a','b')",
        ] {
            assert!(!parse(plain).unwrap().needs_advanced(), "{plain}");
        }
        for advanced in [
            "not(startswith(mail,'a'))",
            "mail ne 'x'",
            "mail eq null",
            "description eq 'x'",
            "endswith(mail,'x')",
        ] {
            assert!(parse(advanced).unwrap().needs_advanced(), "{advanced}");
        }
        for wrong in [
            "id ge 'x'",
            "displayName gt 'x'",
            "displayName lt 'x'",
            "startswith(id,'1')",
            "nope eq 1",
            "displayName eq",
            "classification in ('a')",
        ] {
            assert_eq!(parse(wrong).unwrap_err().status, 400, "{wrong}");
        }
    }

    #[test]
    fn fifteen_values_fit_into_one_list_and_sixteen_do_not() {
        let list = |n: usize| format!("id in ({})", vec![format!("'{ID}'"); n].join(","));
        assert_eq!(parse(&list(15)).unwrap().ids().unwrap().len(), 15);
        assert_eq!(
            parse(&list(16)).unwrap_err().code,
            "Request_UnsupportedQuery"
        );
        let or = |n: usize| vec![format!("id eq '{ID}'"); n].join(" or ");
        assert!(parse(&or(15)).is_ok() && parse(&or(16)).is_err());
    }

    #[test]
    fn a_delta_filter_names_up_to_fifty_ids_and_nothing_else() {
        let or = |n: usize| vec![format!("id eq '{ID}'"); n].join(" or ");
        assert_eq!(delta_ids(&or(50), Kind::Group).unwrap().len(), 50);
        for wrong in [
            or(51),
            format!("id in ('{ID}')"),
            "displayName eq 'a'".to_owned(),
        ] {
            assert_eq!(
                delta_ids(&wrong, Kind::Group).unwrap_err().code,
                "Request_UnsupportedQuery",
                "{wrong}"
            );
        }
    }
}
