//! Passwords: which are good enough, and hashing them.

use std::sync::Arc;

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use super::error::AccessError;
use super::secret;
use crate::contract::Problem;

/// Characters of a password. The upper end bounds the work, and leaves room for any sentence.
const LENGTH: std::ops::RangeInclusive<usize> = 12..=256;
/// Hashes computed at once: each takes 19 MiB and a core.
const AT_ONCE: usize = 4;
/// How many may wait for their turn.
const WAITING: usize = 64;

/// Hashes and checks passwords off the async threads, a few at a time.
#[derive(Debug)]
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// Hash of a password that nobody has: checked where there is none to check, which takes as long.
    nobody: OnceCell<String>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new(cores.min(AT_ONCE))),
            queue: Arc::new(Semaphore::new(WAITING)),
            nobody: OnceCell::new(),
        }
    }
}

impl Passwords {
    /// The hash to keep, in PHC form: Argon2id with OWASP's parameters (19 MiB, two passes, one lane),
    /// which are the crate's defaults and checked by a test.
    pub(super) async fn hash(&self, password: SecretString) -> Result<String, AccessError> {
        self.work(move || {
            let hash: Result<PasswordHash, _> =
                Argon2::default().hash_password(password.expose_secret().as_bytes());
            hash.map(|hash| hash.to_string())
                .map_err(|error| AccessError::Broken(error.to_string()))
        })
        .await
    }

    /// Whether the password is the one of that hash. Takes as long where there is no hash.
    pub(super) async fn verify(
        &self,
        hash: Option<String>,
        password: SecretString,
    ) -> Result<bool, AccessError> {
        let known = hash.is_some();
        let hash = match hash {
            Some(hash) => hash,
            None => self.nobody().await?,
        };
        // Nobody has a longer one, and a hash of it would take longer.
        let fits = password.expose_secret().len() <= *LENGTH.end() * 4;
        let password = if fits { password } else { "".into() };
        let right = self
            .work(move || {
                let hash = PasswordHash::new(&hash)
                    .map_err(|error| AccessError::Broken(error.to_string()))?;
                let bytes = password.expose_secret().as_bytes();
                Ok(Argon2::default().verify_password(bytes, &hash).is_ok())
            })
            .await?;
        Ok(right && known && fits)
    }

    async fn nobody(&self) -> Result<String, AccessError> {
        self.nobody
            .get_or_try_init(async || self.hash(secret::random()?).await)
            .await
            .cloned()
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AccessError> + Send + 'static,
    ) -> Result<T, AccessError> {
        let Ok(place) = Arc::clone(&self.queue).try_acquire_owned() else {
            return Err(AccessError::Busy);
        };
        let broken = |error: &dyn std::fmt::Display| AccessError::Broken(error.to_string());
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| broken(&error))?;
        // Both stay taken until it is computed, also where the request is given up meanwhile.
        let held: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, turn);
        tokio::task::spawn_blocking(move || {
            let _held = held;
            work()
        })
        .await
        .map_err(|error| broken(&error))?
    }
}

/// What is wrong with a password that a user of this name wants. `path` is the field that it came in.
pub(super) fn check(password: &SecretString, name: &str, path: &str) -> Option<Problem> {
    let password = password.expose_secret();
    let message = if !LENGTH.contains(&password.chars().count()) {
        format!(
            "It doesn't have {} to {} characters.",
            LENGTH.start(),
            LENGTH.end()
        )
    } else if password.to_lowercase() == name.to_lowercase() {
        "It is the user's name.".into()
    } else {
        return None;
    };
    Some(Problem {
        path: path.into(),
        message,
        remedy: "Use a sentence, or let a password manager make one.".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_hash_has_the_parameters_that_owasp_recommends_and_a_salt_of_its_own() {
        let passwords = Passwords::default();
        let one = passwords
            .hash("correct horse battery".into())
            .await
            .unwrap();
        let other = passwords
            .hash("correct horse battery".into())
            .await
            .unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
    }

    #[tokio::test]
    async fn only_the_right_password_fits_and_nothing_fits_nobody() {
        let passwords = Passwords::default();
        let hash = passwords
            .hash("correct horse battery".into())
            .await
            .unwrap();
        let fits = async |hash: Option<&str>, password: &str| {
            let hash = hash.map(str::to_owned);
            passwords.verify(hash, password.into()).await.unwrap()
        };
        assert!(fits(Some(&hash), "correct horse battery").await);
        assert!(!fits(Some(&hash), "correct horse batterz").await);
        assert!(!fits(Some(&hash), "").await);
        assert!(!fits(Some(&hash), &"x".repeat(100_000)).await);
        assert!(!fits(None, "correct horse battery").await);
    }

    #[tokio::test]
    async fn more_than_a_full_queue_is_sent_away() {
        let passwords = Passwords::default();
        let _all = passwords.queue.acquire_many(64).await.unwrap();
        let outcome = passwords.hash("correct horse battery".into()).await;
        assert!(matches!(outcome, Err(AccessError::Busy)));
    }

    #[test]
    fn length_counts_and_composition_does_not() {
        let wrong = |password: &str| check(&password.into(), "Somebody-Else", "password").is_some();
        assert!(wrong("elevenchars"));
        assert!(!wrong("twelve chars"));
        assert!(!wrong("ääääääääääää"));
        assert!(!wrong(&"a".repeat(256)));
        assert!(wrong(&"a".repeat(257)));
        assert!(wrong("somebody-else"));
    }
}
