use std::collections::VecDeque;

use futures::future::join_all;
use tokio::time::sleep;

use super::*;

fn gate(units: u64, window: Duration, in_flight: usize) -> Arc<Gate> {
    Gate::new(
        Some(Allowance { units, window }),
        in_flight,
        Arc::new(Slots::new(in_flight)),
    )
}

/// A service that counts units in any window as requests arrive, halfway through their latency.
struct Service {
    seen: Mutex<VecDeque<(Instant, u64)>>,
    window: Duration,
    most: AtomicUsize,
}

impl Service {
    fn count(&self, cost: u64) {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap();
        seen.push_back((now, cost));
        while seen.front().is_some_and(|(at, _)| *at + self.window <= now) {
            seen.pop_front();
        }
        let sum: u64 = seen.iter().map(|(_, cost)| cost).sum();
        self.most
            .fetch_max(usize::try_from(sum).unwrap(), Ordering::Relaxed);
    }
}

async fn drive(latency: fn(u64) -> Duration) -> (usize, Duration) {
    let window = Duration::from_secs(10);
    let gate = gate(8_000, window, 256);
    let service = Service {
        seen: Mutex::default(),
        window,
        most: AtomicUsize::new(0),
    };
    let start = Instant::now();
    // 40,000 units: five windows' worth, so four windows must pass.
    join_all((0..10_000_u64).map(|number| {
        let (gate, service) = (&gate, &service);
        async move {
            sleep(Duration::from_millis(number / 4)).await;
            let pass = loop {
                match gate.enter(Some(4)).await {
                    Ok(pass) => break pass,
                    Err(pause) => sleep(pause).await,
                }
            };
            let latency = latency(number);
            sleep(latency / 2).await;
            service.count(4);
            sleep(latency / 2).await;
            drop(pass.land(Some(4), Landing::Answered));
        }
    }))
    .await;
    (service.most.load(Ordering::Relaxed), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn the_quota_is_never_exceeded_and_never_idle() {
    let (most, took) = drive(|_| Duration::from_millis(50)).await;
    assert!(most <= 8_000, "{most}");
    assert!(most > 7_900, "{most}");
    assert!(
        (Duration::from_secs(40)..Duration::from_millis(42_500)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn jitter_squeezes_no_more_into_a_window() {
    let (most, took) = drive(|number| Duration::from_millis(40 + number * 7919 % 400)).await;
    assert!(most <= 8_000, "{most}");
    assert!(took < Duration::from_secs(45), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_pass_in_the_order_in_which_they_came() {
    let gate = gate(1, Duration::from_secs(1), 8);
    let order = Mutex::new(Vec::new());
    join_all((0..20).map(|number| {
        let (gate, order) = (&gate, &order);
        async move {
            let pass = gate.enter(None).await.unwrap();
            order.lock().unwrap().push(number);
            drop(pass.land(None, Landing::Answered));
        }
    }))
    .await;
    assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
    assert_eq!(gate.waited().as_secs(), 19);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_gives_up_leaves_its_turn_and_no_charge() {
    let gate = gate(2, Duration::from_secs(10), 8);
    let start = Instant::now();
    for _ in 0..2 {
        drop(
            gate.enter(None)
                .await
                .unwrap()
                .land(None, Landing::Answered),
        );
    }
    let (given_up, second, third) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(1), gate.enter(None)),
        gate.enter(None),
        gate.enter(None),
    );
    assert!(given_up.is_err());
    assert!(second.is_ok() && third.is_ok());
    assert_eq!(start.elapsed().as_secs(), 10);
    assert_eq!(gate.throttle(), None);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_in_flight_frees_its_slot() {
    let gate = gate(100, Duration::from_secs(10), 1);
    drop(gate.enter(None).await.unwrap());
    let start = Instant::now();
    drop(gate.enter(None).await.unwrap());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_closed_window_holds_back_all_and_is_told() {
    let gate = gate(100, Duration::from_secs(10), 8);
    let pause = Some(Duration::from_secs(20));
    drop(
        gate.enter(None)
            .await
            .unwrap()
            .land(None, Landing::Throttled { pause }),
    );
    let start = Instant::now();
    let watch = async {
        sleep(Duration::from_secs(1)).await;
        let throttle = gate.throttle().unwrap();
        assert_eq!((throttle.reason, throttle.waiting), (WaitReason::Closed, 3));
        assert_eq!(throttle.until, Some(start + Duration::from_secs(20)));
    };
    let (first, second, third, ()) =
        tokio::join!(gate.enter(None), gate.enter(None), gate.enter(None), watch);
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!(start.elapsed().as_secs(), 20);
    assert_eq!(gate.waited().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_more_than_half_a_minute_is_answered_at_once() {
    let gate = gate(100, Duration::from_secs(10), 8);
    let pause = Some(Duration::from_secs(31));
    drop(
        gate.enter(None)
            .await
            .unwrap()
            .land(None, Landing::Throttled { pause }),
    );
    let start = Instant::now();
    assert_eq!(gate.enter(None).await.unwrap_err().as_secs(), 31);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_origin_that_closes_while_some_wait_answers_them() {
    let gate = gate(100, Duration::from_secs(10), 1);
    let pass = gate.enter(None).await.unwrap();
    let start = Instant::now();
    let land = async {
        sleep(Duration::from_secs(5)).await;
        drop(pass.land(
            None,
            Landing::Throttled {
                pause: Some(Duration::from_secs(300)),
            },
        ));
    };
    let (waiter, queued, ()) = tokio::join!(gate.enter(None), gate.enter(None), land);
    assert_eq!(waiter.unwrap_err().as_secs(), 300);
    assert_eq!(queued.unwrap_err().as_secs(), 300);
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_never_frees_is_waited_for_half_a_minute() {
    let gate = gate(100, Duration::from_secs(10), 1);
    let _pass = gate.enter(None).await.unwrap();
    let start = Instant::now();
    assert!(gate.enter(None).await.is_err());
    assert_eq!(start.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_in_flight_than_there_are_slots_over_all_origins() {
    let slots = Arc::new(Slots::new(3));
    let gates = [
        Gate::new(None, 3, Arc::clone(&slots)),
        Gate::new(None, 3, Arc::clone(&slots)),
    ];
    join_all((0..30).map(|number: usize| {
        let gate = &gates[number % 2];
        async move {
            let (slot, _) = gate
                .enter(None)
                .await
                .unwrap()
                .land(None, Landing::Answered);
            sleep(Duration::from_millis(10)).await;
            drop(slot);
        }
    }))
    .await;
    assert_eq!(slots.peak(), 3);
    assert_eq!(slots.taken.load(Ordering::Relaxed), 0);
}
