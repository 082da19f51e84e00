//! The HTTP clients: TLS roots, proxies, pools, time limits.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, NoProxy, Proxy};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use url::Url;

use super::{
    NetworkOptions,
    allow::{Origin, Reach},
    error::{EgressError, SendError, SendErrorKind},
    resolve::{Lookup, Resolver},
};

/// Servers of HTTP/2 usually allow 100 streams on a connection; a client keeps one connection.
const STREAMS_PER_CONNECTION: usize = 96;
const MOST_CLIENTS: usize = 8;

/// Trust: the machine's certificate authorities, or the built-in ones where it has none (a bare
/// container), and in both cases those in `files`.
///
/// # Errors
/// Where a file can't be read or holds no certificate.
pub fn tls(files: &[PathBuf]) -> Result<ClientConfig, EgressError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    let (known, odd) = roots.add_parsable_certificates(native.certs);
    tracing::debug!(known, odd, "certificate authorities of the machine");
    if known == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for file in files {
        add_file(&mut roots, file)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| EgressError::Client(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn add_file(roots: &mut RootCertStore, file: &Path) -> Result<(), EgressError> {
    let wrong = |reason: String| EgressError::CaFile {
        path: file.to_owned(),
        reason,
    };
    let text = fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let mut found = 0_u32;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
        found = found.saturating_add(1);
    }
    if found == 0 {
        return Err(wrong("it holds no certificate in PEM form".to_owned()));
    }
    Ok(())
}

/// The operator's proxies and the host names at which they stand.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies {
    list: Vec<Proxy>,
    pub(super) names: Arc<BTreeSet<String>>,
}

impl Proxies {
    /// `variable` reads the environment.
    pub(super) fn new(
        option: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, EgressError> {
        let mut proxies = Self::default();
        match option {
            None | Some("") => {}
            Some("system") => {
                let either =
                    |name: &str| variable(&name.to_ascii_lowercase()).or_else(|| variable(name));
                let all = either("ALL_PROXY");
                let direct = either("NO_PROXY").and_then(|list| NoProxy::from_string(&list));
                if let Some(text) = either("HTTPS_PROXY").or_else(|| all.clone()) {
                    proxies.add(&text, Proxy::https, direct.clone())?;
                }
                // In upper case a CGI request's header could set it.
                if let Some(text) = variable("http_proxy").or(all) {
                    proxies.add(&text, Proxy::http, direct)?;
                }
            }
            // Another machine's proxy can't reach what an operator granted on this one.
            Some(text) => proxies.add(
                text,
                Proxy::all,
                NoProxy::from_string("localhost,127.0.0.0/8,::1"),
            )?,
        }
        Ok(proxies)
    }

    fn add(
        &mut self,
        text: &str,
        kind: fn(Url) -> reqwest::Result<Proxy>,
        direct: Option<NoProxy>,
    ) -> Result<(), EgressError> {
        let url = parse_proxy(text)?;
        let name = url.host_str().map(str::to_ascii_lowercase);
        // The error would show the URL and the password in it.
        let proxy = kind(url).map_err(|_| EgressError::Proxy("its URL isn't understood"))?;
        self.list.push(proxy.no_proxy(direct));
        Arc::make_mut(&mut self.names).extend(name);
        Ok(())
    }
}

/// A variable of the environment, if it isn't empty.
fn environment(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn parse_proxy(text: &str) -> Result<Url, EgressError> {
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&with_scheme).map_err(|_| EgressError::Proxy("its URL can't be read"))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
        return Err(EgressError::Proxy(
            "its scheme is none of http, https, socks5, socks5h",
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(EgressError::Proxy("its URL has no host"));
    }
    Ok(url)
}

/// Everything that a client is built from.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) tls: ClientConfig,
    pub(super) proxies: Proxies,
    pub(super) lookup: Lookup,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) user_agent: String,
}

impl Recipe {
    pub(super) fn new(options: &NetworkOptions, lookup: Lookup) -> Result<Self, EgressError> {
        Ok(Self {
            tls: tls(&options.ca_files)?,
            proxies: Proxies::new(options.proxy.as_deref(), environment)?,
            lookup,
            connect_timeout: options.connect_timeout,
            response_timeout: options.response_timeout,
            user_agent: options.user_agent.clone(),
        })
    }

    fn build(&self, reach: Reach, idle: usize) -> Result<Client, EgressError> {
        let resolver = Resolver {
            lookup: Arc::clone(&self.lookup),
            reach,
            proxies: Arc::clone(&self.proxies.names),
        };
        let mut builder = Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(resolver)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(&self.user_agent)
            .connect_timeout(self.connect_timeout)
            .pool_max_idle_per_host(idle)
            .pool_idle_timeout(Duration::from_secs(60))
            .http2_adaptive_window(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(20))
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(30))
            // Also keeps the environment's proxies out.
            .no_proxy();
        for proxy in &self.proxies.list {
            builder = builder.proxy(proxy.clone());
        }
        builder
            .build()
            .map_err(|error| EgressError::Client(error.to_string()))
    }
}

/// A client for servers that the operator names, such as an identity provider: any address, no redirects.
/// `proxy` is as in [`NetworkOptions::proxy`].
pub(crate) fn for_operator(files: &[PathBuf], proxy: Option<&str>) -> Result<Client, EgressError> {
    let options = NetworkOptions {
        ca_files: files.to_vec(),
        proxy: proxy.map(str::to_owned),
        response_timeout: Duration::from_secs(30),
        ..NetworkOptions::default()
    };
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls(&options.ca_files)?)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(&options.user_agent)
        .connect_timeout(options.connect_timeout)
        .timeout(options.response_timeout)
        .no_proxy();
    for proxy in Proxies::new(options.proxy.as_deref(), environment)?.list {
        builder = builder.proxy(proxy);
    }
    builder
        .build()
        .map_err(|error| EgressError::Client(error.to_string()))
}

/// The clients of one gateway for one reach, used in turn.
struct Lane {
    reach: Reach,
    clients: RwLock<Vec<Client>>,
    next: AtomicUsize,
}

impl Lane {
    fn pick(&self) -> Option<Client> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        clients.get(turn.checked_rem(clients.len())?).cloned()
    }
}

/// The connections of one gateway; no other gateway shares them.
pub(super) struct Transport {
    recipe: Recipe,
    in_flight: usize,
    public: Lane,
    granted: Lane,
}

impl Transport {
    pub(super) fn new(recipe: Recipe, in_flight: usize) -> Result<Self, EgressError> {
        let lane = |reach| {
            Ok::<_, EgressError>(Lane {
                reach,
                clients: RwLock::new(clients(&recipe, reach, in_flight)?),
                next: AtomicUsize::new(0),
            })
        };
        Ok(Self {
            public: lane(Reach::Public)?,
            granted: lane(Reach::Granted)?,
            recipe,
            in_flight,
        })
    }

    fn lane(&self, reach: Reach) -> &Lane {
        match reach {
            Reach::Public => &self.public,
            Reach::Granted => &self.granted,
        }
    }

    /// Lets the next requests use new connections, while those under way keep theirs. A service
    /// that is overloaded often is so at one machine only, the one that a connection leads to.
    pub(super) fn refresh(&self, reach: Reach) {
        let lane = self.lane(reach);
        match clients(&self.recipe, lane.reach, self.in_flight) {
            Ok(fresh) => *lane.clients.write().unwrap_or_else(PoisonError::into_inner) = fresh,
            Err(error) => tracing::warn!(%error, "connections stay as they are"),
        }
    }

    /// Sends a request and waits for the head of its response.
    pub(super) async fn exchange(
        &self,
        origin: &Origin,
        reach: Reach,
        request: reqwest::Request,
    ) -> Result<reqwest::Response, SendError> {
        let client = self
            .lane(reach)
            .pick()
            .ok_or_else(|| SendError::new(SendErrorKind::Other, "no client is left"))?;
        match tokio::time::timeout(self.recipe.response_timeout, client.execute(request)).await {
            Ok(answer) => answer.map_err(|error| SendError::transport(origin, &error)),
            Err(_) => Err(SendError::new(
                SendErrorKind::ResponseTimeout,
                format!(
                    "{origin}: no answer within {} seconds",
                    self.recipe.response_timeout.as_secs()
                ),
            )),
        }
    }
}

fn clients(recipe: &Recipe, reach: Reach, in_flight: usize) -> Result<Vec<Client>, EgressError> {
    let count = in_flight
        .div_ceil(STREAMS_PER_CONNECTION)
        .clamp(1, MOST_CLIENTS);
    (0..count).map(|_| recipe.build(reach, in_flight)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_without_certificates_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        fs::write(&path, "nothing").unwrap();
        let message = tls(std::slice::from_ref(&path)).unwrap_err().to_string();
        assert!(
            message.contains("ca.pem") && message.contains("no certificate"),
            "{message}"
        );
        assert!(matches!(
            tls(&[folder.path().join("none.pem")]),
            Err(EgressError::CaFile { .. })
        ));
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_without_its_password() {
        for text in [
            "ftp://user:hunter22@proxy.contoso.example",
            "http://user:hunter22@",
            "::",
        ] {
            let message = Proxies::new(Some(text), |_| None).unwrap_err().to_string();
            assert!(!message.contains("hunter22"), "{message}");
        }
        let proxies = Proxies::new(
            Some("http://user:hunter22@Proxy.contoso.example:3128"),
            |_| None,
        )
        .unwrap();
        assert!(proxies.names.contains("proxy.contoso.example"));
    }

    #[test]
    fn the_environment_names_proxies_only_where_the_operator_says_so() {
        let variable = |name: &str| match name {
            "HTTPS_PROXY" => Some("secure.contoso.example:3128".to_owned()),
            "HTTP_PROXY" => Some("http://injected.contoso.example".to_owned()),
            "all_proxy" => Some("socks5h://all.contoso.example".to_owned()),
            _ => None,
        };
        let names = |option| {
            let proxies = Proxies::new(option, variable).unwrap();
            proxies.names.iter().cloned().collect::<Vec<_>>()
        };
        assert_eq!(names(None), [""; 0]);
        assert_eq!(
            names(Some("system")),
            ["all.contoso.example", "secure.contoso.example"]
        );
    }
}
