//! Group links: which of the platform's groups a group of the source feeds.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use super::connector::{Stamp, find as find_connector, stamp};
use super::input::Findings;
use super::{Catalog, CatalogError};
use crate::access::Principal;
use crate::audit::Target;
use crate::contract::GroupLink;
use crate::database::{DatabaseError, millis};
use crate::plugin::is_format_control;

/// Most platform groups of one link.
pub const MOST_PLATFORM_GROUPS: usize = 100;
/// Most links of a connector.
pub const MOST_LINKS: usize = 10_000;
/// Longest identifier of a group of the source, in bytes.
const GROUP_BYTES: usize = 256;
/// Changes of an import that the audit log names.
const NAMED_CHANGES: usize = 50;

/// A group of the source and the platform's groups that it feeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkRecord {
    /// Identifier at the source.
    pub group: String,
    /// Name, where the directory knows the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Identifiers in the platform, sorted.
    pub platform_groups: Vec<String>,
    /// Its last change.
    pub changed: Stamp,
}

/// A link to be set.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewLink {
    /// Identifier of a group at the source.
    pub group: String,
    /// UUIDs of groups in the platform, 1 to 100.
    pub platform_groups: Vec<String>,
}

/// Which links are listed: those that meet every condition.
#[derive(Debug, Clone, Default)]
pub struct LinkFilter {
    /// Of the group of the source that has this identifier.
    pub group: Option<String>,
    /// That feed this group of the platform.
    pub platform_group: Option<Uuid>,
}

type Links = BTreeMap<String, BTreeSet<String>>;

impl Catalog {
    /// Links of a connector by group, behind one, at most `limit`; and how many there are.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] for the connector.
    pub async fn links(
        &self,
        connector: Uuid,
        filter: &LinkFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<LinkRecord>, u64), CatalogError> {
        const FILTER: &str = "connector = $1 AND ($2 IS NULL OR source_group = $2) \
             AND ($3 IS NULL OR source_group IN (SELECT source_group FROM group_link \
             WHERE platform_group = $3 AND connector = $1))";
        self.database
            .read(async |connection| {
                find_connector(connection, connector).await?;
                let id = connector.to_string();
                let platform_group = filter.platform_group.map(|id| id.to_string());
                let links = sqlx::query(sqlx::AssertSqlSafe(format!(
                    "SELECT source_group, json_group_array(platform_group) AS platform_groups, \
                     max(at) AS at, by FROM \
                     (SELECT * FROM group_link WHERE {FILTER} ORDER BY source_group, platform_group) \
                     WHERE ($4 IS NULL OR source_group > $4) \
                     GROUP BY source_group ORDER BY source_group LIMIT $5"
                )))
                .bind(&id)
                .bind(&filter.group)
                .bind(&platform_group)
                .bind(after)
                .bind(limit)
                .fetch_all(&mut *connection)
                .await?
                .iter()
                .map(record)
                .collect::<Result<_, _>>()?;
                let total: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
                    "SELECT count(DISTINCT source_group) FROM group_link WHERE {FILTER}"
                )))
                .bind(&id)
                .bind(&filter.group)
                .bind(&platform_group)
                .fetch_one(connection)
                .await?;
                Ok((links, total.unsigned_abs()))
            })
            .await
    }

    /// Sets the platform groups that a group feeds, in place of those before.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] with every problem, [`CatalogError::NotFound`] for the connector.
    pub async fn set_link(
        &self,
        by: &Principal,
        connector: Uuid,
        group: &str,
        platform_groups: &[String],
    ) -> Result<(), CatalogError> {
        let mut findings = Findings::default();
        check_group("group", group, &mut findings);
        let wanted = read_platform_groups("platformGroups", platform_groups, &mut findings);
        findings.end()?;
        self.change_links(by, connector, async |before: &Links| {
            let mut after = before.clone();
            after.insert(group.to_owned(), wanted);
            Ok(after)
        })
        .await
    }

    /// Removes a link.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn remove_link(
        &self,
        by: &Principal,
        connector: Uuid,
        group: &str,
    ) -> Result<(), CatalogError> {
        self.change_links(by, connector, async |before: &Links| {
            let mut after = before.clone();
            match after.remove(group) {
                Some(_) => Ok(after),
                None => Err(CatalogError::NotFound("group link")),
            }
        })
        .await
    }

    /// Sets all links of a connector, in place of those before.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] with every problem, such as `[3].platformGroups[0]`.
    pub async fn replace_links(
        &self,
        by: &Principal,
        connector: Uuid,
        links: Vec<NewLink>,
    ) -> Result<(), CatalogError> {
        let mut findings = Findings::default();
        let mut wanted = Links::new();
        for (index, link) in links.into_iter().enumerate() {
            check_group(&format!("[{index}].group"), &link.group, &mut findings);
            let path = format!("[{index}].platformGroups");
            let groups = read_platform_groups(&path, &link.platform_groups, &mut findings);
            if wanted.insert(link.group, groups).is_some() {
                findings.add(
                    format!("[{index}].group"),
                    "The group is in the list already.",
                    "Give each group once.",
                );
            }
            if findings.is_full() {
                break;
            }
        }
        findings.end()?;
        self.change_links(by, connector, async |_: &Links| Ok(wanted))
            .await
    }

    async fn change_links(
        &self,
        by: &Principal,
        connector: Uuid,
        change: impl AsyncFnOnce(&Links) -> Result<Links, CatalogError>,
    ) -> Result<(), CatalogError> {
        let changed = self
            .database
            .write::<_, CatalogError>(async |connection| {
                let name = find_connector(connection, connector).await?.name;
                let links = all(connection, connector).await?.into_iter();
                let before: Links = links
                    .map(|link| (link.group, link.platform_groups.into_iter().collect()))
                    .collect();
                let after = change(&before).await?;
                if after == before {
                    return Ok(false);
                }
                if after.len() > MOST_LINKS {
                    return Err(CatalogError::conflict(
                        "group-link.too-many",
                        format!("A connector has at most {MOST_LINKS} links."),
                        "Remove some first.",
                    ));
                }
                let groups: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                let differ = groups
                    .into_iter()
                    .filter(|group| before.get(*group) != after.get(*group));
                let mut count = 0;
                let mut named = Vec::new();
                for group in differ {
                    self.put(connection, by, connector, group, after.get(group))
                        .await?;
                    count += 1;
                    if count <= NAMED_CHANGES {
                        named.push(json!({
                            "group": group,
                            "before": before.get(group),
                            "after": after.get(group),
                        }));
                    }
                }
                let target = Target::new("connector", connector, &name);
                let details = json!({ "count": count, "links": named });
                self.note(connection, by, "group-link.set", target, details)
                    .await?;
                Ok(true)
            })
            .await?;
        if changed {
            self.tell();
        }
        Ok(())
    }

    /// Gives a group these platform groups and no others.
    async fn put(
        &self,
        connection: &mut SqliteConnection,
        by: &Principal,
        connector: Uuid,
        group: &str,
        platform_groups: Option<&BTreeSet<String>>,
    ) -> Result<(), CatalogError> {
        sqlx::query("DELETE FROM group_link WHERE connector = $1 AND source_group = $2")
            .bind(connector.to_string())
            .bind(group)
            .execute(&mut *connection)
            .await?;
        let Some(platform_groups) = platform_groups else {
            return Ok(());
        };
        sqlx::query(
            "INSERT INTO group_link (connector, source_group, platform_group, at, by) \
             SELECT $1, $2, value, $4, $5 FROM json_each($3)",
        )
        .bind(connector.to_string())
        .bind(group)
        .bind(serde_json::to_string(platform_groups)?)
        .bind(millis(self.clock.now()))
        .bind(&by.actor.name)
        .execute(connection)
        .await?;
        Ok(())
    }
}

fn check_group(path: &str, group: &str, findings: &mut Findings) {
    let is_shown = |c: char| !c.is_control() && !c.is_whitespace() && !is_format_control(c);
    if !(1..=GROUP_BYTES).contains(&group.len()) || !group.chars().all(is_shown) {
        findings.add(
            path,
            format!(
                "An identifier has 1 to {GROUP_BYTES} bytes, without spaces and control characters."
            ),
            "Copy the group's identifier at the source.",
        );
    }
}

fn read_platform_groups(
    path: &str,
    platform_groups: &[String],
    findings: &mut Findings,
) -> BTreeSet<String> {
    if !(1..=MOST_PLATFORM_GROUPS).contains(&platform_groups.len()) {
        findings.add(
            path,
            format!("A link has 1 to {MOST_PLATFORM_GROUPS} platform groups."),
            "Give as many, or remove the link.",
        );
        return BTreeSet::new();
    }
    let mut read = BTreeSet::new();
    for (index, group) in platform_groups.iter().enumerate() {
        match Uuid::try_parse(group.trim()) {
            Ok(id) => {
                read.insert(id.to_string());
            }
            Err(_) => findings.add(
                format!("{path}[{index}]"),
                "It is no UUID.",
                "Copy the UUID of the group in the platform.",
            ),
        }
    }
    read
}

fn record(row: &SqliteRow) -> Result<LinkRecord, DatabaseError> {
    Ok(LinkRecord {
        group: row.try_get("source_group")?,
        name: None,
        platform_groups: serde_json::from_str(row.try_get("platform_groups")?)?,
        changed: stamp(row, "at", "by")?,
    })
}

/// Every link of a connector, by group and then by platform group: the same links always read the same.
pub(super) async fn all(
    connection: &mut SqliteConnection,
    connector: Uuid,
) -> Result<Vec<GroupLink>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT source_group, platform_group FROM group_link WHERE connector = $1 \
         ORDER BY source_group, platform_group",
    )
    .bind(connector.to_string())
    .fetch_all(connection)
    .await?;
    let mut links: Vec<GroupLink> = Vec::new();
    for row in rows {
        let group: String = row.try_get("source_group")?;
        let platform_group = row.try_get("platform_group")?;
        match links.last_mut() {
            Some(link) if link.group == group => link.platform_groups.push(platform_group),
            _ => links.push(GroupLink {
                group,
                platform_groups: vec![platform_group],
            }),
        }
    }
    Ok(links)
}
