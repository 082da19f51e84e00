//! Versions of own maps: which there are, what changed between two, and an old one again.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Deserialize;

use super::{
    Administers, Answer, Foot, Form, Mistakes, Shell, again, done, filters, found_own, page,
};
use crate::api::Plane;
use crate::api::extract::{Path, Query};
use crate::api::page::{Page, Paging};
use crate::catalog::{MapDiff, MapRecord, MapVersion, MapVersionDetail};
use crate::contract::Rule;

pub(super) fn routes() -> Router<Plane> {
    Router::new()
        .route("/maps/{id}/versions", get(list))
        .route("/maps/{id}/versions/{version}", get(read))
        .route(
            "/maps/{id}/versions/{version}/restore",
            get(ask_restore).post(restore),
        )
        .route("/maps/{id}/diff", get(compare))
}

#[derive(Template)]
#[template(path = "maps/versions.html")]
struct VersionsPage {
    shell: Shell,
    map: MapRecord,
    versions: Vec<MapVersion>,
    foot: Foot,
}

impl VersionsPage {
    /// Whether a version is the one that is compared from, where nothing was chosen: the one before the newest.
    fn is_before(&self, version: &MapVersion) -> bool {
        version.version + 1 == self.map.version
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct At {
    cursor: Option<String>,
}

async fn list(
    shell: Shell,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    Query(at): Query<At>,
) -> Answer {
    let (id, map) = found_own(&plane, &id).await?;
    let paging = Paging {
        limit: None,
        cursor: at.cursor.clone(),
    };
    let (limit, before) = (paging.limit()?, paging.position()?);
    let versions = plane.catalog.map_versions(&id, before, limit + 1).await?;
    let versions = Page::of(versions, limit, |version| version.version);
    let foot = Foot::new(
        filters::counted(map.version, "version"),
        &format!("{}/versions", map.address()),
        &[],
        at.cursor.as_deref(),
        versions.next.as_deref(),
    );
    page(&VersionsPage {
        shell,
        map,
        versions: versions.items,
        foot,
    })
}

#[derive(Template)]
#[template(path = "maps/version.html")]
struct VersionPage {
    shell: Shell,
    map: MapRecord,
    version: MapVersion,
    rules: Vec<Rule>,
}

async fn read(
    shell: Shell,
    State(plane): State<Plane>,
    Path((id, version)): Path<(String, i64)>,
) -> Answer {
    let (id, map) = found_own(&plane, &id).await?;
    let found = plane.catalog.map_version(&id, version).await?;
    page(&VersionPage {
        shell,
        map,
        version: found.version,
        rules: found.rules,
    })
}

/// What became of a rule from one version to another.
#[derive(Debug)]
struct Step {
    /// `added`, `changed`, `removed` or `moved`.
    became: &'static str,
    before: Option<Side>,
    after: Option<Side>,
}

/// A rule in one of two versions.
#[derive(Debug)]
struct Side {
    /// Its place, as people count.
    number: usize,
    rule: Rule,
    /// Members that are others in the other version.
    changed: Vec<String>,
}

impl Side {
    fn of(rules: &[Rule], index: usize, changed: &[String]) -> Option<Self> {
        let rule = rules.get(index)?.clone();
        Some(Self {
            number: index + 1,
            rule,
            changed: changed.to_vec(),
        })
    }

    fn is_changed(&self, member: &str) -> bool {
        self.changed.iter().any(|changed| changed == member)
    }
}

impl Step {
    /// What became of it, as a sign.
    fn sign(&self) -> &'static str {
        match self.became {
            "added" => "+",
            "removed" => "−",
            "moved" => "↕",
            _ => "±",
        }
    }

    /// Where it stands in the order in which steps are shown.
    fn place(&self) -> usize {
        let side = self.after.as_ref().or(self.before.as_ref());
        side.map_or(0, |side| side.number)
    }
}

/// What changed, rule by rule.
fn steps(diff: &MapDiff, before: &[Rule], after: &[Rule]) -> Vec<Step> {
    let side = |rule: &Rule, index: usize| Side {
        number: index + 1,
        rule: rule.clone(),
        changed: Vec::new(),
    };
    let mut steps = Vec::new();
    for added in &diff.added {
        steps.push(Step {
            became: "added",
            before: None,
            after: Some(side(&added.rule, added.index)),
        });
    }
    for removed in &diff.removed {
        steps.push(Step {
            became: "removed",
            before: Some(side(&removed.rule, removed.index)),
            after: None,
        });
    }
    for changed in &diff.changed {
        let fields: Vec<String> = changed.fields.iter().map(|f| f.field.clone()).collect();
        let nth = same_before(after, changed.index, &changed.target);
        let earlier = before.iter().enumerate();
        let earlier = earlier.filter(|(_, rule)| rule.target == changed.target);
        let index = earlier.map(|(index, _)| index).nth(nth);
        steps.push(Step {
            became: "changed",
            before: index.and_then(|index| Side::of(before, index, &fields)),
            after: Side::of(after, changed.index, &fields),
        });
    }
    for moved in &diff.moved {
        let is_told = diff.changed.iter().any(|changed| changed.index == moved.to);
        if !is_told {
            steps.push(Step {
                became: "moved",
                before: Side::of(before, moved.from, &[]),
                after: Side::of(after, moved.to, &[]),
            });
        }
    }
    steps.sort_by_key(Step::place);
    steps
}

/// How many rules with a target stand before a place.
fn same_before(rules: &[Rule], index: usize, target: &str) -> usize {
    let before = rules.iter().take(index);
    before.filter(|rule| rule.target == target).count()
}

#[derive(Template)]
#[template(path = "maps/diff.html")]
struct DiffPage {
    shell: Shell,
    map: MapRecord,
    from: MapVersion,
    to: MapVersion,
    steps: Vec<Step>,
}

impl DiffPage {
    /// What stands above both sides.
    fn heads(&self) -> (String, String) {
        let head = |version: &MapVersion| format!("Version {}", version.version);
        (head(&self.from), head(&self.to))
    }
}

#[derive(Debug, Deserialize)]
struct Between {
    from: i64,
    to: i64,
}

async fn compare(
    shell: Shell,
    State(plane): State<Plane>,
    Path(id): Path<String>,
    Query(Between { from, to }): Query<Between>,
) -> Answer {
    let (id, map) = found_own(&plane, &id).await?;
    let diff = plane.catalog.map_diff(&id, from, to).await?;
    let (from, to) = both(&plane, &id, from, to).await?;
    page(&DiffPage {
        shell,
        map,
        steps: steps(&diff, &from.rules, &to.rules),
        from: from.version,
        to: to.version,
    })
}

async fn both(
    plane: &Plane,
    id: &crate::catalog::MapId,
    from: i64,
    to: i64,
) -> Result<(MapVersionDetail, MapVersionDetail), super::Problem> {
    let from = plane.catalog.map_version(id, from).await?;
    let to = plane.catalog.map_version(id, to).await?;
    Ok((from, to))
}

#[derive(Template)]
#[template(path = "maps/restore.html")]
struct RestorePage {
    shell: Shell,
    map: MapRecord,
    version: MapVersion,
    comment: String,
    steps: Vec<Step>,
    mistakes: Mistakes,
}

impl RestorePage {
    /// What stands above both sides.
    fn heads(&self) -> (String, String) {
        let now = format!("Version {}, now", self.map.version);
        (now, format!("Version {}, restored", self.version.version))
    }
}

#[derive(Debug, Deserialize)]
struct Restore {
    revision: i64,
    #[serde(default)]
    comment: String,
}

async fn restoring(
    plane: &Plane,
    shell: Shell,
    id: &str,
    version: i64,
    comment: String,
) -> Result<RestorePage, super::Problem> {
    let (id, map) = found_own(plane, id).await?;
    let diff = plane.catalog.map_diff(&id, map.version, version).await?;
    let (now, then) = both(plane, &id, map.version, version).await?;
    Ok(RestorePage {
        shell,
        map,
        steps: steps(&diff, &now.rules, &then.rules),
        version: then.version,
        comment,
        mistakes: Mistakes::default(),
    })
}

async fn ask_restore(
    Administers { shell, .. }: Administers,
    State(plane): State<Plane>,
    Path((id, version)): Path<(String, i64)>,
) -> Answer {
    page(&restoring(&plane, shell, &id, version, String::new()).await?)
}

async fn restore(
    Administers { shell, by }: Administers,
    State(plane): State<Plane>,
    Path((text, version)): Path<(String, i64)>,
    Form(given): Form<Restore>,
) -> Answer {
    let (id, map) = found_own(&plane, &text).await?;
    let comment = given.comment.clone();
    let restored = plane
        .catalog
        .restore_map(&by, &id, Some(given.revision), version, comment)
        .await;
    match restored {
        Ok(after) if after.map.version == map.version => done(
            &map.address(),
            format!("Version {version} has the rules of today, so nothing was changed."),
        ),
        Ok(after) => done(
            &map.address(),
            format!(
                "The rules of version {version} are those of version {} now.",
                after.map.version
            ),
        ),
        Err(error) => {
            let mut shown = restoring(&plane, shell, &text, version, given.comment).await?;
            shown.mistakes = Mistakes::of(error.into())?;
            again(&shown.mistakes, &shown)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::catalog::testing::rule;
    use crate::catalog::{ChangedField, ChangedRule, MovedRule, PlacedRule};

    #[test]
    fn what_changed_is_told_in_the_order_of_the_rules() {
        let before = [rule("a", "1"), rule("b", "2"), rule("c", "3")];
        let after = [rule("c", "3"), rule("b", "9"), rule("d", "4")];
        let diff = MapDiff {
            from: 1,
            to: 2,
            added: vec![PlacedRule {
                index: 2,
                rule: rule("d", "4"),
            }],
            removed: vec![PlacedRule {
                index: 0,
                rule: rule("a", "1"),
            }],
            changed: vec![ChangedRule {
                index: 1,
                target: "b".into(),
                fields: vec![ChangedField {
                    field: "sources".into(),
                    before: Value::Null,
                    after: Value::Null,
                }],
            }],
            moved: vec![MovedRule {
                target: "c".into(),
                from: 2,
                to: 0,
            }],
        };
        let steps = steps(&diff, &before, &after);
        let told: Vec<_> = steps.iter().map(|step| step.became).collect();
        assert_eq!(told, ["removed", "moved", "changed", "added"]);
        let changed = &steps[2];
        assert_eq!(changed.before.as_ref().unwrap().rule.sources, ["2"]);
        assert!(changed.after.as_ref().unwrap().is_changed("sources"));
    }
}
