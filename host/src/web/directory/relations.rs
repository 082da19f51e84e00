//! Who is in a group, and which groups somebody is in: rows with the way that makes it so.

use uuid::Uuid;

use super::{PAGE, Shown, called, clipped, counted, request};
use crate::api::Plane;
use crate::api::problem::Problem;
use crate::directory::{
    ConnectorKey, GroupRecord, MemberKind, MemberRecord, MembershipPath, Page, PageRequest,
};
use crate::web::link::{self, Foot};

/// Direct members of a group and of those nested in it up to which its effective members are listed. More take too
/// long to be put in order.
const MOST_READ: u64 = 100_000;
/// Groups of a way that are named; of longer ones the middle is left out.
const STEPS: usize = 6;
/// Characters of a group's name on a way.
const STEP: usize = 40;

/// A member, or a group.
pub(super) struct Relation {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) kind: &'static str,
    /// Its page, where it has one.
    pub(super) href: Option<String>,
    /// The groups that lead to the member; empty where it is a direct one.
    pub(super) way: String,
    /// Where every way is told.
    pub(super) why: String,
}

/// A page of them.
pub(super) struct Relations {
    pub(super) rows: Vec<Relation>,
    pub(super) foot: Foot,
    /// Whether ways are shown.
    pub(super) effective: bool,
    /// What is looked for in names.
    pub(super) text: String,
    /// The tab.
    pub(super) show: &'static str,
    /// Whether there are too many to list.
    pub(super) too_many: bool,
}

/// The members of a group.
pub(super) async fn members(
    plane: &Plane,
    (key, connector): (ConnectorKey, Uuid),
    group: &str,
    effective: bool,
    list: &List<'_>,
) -> Result<Relations, Problem> {
    let read = async |page: &PageRequest| {
        let text = list.text();
        let members = plane.directory.members(key, group, effective, text, page);
        members.await
    };
    if effective && !plane.directory.weight(key, group, MOST_READ).await?.exact {
        let none = Page {
            items: Vec::new(),
            next: None,
            total: None,
        };
        let mut list = list.page(none, "member", effective, |never: Relation| never);
        list.too_many = true;
        return Ok(list);
    }
    let row = |member: MemberRecord| Relation {
        name: called(&member.name, &member.id),
        kind: member.kind.word(),
        href: link::member(member.kind, connector, &member.id),
        way: way(&member.path),
        why: why(connector, group, &member.id),
        id: member.id,
    };
    let page = read(&request(list.shown.cursor.as_ref())).await?;
    let page = Page {
        total: match page.total {
            None => read(&PageRequest::first(1)).await?.total,
            total => total,
        },
        ..page
    };
    Ok(list.page(page, "member", effective, row))
}

/// The groups that an object is in.
pub(super) async fn groups_of(
    plane: &Plane,
    (key, connector): (ConnectorKey, Uuid),
    object: &str,
    effective: bool,
    list: &List<'_>,
) -> Result<Relations, Problem> {
    let read = async |page: &PageRequest| {
        let text = list.text();
        let groups = plane
            .directory
            .groups_of(key, object, effective, text, page);
        groups.await
    };
    let row = |group: GroupRecord| Relation {
        name: called(&group.name, &group.id),
        kind: MemberKind::Group.word(),
        href: Some(link::group(connector, &group.id)),
        way: way(&group.path),
        why: why(connector, &group.id, object),
        id: group.id,
    };
    let page = read(&request(list.shown.cursor.as_ref())).await?;
    let page = Page {
        total: match page.total {
            None => read(&PageRequest::first(1)).await?.total,
            total => total,
        },
        ..page
    };
    Ok(list.page(page, "group", effective, row))
}

/// The list that a page of relations is of.
pub(super) struct List<'a> {
    /// Path of the page.
    pub(super) path: &'a str,
    /// The tab.
    pub(super) show: &'static str,
    pub(super) shown: &'a Shown,
}

impl List<'_> {
    fn text(&self) -> Option<&str> {
        Some(self.shown.text.as_str()).filter(|text| !text.trim().is_empty())
    }

    fn page<T>(
        &self,
        page: Page<T>,
        noun: &str,
        effective: bool,
        row: impl FnMut(T) -> Relation,
    ) -> Relations {
        let parameters = [("show", self.show), ("text", self.shown.text.as_str())];
        Relations {
            foot: Foot::new(
                counted(page.total, noun),
                self.path,
                &parameters,
                self.shown.cursor.as_deref(),
                page.next.as_ref().map(|next| next.as_str()),
            ),
            rows: page.items.into_iter().take(PAGE).map(row).collect(),
            effective,
            text: self.shown.text.clone(),
            show: self.show,
            too_many: false,
        }
    }
}

/// Where every way is told by which a member is in a group.
fn why(connector: Uuid, group: &str, member: &str) -> String {
    format!(
        "/groups/{connector}/{}/members/{}",
        link::segment(group),
        link::segment(member)
    )
}

/// Names of the groups on a way, outermost first; empty for a direct membership.
fn way(path: &MembershipPath) -> String {
    if path.0.len() < 2 {
        return String::new();
    }
    let name = |group: &crate::directory::Named| clipped(&called(&group.name, &group.id), STEP);
    let mut names: Vec<String> = path.0.iter().map(name).collect();
    if names.len() > STEPS {
        let left_out = STEPS / 2..names.len() - STEPS / 2;
        names.splice(left_out, ["…".to_owned()]);
    }
    names.join(" › ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Named;

    #[test]
    fn a_long_way_is_told_by_its_ends() {
        let path = |names: &[&str]| {
            let named = names.iter().map(|name| Named {
                id: String::new(),
                name: (*name).to_owned(),
            });
            way(&MembershipPath(named.collect()))
        };
        assert_eq!(path(&["Finance"]), "");
        assert_eq!(path(&["All", "EMEA", "Finance"]), "All › EMEA › Finance");
        let long = path(&["1", "2", "3", "4", "5", "6", "7", "8"]);
        assert_eq!(long, "1 › 2 › 3 › … › 6 › 7 › 8");
    }
}
