//! What the claims of an ID token mean here.

use openidconnect::AdditionalClaims;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::access::{OidcPolicy, Role};

/// All claims that the standard doesn't name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Claims(pub(super) Map<String, Value>);

impl AdditionalClaims for Claims {}

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) issuer: String,
    pub(super) subject: String,
    /// Name to sign in with, as the provider has it.
    pub(super) name: String,
    /// Name to show.
    pub(super) display_name: String,
    /// What the policy makes of their roles.
    pub(super) role: Option<Role>,
}

/// The highest role that the claims give, or the default one.
pub(super) fn role(claims: &Claims, policy: &OidcPolicy) -> Option<Role> {
    let values = match lookup(&claims.0, &policy.roles_claim) {
        Some(Value::String(value)) => std::slice::from_ref(value).iter().collect(),
        Some(Value::Array(values)) => values
            .iter()
            .filter_map(|value| match value {
                Value::String(value) => Some(value),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    values
        .into_iter()
        .filter_map(|value| policy.roles.get(value).copied())
        .max()
        .or(policy.default_role)
}

/// A claim of that very name, which may have dots in it, or else one inside of others.
fn lookup<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let (first, rest) = path.split_once('.')?;
    lookup(claims.get(first)?.as_object()?, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(claim: &str, claims: Value) -> Option<Role> {
        let policy: OidcPolicy = toml::from_str(&format!(
            "issuer = 'https://a.example'\nclientId = 'x'\nredirectBaseUrl = 'https://b.example'\n\
             rolesClaim = '{claim}'\nroles = {{ Admins = 'admin', Staff = 'viewer' }}"
        ))
        .unwrap();
        let Value::Object(claims) = claims else {
            panic!("no object");
        };
        role(&Claims(claims), &policy)
    }

    #[test]
    fn the_highest_of_several_roles_counts() {
        let roles = json!({"roles": ["Staff", "Admins", "Other", 5]});
        assert_eq!(given("roles", roles), Some(Role::Admin));
        assert_eq!(
            given("roles", json!({"roles": "Staff"})),
            Some(Role::Viewer)
        );
    }

    #[test]
    fn a_claim_may_lie_inside_of_others_or_have_dots_in_its_name() {
        let nested = json!({"realm_access": {"roles": ["Staff"]}});
        assert_eq!(given("realm_access.roles", nested), Some(Role::Viewer));
        let dotted = json!({"https://contoso.example/roles": ["Staff"]});
        assert_eq!(
            given("https://contoso.example/roles", dotted),
            Some(Role::Viewer)
        );
    }

    #[test]
    fn roles_that_mean_nothing_here_give_none() {
        for claims in [
            json!({}),
            json!({"roles": []}),
            json!({"roles": ["staff"]}),
            json!({"roles": {"Staff": 1}}),
        ] {
            assert_eq!(given("roles", claims), None);
        }
    }
}
