//! Users, sessions and tokens for tests, made without waiting for a password's hash.

use secrecy::ExposeSecret;

use super::user::Draft;
use super::*;

/// The password of every user that is made here.
pub(crate) const PASSWORD: &str = "a password for tests";

impl Access {
    /// A user with [`PASSWORD`].
    pub(crate) async fn test_user(&self, name: &str, role: Role) -> User {
        // Of `PASSWORD`, with parameters so weak that it takes no time.
        static HASH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
        let hash = HASH.get_or_init(weak_hash);
        let draft = Draft {
            name,
            display_name: name,
            role,
            password: Some(hash),
            first: false,
            identity: None,
        };
        let made: Result<User, AccessError> = self
            .database
            .write(async |connection| self.insert_user(connection, &draft).await)
            .await;
        made.unwrap()
    }

    /// A session of a user, without signing in.
    pub(crate) async fn test_session(&self, user: &User) -> NewSession {
        let visitor = Visitor::default();
        let opened: Result<NewSession, AccessError> = self
            .database
            .write(async |connection| {
                self.open_session(connection, user, SignedInBy::Password, &visitor)
                    .await
            })
            .await;
        opened.unwrap()
    }

    /// A token of a user with the user's role; it never expires.
    pub(crate) async fn test_token(&self, user: &User) -> String {
        let caller = self.test_session(user).await.caller;
        let new = NewToken {
            name: "for tests".into(),
            role: user.role,
            expires_at: None,
        };
        let (_, token) = self.create_token(&new, &caller).await.unwrap();
        token.expose_secret().to_owned()
    }

    /// What was written down so far, the oldest first: action, actor's name, target's name.
    pub(crate) async fn deeds(&self) -> Vec<(String, String, String)> {
        let filter = audit::Filter::default();
        let mut lines = audit::read(&self.database, &filter, 500).await.unwrap();
        lines.reverse();
        lines
            .into_iter()
            .map(|line| {
                let target = line.target.map(|target| target.name);
                (line.action, line.actor.name, target.unwrap_or_default())
            })
            .collect()
    }
}

fn weak_hash() -> String {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let params = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap();
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: argon2::PasswordHash = argon.hash_password(PASSWORD.as_bytes()).unwrap();
    hash.to_string()
}

/// Access over an empty database under this policy, with its clock.
pub(crate) async fn access_under(
    policy: AccessPolicy,
) -> (Access, crate::clock::ManualClock, tempfile::TempDir) {
    let (database, folder) = crate::database::testing::empty().await;
    let clock = crate::clock::ManualClock::new("2026-03-01T08:00:00Z".parse().unwrap());
    let access = Access::new(database, Arc::new(clock.clone()), policy).unwrap();
    (access, clock, folder)
}

/// A client at this address.
pub(crate) fn at(address: &str) -> Visitor {
    Visitor {
        address: Some(address.parse().unwrap()),
        ..Visitor::default()
    }
}
