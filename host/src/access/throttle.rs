//! Brakes on guessing.
//!
//! One for an address and a name together stops a guesser soon, and hurts nobody else. One for an address
//! stops going through names. One for a name is for guessers with many addresses; it is slow, and doesn't
//! hold for addresses that the user signed in from before, so it locks nobody out.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::error::AccessError;
use super::network::subscriber;

/// Most keys that a brake remembers. An attacker needs as many addresses to push one out.
const MOST: usize = 20_000;

/// Lets `burst` through at once, then one each time that the pause has passed.
#[derive(Debug)]
struct Brake<K> {
    burst: i32,
    pause: SignedDuration,
    /// When all is forgotten about a key.
    calm: Mutex<HashMap<K, Timestamp>>,
}

impl<K: Eq + Hash + Clone> Brake<K> {
    fn new(burst: i32, pause_seconds: i64) -> Self {
        Self {
            burst,
            pause: SignedDuration::from_secs(pause_seconds),
            calm: Mutex::default(),
        }
    }

    /// Counts an attempt, or tells how long to wait.
    fn take(&self, key: &K, now: Timestamp) -> Result<(), AccessError> {
        let mut calm = self.calm.lock().unwrap_or_else(PoisonError::into_inner);
        let before = calm.get(key).copied().unwrap_or(now).max(now);
        let after = before.saturating_add(self.pause);
        let after = after.unwrap_or(before);
        let excess = after.duration_since(now) - self.pause * self.burst;
        if excess.is_positive() {
            let wait = Duration::try_from(excess).unwrap_or(Duration::MAX);
            return Err(AccessError::Throttled(wait));
        }
        if calm.len() >= MOST && !calm.contains_key(key) {
            make_room(&mut calm, now);
        }
        calm.insert(key.clone(), after);
        Ok(())
    }

    /// Uncounts an attempt.
    fn give_back(&self, key: &K) {
        let mut calm = self.calm.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = calm.get_mut(key) {
            *at = at.saturating_sub(self.pause).unwrap_or(*at);
        }
    }

    fn forget(&self, key: &K) {
        let mut calm = self.calm.lock().unwrap_or_else(PoisonError::into_inner);
        calm.remove(key);
    }
}

fn make_room<K: Eq + Hash + Clone>(calm: &mut HashMap<K, Timestamp>, now: Timestamp) {
    calm.retain(|_, at| *at > now);
    if calm.len() >= MOST {
        // The one with the fewest attempts.
        let least = calm.iter().min_by_key(|(_, at)| **at);
        if let Some(key) = least.map(|(key, _)| key.clone()) {
            calm.remove(&key);
        }
    }
}

/// Where an attempt came from, as it is counted.
pub(super) type Place = Option<IpAddr>;

/// All brakes of a server. They forget when it restarts.
#[derive(Debug)]
pub(super) struct Throttle {
    pair: Brake<(Place, String)>,
    address: Brake<Place>,
    name: Brake<String>,
    setup: Brake<Place>,
    setup_all: Brake<()>,
    provider: Brake<Place>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            pair: Brake::new(5, 60),
            address: Brake::new(30, 10),
            name: Brake::new(50, 20),
            setup: Brake::new(5, 30),
            setup_all: Brake::new(50, 2),
            provider: Brake::new(20, 3),
        }
    }
}

impl Throttle {
    /// Before a password is checked.
    pub(super) fn attempt(
        &self,
        from: Place,
        name: &str,
        now: Timestamp,
    ) -> Result<(), AccessError> {
        let from = from.map(subscriber);
        self.pair.take(&(from, name.to_owned()), now)?;
        self.address.take(&from, now)
    }

    /// The same where the user never signed in from there.
    pub(super) fn stranger(&self, name: &str, now: Timestamp) -> Result<(), AccessError> {
        self.name.take(&name.to_owned(), now)
    }

    /// The password was right.
    pub(super) fn succeeded(&self, from: Place, name: &str, stranger: bool) {
        let from = from.map(subscriber);
        self.pair.forget(&(from, name.to_owned()));
        self.address.give_back(&from);
        if stranger {
            self.name.give_back(&name.to_owned());
        }
    }

    /// Before a setup code is compared.
    pub(super) fn setup(&self, from: Place, now: Timestamp) -> Result<(), AccessError> {
        self.setup.take(&from.map(subscriber), now)?;
        self.setup_all.take(&(), now)
    }

    /// Before somebody is sent to the identity provider.
    pub(super) fn provider(&self, from: Place, now: Timestamp) -> Result<(), AccessError> {
        self.provider.take(&from.map(subscriber), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn from(last: u8) -> Place {
        Some(IpAddr::from([203, 0, 113, last]))
    }

    fn waits(outcome: Result<(), AccessError>) -> u64 {
        match outcome {
            Err(AccessError::Throttled(wait)) => wait.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn after_a_burst_one_attempt_a_pause_is_let_through() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            throttle.attempt(from(1), "anna", NOW).unwrap();
        }
        assert_eq!(waits(throttle.attempt(from(1), "anna", NOW)), 60);
        let later = NOW + SignedDuration::from_secs(40);
        assert_eq!(waits(throttle.attempt(from(1), "anna", later)), 20);
        let later = NOW + SignedDuration::from_secs(60);
        throttle.attempt(from(1), "anna", later).unwrap();
        assert_eq!(waits(throttle.attempt(from(1), "anna", later)), 60);
    }

    #[test]
    fn a_guesser_slows_nobody_at_another_address() {
        let throttle = Throttle::default();
        while throttle.attempt(from(1), "anna", NOW).is_ok() {}
        throttle.attempt(from(2), "anna", NOW).unwrap();
    }

    #[test]
    fn going_through_names_is_stopped_by_address() {
        let throttle = Throttle::default();
        let mut names = (0..).map(|n| format!("user{n}"));
        let passed = names
            .by_ref()
            .take_while(|name| throttle.attempt(from(1), name, NOW).is_ok())
            .count();
        assert_eq!(passed, 30);
    }

    #[test]
    fn whoever_succeeds_begins_anew() {
        let throttle = Throttle::default();
        for _ in 0..100 {
            throttle.attempt(from(1), "anna", NOW).unwrap();
            throttle.stranger("anna", NOW).unwrap();
            throttle.succeeded(from(1), "anna", true);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let brake = Brake::new(1, 60);
        for key in 0..(MOST + 10) {
            brake.take(&key, NOW).unwrap();
        }
        assert_eq!(brake.calm.lock().unwrap().len(), MOST);
        let later = NOW + SignedDuration::from_secs(61);
        brake.take(&(MOST + 11), later).unwrap();
        assert_eq!(brake.calm.lock().unwrap().len(), 1);
    }
}
