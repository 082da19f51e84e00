//! A server with a history: connectors that ran well, that failed and that are held, for pictures, demonstrations and
//! whoever walks through all pages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::host;
use crate::server::{Api, PASSWORD, ServerUnderTest, Setup};
use crate::simulator::{
    DEMO_CLIENT_SECRET, Kind, Operation, Simulator, SimulatorOptions, TenantSpec, Truth,
};

/// The roles below that of the administrator, each with the name of a user who has it.
pub const COLLEAGUES: [(&str, &str); 2] = [("viewer", "vivian"), ("operator", "oscar")];

/// Tenants, a server with connectors to them, and what there is to be seen.
#[derive(Debug)]
pub struct Showcase {
    /// The server.
    pub server: ServerUnderTest,
    /// The tenant of the connector that runs well.
    pub contoso: Simulator,
    /// The tenant of the connector that is held.
    pub fabrikam: Simulator,
    /// What stands for a name in a path: `connector`, `map`, `first` and `run` (the first and the last of its runs),
    /// `group`, `inner` (a group in it) and `user` (who is in that one), `failed` (a connector) and `failure` (its
    /// run), `waiting` (a connector) and `held` (its run), `draft`.
    places: BTreeMap<&'static str, String>,
}

impl Showcase {
    /// Makes it all: several runs with changes, a failed one, a held one, own maps and users of every role.
    ///
    /// # Errors
    /// Where a part of it can't be made.
    pub async fn start(program: &Path, plugin: &Path, size: TenantSpec) -> anyhow::Result<Self> {
        let contoso = tenant(size.clone(), 1)?;
        let fabrikam = tenant(
            TenantSpec {
                seed: size.seed + 1,
                ..size
            },
            2,
        )?;
        let setup = Setup::new(program).plugin(plugin);
        let setup = setup.reach(&contoso).reach(&fabrikam);
        let mut showcase = Self {
            server: ServerUnderTest::ready(setup).await?,
            contoso,
            fabrikam,
            places: BTreeMap::new(),
        };
        showcase.people().await?;
        showcase.well().await?;
        showcase.failed().await?;
        showcase.held().await?;
        Ok(showcase)
    }

    /// A path with what stands for the names in braces; none where one of them stands for nothing.
    #[must_use]
    pub fn path(&self, template: &str) -> Option<String> {
        let mut path = template.to_owned();
        for (name, identifier) in &self.places {
            path = path.replace(&format!("{{{name}}}"), identifier);
        }
        (!path.contains('{')).then_some(path)
    }

    /// Begins a connector in the wizard as whoever browses, so that its pages are there too; it is called `draft`.
    ///
    /// # Errors
    /// Where the wizard doesn't go on.
    pub async fn draft(&mut self, browser: &Browser) -> anyhow::Result<()> {
        browser
            .open("/connectors/new?plugin=entra-directory-sync")
            .await?;
        if browser.page().await?.status == 404 {
            return Ok(());
        }
        browser.fill("Name", "Contoso Europe").await?;
        browser.click("Save and continue").await?;
        browser.arrive("/connectors/new/").await?;
        let path = browser.path().await?;
        let draft = path.split(['/', '?']).nth(3);
        let draft = draft.context("a draft has an identifier")?.to_owned();
        self.places.insert("draft", draft);
        Ok(())
    }

    async fn people(&mut self) -> anyhow::Result<()> {
        let api = self.server.admin()?;
        for (role, name) in COLLEAGUES {
            let user = json!({ "name": name, "role": role, "password": PASSWORD });
            api.make("/users", &user).await?;
        }
        Ok(())
    }

    /// A connector with a schedule, an own map, a group link, and four runs of which three brought changes.
    async fn well(&mut self) -> anyhow::Result<()> {
        let api = self.server.admin()?;
        let made = connector(&api, &self.contoso, "Contoso", "The company's main tenant").await?;
        let path = format!("/connectors/{made}/profiles");
        let hourly = json!({ "kind": "cron", "expression": "0 * * * *" });
        let profile = profile("Every hour", &hourly);
        let profile = api.make(&path, &profile).await?;
        let weekly = json!({ "kind": "cron", "expression": "0 2 * * 0" });
        api.make(&path, &self::profile("Sunday night", &weekly))
            .await?;
        let used = profile.pointer("/map/id").and_then(Value::as_str);
        let clone = format!(
            "/transform-maps/{}/clone",
            used.context("a profile has a map")?
        );
        let map = api
            .make(&clone, &json!({ "name": "Contoso users" }))
            .await?;
        let mut truth = self.contoso.truth();
        let first = run(&self.server, &api, &made, "processed").await?;
        let nest = nest(&truth)?;
        let link = json!({ "platformGroups": ["0b5c7a52-9f0e-4a64-8f0c-2f6f6b6f3c11"] });
        let path = format!("/connectors/{made}/group-links/{}", nest.outer);
        api.put(&path, &link).await?.success()?;
        let mut last = first.clone();
        for seed in 0..3 {
            self.contoso.churn(seed, 40);
            truth = self.contoso.truth();
            last = run(&self.server, &api, &made, "processed").await?;
        }
        ensure!(truth.groups.contains_key(&nest.outer), "the nest is gone");
        self.places.extend([
            ("connector", made),
            ("map", id(&map)?),
            ("first", first),
            ("run", last),
            ("group", nest.outer),
            ("inner", nest.inner),
            ("user", nest.user),
        ]);
        Ok(())
    }

    /// A connector whose secret is wrong.
    async fn failed(&mut self) -> anyhow::Result<()> {
        let api = self.server.admin()?;
        let made = connector(
            &api,
            &self.contoso,
            "Contoso Test",
            "Its secret has run out",
        )
        .await?;
        api.make(
            &format!("/connectors/{made}/profiles"),
            &json!({ "name": "By hand" }),
        )
        .await?;
        let wrong = json!({ "secrets": { "clientSecret": { "value": "an~old.secret" } } });
        api.patch(&format!("/connectors/{made}"), &wrong)
            .await?
            .success()?;
        let failure = run(&self.server, &api, &made, "failed").await?;
        self.places.extend([("failed", made), ("failure", failure)]);
        Ok(())
    }

    /// A connector whose tenant lost two in five groups.
    async fn held(&mut self) -> anyhow::Result<()> {
        let api = self.server.admin()?;
        let made = connector(
            &api,
            &self.fabrikam,
            "Fabrikam",
            "Joined the company in spring",
        )
        .await?;
        api.make(
            &format!("/connectors/{made}/profiles"),
            &json!({ "name": "By hand" }),
        )
        .await?;
        run(&self.server, &api, &made, "processed").await?;
        let groups = self.fabrikam.truth().groups.into_keys().enumerate();
        for (_, id) in groups.filter(|(place, _)| place % 5 < 2) {
            self.fabrikam.mutate(&Operation::Delete { id })?;
        }
        let held = run(&self.server, &api, &made, "held").await?;
        self.places.extend([("waiting", made), ("held", held)]);
        Ok(())
    }
}

fn tenant(size: TenantSpec, number: u32) -> anyhow::Result<Simulator> {
    Simulator::start(SimulatorOptions {
        tenant: size,
        tenant_id: format!("8f2c1d34-5b7a-4c0e-9d61-3a7be0c4f5{number:02}"),
        ..SimulatorOptions::default()
    })
}

/// Makes a connector to this tenant with the right secret, and gives its identifier.
///
/// # Errors
/// Where the server refuses.
pub async fn connector(
    api: &Api,
    tenant: &Simulator,
    name: &str,
    description: &str,
) -> anyhow::Result<String> {
    let mut settings = host::settings(tenant);
    if let Some(settings) = settings.as_object_mut() {
        settings.remove("clientSecret");
    }
    let connector = json!({
        "name": name,
        "description": description,
        "plugin": "entra-directory-sync",
        "settings": settings,
        "secrets": { "clientSecret": { "value": DEMO_CLIENT_SECRET } },
    });
    id(&api.make("/connectors", &connector).await?)
}

/// What creates a profile with this rhythm, by UTC.
#[must_use]
pub fn profile(name: &str, rhythm: &Value) -> Value {
    json!({ "name": name, "schedule": { "zone": "UTC", "rhythm": rhythm } })
}

/// The identifier of what was made.
///
/// # Errors
/// Where it has none.
pub fn id(document: &Value) -> anyhow::Result<String> {
    let id = document.get("id").and_then(Value::as_str);
    Ok(id
        .with_context(|| format!("no identifier in {document}"))?
        .to_owned())
}

/// Runs a connector, which must end in this state.
async fn run(
    server: &ServerUnderTest,
    api: &Api,
    connector: &str,
    state: &str,
) -> anyhow::Result<String> {
    let path = format!("/connectors/{connector}/runs");
    let answer = api.post(&path, &json!({})).await?;
    // The schedule may have been faster.
    let run = match answer.status.as_u16() {
        409 => {
            let open = api
                .read(&format!("/runs?connector={connector}&limit=1"))
                .await?;
            id(open.pointer("/items/0").context("a run is open")?)?
        }
        _ => id(&answer.success()?)?,
    };
    let ended = server.ended(&run).await?;
    let reached = ended.get("state").and_then(Value::as_str);
    ensure!(
        reached == Some(state),
        "a run that is not {state}: {ended:#}"
    );
    Ok(run)
}

/// A group with a group in it, and a user who is in the inner one only.
struct Nest {
    outer: String,
    inner: String,
    user: String,
}

/// Of all nests the one whose inner group is largest, but no larger than fits on a page.
fn nest(truth: &Truth) -> anyhow::Result<Nest> {
    let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for membership in &truth.memberships {
        if membership.kind == Kind::User {
            users
                .entry(&membership.group)
                .or_default()
                .insert(&membership.member);
        }
    }
    let nested = truth.memberships.iter();
    // Pictures are taken where fonts for few scripts are installed.
    let latin = |id: &str| {
        let name = truth
            .groups
            .get(id)
            .and_then(|group| group.get("displayName"));
        name.and_then(Value::as_str)
            .is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == ' '))
    };
    let nested = nested.filter(|membership| {
        membership.kind == Kind::Group && latin(&membership.group) && latin(&membership.member)
    });
    let found = nested.filter_map(|membership| {
        let inner = users.get(membership.member.as_str())?;
        let outer = users.get(membership.group.as_str())?;
        let user = inner.difference(outer).next()?;
        let size = inner.len();
        Some((size, membership, *user)).filter(|_| size <= 40)
    });
    let (_, membership, user) = found
        .max_by_key(|(size, membership, _)| (*size, *membership))
        .context("a tenant has nested groups")?;
    Ok(Nest {
        outer: membership.group.clone(),
        inner: membership.member.clone(),
        user: user.to_owned(),
    })
}
