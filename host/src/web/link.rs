//! Addresses of this server's own pages.

use askama::filters::urlencode_strict;
use url::form_urlencoded::Serializer;
use uuid::Uuid;

use crate::directory::MemberKind;

/// An address with parameters; those without a value are left out.
pub(super) fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters.iter().filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// The page of a group.
pub(super) fn group(connector: Uuid, id: &str) -> String {
    format!("/groups/{connector}/{}", segment(id))
}

/// The page of a user.
pub(super) fn user(connector: Uuid, id: &str) -> String {
    format!("/users/{connector}/{}", segment(id))
}

/// The page of a member, where it has one: only users and groups do.
pub(super) fn member(kind: MemberKind, connector: Uuid, id: &str) -> Option<String> {
    match kind {
        MemberKind::User => Some(user(connector, id)),
        MemberKind::Group => Some(group(connector, id)),
        _ => None,
    }
}

/// An identifier as one part of a path.
pub(super) fn segment(id: &str) -> String {
    // Text of another text can always be written.
    urlencode_strict(id).map_or_else(|_| String::new(), |text| text.to_string())
}

/// Where the pages of a list are: the foot of every list shows it, see the macro `foot`.
#[derive(Debug, Clone, Default)]
pub(super) struct Foot {
    /// What is counted, such as `12 408 groups`.
    pub(super) count: String,
    /// The first page, where this isn't it.
    pub(super) first: Option<String>,
    /// The page after this one, if there is one.
    pub(super) next: Option<String>,
}

impl Foot {
    /// Of a page that was asked for with `cursor`, among `parameters`, which tell all the rest of the address.
    pub(super) fn new(
        count: impl Into<String>,
        path: &str,
        parameters: &[(&str, &str)],
        cursor: Option<&str>,
        next: Option<&str>,
    ) -> Self {
        let at = |cursor: &str| {
            let mut all = parameters.to_vec();
            all.push(("cursor", cursor));
            address(path, &all)
        };
        Self {
            count: count.into(),
            first: cursor.map(|_| address(path, parameters)),
            next: next.map(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_without_a_value_are_left_out() {
        assert_eq!(address("/groups", &[("text", ""), ("sort", "")]), "/groups");
        let found = address("/groups", &[("text", "a b&c"), ("sort", "")]);
        assert_eq!(found, "/groups?text=a+b%26c");
    }

    #[test]
    fn identifiers_stay_one_part_of_a_path() {
        assert_eq!(segment("a/b ü?"), "a%2Fb%20%C3%BC%3F");
        let id = Uuid::nil();
        let address = member(MemberKind::Group, id, "g/1").unwrap();
        assert_eq!(address, format!("/groups/{id}/g%2F1"));
        assert!(member(MemberKind::Device, id, "d").is_none());
    }

    #[test]
    fn the_foot_of_a_list_leads_on_and_back() {
        let foot = Foot::new(
            "3 groups",
            "/groups",
            &[("text", "a")],
            Some("x"),
            Some("y"),
        );
        assert_eq!(foot.first.as_deref(), Some("/groups?text=a"));
        assert_eq!(foot.next.as_deref(), Some("/groups?text=a&cursor=y"));
        let foot = Foot::new("3 groups", "/groups", &[], None, None);
        assert!(foot.first.is_none() && foot.next.is_none());
    }
}
