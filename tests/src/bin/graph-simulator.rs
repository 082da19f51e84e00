//! Runs the Microsoft Graph simulator as a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use harness::simulator::{
    AppRegistration, Behaviour, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_TENANT_ID, Quota,
    SYNC_PERMISSIONS, Simulator, SimulatorOptions, TenantSpec,
};

/// A strict Microsoft Graph simulator with a synthetic tenant, for tests and demonstrations.
///
/// Serves the token endpoint, Graph v1.0 (users, groups, members, delta, $batch) and an admin surface under /admin on
/// one address. Everything is made from a seed and kept in memory.
#[derive(Debug, Parser)]
#[command(name = "graph-simulator", version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "GRAPH_SIMULATOR_LISTEN", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Origin that links are built from, if clients come through another name
    #[arg(long, env = "GRAPH_SIMULATOR_PUBLIC_BASE")]
    public_base: Option<String>,
    /// Live users in the tenant
    #[arg(long, env = "GRAPH_SIMULATOR_USERS", default_value_t = 1_000)]
    users: usize,
    /// Live groups in the tenant
    #[arg(long, env = "GRAPH_SIMULATOR_GROUPS", default_value_t = 100)]
    groups: usize,
    /// Direct memberships, of users, groups, devices, contacts and service principals together
    #[arg(long, env = "GRAPH_SIMULATOR_MEMBERSHIPS", default_value_t = 10_000)]
    memberships: usize,
    /// Seed of the tenant: equal seeds and sizes make equal tenants
    #[arg(long, env = "GRAPH_SIMULATOR_SEED", default_value_t = 1)]
    seed: u64,
    /// Milliseconds that each request takes
    #[arg(long, env = "GRAPH_SIMULATOR_LATENCY_MS", default_value_t = 0)]
    latency_ms: u64,
    /// Up to this many milliseconds more, at random
    #[arg(long, env = "GRAPH_SIMULATOR_LATENCY_JITTER_MS", default_value_t = 0)]
    latency_jitter_ms: u64,
    /// Resource units in ten seconds: off, s (3,500), m (5,000), l (8,000) or a number
    #[arg(long, env = "GRAPH_SIMULATOR_QUOTA", default_value = "off")]
    quota: Quota,
    /// Serve https, HTTP/2 and HTTP/1.1, with a certificate from an authority made for this run
    #[arg(long, env = "GRAPH_SIMULATOR_TLS")]
    tls: bool,
    /// Write that authority's certificate, which clients have to trust, to this PEM file
    #[arg(
        long,
        env = "GRAPH_SIMULATOR_TLS_CA_OUT",
        requires = "tls",
        value_name = "FILE"
    )]
    tls_ca_out: Option<PathBuf>,
    /// Id of the tenant
    #[arg(long, env = "GRAPH_SIMULATOR_TENANT", default_value = DEMO_TENANT_ID)]
    tenant: String,
    /// Client id of the app that signs in
    #[arg(long, env = "GRAPH_SIMULATOR_CLIENT_ID", default_value = DEMO_CLIENT_ID)]
    client_id: String,
    /// Its client secret
    #[arg(long, env = "GRAPH_SIMULATOR_CLIENT_SECRET", default_value = DEMO_CLIENT_SECRET, hide_env_values = true)]
    client_secret: String,
    /// PEM file with a certificate that is registered for it; may be given more than once
    #[arg(long, env = "GRAPH_SIMULATOR_CERTIFICATE", value_name = "FILE")]
    certificate: Vec<PathBuf>,
    /// JSON file with its federated credentials: a list of objects with `issuer`, `subject`, `audience` and `key` (PEM
    /// of the provider's public RSA key)
    #[arg(long, env = "GRAPH_SIMULATOR_FEDERATED", value_name = "FILE")]
    federated: Option<PathBuf>,
    /// Application permissions that were granted to it, separated by commas
    #[arg(long, env = "GRAPH_SIMULATOR_PERMISSIONS", value_delimiter = ',', default_values_t = SYNC_PERMISSIONS.map(String::from))]
    permissions: Vec<String>,
    /// From 0, polite, to 1: short and empty pages, repeats, replays, shuffled and early removed entries
    #[arg(long, env = "GRAPH_SIMULATOR_NASTINESS", default_value_t = 0.0)]
    nastiness: f64,
    /// Compress answers for clients that accept gzip
    #[arg(long, env = "GRAPH_SIMULATOR_GZIP")]
    gzip: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    anyhow::ensure!(
        (0.0..=1.0).contains(&arguments.nastiness),
        "nastiness lies between 0 and 1"
    );
    let read = |file: &PathBuf| {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
    };
    let certificates = arguments.certificate.iter().map(read);
    let certificates = certificates.collect::<anyhow::Result<Vec<String>>>()?;
    let federated = match &arguments.federated {
        Some(file) => serde_json::from_str(&read(file)?)
            .with_context(|| format!("{} holds no federated credentials", file.display()))?,
        None => Vec::new(),
    };
    let simulator = Simulator::start(SimulatorOptions {
        listen: arguments.listen,
        tls: arguments.tls,
        public_base: arguments.public_base,
        tenant_id: arguments.tenant,
        tenant: TenantSpec::sized(
            arguments.users,
            arguments.groups,
            arguments.memberships,
            arguments.seed,
        ),
        app: AppRegistration {
            client_id: arguments.client_id,
            client_secret: arguments.client_secret,
            certificates,
            federated,
            permissions: arguments
                .permissions
                .into_iter()
                .filter(|permission| !permission.is_empty())
                .collect(),
            ..AppRegistration::default()
        },
        behaviour: Behaviour {
            nastiness: arguments.nastiness,
            latency_ms: arguments.latency_ms,
            latency_jitter_ms: arguments.latency_jitter_ms,
            gzip: arguments.gzip,
            ..Behaviour::default()
        },
        quota: arguments.quota,
    })?;
    if let (Some(file), Some(pem)) = (&arguments.tls_ca_out, simulator.ca_pem()) {
        std::fs::write(file, pem).with_context(|| format!("cannot write {}", file.display()))?;
    }
    announce(&simulator);
    loop {
        std::thread::park();
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the one line that says where it listens, for whoever started it"
)]
fn announce(simulator: &Simulator) {
    println!("{}", simulator.base_url());
}
