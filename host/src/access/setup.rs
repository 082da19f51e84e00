//! The first start: the one-time code with which the first admin is made.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::error::AccessError;
use super::secret::{self, Digest};
use super::session::{NewSession, SignedInBy, principal};
use super::user::{Draft, LONGEST_NAME, check_names, refuse};
use super::visitor::{Visitor, bounded};
use super::{Access, Role, any_user, password};

/// Crockford's digits: none is taken for another when a code is typed.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a code, of five bits each: 100 bits.
const LENGTH: usize = 20;
/// Characters of a group.
const GROUP: usize = 5;

/// The code that is valid now.
#[derive(Default)]
pub(super) struct Code(Mutex<Option<Digest>>);

impl fmt::Debug for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Code")
    }
}

impl Code {
    fn replace(&self, code: Option<Digest>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = code;
    }

    fn is(&self, code: &str) -> bool {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref() == Some(&Digest::of(&plain(code)))
    }
}

/// A code as it is compared: capitals without separators, look-alikes read as what they stand for.
fn plain(code: &str) -> String {
    code.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect()
}

fn fresh() -> Result<SecretString, AccessError> {
    let mut bytes = [0_u8; LENGTH];
    secret::fill(&mut bytes)?;
    let mut code = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 && place % GROUP == 0 {
            code.push('-');
        }
        // 256 is a multiple of 32: no digit is likelier than another.
        let digit = DIGITS.get(usize::from(byte % 32)).copied();
        code.extend(digit.map(char::from));
    }
    Ok(code.into())
}

impl Access {
    /// Makes the code for the first admin, such as `7ZK0M-…`: 100 random bits, valid until it is used, another
    /// one is made, or this program ends. `None` where there is a user already. Show it on the terminal only.
    ///
    /// # Errors
    /// Where the database or the machine's randomness fails.
    pub async fn setup_code(&self) -> Result<Option<SecretString>, AccessError> {
        if self.is_configured().await? {
            return Ok(None);
        }
        let code = fresh()?;
        self.setup
            .replace(Some(Digest::of(&plain(code.expose_secret()))));
        Ok(Some(code))
    }

    /// Makes the first admin, and signs them in.
    ///
    /// # Errors
    /// Where there is a user already, the code is wrong or was used, there were too many wrong ones, or fields
    /// are wrong.
    pub async fn set_up(
        &self,
        code: &str,
        name: &str,
        password: SecretString,
        visitor: &Visitor,
    ) -> Result<NewSession, AccessError> {
        if self.is_configured().await? {
            return Err(AccessError::AlreadySetUp);
        }
        self.throttle.setup(visitor.address, self.now())?;
        if !self.setup.is(code) {
            let claimed = bounded(name, LONGEST_NAME);
            self.record_failure(&claimed, visitor, "setup").await?;
            return Err(AccessError::SetupCode);
        }
        let mut wrong = check_names(name, name);
        wrong.extend(password::check(&password, name, "password"));
        refuse(wrong)?;
        let hash = self.passwords.hash(password).await?;
        let draft = Draft {
            name,
            display_name: name,
            role: Role::Admin,
            password: Some(&hash),
            first: true,
            identity: None,
        };
        let session = self
            .database
            .write(async |connection| {
                if any_user(connection).await? {
                    return Err(AccessError::AlreadySetUp);
                }
                let user = self.insert_user(connection, &draft).await?;
                let by = principal(&user, visitor);
                let details = json!({"role": user.role, "first": true});
                let target = Some(user.target());
                self.record(connection, &by, "user.create", target, details)
                    .await?;
                self.begin(connection, &user, SignedInBy::Setup, visitor)
                    .await
            })
            .await?;
        self.setup.replace(None);
        self.configured.store(true, Ordering::Relaxed);
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_grouped_for_reading_and_read_as_it_is_typed() {
        let code = fresh().unwrap();
        let code = code.expose_secret();
        assert_eq!(code.len(), 23, "{code}");
        assert!(code.split('-').all(|group| group.len() == 5), "{code}");
        assert_eq!(plain(&code.to_lowercase().replace('-', " ")), plain(code));
        assert_eq!(plain("oil-0"), "0110");
        assert_ne!(fresh().unwrap().expose_secret(), code);
    }
}
