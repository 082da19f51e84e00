//! stub
use super::policy::{OidcPolicy, PolicyError};
use crate::api::problem::Problem;
use secrecy::SecretString;
/// Cookie
pub const OIDC_COOKIE: &str = "connector_oidc";
/// e
#[derive(Debug, thiserror::Error)]
#[error("e")]
pub struct OidcError;
/// s
#[derive(Debug)]
pub struct Started {
    /// u
    pub url: String,
    /// s
    pub state: SecretString,
}
#[derive(Debug)]
pub(super) struct Oidc;
impl Oidc {
    pub(super) fn new(_p: OidcPolicy) -> Result<Self, PolicyError> {
        Ok(Self)
    }
}
impl From<OidcError> for Problem {
    fn from(_: OidcError) -> Self {
        Self::unauthorized()
    }
}
