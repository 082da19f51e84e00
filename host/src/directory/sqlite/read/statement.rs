//! The statements of searches, put together of fixed parts.
//!
//! An order that an index has is read from there and ends with the page; else what is found is sorted. Parameters
//! are the same in all of them: 1 connector, 2 kind, 3 and 4 bounds of folded names, 5 what they have in them, 6 the
//! first run of changes, 7 whether hidden ones count, 8 keys as a JSON array, 9 the limit, 10 and 11 the place, 12 kinds
//! of groups as a JSON array.

use serde::{Deserialize, Serialize};

use super::super::labels::LAST;
use crate::directory::Sort;

/// What a record is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    Number(i64),
    Text(String),
}

impl Value {
    /// Before the first record of an order, with a key.
    pub(super) fn edge(sort: Sort, descending: bool) -> (Self, i64) {
        match (sort, descending) {
            (Sort::Name | Sort::GroupKind, false) => (Self::Text(String::new()), 0),
            (Sort::Name | Sort::GroupKind, true) => (Self::Text(LAST.to_string()), 0),
            (_, false) => (Self::Number(i64::MIN), 0),
            (_, true) => (Self::Number(i64::MAX), 0),
        }
    }
}

/// Where records are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// In the order of names, which is the one that is wanted.
    Names,
    /// In the order of names, to be sorted.
    Named,
    /// In the order of something else.
    Sorted(Sort),
    /// Among groups of the kinds that are given.
    Kinds,
    /// Among the keys that are given.
    Given,
}

/// The column of `label` that an order is by.
fn column(sort: Sort) -> &'static str {
    match sort {
        Sort::Name => "folded",
        Sort::Members => "links",
        Sort::Changed => "changed",
        Sort::Since => "since",
        Sort::GroupKind => "group_kind",
    }
}

/// Labels between the bounds of names: those that are in their order and those that aren't yet. These are the last
/// ones by their keys, which no index but that of the keys finds.
const NAMED: &str = "(
    SELECT object FROM label_order
    WHERE connector = $1 AND kind = $2 AND folded >= $3 AND folded < $4 AND instr(folded, $5)
    UNION ALL
    SELECT object FROM label NOT INDEXED
    WHERE object > (SELECT ordered_to FROM labelling)
    AND connector = $1 AND kind = $2 AND folded >= $3 AND folded < $4 AND instr(folded, $5)
) AS n
CROSS JOIN label AS l ON l.object = n.object";

/// What every record has to meet, `l` being its label and `o` its object.
const MET: &str = "l.folded >= $3 AND l.folded < $4 AND instr(l.folded, $5) AND l.changed >= $6
    AND (o.state = 1 OR o.state = 2 AND $7)
    AND ($12 = '[]' OR l.group_kind IN (SELECT value FROM json_each($12)))";

impl Source {
    /// The tables, and conditions beside [`MET`]. `kind` stands in the text, because an index may be of one alone.
    fn tables(self, kind: i64) -> String {
        let from = match self {
            Self::Names | Self::Named => {
                format!("{NAMED} CROSS JOIN object AS o ON o.key = l.object WHERE")
            }
            Self::Sorted(sort) => format!(
                "label AS l INDEXED BY label_by_{} CROSS JOIN object AS o ON o.key = l.object
                WHERE l.connector = $1 AND l.kind = {kind} AND",
                column(sort)
            ),
            Self::Kinds => format!(
                "label AS l INDEXED BY label_by_group_kind CROSS JOIN object AS o ON o.key = l.object
                WHERE l.connector = $1 AND l.kind = {kind} AND"
            ),
            Self::Given => format!(
                "json_each($8) AS given CROSS JOIN label AS l ON l.object = given.value
                CROSS JOIN object AS o ON o.key = l.object WHERE l.kind = {kind} AND"
            ),
        };
        match self {
            Self::Given => format!("{from} {MET}"),
            _ => format!("{from} {MET} AND l.object NOT IN (SELECT value FROM json_each($8))"),
        }
    }
}

/// Gives the name and the number that records are sorted by, one of which is of no account, and their keys.
pub(super) fn listing(source: Source, sort: Sort, descending: bool, kind: i64) -> String {
    let (direction, behind) = if descending {
        ("DESC", "<")
    } else {
        ("ASC", ">")
    };
    if source == Source::Names {
        return names(direction, behind);
    }
    let column = column(sort);
    let shown = match sort {
        Sort::Name | Sort::GroupKind => &format!("l.{column}, 0"),
        _ => &format!("'', l.{column}"),
    };
    format!(
        "SELECT {shown}, l.object FROM {} AND (l.{column}, l.object) {behind} ($10, $11)
        ORDER BY l.{column} {direction}, l.object {direction} LIMIT $9",
        source.tables(kind)
    )
}

/// Counts records up to the limit.
pub(super) fn counting(source: Source, kind: i64) -> String {
    format!(
        "SELECT count(*) FROM (SELECT 1 FROM {} LIMIT $9)",
        source.tables(kind)
    )
}

/// Of those that are ordered and of those that aren't yet the first, of which the first are the page. One of the
/// bounds is the place's own name.
fn names(direction: &str, behind: &str) -> String {
    let (upper, edge) = match behind {
        "<" => ("<=", "$4"),
        _ => ("<", "$3"),
    };
    let part = |table: &str, how: &str, [changed, group_kind]: [&str; 2], more: &str| {
        format!(
            "SELECT * FROM (
                SELECT l.folded AS folded, l.object AS object
                FROM {table} AS l {how} CROSS JOIN object AS o ON o.key = l.object
                WHERE {more} l.connector = $1 AND l.kind = $2
                AND l.folded >= $3 AND l.folded {upper} $4
                AND (l.folded {behind} {edge} OR l.object {behind} $11)
                AND instr(l.folded, $5) AND ($6 = 0 OR {changed} >= $6)
                AND (o.state = 1 OR o.state = 2 AND $7)
                AND ($12 = '[]' OR {group_kind} IN (SELECT value FROM json_each($12)))
                AND l.object NOT IN (SELECT value FROM json_each($8))
                ORDER BY l.folded {direction}, l.object {direction} LIMIT $9
            )"
        )
    };
    let ordered = part(
        "label_order",
        "",
        [
            "(SELECT x.changed FROM label AS x WHERE x.object = l.object)",
            "(SELECT x.group_kind FROM label AS x WHERE x.object = l.object)",
        ],
        "",
    );
    let others = part(
        "label",
        "NOT INDEXED",
        ["l.changed", "l.group_kind"],
        "l.object > (SELECT ordered_to FROM labelling) AND",
    );
    format!(
        "SELECT folded, 0, object FROM ({ordered} UNION ALL {others})
        ORDER BY folded {direction}, object {direction} LIMIT $9"
    )
}
