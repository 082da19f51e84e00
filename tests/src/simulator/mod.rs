//! A strict and unpleasant Microsoft Graph, small enough to run inside a test.
//!
//! It serves a seeded, synthetic tenant over real HTTP or HTTPS: the token endpoint, listings, memberships, delta
//! queries and batches, with the paging, permissions, throttling and errors that Microsoft documents or that were seen
//! in the wild. It follows those sources and no client: where they leave a behaviour open, a knob in [`Behaviour`]
//! decides, and a careful client works with either setting. `README.md` beside this file lists what is modelled.
//!
//! ```
//! use harness::simulator::{Simulator, SimulatorOptions, TenantSpec};
//!
//! let options = SimulatorOptions { tenant: TenantSpec::sized(50, 10, 200, 7), ..SimulatorOptions::default() };
//! let simulator = Simulator::start(options)?;
//! assert_eq!(simulator.truth().users.len(), 50);
//! assert!(simulator.graph_url().starts_with("http://127.0.0.1:"));
//! # Ok::<(), anyhow::Error>(())
//! ```

mod access;
mod admin;
mod batch;
mod blob;
mod chance;
mod delta;
mod directory;
mod faults;
mod filter;
mod filter_parser;
mod generate;
mod graph;
mod listing;
mod members;
mod names;
mod odata;
mod options;
mod records;
mod refusal;
mod render;
mod rounds;
mod route;
mod schema;
mod server;
mod state;
mod stats;
mod tenant;
#[cfg(test)]
mod tests;
mod throttle;
mod tls;
mod token;
mod truth;
mod wire;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context as _;

pub use admin::Expiry;
pub use faults::{FaultAction, FaultRule};
pub use options::{
    AppRegistration, Behaviour, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_SECRET_ID, DEMO_TENANT_ID,
    ExpirySpelling, HiddenMembers, Quota, RetryAfter, SYNC_PERMISSIONS, SimulatorOptions,
    TenantSpec, Trick,
};
pub use schema::Kind;
pub use stats::Statistics;
pub use tenant::Operation;
pub use truth::{Membership, Truth};

use state::State;

/// A running simulator, which stops when it is dropped. It has a runtime of its own, so it may be started from
/// anywhere, and a blocked test does not block it.
pub struct Simulator {
    state: Arc<State>,
    runtime: Option<tokio::runtime::Runtime>,
    address: SocketAddr,
    ca_pem: Option<String>,
}

impl Simulator {
    /// Makes the tenant and listens.
    ///
    /// # Errors
    /// When the address cannot be bound or no certificate can be made.
    pub fn start(options: SimulatorOptions) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(options.listen)
            .with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;
        let tls = options.tls.then(|| tls::make(address)).transpose()?;
        let (config, ca_pem) = tls.map(|tls| (tls.config, tls.ca_pem)).unzip();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("graph-simulator")
            .enable_all()
            .build()?;
        let state = Arc::new(State::new(&options));
        runtime.spawn(server::serve(Arc::clone(&state), listener, config));
        Ok(Self {
            state,
            runtime: Some(runtime),
            address,
            ca_pem,
        })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its origin, such as `http://127.0.0.1:49152`: the admin surface is below it.
    #[must_use]
    pub fn base_url(&self) -> String {
        let scheme = if self.ca_pem.is_some() {
            "https"
        } else {
            "http"
        };
        self.state
            .public_base
            .clone()
            .unwrap_or_else(|| format!("{scheme}://{}", self.address))
    }

    /// The origin that takes the place of `https://graph.microsoft.com`, without a version.
    #[must_use]
    pub fn graph_url(&self) -> String {
        self.base_url()
    }

    /// The origin that takes the place of `https://login.microsoftonline.com`.
    #[must_use]
    pub fn login_url(&self) -> String {
        self.base_url()
    }

    /// The tenant's token endpoint.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        format!(
            "{}/{}/oauth2/v2.0/token",
            self.base_url(),
            self.state.tenant_id
        )
    }

    /// Id of the tenant.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        &self.state.tenant_id
    }

    /// PEM of the authority that clients have to trust, with TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The tenant as it is now.
    #[must_use]
    pub fn truth(&self) -> Truth {
        Truth::of(&self.state.directory.read())
    }

    /// Makes random, realistic changes; equal seeds make equal changes. Returns how many took effect.
    pub fn churn(&self, seed: u64, changes: usize) -> usize {
        self.state.churn(seed, changes)
    }

    /// Applies one change and returns the id of its object.
    ///
    /// # Errors
    /// When the object does not exist or is in no state for this.
    pub fn mutate(&self, operation: &Operation) -> anyhow::Result<String> {
        self.state.mutate(operation).map_err(anyhow::Error::msg)
    }

    /// What was asked so far.
    #[must_use]
    pub fn stats(&self) -> Statistics {
        self.state.stats.snapshot()
    }

    /// Starts counting anew.
    pub fn reset_stats(&self) {
        self.state.stats.reset();
    }

    /// Adds a fault rule; of several that match, the first one strikes.
    ///
    /// # Errors
    /// When its path is no regular expression.
    pub fn inject(&self, rule: FaultRule) -> anyhow::Result<()> {
        self.state.faults.add(rule).map_err(anyhow::Error::msg)
    }

    /// Removes all fault rules.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// Expires tokens given out so far.
    pub fn expire(&self, expiry: Expiry) {
        self.state.expire(expiry);
    }

    /// Moves the simulator's clock forward: access and delta tokens age.
    pub fn advance_clock(&self, seconds: u64) {
        self.state.advance(seconds);
    }

    /// Replaces the app's permissions, with effect on the next call.
    pub fn set_permissions<S: Into<String>>(&self, permissions: impl IntoIterator<Item = S>) {
        self.state.app.write().permissions = permissions.into_iter().map(Into::into).collect();
    }

    /// Changes the app registration, such as its secret.
    pub fn edit_app(&self, edit: impl FnOnce(&mut AppRegistration)) {
        edit(&mut self.state.app.write());
    }

    /// Changes the quota and fills its bucket.
    pub fn set_quota(&self, quota: Quota) {
        self.state.throttle.set(quota);
    }

    /// Changes how the simulator behaves.
    pub fn edit_behaviour(&self, edit: impl FnOnce(&mut Behaviour)) {
        edit(&mut self.state.behaviour.write());
    }

    /// Every access token that was issued and is not forgotten: what must never be seen anywhere else.
    #[must_use]
    pub fn access_tokens(&self) -> Vec<String> {
        self.state.access.0.read().keys().cloned().collect()
    }

    /// Sets what each request takes, in milliseconds.
    pub fn set_latency(&self, milliseconds: u64, jitter: u64) {
        self.edit_behaviour(|behaviour| {
            behaviour.latency_ms = milliseconds;
            behaviour.latency_jitter_ms = jitter;
        });
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator")
            .field("base_url", &self.base_url())
            .finish_non_exhaustive()
    }
}
