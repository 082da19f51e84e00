//! Resource units: what a request costs, and the bucket that they come out of.
//!
//! The quota belongs to an app in a tenant, which is what one simulator is. A bucket of the ten-second quota refills
//! evenly. A throttled request accrues a unit too, down to a second's worth of debt, so hammering makes it worse.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::odata::Query;
use super::options::Quota;
use super::route::Route;

/// Units that a request costs: the route's base, less one for `$select`, one more for `$expand`, less one for a `$top`
/// below twenty, and never less than one.
pub(crate) fn cost(route: Route, query: &Query) -> u32 {
    let base: i32 = match route {
        Route::GroupMembers => 3,
        Route::GroupTransitiveMembers | Route::GetByIds => 5,
        Route::Users | Route::UserMemberOf | Route::UserTransitiveMemberOf => 2,
        _ => 1,
    };
    if route == Route::GetByIds {
        return if query.get("$select").is_some() { 2 } else { 5 };
    }
    let select = i32::from(query.get("$select").is_some());
    let expand = i32::from(query.get("$expand").is_some());
    let small = i32::from(
        query
            .get("$top")
            .and_then(|top| top.parse::<u32>().ok())
            .is_some_and(|top| top < 20),
    );
    u32::try_from(base - select + expand - small)
        .unwrap_or(1)
        .max(1)
}

#[derive(Debug)]
pub(crate) struct Throttle(Mutex<Bucket>);

#[derive(Debug)]
struct Bucket {
    quota: Option<f64>,
    units: f64,
    filled: Instant,
}

impl Throttle {
    pub(crate) fn new(quota: Quota) -> Self {
        let throttle = Self(Mutex::new(Bucket {
            quota: None,
            units: 0.0,
            filled: Instant::now(),
        }));
        throttle.set(quota);
        throttle
    }

    /// Changes the quota and fills the bucket.
    pub(crate) fn set(&self, quota: Quota) {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.quota = quota.units().map(f64::from);
        bucket.units = bucket.quota.unwrap_or_default();
        bucket.filled = Instant::now();
    }

    /// Takes units out, or says how long it takes until they are there.
    pub(crate) fn take(&self, units: u32) -> Result<(), Duration> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(f64::from(units), Instant::now())
    }
}

impl Bucket {
    fn take(&mut self, units: f64, now: Instant) -> Result<(), Duration> {
        let Some(quota) = self.quota else {
            return Ok(());
        };
        let rate = quota / 10.0;
        self.units = (self.units + now.saturating_duration_since(self.filled).as_secs_f64() * rate)
            .min(quota);
        self.filled = now;
        if self.units >= units {
            self.units -= units;
            return Ok(());
        }
        self.units = (self.units - 1.0).max(-rate);
        Err(Duration::from_secs_f64((units - self.units) / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(route: Route, query: &str) -> u32 {
        cost(route, &Query::parse(query))
    }

    #[test]
    fn costs_follow_the_published_table() {
        assert_eq!(units(Route::GroupMembers, ""), 3);
        assert_eq!(units(Route::GroupMembers, "$select=id&$top=999"), 2);
        assert_eq!(units(Route::GroupMembers, "$select=id&$top=5"), 1);
        assert_eq!(
            units(Route::GroupTransitiveMembers, "$select=id&$top=999"),
            4
        );
        assert_eq!(units(Route::Groups, "$expand=members"), 2);
        assert_eq!(units(Route::Groups, "$select=id"), 1);
        assert_eq!(units(Route::Users, ""), 2);
        assert_eq!(units(Route::Users, "$select=id"), 1);
        assert_eq!(units(Route::UsersDelta, "$select=id"), 1);
        assert_eq!(units(Route::GetByIds, ""), 5);
        assert_eq!(units(Route::GetByIds, "$select=id"), 2);
    }

    #[test]
    fn the_bucket_empties_refills_in_ten_seconds_and_makes_hammering_wait_longer() {
        let start = Instant::now();
        let mut bucket = Bucket {
            quota: Some(100.0),
            units: 100.0,
            filled: start,
        };
        for _ in 0..50 {
            bucket.take(2.0, start).unwrap();
        }
        let first = bucket.take(2.0, start).unwrap_err();
        assert!(
            first >= Duration::from_millis(200),
            "two units refill in 0.2 s"
        );
        let second = bucket.take(2.0, start).unwrap_err();
        assert!(second > first);
        for _ in 0..1_000 {
            let _ = bucket.take(2.0, start);
        }
        assert!(
            bucket.take(2.0, start).unwrap_err() <= Duration::from_millis(1_200),
            "debt has a floor"
        );
        let later = start + Duration::from_secs(5);
        let mut taken = 0;
        while bucket.take(2.0, later).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, 20, "five seconds give fifty units, less ten of debt");
        assert!(Throttle::new(Quota::Off).take(1_000_000).is_ok());
    }
}
