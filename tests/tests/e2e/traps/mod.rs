//! What Graph does that a careless client gets wrong: a test for each.
//!
//! Links that are missing, foreign or both there, and answers that aren't JSON, are in
//! [`partial`](super::partial); members beyond a page and parts of batches in any order are in every
//! comparison, since the simulator shuffles the parts of each batch.

mod access;
mod batch;
mod changes;
mod deletion;
mod details;
mod expiry;
mod pages;
mod throttling;

use harness::simulator::{Kind, Membership, Operation};
use serde_json::{Value, json};

use crate::lab::Lab;

fn change(lab: &Lab, operation: Operation) -> String {
    lab.simulator.mutate(&operation).unwrap()
}

fn properties(object: Value) -> serde_json::Map<String, Value> {
    object.as_object().unwrap().clone()
}

/// A new group without members.
fn new_group(lab: &Lab, name: &str) -> String {
    let properties = properties(json!({
        "displayName": name, "groupTypes": [], "securityEnabled": true, "mailEnabled": false
    }));
    change(
        lab,
        Operation::Create {
            kind: Kind::Group,
            id: None,
            properties,
        },
    )
}

fn new_user(lab: &Lab, name: &str, address: &str) -> String {
    let properties =
        properties(json!({"displayName": name, "userPrincipalName": address, "mail": address}));
    change(
        lab,
        Operation::Create {
            kind: Kind::User,
            id: None,
            properties,
        },
    )
}

fn join(lab: &Lab, group: &str, member: &str) {
    let (group, member) = (group.to_owned(), member.to_owned());
    change(lab, Operation::AddMember { group, member });
}

/// A membership of some user.
fn some_membership(lab: &Lab) -> Membership {
    let memberships = lab.simulator.truth().memberships;
    let mut of_users = memberships.into_iter().filter(|m| m.kind == Kind::User);
    of_users.next().unwrap()
}

/// How often the simulator was asked for a route.
fn asked(lab: &Lab, route: &str) -> u64 {
    let routes = lab.simulator.stats().routes;
    routes.get(route).copied().unwrap_or_default()
}
