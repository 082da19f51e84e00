//! Groups of users and groups that the host does not hold.
//!
//! Whatever comes out of the deleted items arrives as new, and Graph does not say again that it is
//! a member: the changes to its groups are silent, because nothing about them changed. So each
//! arrival that the host does not hold is asked for its groups; one that is really new costs a
//! resource unit for nothing.
//!
//! It is asked in a stage after the changes. Asked beside them, a membership that ends in between
//! could be stored after its end.

use std::collections::BTreeMap;

use crate::contract::{Change, Fault, Joined, Member, MemberKind, Page, Partition};
use crate::graph::{Area, Client, batch, malformed, url, walk::hash};
use crate::lookup;
use crate::model::{self, Listing, member_kind};
use crate::run::{Run, page};
use crate::state::{Of, Work};

/// Partitions that ask these objects, which came up in a partition of this stage.
pub(crate) fn partitions(of: Of, stage: u8, ids: &[&str]) -> Result<Vec<Partition>, Fault> {
    ids.chunks(batch::MOST)
        .map(|chunk| {
            let key = format!("member-of/{:016x}", hash(&chunk.join(",")));
            let title = format!("groups of {} arrived {}", chunk.len(), of.key());
            let ids = chunk.iter().map(|id| (*id).to_owned()).collect();
            Work::MemberOf { of, ids }.partition(key, stage.saturating_add(1), title)
        })
        .collect()
}

/// One batch.
pub(crate) fn read(
    run: &Run<'_>,
    client: &mut Client<'_>,
    of: Of,
    ids: &[String],
) -> Result<Page, Fault> {
    let select = url::select(&["id"]);
    let paths: BTreeMap<String, &str> = ids
        .iter()
        .map(|id| {
            let path = format!(
                "/{}/{}/memberOf?{select}&$top=999",
                of.key(),
                url::segment(id)
            );
            (path, id.as_str())
        })
        .collect();
    let mut joined: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let asked = paths.keys().cloned().collect();
    lookup::fetch(client, asked, Area::Members, &mut |path, body| {
        let listing: Listing<model::Member<'_>> =
            serde_json::from_slice(body).map_err(|error| malformed(Area::Members, &error))?;
        let groups = listing
            .value
            .iter()
            .filter(|object| member_kind(&object.odata_type) == Some(MemberKind::Group))
            .filter_map(|object| object.id.filled())
            .filter(|group| run.wants(group));
        for group in groups {
            let members = joined.entry(group.to_owned()).or_default();
            members.extend(paths.get(path));
        }
        Ok(listing.next)
    })?;
    let mut out = page();
    if of == Of::Users && run.users_come_with_groups() {
        let users = joined.values().flatten().copied().collect();
        let details = lookup::users(run, client, &users)?;
        out.changes.extend(details.into_values().map(Change::User));
    }
    let kind = match of {
        Of::Users => MemberKind::User,
        Of::Groups => MemberKind::Group,
    };
    out.changes
        .extend(joined.into_iter().map(|(group, members)| {
            let members = members
                .into_iter()
                .map(|id| Member {
                    id: id.to_owned(),
                    kind,
                })
                .collect();
            Change::MembersAdded(Joined { group, members })
        }));
    Ok(out)
}

#[cfg(test)]
mod tests;
