//! The course of a connector over its newest runs, as charts.

use crate::web::chart::{Charts, MOST_POINTS, Unit};
use crate::work::Run;

/// How many of the newest runs are read for the charts.
pub(super) const RUNS: u32 = MOST_POINTS;

/// Charts of runs that are given newest first. Those that didn't get as far as reading are passed over.
pub(super) fn charts(runs: &[Run]) -> Charts {
    let told: Vec<&Run> = runs
        .iter()
        .rev()
        .filter(|run| run.ended.is_some() && run.directory_run.is_some())
        .collect();
    let at = told.iter().filter_map(|run| run.ended).collect();
    let held = |count: fn(&crate::work::Holdings) -> u64| -> Vec<Option<u64>> {
        let held = told.iter();
        held.map(|run| run.holdings.as_ref().map(count)).collect()
    };
    let turns: Vec<(u64, u64)> = told.iter().map(|run| turns(run)).collect();
    let durations: Vec<u64> = told.iter().map(|run| run.duration_ms).collect();
    let units: Vec<u64> = told.iter().map(|run| run.resource_units).collect();
    Charts::over(at)
        .line("Memberships", &held(|held| held.memberships))
        .line("Users", &held(|held| held.users))
        .line("Groups", &held(|held| held.groups))
        .diverging("Members per run", ("joined", "left"), &turns)
        .bars("Duration per run", Unit::Milliseconds, &durations)
        .bars("Resource units per run", Unit::Count, &units)
}

/// Memberships that came and went.
fn turns(run: &Run) -> (u64, u64) {
    (run.memberships.added, run.memberships_gone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn run(state: &str, directory_run: Option<i64>) -> Run {
        let changed = json!({"added": 4, "updated": 0, "removed": 9});
        serde_json::from_value(json!({
            "id": Uuid::now_v7(), "connector": Uuid::nil(), "connectorName": "Contoso",
            "profile": Uuid::nil(), "profileName": "Daily", "trigger": {"kind": "manual"},
            "actor": {"kind": "user", "name": "Ada"}, "asked": "auto", "state": state,
            "queued": "2026-03-01T08:00:00Z", "ended": "2026-03-01T08:01:00Z", "attempts": 1,
            "directoryRun": directory_run, "cursorKept": true, "users": changed, "groups": changed,
            "memberships": changed, "requests": 1, "resourceUnits": 2, "waitedMs": 0, "durationMs": 3,
        }))
        .unwrap()
    }

    #[test]
    fn what_a_guard_keeps_back_has_not_left() {
        assert_eq!(turns(&run("processed", Some(1))), (4, 9));
        for state in ["held", "rejected", "superseded"] {
            assert_eq!(turns(&run(state, Some(1))), (4, 0), "{state}");
        }
    }

    #[test]
    fn runs_that_read_nothing_are_passed_over() {
        let charts = charts(&[run("failed", None), run("processed", Some(1))]);
        assert_eq!(charts.rows().count(), 1);
    }
}
