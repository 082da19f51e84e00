//! Pages through the whole router.

mod account;
mod audit;
mod connectors;
mod directory;
mod frame;
mod maps;
mod plugins;
mod runs;
mod settings;
mod users;

use secrecy::ExposeSecret;

use crate::access::{Means, NewSession};

/// What every form of this session carries.
fn csrf_of(session: &NewSession) -> String {
    match &session.caller.means {
        Means::Session { csrf, .. } => csrf.expose_secret().to_owned(),
        Means::Token { .. } => String::new(),
    }
}
mod profiles;
mod wizard;
