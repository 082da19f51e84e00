//! Stores users and groups as they are now.

use std::collections::{BTreeMap, HashSet};

use sqlx::SqliteConnection;

use super::apply::{Counts, Store, settle, to_i64};
use super::bulk::{self, Statement};
use super::fault::Result;
use super::labels::{self, Label, fold};
use super::links;
use super::names::{Entry, State, kind_code};
use super::segment::Segment;
use crate::directory::{MemberKind, Object};

impl Store<'_> {
    pub(super) async fn upsert(&mut self, segment: &Segment<'_>) -> Result<()> {
        if segment.upserts.is_empty() {
            return Ok(());
        }
        let mut fresh = Vec::new();
        // Those that weren't visible as what they are now.
        let mut turned = Vec::new();
        let mut ceased = Vec::new();
        let mut unhidden = Vec::new();
        let mut became_groups = Vec::new();
        let mut became_users = Vec::new();
        let mut stayed = Vec::with_capacity(segment.upserts.len());
        let mut is_bare = Vec::with_capacity(segment.upserts.len());
        for &(kind, object) in &segment.upserts {
            self.counts(kind).seen += 1;
            let entry = self.get(&object.id);
            let swept = entry.is_some_and(|entry| entry.swept);
            if kind == MemberKind::User && swept && !self.run.snapshot {
                self.run.needs_snapshot = true;
            }
            let stays =
                entry.is_some_and(|entry| entry.state == State::Present && entry.kind == kind);
            stayed.push(stays);
            is_bare.push(entry.is_none_or(Entry::is_bare));
            if stays {
                continue;
            }
            let counts = self.counts(kind);
            counts.added += 1;
            counts.visible += 1;
            let Some(entry) = entry else {
                fresh.push((object.id.as_str(), kind, State::Present));
                continue;
            };
            if entry.state == State::Present {
                self.counts(entry.kind).visible -= 1;
            }
            if entry.is_group() {
                ceased.push(entry.key);
            }
            if entry.state == State::Hidden {
                unhidden.push(entry.key);
            }
            match kind {
                MemberKind::Group => became_groups.push(entry.key),
                _ => became_users.push(entry.key),
            }
            let state = State::Present;
            turned.push((
                object.id.as_str(),
                Entry {
                    kind,
                    state,
                    ..entry
                },
            ));
        }

        // The order of these makes each membership count once, whichever of its two sides comes
        // into sight or leaves it.
        self.run.memberships.visible -= self.count_as_group(&ceased).await?;
        if !unhidden.is_empty() {
            settle(self.connection, self.run.run).await?;
            self.run.memberships.visible += self.count_as_member(&unhidden, &ceased).await?;
            links::show(self.connection, &unhidden).await?;
        }
        self.change(turned).await?;
        self.run.memberships.visible += self.count_as_group(&became_groups).await?;
        self.names
            .add(self.connection, self.run.connector, &fresh)
            .await?;

        let mut seen = BTreeMap::<i64, Vec<i64>>::new();
        let [mut added, mut shown, mut users, mut groups] = [const { Vec::new() }; 4];
        for ((&(kind, object), stayed), bare) in segment.upserts.iter().zip(stayed).zip(is_bare) {
            let Some(entry) = self.get(&object.id) else {
                continue;
            };
            seen.entry(kind_code(kind)).or_default().push(entry.key);
            match kind {
                _ if bare => &mut added,
                _ if !stayed => &mut shown,
                MemberKind::User => &mut users,
                _ => &mut groups,
            }
            .push((entry.key, object));
        }
        add_profiles(self.connection, &added).await?;
        labels::add(self.connection, &self.labels(&added)).await?;
        put_profiles(self.connection, &shown).await?;
        labels::put(self.connection, &self.labels(&shown)).await?;
        labels::since(self.connection, &unhidden, self.run.run).await?;
        links::recount(self.connection, &became_groups).await?;
        links::recount_users(self.connection, &became_users).await?;
        for groups in [&became_groups, &ceased] {
            links::recount_members(self.connection, groups).await?;
        }
        let changed = put_profiles(self.connection, &users).await?;
        self.run.users.updated += to_i64(changed.len());
        self.relabel(&users, &changed).await?;
        let changed = put_profiles(self.connection, &groups).await?;
        self.run.groups.updated += to_i64(changed.len());
        self.relabel(&groups, &changed).await?;
        for (kind, keys) in seen {
            sqlx::query(include_str!("see_objects.sql"))
                .bind(self.run.run)
                .bind(kind)
                .bind(serde_json::to_string(&keys)?)
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }

    /// The labels of objects, which are in the store by now.
    fn labels(&self, objects: &[(i64, &Object)]) -> Vec<Label> {
        let label = |(key, object): &(i64, &Object)| {
            Some(Label {
                object: *key,
                connector: self.run.connector,
                kind: kind_code(self.get(&object.id)?.kind),
                folded: fold(&object.name),
                group_kind: object.kind.clone().unwrap_or_default(),
                run: self.run.run,
            })
        };
        objects.iter().filter_map(label).collect()
    }

    /// Brings the labels of those up to date that have changed.
    async fn relabel(&mut self, objects: &[(i64, &Object)], changed: &[i64]) -> Result<()> {
        let changed: HashSet<i64> = changed.iter().copied().collect();
        let objects: Vec<_> = objects
            .iter()
            .filter(|(key, _)| changed.contains(key))
            .copied()
            .collect();
        labels::put(self.connection, &self.labels(&objects)).await
    }

    pub(super) fn counts(&mut self, kind: MemberKind) -> &mut Counts {
        if kind == MemberKind::User {
            &mut self.run.users
        } else {
            &mut self.run.groups
        }
    }

    async fn count_as_group(&mut self, groups: &[i64]) -> Result<i64> {
        if groups.is_empty() {
            return Ok(0);
        }
        let count = sqlx::query_scalar(include_str!("count_as_group.sql"))
            .bind(serde_json::to_string(groups)?)
            .fetch_one(&mut *self.connection)
            .await?;
        Ok(count)
    }

    /// Memberships in groups that are present, except `but`.
    async fn count_as_member(&mut self, members: &[i64], but: &[i64]) -> Result<i64> {
        let count = sqlx::query_scalar(include_str!("count_as_member.sql"))
            .bind(serde_json::to_string(members)?)
            .bind(serde_json::to_string(but)?)
            .fetch_one(&mut *self.connection)
            .await?;
        Ok(count)
    }
}

async fn add_profiles(
    connection: &mut SqliteConnection,
    profiles: &[(i64, &Object)],
) -> Result<()> {
    bulk::insert(
        connection,
        include_str!("add_profiles.sql"),
        profiles,
        profile,
    )
    .await?;
    Ok(())
}

/// Returns the keys of those that are new or differ, in whatever.
async fn put_profiles(
    connection: &mut SqliteConnection,
    profiles: &[(i64, &Object)],
) -> Result<Vec<i64>> {
    bulk::upsert(
        connection,
        include_str!("put_profiles.sql"),
        profiles,
        profile,
    )
    .await
}

fn profile(statement: Statement, (key, object): &(i64, &Object)) -> Statement {
    statement
        .bind(*key)
        .bind(object.name.clone())
        .bind(object.document.clone())
        .bind(object.kind.clone().unwrap_or_default())
}
