//! Connectors: their list, their types, the page of one, and what is done with one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::access::{NewSession, Role};
use crate::api::testing::{Answer, Host, ask};
use crate::catalog::Connector;
use crate::catalog::testing::{MadeUp, PLUGIN, admin};

/// A server with plugins that are made up, and somebody of each role before it.
struct Desk {
    host: Host,
    admin: NewSession,
    operator: NewSession,
    viewer: NewSession,
}

impl Desk {
    async fn new() -> Self {
        let host = Host::with_types(Arc::<MadeUp>::default()).await;
        Self {
            admin: host.session_of("ada", Role::Admin).await,
            operator: host.session_of("otto", Role::Operator).await,
            viewer: host.session_of("vera", Role::Viewer).await,
            host,
        }
    }

    async fn get(&self, session: &NewSession, path: &str) -> Answer {
        self.host
            .call(ask("GET", path).page().session(session))
            .await
    }

    async fn page(&self, session: &NewSession, path: &str) -> String {
        let answer = self.get(session, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    async fn post(&self, session: &NewSession, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = ask("POST", path).page().session(session).form(fields);
        self.host.call(request).await
    }

    async fn connector(&self, name: &str) -> Connector {
        let new = json!({
            "name": name,
            "plugin": PLUGIN,
            "settings": {"tenantId": format!("{}.example", name.to_lowercase().replace(' ', "-"))},
            "secrets": {"clientSecret": {"value": "hunter2", "expiresOn": "2026-03-20"}},
        });
        let new = serde_json::from_value(new).unwrap();
        let catalog = &self.host.stage.plane.catalog;
        catalog.create_connector(&admin(), new).await.unwrap()
    }

    async fn profile(&self, connector: &Connector, name: &str) -> Uuid {
        let new = serde_json::from_value(json!({ "name": name })).unwrap();
        let catalog = &self.host.stage.plane.catalog;
        let made = catalog.create_profile(&admin(), connector.id, new).await;
        made.unwrap().id
    }

    /// A run that has ended, in the record of runs only.
    async fn ended_run(&self, connector: &Connector, state: &str, at: i64) -> Uuid {
        let id = Uuid::now_v7();
        self.host
            .stage
            .plane
            .database
            .write::<_, crate::database::DatabaseError>(async |connection| {
                sqlx::query(
                    "INSERT INTO run (id, connector, connector_name, profile, profile_name, trigger, asked, \
                     state, actor, queued_at, started_at, ended_at, mode, directory_run, duration_ms, \
                     resource_units, memberships_added, memberships_removed, users_held, groups_held, \
                     memberships_held) VALUES ($1, $2, 'Contoso', $1, 'Daily', 'manual', 'auto', $3, $4, $5, \
                     $5, $5, 'incremental', 7, 950, 12, 1012, 1003, 12408, 1032, 98211)",
                )
                .bind(id.to_string())
                .bind(connector.id.to_string())
                .bind(state)
                .bind(json!({"kind": "user", "name": "Ada"}).to_string())
                .bind(1_772_352_000_000_i64 + at)
                .execute(connection)
                .await?;
                Ok(())
            })
            .await
            .unwrap();
        id
    }

    async fn reread(&self, connector: &Connector) -> Connector {
        let catalog = &self.host.stage.plane.catalog;
        catalog.connector(connector.id).await.unwrap()
    }
}

#[tokio::test]
async fn without_a_plugin_the_next_step_is_to_install_one() {
    let host = Host::new().await;
    let session = host.session_of("ada", Role::Admin).await;
    for path in ["/connectors", "/connectors/catalogue"] {
        let page = host.call(ask("GET", path).page().session(&session)).await;
        assert!(page.text().contains("href=\"/plugins\">Install a plugin"));
        assert!(!page.text().contains("/connectors/new"));
    }
}

#[tokio::test]
async fn without_a_connector_an_administrator_is_led_to_creating_one() {
    let desk = Desk::new().await;
    let page = desk.page(&desk.admin, "/connectors").await;
    assert!(page.contains("href=\"/connectors/new\">Create connector"));
    let page = desk.page(&desk.viewer, "/connectors").await;
    assert!(page.contains("No source is connected yet.") && !page.contains("/connectors/new"));
}

#[tokio::test]
async fn the_list_tells_name_tenant_state_and_what_to_look_at_and_is_narrowed() {
    let desk = Desk::new().await;
    desk.connector("Contoso").await;
    desk.connector("Fabrikam").await;
    let page = desk.page(&desk.viewer, "/connectors").await;
    assert!(page.contains("contoso.example") && page.contains("Registered"));
    assert!(page.contains("The secret is valid until 2026-03-20."));
    assert!(page.contains("2 connectors"));
    let page = desk
        .page(&desk.viewer, "/connectors?name=fab&state=registered")
        .await;
    assert!(page.contains("fabrikam.example") && !page.contains("contoso.example"));
    let page = desk
        .page(&desk.viewer, "/connectors?name=fab&state=failed")
        .await;
    assert!(page.contains("No connector matches."));
}

#[tokio::test]
async fn a_long_list_goes_on_on_another_page_and_each_is_small() {
    let desk = Desk::new().await;
    for number in 0..51 {
        desk.connector(&format!("Contoso {number:02}")).await;
    }
    let page = desk.page(&desk.admin, "/connectors?state=registered").await;
    assert!(page.len() < 100_000, "{} bytes", page.len());
    assert!(page.contains("51 connectors") && !page.contains("Contoso 50"));
    let next = page
        .split("href=\"")
        .find(|part| part.contains("cursor="))
        .unwrap();
    let next = next
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&")
        .replace("&amp;", "&");
    assert!(next.contains("state=registered"), "{next}");
    let page = desk.page(&desk.admin, &next).await;
    assert!(page.contains("Contoso 50") && !page.contains("Contoso 49"));
}

#[tokio::test]
async fn the_catalogue_tells_what_a_type_reads_and_leads_to_a_connector_of_it() {
    let desk = Desk::new().await;
    let page = desk.page(&desk.admin, "/connectors/catalogue").await;
    assert!(
        page.contains("<h2>Directory</h2>")
            && page.contains("<dd>Contoso</dd>")
            && page.contains("Assets (User Groups)")
    );
    assert!(page.contains("/connectors/new?plugin=entra"));
    let page = desk.page(&desk.viewer, "/connectors/catalogue").await;
    assert!(!page.contains("/connectors/new"));
}

#[tokio::test]
async fn the_page_of_a_connector_tells_where_it_stands_and_never_a_secret() {
    let desk = Desk::new().await;
    let connector = desk.connector("Contoso").await;
    let profile = desk.profile(&connector, "Daily").await;
    let path = format!("/connectors/{}", connector.id);
    let page = desk.page(&desk.viewer, &path).await;
    assert!(page.contains("<h1>Contoso</h1>"));
    assert!(page.contains("class=\"registered\" aria-current=\"step\""));
    assert!(page.contains("The tenantId") && page.contains("contoso.example"));
    assert!(page.contains("by Ada, valid until 2026-03-20"));
    assert!(page.contains(&format!("{path}/profiles/{profile}")));
    assert!(page.contains("It has not run yet."));
    assert!(!page.contains("hunter2") && !page.contains("style="));
    let missing = desk
        .get(&desk.viewer, &format!("/connectors/{}", Uuid::nil()))
        .await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn runs_are_told_with_charts_and_a_table_of_their_values_in_a_small_page() {
    let desk = Desk::new().await;
    let connector = desk.connector("Contoso").await;
    for minute in 0..60 {
        desk.ended_run(&connector, "processed", minute * 60_000)
            .await;
    }
    let page = desk
        .page(&desk.admin, &format!("/connectors/{}", connector.id))
        .await;
    assert!(
        page.contains(
            "aria-label=\"Memberships over 48 runs: from 98\u{202f}211 to 98\u{202f}211\""
        )
    );
    assert!(page.contains("Show as table") && page.contains("+1012 joined, −1003 left"));
    assert!(page.len() < 100_000, "{} bytes", page.len());
}

#[tokio::test]
async fn a_held_run_and_a_failed_one_are_told_first_with_where_to_decide() {
    let desk = Desk::new().await;
    let connector = desk.connector("Contoso").await;
    let run = desk.ended_run(&connector, "held", 0).await;
    let page = desk
        .page(&desk.operator, &format!("/connectors/{}", connector.id))
        .await;
    assert!(page.contains("would remove 0 users, 0 groups and 1003 memberships"));
    assert!(page.contains(&format!("href=\"/runs/{run}\">Decide</a>")));
    desk.ended_run(&connector, "failed", 60_000).await;
    let page = desk.page(&desk.operator, "/connectors").await;
    assert!(page.contains("The last run failed.") && page.contains("and 1 more"));
}

#[tokio::test]
async fn controls_are_shown_to_those_who_may_use_them() {
    let desk = Desk::new().await;
    let connector = desk.connector("Contoso").await;
    desk.profile(&connector, "Daily").await;
    let one = format!("/connectors/{}", connector.id);
    for path in ["/connectors", &*one] {
        let viewer = desk.page(&desk.viewer, path).await;
        assert!(
            !viewer.contains("formaction") && !viewer.contains("/delete"),
            "{path}"
        );
        let operator = desk.page(&desk.operator, path).await;
        assert!(
            operator.contains("/run\"") && !operator.contains("/pause"),
            "{path}"
        );
        let admin = desk.page(&desk.admin, path).await;
        for action in ["/run\"", "/pause\"", "/disable\"", "/clone\"", "/delete\""] {
            assert!(admin.contains(action), "{path} lacks {action}");
        }
    }
    let viewer = desk.page(&desk.viewer, &one).await;
    assert!(!viewer.contains("profiles/new") && !viewer.contains("/edit"));
}

#[tokio::test]
async fn what_a_role_may_not_do_is_refused() {
    let desk = Desk::new().await;
    let connector = desk.connector("Contoso").await;
    let path = |action: &str| format!("/connectors/{}/{action}", connector.id);
    let refused = desk.post(&desk.viewer, &path("run"), &[]).await;
    assert_eq!(refused.status, 403);
    assert_eq!(desk.get(&desk.viewer, &path("run")).await.status, 403);
    for action in ["pause", "resume", "enable", "disable", "clone", "delete"] {
        let fields = [("name", "Copy"), ("revision", "1"), ("data", "keep")];
        let refused = desk.post(&desk.operator, &path(action), &fields).await;
        assert_eq!(refused.status, 403, "{action}");
    }
    for form in ["clone", "delete"] {
        assert_eq!(desk.get(&desk.operator, &path(form)).await.status, 403);
    }
    assert_eq!(
        desk.reread(&connector).await.revision,
        1,
        "nothing was done"
    );
}

#[tokio::test]
async fn a_run_is_queued_and_leads_back() {
    let desk = Desk::new().await;
    let connector = desk.connector("Contoso").await;
    let path = format!("/connectors/{}/run", connector.id);
    let none = desk.post(&desk.operator, &path, &[]).await;
    assert_eq!(none.status, 409);
    assert!(none.text().contains("connector.no-profile"));
    desk.profile(&connector, "Daily").await;
    let fields = [("mode", "snapshot"), ("back", "/connectors")];
    let queued = desk.post(&desk.operator, &path, &fields).await;
    assert_eq!(
        (queued.status.as_u16(), queued.location()),
        (303, "/connectors")
    );
    let work = &desk.host.stage.plane.work;
    let runs = work.runs(&Default::default(), None, 9).await.unwrap();
    assert_eq!(runs.len(), 1);
    // The plugin is made up, so that it fails: then another one may be queued.
    for _ in 0..400 {
        if work.open_run(connector.id).await.unwrap().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let elsewhere = [("back", "//contoso.example")];
    let queued = desk.post(&desk.operator, &path, &elsewhere).await;
    assert_eq!(queued.location(), "/", "it never leads to another site");
}

#[tokio::test]
async fn with_several_profiles_it_is_asked_which_one_runs() {
    let desk = Desk::new().await;
    let connector = desk.connector("Contoso").await;
    desk.profile(&connector, "Daily").await;
    let weekly = desk.profile(&connector, "Weekly").await.to_string();
    let path = format!("/connectors/{}/run", connector.id);
    let asked = desk
        .post(&desk.operator, &path, &[("mode", "snapshot")])
        .await;
    assert_eq!(asked.location(), format!("{path}?mode=snapshot"));
    let form = desk.page(&desk.operator, asked.location()).await;
    assert!(
        form.contains(&format!("value=\"{weekly}\""))
            && form.contains("value=\"snapshot\" checked")
    );
    let queued = desk
        .post(
            &desk.operator,
            &path,
            &[("profile", &weekly), ("mode", "auto")],
        )
        .await;
    assert_eq!(queued.location(), format!("/connectors/{}", connector.id));
    let work = &desk.host.stage.plane.work;
    let runs = work.runs(&Default::default(), None, 9).await.unwrap();
    assert_eq!(runs[0].profile_name, "Weekly");
}

#[tokio::test]
async fn a_connector_is_paused_resumed_disabled_and_enabled() {
    let desk = Desk::new().await;
    let connector = desk.connector("Contoso").await;
    let one = format!("/connectors/{}", connector.id);
    for (action, paused, disabled) in [
        ("pause", true, false),
        ("resume", false, false),
        ("disable", false, true),
        ("enable", false, false),
    ] {
        let done = desk
            .post(&desk.admin, &format!("{one}/{action}"), &[])
            .await;
        assert_eq!(
            (done.status.as_u16(), done.location()),
            (303, &*one),
            "{action}"
        );
        let now = desk.reread(&connector).await;
        assert_eq!((now.paused, now.disabled), (paused, disabled), "{action}");
    }
    desk.post(&desk.admin, &format!("{one}/disable"), &[]).await;
    let page = desk.page(&desk.admin, &one).await;
    assert!(page.contains("/enable\"") && !page.contains("/run\""));
}

#[tokio::test]
async fn a_clone_takes_a_name_that_is_free() {
    let desk = Desk::new().await;
    let connector = desk.connector("Contoso").await;
    let path = format!("/connectors/{}/clone", connector.id);
    let form = desk.page(&desk.admin, &path).await;
    assert!(form.contains("value=\"Contoso (copy)\""));
    let taken = desk.post(&desk.admin, &path, &[("name", "contoso")]).await;
    assert_eq!(taken.status, 422);
    assert!(taken.text().contains("id=\"name-error\""));
    let made = desk
        .post(&desk.admin, &path, &[("name", "Contoso 2")])
        .await;
    assert_eq!(made.status, 303);
    let page = desk.page(&desk.admin, made.location()).await;
    assert!(page.contains("<h1>Contoso 2</h1>"));
}

#[tokio::test]
async fn deleting_says_what_goes_and_removes_data_only_where_the_name_is_typed() {
    let desk = Desk::new().await;
    let connector = desk.connector("Contoso").await;
    desk.profile(&connector, "Daily").await;
    let path = format!("/connectors/{}/delete", connector.id);
    let form = desk.page(&desk.admin, &path).await;
    assert!(form.contains("1 profile<") && form.contains("1 secret<"));
    let revision = desk.reread(&connector).await.revision.to_string();
    let revision = ("revision", revision.as_str());
    let unsaid = desk.post(&desk.admin, &path, &[revision]).await;
    assert_eq!(unsaid.status, 422);
    assert!(unsaid.text().contains("id=\"data-error\""));
    let remove = ("data", "remove");
    let wrong = desk
        .post(
            &desk.admin,
            &path,
            &[revision, remove, ("confirm", "contoso")],
        )
        .await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("id=\"confirm-error\""));
    let stale = [("revision", "0"), ("data", "keep")];
    let stale = desk.post(&desk.admin, &path, &stale).await;
    assert_eq!(stale.status, 412);
    assert!(stale.text().contains("request.changed-meanwhile"));
    let gone = desk
        .post(
            &desk.admin,
            &path,
            &[revision, remove, ("confirm", "Contoso")],
        )
        .await;
    assert_eq!(
        (gone.status.as_u16(), gone.location()),
        (303, "/connectors")
    );
    let catalog = &desk.host.stage.plane.catalog;
    assert!(catalog.connector(connector.id).await.is_err());
    assert_eq!(catalog.leftovers().await.unwrap(), [connector.id]);
}

#[tokio::test]
async fn data_is_kept_without_typing_anything() {
    let desk = Desk::new().await;
    let connector = desk.connector("Contoso").await;
    let path = format!("/connectors/{}/delete", connector.id);
    let gone = desk
        .post(&desk.admin, &path, &[("revision", "1"), ("data", "keep")])
        .await;
    assert_eq!(gone.status, 303);
    let catalog = &desk.host.stage.plane.catalog;
    assert!(catalog.connector(connector.id).await.is_err());
    assert!(catalog.leftovers().await.unwrap().is_empty());
}
