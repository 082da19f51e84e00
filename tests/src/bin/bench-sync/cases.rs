//! The cases: which tenant, which programs, and what is wanted of the figures.

use std::process::Command;

use anyhow::Context;
use clap::ValueEnum;

use crate::process::Used;
use crate::programs::{Programs, sync};
use crate::table::{Program, Results, Round, Row};
use crate::tenant::{Service, Size, Tenant};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// A snapshot of a small tenant, 350 ms a call, with quota
    Small,
    /// A snapshot of a large tenant, no latency, no quota: what computing costs
    Large,
    /// Thousands of small groups, at three latencies
    Many,
    /// An incremental run that finds nothing
    Idle,
    /// An incremental run that finds 1,000 changes, in a small and in a large tenant
    Changes,
    /// An instance, and the host from its start
    Start,
    /// A snapshot that the quota bounds: two minutes or more
    Quota,
    /// Large groups: 2.5 million memberships
    Wide,
}

const SMALL: Size = size(10_000, 1_000, 100_000);
const LARGE: Size = size(100_000, 10_000, 1_000_000);
const MANY: Size = size(1_000, 10_000, 20_000);
const WIDE: Size = size(50_000, 5_000, 2_500_000);
const QUOTA: Size = size(100_000, 50_000, 500_000);
/// What Graph lets an application do in a tenant of more than 500 users, in ten seconds.
const UNITS: u32 = 8_000;
/// What a call of the real Graph takes.
const REAL_MS: u64 = 350;

const fn size(users: usize, groups: usize, memberships: usize) -> Size {
    Size {
        users,
        groups,
        memberships,
    }
}

const fn latency(latency_ms: u64) -> Service {
    Service {
        latency_ms,
        quota: None,
    }
}

impl Case {
    /// What is measured unless something else is asked for.
    pub(crate) const QUICK: [Self; 6] = [
        Self::Small,
        Self::Large,
        Self::Many,
        Self::Idle,
        Self::Changes,
        Self::Start,
    ];

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Small => "10k users, 1k groups, 100k memberships, 350 ms, quota",
            Self::Large => "100k users, 10k groups, 1M memberships, no latency",
            Self::Many => "1k users, 10k groups, 20k memberships, 10, 50 and 100 ms",
            Self::Idle => "nothing changed, 50 ms",
            Self::Changes => "1,000 changes in 100k and in 1M memberships",
            Self::Start => "an instance, and the host",
            Self::Quota => "100k users, 50k groups, 500k memberships, 350 ms, quota",
            Self::Wide => "50k users, 5k groups, 2.5M memberships, no latency",
        }
    }

    pub(crate) fn has_native(self) -> bool {
        matches!(self, Self::Large | Self::Wide)
    }
}

/// A session: programs in turn, and what came of it.
pub(crate) struct Session {
    pub(crate) programs: Programs,
    pub(crate) results: Results,
    pub(crate) rounds: usize,
}

impl Session {
    pub(crate) async fn measure(&mut self, case: Case) -> anyhow::Result<()> {
        match case {
            Case::Small => self.small().await,
            Case::Large => self.large().await,
            Case::Many => self.many().await,
            Case::Idle => self.idle().await,
            Case::Changes => self.changes().await,
            Case::Start => self.start().await,
            Case::Quota => self.quota().await,
            Case::Wide => self.wide().await,
        }
    }

    async fn tenant(&self, size: Size, service: Service) -> anyhow::Result<Tenant> {
        Tenant::start(&self.programs.simulator, size, service).await
    }

    /// Snapshots by these programs, round by round in turn.
    async fn snapshots(
        &mut self,
        case: &'static str,
        run: &str,
        programs: &[Program],
        tenant: &Tenant,
        quota: Option<u32>,
    ) -> anyhow::Result<()> {
        let here: Vec<Program> = programs
            .iter()
            .copied()
            .filter(|program| self.programs.has(*program))
            .collect();
        let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); here.len()];
        for _ in 0..self.rounds {
            for (program, rounds) in here.iter().zip(&mut rounds) {
                // What the one before left in the bucket is not for this one.
                if quota.is_some() {
                    tenant
                        .behave(Service {
                            latency_ms: REAL_MS,
                            quota,
                        })
                        .await?;
                }
                rounds.push(self.programs.first_run(*program, tenant, quota).await?);
            }
        }
        for (program, rounds) in here.iter().zip(&rounds) {
            self.results
                .rows
                .push(Row::of(case, run, *program, rounds, quota));
        }
        Ok(())
    }

    /// The ratio of the connector's figure to another program's, held against a target.
    fn ratio(
        &mut self,
        case: &'static str,
        to: Program,
        what: &str,
        at_most: f64,
        figure: impl Fn(&Row) -> f64,
    ) {
        let own = self.results.row(case, Program::Connector).map(&figure);
        let other = self.results.row(case, to).map(&figure);
        if let (Some(own), Some(other)) = (own, other) {
            let what = format!("{what}, in parts of {}'s", to.name());
            self.results.at_most(case, what, own / other, at_most);
        }
    }

    fn own(&self, case: &str) -> anyhow::Result<Row> {
        let row = self.results.row(case, Program::Connector);
        row.cloned().context("a row of the connector")
    }

    async fn small(&mut self) -> anyhow::Result<()> {
        let service = Service {
            latency_ms: REAL_MS,
            quota: Some(UNITS),
        };
        let tenant = self.tenant(SMALL, service).await?;
        let programs = [Program::Connector, Program::BarList];
        self.snapshots("small", "snapshot, 350 ms", &programs, &tenant, Some(UNITS))
            .await?;
        self.ratio("small", Program::BarList, "wall", 1.0 / 6.0, |row| {
            row.wall_seconds
        });
        Ok(())
    }

    async fn large(&mut self) -> anyhow::Result<()> {
        let tenant = self.tenant(LARGE, latency(0)).await?;
        let programs = [
            Program::Connector,
            Program::Native,
            Program::BarList,
            Program::BarDelta,
        ];
        self.snapshots("large", "snapshot", &programs, &tenant, None)
            .await?;
        let wall = |row: &Row| row.wall_seconds;
        let cpu = |row: &Row| row.cpu_seconds;
        self.ratio("large", Program::BarList, "wall", 0.6, wall);
        self.ratio("large", Program::BarList, "CPU", 1.0, cpu);
        self.ratio("large", Program::Native, "CPU", 1.5, cpu);
        let row = self.own("large")?;
        self.results
            .at_most("large", "memory of the host, MB", row.peak_megabytes, 250.0);
        Ok(())
    }

    async fn many(&mut self) -> anyhow::Result<()> {
        let tenant = self.tenant(MANY, latency(0)).await?;
        let groups = MANY.groups as f64;
        for milliseconds in [10, 50, 100] {
            tenant.behave(latency(milliseconds)).await?;
            let run = format!("snapshot, {milliseconds} ms");
            self.snapshots("many", &run, &[Program::Connector], &tenant, None)
                .await?;
            let row = self.results.rows.last().context("its row")?.clone();
            // What the latency alone takes, if each group is asked for after the other.
            let one_by_one = groups * milliseconds as f64 / 1000.0;
            self.results.at_most(
                "many",
                format!("wall at {milliseconds} ms, in parts of one call at a time"),
                row.wall_seconds / one_by_one,
                1.0 / 20.0,
            );
            if milliseconds == 10 {
                self.results.at_most(
                    "many",
                    "requests for each group",
                    row.requests as f64 / groups,
                    1.0 / 15.0,
                );
            }
        }
        Ok(())
    }

    async fn idle(&mut self) -> anyhow::Result<()> {
        const LATENCY: u64 = 50;
        let tenant = self.tenant(LARGE, latency(0)).await?;
        let workplace = self.programs.workplace(&tenant)?;
        sync(&workplace, &tenant, None).await?;
        tenant.behave(latency(LATENCY)).await?;
        let mut rounds = Vec::new();
        for _ in 0..self.rounds.max(5) {
            rounds.push(sync(&workplace, &tenant, None).await?);
        }
        let run = format!("nothing changed, {LATENCY} ms");
        let row = Row::of("idle", run, Program::Connector, &rounds, None);
        self.results.at_most(
            "idle",
            "calls beside the token's",
            row.requests as f64 - 1.0,
            2.0,
        );
        // The token first, then both deltas side by side.
        let overhead = row.run_milliseconds.context("a report")? - 2.0 * LATENCY as f64;
        self.results
            .at_most("idle", "run beyond the latency, ms", overhead, 20.0);
        self.results.rows.push(row);
        Ok(())
    }

    async fn changes(&mut self) -> anyhow::Result<()> {
        let mut cost = Vec::new();
        for (name, size) in [("100k", SMALL), ("1M", LARGE)] {
            let tenant = self.tenant(size, latency(0)).await?;
            let workplace = self.programs.workplace(&tenant)?;
            sync(&workplace, &tenant, None).await?;
            let mut rounds = Vec::new();
            for _ in 0..self.rounds.max(3) {
                tenant.churn(1_000).await?;
                rounds.push(sync(&workplace, &tenant, None).await?);
            }
            let run = format!("1,000 changes of {name}");
            let row = Row::of("changes", run, Program::Connector, &rounds, None);
            cost.push(row.cpu_seconds);
            if size.memberships == LARGE.memberships {
                self.results
                    .at_most("changes", "wall, s", row.wall_seconds, 1.0);
            }
            self.results.rows.push(row);
        }
        if let [small, large] = cost[..] {
            self.results.at_most(
                "changes",
                "CPU with ten times the memberships",
                large / small,
                1.5,
            );
        }
        Ok(())
    }

    async fn start(&mut self) -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut times = Vec::new();
        for _ in 0..11 {
            let mut command = tokio::process::Command::new(&self.programs.host);
            command
                .args(["plugin", "inspect", "--json"])
                .arg(&self.programs.plugin)
                .env("CONNECTOR_CACHE_DIR", folder.path())
                .env("CONNECTOR_PLUGINS", folder.path().join("plugins"));
            times.push(Used::by(command).await?.wall);
        }
        // The first one compiled.
        let mut cached = times.split_off(1);
        cached.sort_unstable();
        let middle = cached.get(cached.len() / 2).context("some times")?;
        self.results.at_most(
            "start",
            "host from its start to a described plugin, code kept, ms",
            middle.as_secs_f64() * 1e3,
            300.0,
        );
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["bench", "--quiet", "--workspace"])
            .args(["--bench", "sandbox", "--", "--instance"])
            .stderr(std::process::Stdio::inherit())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let microseconds: f64 = text
            .trim()
            .parse()
            .with_context(|| format!("no figure of an instance: {text}"))?;
        self.results.at_most(
            "start",
            "a fresh instance from the pool, made and dropped, µs",
            microseconds,
            100.0,
        );
        Ok(())
    }

    async fn quota(&mut self) -> anyhow::Result<()> {
        let service = Service {
            latency_ms: REAL_MS,
            quota: Some(UNITS),
        };
        let tenant = self.tenant(QUOTA, service).await?;
        let programs = [Program::Connector];
        self.snapshots("quota", "snapshot, 350 ms", &programs, &tenant, Some(UNITS))
            .await?;
        let row = self.own("quota")?;
        let floor = row.floor_seconds.context("a quota")?;
        self.results.at_most(
            "quota",
            "wall, in parts of what the quota takes",
            row.wall_seconds / floor,
            1.15,
        );
        let fewest = tenant.fewest_calls().await?;
        // The token's call is none of Graph's.
        self.results.at_most(
            "quota",
            "calls, in parts of the fewest possible",
            (row.calls() - 1) as f64 / fewest as f64,
            1.05,
        );
        Ok(())
    }

    async fn wide(&mut self) -> anyhow::Result<()> {
        let tenant = self.tenant(WIDE, latency(0)).await?;
        let programs = [Program::Connector, Program::Native];
        self.snapshots("wide", "snapshot", &programs, &tenant, None)
            .await?;
        let row = self.own("wide")?;
        self.results
            .at_most("wide", "memory of the host, MB", row.peak_megabytes, 500.0);
        Ok(())
    }

    /// What needs two cases of one session.
    pub(crate) fn compare_sizes(&mut self) {
        let each = |case, size: Size| {
            let row = self.results.row(case, Program::Connector)?;
            Some(row.wall_seconds / size.memberships as f64)
        };
        if let (Some(wide), Some(large)) = (each("wide", WIDE), each("large", LARGE)) {
            let what = "wall of a membership, in parts of large's";
            self.results.at_most("wide", what, wide / large, 1.3);
        }
    }
}
