use super::*;

fn paths(form: &ProfileForm) -> Vec<String> {
    let errors = form.read().unwrap_err();
    errors.into_iter().map(|error| error.path).collect()
}

fn proposed() -> ProfileForm {
    ProfileForm::proposed("2026-11-24T12:00:00Z".parse().unwrap())
}

#[test]
fn a_new_profile_is_proposed_to_run_every_night() {
    let profile = proposed().read().unwrap();
    assert_eq!(profile.schedule.describe(), "every day at 02:00, UTC");
    assert_eq!(profile.guard, Guard::default());
    assert_eq!(profile.baseline, Baseline::Weekly);
}

#[test]
fn every_rhythm_comes_back_as_it_was_filled_in() {
    for rhythm in [
        r#"{"kind": "manual"}"#,
        r#"{"kind": "once", "at": "2026-12-01T02:30:00"}"#,
        r#"{"kind": "every", "count": 15, "unit": "minutes", "start": "2026-12-01T02:30:15"}"#,
        r#"{"kind": "every", "count": 2, "unit": "months", "start": "2026-12-01T02:30:00", "end": "2027-12-01T00:00:00"}"#,
        r#"{"kind": "cron", "expression": "0 2 * * 1-5"}"#,
        r#"{"kind": "cron", "expression": "@daily", "start": "2026-12-01T00:00:00"}"#,
    ] {
        let mut profile = proposed().read().unwrap();
        profile.schedule.rhythm = serde_json::from_str(rhythm).unwrap();
        let form = ProfileForm::of_new(&profile);
        assert_eq!(form.read().unwrap(), profile, "{rhythm}");
    }
}

#[test]
fn every_field_that_is_wrong_is_named() {
    let form = ProfileForm {
        count: "many".into(),
        start: "tomorrow".into(),
        jitter: "-1".into(),
        baseline: "hourly".into(),
        ..proposed()
    };
    let wanted = [
        "schedule.rhythm.start",
        "schedule.rhythm.count",
        "schedule.jitterSeconds",
        "baseline",
    ];
    assert_eq!(paths(&form), wanted);
    let mut form = proposed();
    form.guard[1].share = "120".into();
    form.guard[2].count = "some".into();
    assert_eq!(
        paths(&form),
        ["guard.groups.share", "guard.memberships.count"]
    );
}

#[test]
fn a_schedule_that_makes_no_sense_is_told_at_its_fields() {
    let form = ProfileForm {
        kind: "cron".into(),
        expression: "61 * * * *".into(),
        zone: "Europe/Atlantis".into(),
        ..proposed()
    };
    assert_eq!(
        paths(&form),
        ["schedule.zone", "schedule.rhythm.expression"]
    );
    let form = ProfileForm {
        kind: "once".into(),
        start: "1066-10-14T09:00".into(),
        ..proposed()
    };
    assert_eq!(paths(&form), ["schedule.rhythm.start"]);
}

#[test]
fn shares_are_shown_in_per_cent() {
    let guard = Guard {
        users: Threshold {
            share: 0.075,
            count: 3,
        },
        ..Guard::default()
    };
    assert_eq!(rows(&guard)[0].share, "7.5");
    assert_eq!(rows(&guard)[1].share, "20");
}
