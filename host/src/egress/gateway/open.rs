//! What a connection must be for a gateway to open.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::HeaderName;
use url::Url;

use super::{
    super::{
        Authentication, Connection, Egress, Limits, Quota, Secrets,
        allow::{Origin, Policy},
        client::Transport,
        credential::Credential,
        error::EgressError,
        gate::{Gate, Slots},
        pace::Allowance,
        token::TokenClient,
        usage::Counters,
    },
    Door, Gateway, LONGEST_IDLE,
};

impl Gateway {
    pub(in super::super) fn new(
        egress: &Egress,
        connection: &Connection,
        declared_hosts: &[String],
        secrets: Secrets,
        limits: Limits,
    ) -> Result<Self, EgressError> {
        let policy = Policy::new(&egress.options.allow_origins, declared_hosts)?;
        let (allowance, cost_header) = quota(connection.quota.as_ref())?;
        let slots = Arc::new(Slots::new(limits.max_in_flight));
        let mut doors = BTreeMap::new();
        for text in &connection.origins {
            let origin = address("origin", text)?;
            let reach = policy.judge(&origin)?;
            let gate = || Gate::new(allowance, limits.max_in_flight, Arc::clone(&slots));
            doors.entry(origin).or_insert_with(|| Door {
                reach,
                gate: gate(),
            });
        }
        let counters = Arc::new(Counters::default());
        let transport = Arc::new(Transport::new(egress.recipe.clone(), limits.max_in_flight)?);
        let (audience, client) = match &connection.authentication {
            Authentication::None => (BTreeSet::new(), None),
            Authentication::Bearer { .. } => (doors.keys().cloned().collect(), None),
            Authentication::ClientCredentials(credentials) => {
                let named: BTreeSet<Origin> = credentials
                    .audience
                    .iter()
                    .map(|text| address("audience", text))
                    .collect::<Result<_, _>>()?;
                let origin = address("token endpoint", &credentials.token_endpoint)?;
                let reach = policy.judge(&origin)?;
                let url = Url::parse(&credentials.token_endpoint).map_err(|_| {
                    EgressError::Unsupported("the token endpoint can't be read as a URL".to_owned())
                })?;
                let client = TokenClient::new(
                    credentials,
                    (&secrets, &egress.options.token_folders),
                    (url, origin, reach),
                    Arc::clone(&transport),
                    Arc::clone(&counters),
                )?;
                (
                    named
                        .into_iter()
                        .filter(|origin| doors.contains_key(origin))
                        .collect(),
                    Some(client),
                )
            }
        };
        let credential = Credential::new(&connection.authentication, audience, secrets, client)?;
        let idle_timeout = egress.options.idle_timeout.min(LONGEST_IDLE);
        Ok(Self {
            doors,
            credential,
            transport,
            counters,
            slots,
            limits,
            idle_timeout,
            cost_header,
            journal: OnceLock::new(),
        })
    }
}

fn address(what: &'static str, text: &str) -> Result<Origin, EgressError> {
    Origin::of_text(text).map_err(|source| EgressError::Address { what, source })
}

fn quota(quota: Option<&Quota>) -> Result<(Option<Allowance>, Option<HeaderName>), EgressError> {
    let Some(quota) = quota else {
        return Ok((None, None));
    };
    if quota.units == 0 || quota.window_ms == 0 {
        return Err(EgressError::Quota("units and window must be more than 0"));
    }
    let name = quota
        .cost_header
        .as_deref()
        .map(str::parse::<HeaderName>)
        .transpose();
    let name =
        name.map_err(|_| EgressError::Quota("the cost header isn't the name of a header"))?;
    let window = Duration::from_millis(u64::from(quota.window_ms));
    Ok((
        Some(Allowance {
            units: u64::from(quota.units),
            window,
        }),
        name,
    ))
}
