use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn pace(units: u64, window: u64) -> Pace {
    Pace::new(
        Some(Allowance {
            units,
            window: Duration::from_secs(window),
        }),
        64,
    )
}

fn go(pace: &mut Pace, estimate: u64, now: Instant) {
    assert_eq!(pace.look(estimate, now), Verdict::Go);
    pace.leave(estimate);
}

fn quota_wait(until: Option<Instant>) -> Verdict {
    Verdict::Wait {
        until,
        reason: WaitReason::Quota,
    }
}

fn throttle(pace: &mut Pace, sent: Instant, now: Instant, pause: Option<Duration>) -> bool {
    pace.leave(1);
    let fresh = pace.land(1, sent, now, None, Landing::Throttled { pause });
    pace.end();
    fresh
}

fn answer(pace: &mut Pace, sent: Instant, now: Instant) {
    pace.leave(1);
    pace.land(1, sent, now, None, Landing::Answered);
    pace.end();
}

fn closed(pace: &Pace, now: Instant) -> Duration {
    pace.closed_until(now)
        .map_or(Duration::ZERO, |until| until - now)
}

#[test]
fn the_whole_quota_may_be_used_at_once_and_frees_after_a_window() {
    let (mut pace, start) = (pace(10, 10), Instant::now());
    go(&mut pace, 4, start);
    go(&mut pace, 6, start);
    assert_eq!(
        pace.look(1, start),
        quota_wait(None),
        "both are still under way"
    );
    pace.land(4, start, start + SECOND, None, Landing::Answered);
    pace.land(6, start, start + SECOND * 2, None, Landing::Answered);
    // The fastest answer took one second: what it measured counts from its departure on.
    let first = start + SECOND * 10;
    assert_eq!(pace.look(4, start + SECOND * 2), quota_wait(Some(first)));
    assert_eq!(
        pace.look(5, start + SECOND * 2),
        quota_wait(Some(first + SECOND))
    );
    go(&mut pace, 4, first);
}

#[test]
fn an_estimate_is_corrected_by_the_answer() {
    let (mut pace, start) = (pace(10, 10), Instant::now());
    go(&mut pace, 8, start);
    pace.land(8, start, start, Some(2), Landing::Answered);
    go(&mut pace, 8, start);
    pace.land(8, start, start, Some(20), Landing::Answered);
    assert_eq!(pace.look(1, start), quota_wait(Some(start + SECOND * 10)));
}

#[test]
fn a_settlement_corrects_the_charge_of_its_estimate_once() {
    let (mut pace, start) = (pace(100, 10), Instant::now());
    for estimate in [40, 20] {
        go(&mut pace, estimate, start);
        pace.land(estimate, start, start, None, Landing::Answered);
    }
    assert_eq!(pace.settle(40, 10), Some(-30));
    assert_eq!(pace.settle(40, 10), None);
    assert_eq!(pace.settle(20, 25), Some(5));
    assert_eq!(pace.look(65, start), Verdict::Go);
    assert_ne!(pace.look(66, start), Verdict::Go);
    pace.surcharge(start, 65);
    assert_ne!(pace.look(1, start), Verdict::Go);
    assert_eq!(pace.look(100, start + SECOND * 10), Verdict::Go);
}

#[test]
fn a_request_dearer_than_the_quota_gets_its_turn() {
    let (mut pace, start) = (pace(10, 10), Instant::now());
    let estimate = pace.estimate(Some(5_000));
    assert_eq!(
        (estimate, pace.estimate(None), pace.estimate(Some(0))),
        (10, 1, 1)
    );
    go(&mut pace, estimate, start);
}

#[test]
fn what_was_never_sent_costs_nothing_and_what_was_lost_does() {
    let (mut pace, start) = (pace(10, 10), Instant::now());
    go(&mut pace, 10, start);
    pace.land(10, start, start, None, Landing::NotSent);
    go(&mut pace, 10, start);
    pace.land(10, start, start, None, Landing::Lost);
    assert_ne!(pace.look(1, start), Verdict::Go);
}

#[test]
fn retry_after_closes_the_origin_for_as_long_as_it_says() {
    let (mut pace, start) = (pace(1000, 10), Instant::now());
    assert!(throttle(
        &mut pace,
        start,
        start,
        Some(Duration::from_millis(2128))
    ));
    assert_eq!(closed(&pace, start), Duration::from_millis(2128));
    throttle(&mut pace, start, start, Some(SECOND));
    assert_eq!(
        closed(&pace, start),
        Duration::from_millis(2128),
        "a shorter pause doesn't open it"
    );
    throttle(&mut pace, start, start, Some(SECOND * 100_000));
    assert_eq!(closed(&pace, start), SECOND * 3600);
}

#[test]
fn without_retry_after_pauses_grow_by_spells_and_successes_reset_them() {
    let (mut pace, mut now) = (pace(1000, 10), Instant::now());
    let mut before = Duration::ZERO;
    for _ in 0..4 {
        assert!(throttle(&mut pace, now, now, None));
        let pause = closed(&pace, now);
        assert!(
            !throttle(&mut pace, now - SECOND, now, None),
            "sent before it was closed"
        );
        assert_eq!(closed(&pace, now), pause);
        assert!(pause > before, "{pause:?} after {before:?}");
        before = pause;
        now += pause;
    }
    answer(&mut pace, now, now);
    throttle(&mut pace, now, now, Some(Duration::ZERO));
    assert!(
        (SECOND * 3 / 4..SECOND * 5 / 4).contains(&closed(&pace, now)),
        "{:?}",
        closed(&pace, now)
    );
}

#[test]
fn back_off_is_bounded_and_varies() {
    for strikes in [0, 1, 7, 40, u32::MAX] {
        assert!((SECOND * 3 / 4..SECOND * 75).contains(&back_off(strikes)));
    }
    let many: std::collections::BTreeSet<_> = (0..50).map(|_| back_off(1)).collect();
    assert!(many.len() > 10);
}

#[test]
fn throttling_halves_the_number_in_flight_and_answers_let_it_grow() {
    let (mut pace, mut now) = (Pace::new(None, 8), Instant::now());
    for expected in [4, 2, 1, 1] {
        now += SECOND;
        throttle(&mut pace, now, now, Some(SECOND));
        throttle(&mut pace, now - SECOND / 2, now, Some(SECOND));
        assert_eq!(pace.limit(), expected);
    }
    now += SECOND;
    pace.leave(1);
    assert_eq!(
        pace.look(1, now),
        Verdict::Wait {
            until: None,
            reason: WaitReason::InFlight
        }
    );
    pace.end();
    for expected in [2, 2, 3, 3, 3, 4] {
        answer(&mut pace, now, now);
        assert_eq!(pace.limit(), expected);
    }
    for _ in 0..1000 {
        answer(&mut pace, now, now);
    }
    assert_eq!(pace.limit(), 8);
}

#[test]
fn the_number_in_flight_grows_only_while_answers_do_not_queue() {
    let (mut pace, start) = (Pace::new(None, 8), Instant::now());
    throttle(&mut pace, start, start, Some(SECOND));
    assert_eq!(pace.limit(), 4);
    let mut now = start + SECOND;
    let mut took = |pace: &mut Pace, estimate, time: Duration| {
        pace.leave(estimate);
        pace.land(estimate, now, now + time, None, Landing::Answered);
        pace.end();
        now += SECOND;
    };
    took(&mut pace, 1, SECOND / 10);
    for _ in 0..100 {
        took(&mut pace, 1, SECOND / 2);
    }
    assert_eq!(pace.limit(), 4, "five times the fastest");
    // A batch is slow by nature.
    for _ in 0..3 {
        took(&mut pace, 40, SECOND / 2);
    }
    assert_eq!(pace.limit(), 5);
    for _ in 0..5 {
        took(&mut pace, 1, SECOND / 5);
    }
    assert_eq!(pace.limit(), 6);
}
