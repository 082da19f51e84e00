//! How many joined and left, in words.

use super::filters::grouped;
use crate::api::Plane;
use crate::api::problem::Problem;
use crate::directory::{ChangeFilter, ConnectorKey, PageRequest, Total, Turn};

/// `1 204 joined, 12 left`; empty where they can't be counted soon.
pub(super) async fn counted(
    plane: &Plane,
    connector: ConnectorKey,
    filter: &ChangeFilter,
) -> Result<String, Problem> {
    let mut parts = Vec::new();
    for turn in [Turn::Joined, Turn::Left] {
        if filter.what.is_some_and(|what| what != turn) {
            continue;
        }
        let filter = ChangeFilter {
            what: Some(turn),
            ..filter.clone()
        };
        let first = PageRequest::first(1);
        let found = plane
            .directory
            .membership_changes(connector, &filter, &first)
            .await?;
        match found.total {
            Some(total) => parts.push(words(total, turn)),
            None => return Ok(String::new()),
        }
    }
    Ok(parts.join(", "))
}

/// The same of exact numbers.
pub(super) fn exactly(joined: Option<u64>, left: Option<u64>) -> String {
    let all = [(joined, Turn::Joined), (left, Turn::Left)];
    let parts = all.into_iter().filter_map(|(count, turn)| {
        let total = Total {
            count: count?,
            exact: true,
        };
        Some(words(total, turn))
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn words(total: Total, turn: Turn) -> String {
    let word = match turn {
        Turn::Joined => "joined",
        Turn::Left => "left",
    };
    let count = grouped(total.count);
    if total.exact {
        format!("{count} {word}")
    } else {
        format!("more than {count} {word}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_told_and_where_counting_stopped() {
        assert_eq!(
            exactly(Some(12_040), Some(1)),
            "12\u{202f}040 joined, 1 left"
        );
        assert_eq!(exactly(None, Some(0)), "0 left");
        let total = Total {
            count: 10_000,
            exact: false,
        };
        assert_eq!(words(total, Turn::Joined), "more than 10\u{202f}000 joined");
    }
}
