//! A consumer of delta queries that is right and nothing else: what the simulator's rounds are measured with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Map;

use super::*;

pub(super) const USERS: &str = "/users/delta?$select=displayName,givenName,surname,mail,userPrincipalName,jobTitle,country,streetAddress,preferredLanguage";
pub(super) const GROUPS: &str =
    "/groups/delta?$select=displayName,description,classification,members";

/// The plainest correct consumer: applies entries as they come.
#[derive(Default)]
pub(super) struct Consumer {
    pub(super) users: BTreeMap<String, Map<String, Value>>,
    pub(super) groups: BTreeMap<String, Map<String, Value>>,
    pub(super) edges: BTreeSet<(String, String)>,
    pub(super) links: BTreeMap<&'static str, String>,
    pub(super) pages: usize,
    pub(super) repeats: usize,
    pub(super) idle_pages: usize,
}

impl Consumer {
    pub(super) async fn round(&mut self, api: &Api) {
        for (name, first) in [("users", USERS), ("groups", GROUPS)] {
            let mut next = Some(
                self.links
                    .get(name)
                    .cloned()
                    .unwrap_or_else(|| first.to_owned()),
            );
            let mut seen = BTreeSet::new();
            while let Some(url) = next {
                assert!(
                    seen.insert(url.clone()),
                    "a link never comes twice in a round"
                );
                let answer = api.get(&url).await;
                assert_eq!(answer.status, 200, "{:?}", answer.body);
                let page = answer.json();
                let entries = page["value"].as_array().unwrap();
                self.pages += 1;
                self.repeats += entries.len() - ids(entries).len();
                next = page["@odata.nextLink"].as_str().map(ToOwned::to_owned);
                self.idle_pages += usize::from(entries.is_empty() && next.is_some());
                for entry in entries {
                    if name == "users" {
                        self.user(entry)
                    } else {
                        self.group(entry)
                    }
                }
                let delta = page["@odata.deltaLink"].as_str();
                assert_eq!(delta.is_none(), next.is_some(), "one link of the two");
                if let Some(link) = delta {
                    self.links.insert(name, link.to_owned());
                }
            }
        }
    }

    fn user(&mut self, entry: &Value) {
        let id = entry["id"].as_str().unwrap().to_owned();
        match entry["@removed"]["reason"].as_str() {
            None => merge(self.users.entry(id).or_default(), entry),
            // Restorable: hidden, but the memberships stay.
            Some("changed") => drop(self.users.remove(&id)),
            Some(_) => {
                self.users.remove(&id);
                self.edges.retain(|(_, member)| *member != id);
            }
        }
    }

    fn group(&mut self, entry: &Value) {
        let id = entry["id"].as_str().unwrap().to_owned();
        if let Some(reason) = entry["@removed"]["reason"].as_str() {
            self.groups.remove(&id);
            self.edges
                .retain(|(group, member)| *group != id && (reason == "changed" || *member != id));
            return;
        }
        merge(self.groups.entry(id.clone()).or_default(), entry);
        for member in entry["members@delta"].as_array().into_iter().flatten() {
            let edge = (id.clone(), member["id"].as_str().unwrap().to_owned());
            if member["@removed"].is_object() {
                self.edges.remove(&edge)
            } else {
                self.edges.insert(edge)
            };
        }
    }

    pub(super) fn assert_equals(&self, truth: &Truth, context: &str) {
        let names = |objects: &BTreeMap<String, Map<String, Value>>| {
            objects.keys().cloned().collect::<BTreeSet<_>>()
        };
        assert_eq!(
            names(&self.users),
            truth.users.keys().cloned().collect(),
            "users, {context}"
        );
        assert_eq!(
            names(&self.groups),
            truth.groups.keys().cloned().collect(),
            "groups, {context}"
        );
        for (mine, real) in [(&self.users, &truth.users), (&self.groups, &truth.groups)] {
            for (id, object) in mine {
                for (name, value) in object.iter().filter(|(name, _)| !name.contains('@')) {
                    assert_eq!(*value, real[id][name], "{name} of {id}, {context}");
                }
            }
        }
        let live = |id: &str| truth.users.contains_key(id) || truth.groups.contains_key(id);
        let real: BTreeSet<(String, String)> = truth
            .memberships
            .iter()
            .filter(|edge| matches!(edge.kind, Kind::User | Kind::Group))
            .map(|edge| (edge.group.clone(), edge.member.clone()))
            .collect();
        let mine: BTreeSet<(String, String)> = self
            .edges
            .iter()
            .filter(|(group, member)| live(group) && live(member))
            .cloned()
            .collect();
        assert_eq!(
            mine.symmetric_difference(&real).next(),
            None,
            "memberships, {context}"
        );
    }
}

fn merge(object: &mut Map<String, Value>, entry: &Value) {
    for (name, value) in entry.as_object().unwrap() {
        object.insert(name.clone(), value.clone());
    }
}
