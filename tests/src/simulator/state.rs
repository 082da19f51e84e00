//! What one running simulator knows, shared by all its connections.

use std::borrow::Cow;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use super::access::AccessTokens;
use super::assertion::Seen;
use super::directory::Directory;
use super::faults::Faults;
use super::generate;
use super::odata::Query;
use super::options::{AppRegistration, Behaviour, SimulatorOptions};
use super::refusal::Refusal;
use super::render;
use super::stats::Stats;
use super::throttle::Throttle;
use super::token::Sealer;

/// A lock whose holder cannot leave anything half done that matters to a test.
#[derive(Debug)]
pub(crate) struct Guarded<T>(RwLock<T>);

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(RwLock::new(value))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of a simulator.
pub(crate) struct State {
    pub(crate) tenant_id: String,
    pub(crate) public_base: Option<String>,
    /// Seed of every whim.
    pub(crate) seed: u64,
    pub(crate) sealer: Sealer,
    pub(crate) directory: Guarded<Directory>,
    pub(crate) behaviour: Guarded<Behaviour>,
    pub(crate) app: Guarded<AppRegistration>,
    pub(crate) access: AccessTokens,
    pub(crate) assertions: Seen,
    pub(crate) throttle: Throttle,
    pub(crate) faults: Faults,
    pub(crate) stats: Stats,
    clock: AtomicI64,
    /// Delta tokens of earlier epochs have expired.
    pub(crate) delta_epoch: AtomicU32,
    /// Page tokens of earlier epochs have expired.
    pub(crate) page_epoch: AtomicU32,
}

impl State {
    pub(crate) fn new(options: &SimulatorOptions) -> Self {
        let seed = options.tenant.seed;
        Self {
            tenant_id: options.tenant_id.clone(),
            public_base: options.public_base.clone(),
            seed,
            sealer: Sealer(fastrand::u64(..)),
            directory: Guarded::new(generate::directory(&options.tenant)),
            behaviour: Guarded::new(options.behaviour.clone()),
            app: Guarded::new(options.app.clone()),
            access: AccessTokens::default(),
            assertions: Seen::default(),
            throttle: Throttle::new(options.quota),
            faults: Faults::default(),
            stats: Stats::default(),
            clock: AtomicI64::new(0),
            delta_epoch: AtomicU32::new(0),
            page_epoch: AtomicU32::new(0),
        }
    }

    /// Seconds since 1970 by the simulator's clock, which can be advanced.
    pub(crate) fn now(&self) -> u64 {
        let seconds = jiff::Timestamp::now().as_second() + self.clock.load(Ordering::Relaxed);
        u64::try_from(seconds).unwrap_or_default()
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.fetch_add(
            i64::try_from(seconds).unwrap_or(i64::MAX / 4),
            Ordering::Relaxed,
        );
    }

    /// Whether the app holds one of these permissions.
    pub(crate) fn granted(&self, any: &[&str]) -> bool {
        let app = self.app.read();
        any.iter()
            .any(|permission| app.permissions.contains(*permission))
    }

    /// An error body with the members that support asks for.
    pub(crate) fn refuse(&self, refusal: &Refusal, call: &Call) -> Reply {
        let mut body = Vec::with_capacity(320);
        body.extend_from_slice(b"{\"error\":{\"code\":");
        render::string(&mut body, refusal.code);
        body.extend_from_slice(b",\"message\":");
        render::string(&mut body, &refusal.message);
        let stamp = jiff::Timestamp::from_second(i64::try_from(self.now()).unwrap_or_default())
            .unwrap_or_default();
        // The documentation spells it both ways.
        let spelling = if fastrand::f64() < self.behaviour.read().nastiness {
            "innererror"
        } else {
            "innerError"
        };
        let inner = format!(
            ",\"{spelling}\":{{\"date\":\"{}\",\"request-id\":\"{}\",\"client-request-id\":",
            stamp.strftime("%Y-%m-%dT%H:%M:%S"),
            call.request_id
        );
        body.extend_from_slice(inner.as_bytes());
        render::string(
            &mut body,
            call.client_request_id
                .as_deref()
                .unwrap_or(&call.request_id),
        );
        body.extend_from_slice(b"}}}");
        Reply {
            status: refusal.status,
            body,
            ..Reply::default()
        }
    }
}

/// One request, or one part of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    pub(crate) method: http::Method,
    /// Decoded path behind the version.
    pub(crate) path: String,
    pub(crate) raw_query: String,
    pub(crate) query: Query,
    /// `ConsistencyLevel: eventual` was sent.
    pub(crate) consistency: bool,
    /// `Prefer: return=minimal` was sent.
    pub(crate) minimal: bool,
    pub(crate) body: Bytes,
    /// Scheme and authority that links are built from.
    pub(crate) origin: String,
    pub(crate) request_id: String,
    pub(crate) client_request_id: Option<String>,
}

/// How an answer leaves the building.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    #[default]
    Whole,
    /// The length of the whole body, half of the bytes, then the end.
    CutShort,
    /// Half of the bytes, then silence.
    StallMidway,
    /// No answer at all, and the connection reset.
    Reset,
    /// No answer at all, and the connection closed.
    Close,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    /// `Content-Type`, when it is not JSON.
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) delivery: Delivery,
}

impl Reply {
    pub(crate) fn json(body: Vec<u8>) -> Self {
        Self {
            status: 200,
            body,
            ..Self::default()
        }
    }

    pub(crate) fn text(body: String) -> Self {
        Self {
            status: 200,
            body: body.into_bytes(),
            content_type: Some("text/plain".to_owned()),
            ..Self::default()
        }
    }
}
