//! An administrator's first day, in a browser: one chapter after the other, each a function that leaves the browser
//! where the next one begins.

use harness::artefacts;
use harness::browser::Look;
use harness::server::{ADMIN, PASSWORD, ServerUnderTest};
use harness::simulator::{DEMO_CLIENT_SECRET, Kind, Operation, Simulator};
use harness::versions::with_version;
use serde_json::{Value, json};

use super::axe::accessible;
use super::{Visit, chromium, fill_connection};
use crate::lab::small;
use crate::server::entra;

/// Who and what the story is about.
struct Story {
    browser: Visit,
    server: ServerUnderTest,
    tenant: Simulator,
    people: People,
}

/// Number of the rule in the editor that makes the user's name.
const RULE_OF_USERNAME: &str = "
    const targets = [...document.querySelectorAll('[aria-label^=\"Target of rule\"]')];
    return 1 + targets.findIndex((target) => target.value === 'userData.userDetails.username');";

/// Groups in groups, and who is in them.
struct People {
    all: String,
    finance: String,
    ada: String,
    grace: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_first_day() {
    let Some(chromium) = chromium() else { return };
    let tenant = Simulator::start(small()).unwrap();
    let people = People::hire(&tenant);
    let server = ServerUnderTest::start(entra(&tenant)).await.unwrap();
    let story = Story {
        browser: chromium.visit(&server, &Look::desktop()).await,
        server,
        tenant,
        people,
    };
    story.becomes_the_first_administrator().await;
    story.signs_out().await;
    story.is_refused_with_a_wrong_password().await;
    story.signs_in().await;
    story.begins_a_connector().await;
    story
        .tests_the_connection_with_a_wrong_and_a_right_secret()
        .await;
    story.picks_groups().await;
    story.looks_at_the_map_and_sets_the_schedule().await;
    story.confirms_and_runs().await;
    story.finds_a_group_and_sees_why_somebody_is_in_it().await;
    story.clones_and_changes_a_map_with_a_preview().await;
    story.sees_who_joined_and_left().await;
    story.holds_and_allows_a_mass_removal().await;
    story.swaps_the_plugin().await;
    story.browser.no_complaints().await.unwrap();
}

impl People {
    /// Ada is in Finance, Finance in EMEA, EMEA in Contoso All; Grace is in none.
    fn hire(tenant: &Simulator) -> Self {
        let make = |kind, properties: Value| {
            let Value::Object(properties) = properties else {
                panic!("properties are an object")
            };
            let create = Operation::Create {
                kind,
                id: None,
                properties,
            };
            tenant.mutate(&create).unwrap()
        };
        let user = |name: &str| {
            let principal = format!("{}@contoso.example", name.replace(' ', ".").to_lowercase());
            make(
                Kind::User,
                json!({
                    "displayName": name,
                    "userPrincipalName": principal,
                    "mail": principal,
                    "accountEnabled": true,
                }),
            )
        };
        let group = |name: &str| {
            make(
                Kind::Group,
                json!({ "displayName": name, "securityEnabled": true }),
            )
        };
        let (all, emea, finance) = (
            group("Contoso All"),
            group("Contoso EMEA"),
            group("Finance"),
        );
        let (ada, grace) = (user("Ada Example"), user("Grace Example"));
        let people = Self {
            all,
            finance,
            ada,
            grace,
        };
        for (group, member) in [
            (&people.all, &emea),
            (&emea, &people.finance),
            (&people.finance, &people.ada),
        ] {
            people.add(tenant, group, member);
        }
        people
    }

    fn add(&self, tenant: &Simulator, group: &str, member: &str) {
        let (group, member) = (group.to_owned(), member.to_owned());
        let add = Operation::AddMember { group, member };
        tenant.mutate(&add).unwrap();
    }
}

impl Story {
    async fn becomes_the_first_administrator(&self) {
        let page = &self.browser;
        page.open("/").await.unwrap();
        page.see("Create the first administrator").await.unwrap();
        accessible(page).await;
        let code = self.server.code().unwrap();
        page.fill("Code from the terminal", code).await.unwrap();
        page.fill("Name", ADMIN).await.unwrap();
        page.fill("Password", PASSWORD).await.unwrap();
        page.click("Create administrator").await.unwrap();
        page.arrive("/connectors").await.unwrap();
    }

    async fn signs_out(&self) {
        let page = &self.browser;
        page.click(ADMIN).await.unwrap();
        page.click("Sign out").await.unwrap();
        page.arrive("/sign-in").await.unwrap();
        page.open("/connectors").await.unwrap();
        page.arrive("/sign-in?back=%2Fconnectors").await.unwrap();
    }

    async fn is_refused_with_a_wrong_password(&self) {
        let page = &self.browser;
        page.fill("Name", ADMIN).await.unwrap();
        page.fill("Password", "loud harbour after dusk")
            .await
            .unwrap();
        page.click("Sign in").await.unwrap();
        page.see("access.wrong-password").await.unwrap();
        accessible(page).await;
    }

    async fn signs_in(&self) {
        let page = &self.browser;
        page.fill("Password", PASSWORD).await.unwrap();
        page.press("\u{e007}").await.unwrap();
        page.arrive("/connectors").await.unwrap();
    }

    async fn begins_a_connector(&self) {
        let page = &self.browser;
        page.see("No source is connected yet").await.unwrap();
        page.within("main .empty")
            .click("Create connector")
            .await
            .unwrap();
        page.fill("Name", "Contoso").await.unwrap();
        page.click("Save and continue").await.unwrap();
        page.see("Directory (tenant) ID").await.unwrap();
    }

    async fn tests_the_connection_with_a_wrong_and_a_right_secret(&self) {
        let page = &self.browser;
        fill_connection(page, &self.tenant).await;
        page.fill("Client secret", "not~the.secret").await.unwrap();
        page.click("Test connection").await.unwrap();
        page.see("Failed").await.unwrap();
        page.see("AADSTS7000215").await.unwrap();
        let seen = page.text().await.unwrap();
        assert!(!seen.contains("not~the.secret"), "{seen}");
        accessible(page).await;

        page.click("Replace").await.unwrap();
        page.fill("New value", DEMO_CLIENT_SECRET).await.unwrap();
        page.click("Test connection").await.unwrap();
        page.see("Passed").await.unwrap();
        page.see("GroupMember.Read.All").await.unwrap();
        accessible(page).await;
        page.click("Save and continue").await.unwrap();
    }

    async fn picks_groups(&self) {
        let page = &self.browser;
        page.see("Which groups are synced").await.unwrap();
        page.fill("Name begins with", "Contoso E").await.unwrap();
        page.see_no("No group is chosen yet").await.unwrap_err();
        page.tick("Contoso EMEA", true).await.unwrap();
        page.click("Add chosen groups").await.unwrap();
        page.see("Chosen (1)").await.unwrap();
        accessible(page).await;
        // The rest of the story needs the other ones too.
        page.click("Remove Contoso EMEA").await.unwrap();
        page.tick("All groups of the source", true).await.unwrap();
        page.click("Save and continue").await.unwrap();
    }

    async fn looks_at_the_map_and_sets_the_schedule(&self) {
        let page = &self.browser;
        page.see("Clone the chosen map").await.unwrap();
        page.click("Save and continue").await.unwrap();
        page.fill("Name of the profile", "Nightly").await.unwrap();
        page.click("Preview").await.unwrap();
        page.see("Next runs").await.unwrap();
        accessible(page).await;
        page.click("Save and continue").await.unwrap();
    }

    async fn confirms_and_runs(&self) {
        let page = &self.browser;
        page.see("Nightly").await.unwrap();
        page.see("All groups of the source").await.unwrap();
        accessible(page).await;
        page.click("Create connector").await.unwrap();
        page.arrive("/connectors/").await.unwrap();
        page.see("It has not run yet").await.unwrap();
        // Slow enough that somebody sees it go on.
        self.tenant.set_latency(120, 0);
        self.run_now().await;
        page.see("A run goes on").await.unwrap();
        // Nobody reloads the page.
        page.see("(snapshot, processed)").await.unwrap();
        self.tenant.set_latency(0, 0);
        page.see("Processed").await.unwrap();
        accessible(page).await;
    }

    async fn run_now(&self) {
        self.browser
            .within("main .head")
            .click("Run now")
            .await
            .unwrap();
    }

    async fn finds_a_group_and_sees_why_somebody_is_in_it(&self) {
        let page = &self.browser;
        page.click("User groups").await.unwrap();
        page.fill("Name", "contoso a").await.unwrap();
        page.see("1 group").await.unwrap();
        page.click("Contoso All").await.unwrap();
        page.click("Effective members").await.unwrap();
        page.see("Ada Example").await.unwrap();
        page.see("Contoso EMEA › Finance").await.unwrap();
        accessible(page).await;
    }

    async fn clones_and_changes_a_map_with_a_preview(&self) {
        let page = &self.browser;
        page.click("Transform maps").await.unwrap();
        page.click("Platform defaults").await.unwrap();
        page.within("main .head").click("Clone").await.unwrap();
        page.fill("Name", "Contoso defaults").await.unwrap();
        page.within("main form").click("Clone").await.unwrap();
        page.see("Rules are valid").await.unwrap();
        let rules = page.execute(RULE_OF_USERNAME, vec![]).await.unwrap();
        let rule = rules.as_u64().expect("a rule makes the user name");
        let target = format!("Target of rule {rule}");
        page.fill(&target, "userData.none").await.unwrap();
        page.see("needs another look").await.unwrap();
        accessible(page).await;
        page.fill(&target, "userData.userDetails.username")
            .await
            .unwrap();
        page.see("Rules are valid").await.unwrap();
        page.fill(&format!("Source 1 of rule {rule}"), "userPrincipalName")
            .await
            .unwrap();
        page.see("1 changed").await.unwrap();
        page.within("main form")
            .click("Save version")
            .await
            .unwrap();
        page.see("version 2").await.unwrap();
        accessible(page).await;
    }

    async fn sees_who_joined_and_left(&self) {
        let page = &self.browser;
        let people = &self.people;
        people.add(&self.tenant, &people.finance, &people.grace);
        let (group, member) = (people.finance.clone(), people.ada.clone());
        let leave = Operation::RemoveMember { group, member };
        self.tenant.mutate(&leave).unwrap();
        page.click("Connectors").await.unwrap();
        page.within("main").click("Contoso").await.unwrap();
        self.run_now().await;
        page.see("(incremental, processed)").await.unwrap();
        page.within("#now").click("just now").await.unwrap();
        page.click("Membership changes").await.unwrap();
        page.see("Grace Example").await.unwrap();
        page.see("+ joined").await.unwrap();
        page.see("Ada Example").await.unwrap();
        page.see("− left").await.unwrap();
        accessible(page).await;
    }

    async fn holds_and_allows_a_mass_removal(&self) {
        let page = &self.browser;
        let groups = self.tenant.truth().groups;
        let doomed = groups.into_keys().filter(|id| *id != self.people.all);
        for id in doomed.take(30) {
            self.tenant.mutate(&Operation::Delete { id }).unwrap();
        }
        page.click("Connectors").await.unwrap();
        page.within("main").click("Contoso").await.unwrap();
        self.run_now().await;
        page.see("held").await.unwrap();
        page.open("/runs?state=held").await.unwrap();
        page.within("tbody").click("just now").await.unwrap();
        page.see("This run would remove").await.unwrap();
        accessible(page).await;
        page.fill("Reason", "The old project groups are gone for good")
            .await
            .unwrap();
        page.click("Allow removals").await.unwrap();
        page.see("The old project groups are gone for good")
            .await
            .unwrap();
        page.see_no("Allow removals").await.unwrap();
        page.see("Processed").await.unwrap();
    }

    async fn swaps_the_plugin(&self) {
        let page = &self.browser;
        let component = std::fs::read(artefacts::component().unwrap()).unwrap();
        let newer = tempfile::Builder::new().suffix(".wasm").tempfile().unwrap();
        std::fs::write(newer.path(), with_version(&component, "0.1.9").unwrap()).unwrap();
        page.click("Plugins").await.unwrap();
        page.click("entra-directory-sync").await.unwrap();
        page.click("Install version").await.unwrap();
        page.attach("Component", newer.path()).await.unwrap();
        page.click("Install").await.unwrap();
        page.see("0.1.9").await.unwrap();
        accessible(page).await;
        page.click("Activate").await.unwrap();
        page.see("Runs that begin from now on use 0.1.9")
            .await
            .unwrap();
        page.within("main form").click("Activate").await.unwrap();
        page.see("0.1.9").await.unwrap();
        page.click("Connectors").await.unwrap();
        page.within("main").click("Contoso").await.unwrap();
        self.run_now().await;
        page.see("processed)").await.unwrap();
        page.within("#now").click("just now").await.unwrap();
        page.see("entra-directory-sync@0.1.9").await.unwrap();
    }
}
