use super::*;

fn at(count: i64) -> Vec<Timestamp> {
    let hour = |at| Timestamp::from_second(1_772_352_000 + 3_600 * at).unwrap();
    (0..count).map(hour).collect()
}

fn labels(chart: &Chart) -> Vec<&str> {
    chart.ticks.iter().map(|tick| tick.label.as_str()).collect()
}

#[test]
fn ticks_are_few_and_round() {
    for (low, high, unit, expected) in [
        (0.0, 7.0, Unit::Count, &["0", "2", "4", "6", "8"][..]),
        (0.0, 0.0, Unit::Count, &["0", "1"]),
        (-3.0, 12.0, Unit::Count, &["−5", "0", "5", "10", "15"]),
        (
            97_900.0,
            98_211.0,
            Unit::Count,
            &[
                "97\u{202f}900",
                "98\u{202f}000",
                "98\u{202f}100",
                "98\u{202f}200",
                "98\u{202f}300",
            ],
        ),
        (0.0, 900.0, Unit::Milliseconds, &["0", "500 ms", "1000 ms"]),
        (
            0.0,
            95_000.0,
            Unit::Milliseconds,
            &["0", "30 s", "60 s", "90 s", "120 s"],
        ),
        (
            0.0,
            7_000_000.0,
            Unit::Milliseconds,
            &["0", "30 min", "60 min", "90 min", "120 min"],
        ),
    ] {
        let ticks = Axis::of(low, high, unit).ticks;
        let told: Vec<_> = ticks.into_iter().map(|(_, label)| label).collect();
        assert!(told.len() <= 5, "{told:?}");
        assert_eq!(told, expected, "{low} to {high}");
    }
}

#[test]
fn a_line_goes_by_time_and_over_what_is_not_known() {
    let mut instants = at(3);
    instants.push(Timestamp::from_second(1_772_352_000 + 3_600 * 6).unwrap());
    let charts = Charts::over(instants).line("Users", &[Some(10), None, Some(20), Some(15)]);
    let chart = &charts.charts[0];
    assert_eq!(chart.label, "Users over 3 runs: from 10 to 15");
    assert_eq!(chart.latest[0].text, "15");
    assert_eq!(chart.marks.len(), 3);
    let Shape::Dot { x: middle, y: top } = chart.marks[1].shapes[0] else {
        panic!("no dot");
    };
    let share = (middle - chart.left - 4.0) / (chart.right - chart.left - 8.0);
    assert!((share - 1.0 / 3.0).abs() < 0.01, "{share}");
    assert!((top - TOP).abs() < 0.01, "the greatest is at the top");
    assert_eq!(chart.marks[0].says, "2026-03-01 08:00 UTC: 10");
    assert_eq!(chart.line.as_ref().unwrap().matches('L').count(), 2);
}

#[test]
fn what_never_changes_is_a_line_in_the_middle() {
    let charts = Charts::over(at(2)).line("Groups", &[Some(7), Some(7)]);
    assert_eq!(labels(&charts.charts[0]), ["6", "7", "8"]);
}

#[test]
fn bars_diverge_from_zero() {
    let charts = Charts::over(at(2)).diverging("Members", ("joined", "left"), &[(12, 3), (0, 5)]);
    let chart = &charts.charts[0];
    let zero = chart.zero.unwrap();
    let both = &chart.marks[0].shapes;
    let Shape::Bar { y, height, .. } = both[0] else {
        panic!("no bar");
    };
    assert!((y + height - zero).abs() < 0.01, "it stands on zero");
    let Shape::Bar { y, class, .. } = both[1] else {
        panic!("no bar");
    };
    assert!((y - zero).abs() < 0.01 && class == "down");
    assert_eq!(chart.marks[1].shapes.len(), 1, "nothing joined");
    assert_eq!(
        chart.marks[1].says,
        "2026-03-01 09:00 UTC: +0 joined, −5 left"
    );
    assert_eq!(chart.latest[1].text, "−5 left");
}

#[test]
fn a_bar_far_beyond_all_others_is_cut_off() {
    let values = [(20_000, 0), (8, 2), (6, 1), (0, 0)];
    let charts = Charts::over(at(4)).diverging("Members", ("joined", "left"), &values);
    let chart = &charts.charts[0];
    assert_eq!(labels(chart), ["−5", "0", "5", "10"]);
    let first = &chart.marks[0];
    assert_eq!(
        first.says,
        "2026-03-01 08:00 UTC: +20\u{202f}000 joined, −0 left"
    );
    let [Shape::Bar { y, .. }, Shape::Cut { .. }] = first.shapes[..] else {
        panic!("{first:?}");
    };
    assert!((y - TOP).abs() < 0.01, "it ends where the axis does");
    assert_eq!(chart.marks[1].shapes.len(), 2, "the others are whole");
}

#[test]
fn every_value_is_in_the_table_the_latest_first() {
    let charts = Charts::over(at(2))
        .line("Users", &[None, Some(10_000)])
        .bars("Duration", Unit::Milliseconds, &[950, 61_000]);
    assert_eq!(charts.heads().collect::<Vec<_>>(), ["Users", "Duration"]);
    let rows: Vec<_> = charts.rows().map(|(_, cells)| cells).collect();
    assert_eq!(rows, [["10\u{202f}000", "1 min 1 s"], ["–", "0.9 s"]]);
}

#[test]
fn nothing_and_one_point_can_be_drawn() {
    for count in [0, 1] {
        let values = vec![Some(5); count];
        let charts = Charts::over(at(count as i64)).line("Users", &values).bars(
            "Requests",
            Unit::Count,
            &vec![0; count],
        );
        for chart in &charts.charts {
            for tick in &chart.ticks {
                assert!(tick.y.is_finite(), "{chart:?}");
            }
            assert_eq!(chart.marks.len(), count);
        }
        assert_eq!(charts.is_empty(), count == 0);
    }
}
