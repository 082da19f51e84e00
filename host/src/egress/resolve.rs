//! Name resolution that gives only addresses which may be dialled.
//!
//! The client dials what this returns and nothing else, so there is no gap between the check and
//! the connection through which a name could change its address.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::allow::{Reach, is_public};

/// Looks a name up.
pub(super) type Lookup =
    Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The machine's own resolver.
pub(super) fn system() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Why a name has no address to dial.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("the host name {host} can't be resolved: {source}")]
    Failed { host: String, source: io::Error },
    #[error("the host name {host} has no address")]
    Empty { host: String },
    #[error(
        "the host {host} has only addresses that aren't public ({addresses}); to allow it nevertheless, add \
         `--allow-origin https://{host}`"
    )]
    Private { host: String, addresses: String },
}

/// Resolves for the connections of one reach.
#[derive(Clone)]
pub(super) struct Resolver {
    pub(super) lookup: Lookup,
    pub(super) reach: Reach,
    /// The operator's proxies, which may be anywhere.
    pub(super) proxies: Arc<BTreeSet<String>>,
}

impl Resolver {
    async fn resolve(self, host: String) -> Result<Vec<IpAddr>, ResolveError> {
        let found = match (self.lookup)(host.clone()).await {
            Ok(found) => found,
            Err(source) => return Err(ResolveError::Failed { host, source }),
        };
        if found.is_empty() {
            return Err(ResolveError::Empty { host });
        }
        if self.reach == Reach::Granted || self.proxies.contains(&host) {
            return Ok(found);
        }
        let (public, private): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|address| is_public(*address));
        if public.is_empty() {
            let mut addresses: Vec<_> = private.iter().take(4).map(ToString::to_string).collect();
            addresses.dedup();
            return Err(ResolveError::Private {
                host,
                addresses: addresses.join(", "),
            });
        }
        Ok(public)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().trim_end_matches('.').to_ascii_lowercase();
        let resolving = Self::resolve(self.clone(), host);
        Box::pin(async move {
            // The port comes from the URL.
            let addresses = resolving.await?;
            Ok(Box::new(
                addresses
                    .into_iter()
                    .map(|address| SocketAddr::new(address, 0)),
            ) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(reach: Reach, addresses: &'static [&'static str]) -> Resolver {
        Resolver {
            lookup: Arc::new(|_| {
                Box::pin(async { Ok(addresses.iter().map(|text| text.parse().unwrap()).collect()) })
            }),
            reach,
            proxies: Arc::new(BTreeSet::from(["proxy.contoso.example".to_owned()])),
        }
    }

    async fn resolve(resolver: Resolver, host: &str) -> Result<Vec<String>, ResolveError> {
        let found = resolver.resolve(host.to_owned()).await?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    #[tokio::test]
    async fn only_public_addresses_of_a_name_are_dialled() {
        let mixed = resolver(
            Reach::Public,
            &["10.0.0.1", "1.1.1.1", "::ffff:127.0.0.1", "2606:4700::1111"],
        );
        assert_eq!(
            resolve(mixed, "a.contoso.example").await.unwrap(),
            ["1.1.1.1", "2606:4700::1111"]
        );
    }

    #[tokio::test]
    async fn a_name_with_private_addresses_alone_is_refused_with_the_flag_that_grants_it() {
        let private = resolver(Reach::Public, &["169.254.169.254", "::1"]);
        let message = resolve(private, "a.contoso.example")
            .await
            .unwrap_err()
            .to_string();
        assert!(message.contains("169.254.169.254, ::1"), "{message}");
        assert!(
            message.contains("`--allow-origin https://a.contoso.example`"),
            "{message}"
        );
    }

    #[tokio::test]
    async fn granted_origins_and_proxies_may_be_anywhere() {
        assert_eq!(
            resolve(resolver(Reach::Granted, &["10.0.0.1"]), "a.contoso.example")
                .await
                .unwrap(),
            ["10.0.0.1"]
        );
        let public = resolver(Reach::Public, &["10.0.0.1"]);
        assert_eq!(
            resolve(public, "proxy.contoso.example").await.unwrap(),
            ["10.0.0.1"]
        );
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_an_error() {
        let error = resolve(resolver(Reach::Public, &[]), "a.contoso.example")
            .await
            .unwrap_err();
        assert!(matches!(error, ResolveError::Empty { .. }));
    }
}
