//! Pages of transform maps and data models.

use std::sync::Arc;

use serde_json::{Value, json};

use super::csrf_of;
use crate::access::{NewSession, Role};
use crate::api::testing::{Answer, Host, ask, brought};
use crate::catalog::testing::{MadeUp, PLUGIN, rule};
use crate::directory::Mode;

/// A host with a user of each role.
struct Desk {
    host: Host,
    admin: NewSession,
}

impl Desk {
    async fn new() -> Self {
        let host = Host::with_types(Arc::<MadeUp>::default()).await;
        let admin = host.session_of("ada", Role::Admin).await;
        Self { host, admin }
    }

    async fn open_as(&self, session: &NewSession, path: &str) -> Answer {
        let request = ask("GET", path).page().session(session);
        self.host.call(request).await
    }

    /// A page as the administrator sees it.
    async fn open(&self, path: &str) -> String {
        let answer = self.open_as(&self.admin, path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    async fn send_as(&self, session: &NewSession, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = csrf_of(session);
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        let request = ask("POST", path).page().session(session).form(&all);
        self.host.call(request).await
    }

    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send_as(&self.admin, path, fields).await
    }

    async fn api(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = ask(method, &format!("/api/v1{path}"));
        let request = request.session(&self.admin).header("if-match", "*");
        let answer = self.host.call(request.json(body)).await;
        assert!(answer.status.is_success(), "{}", answer.json());
        answer.json()
    }

    /// The page of a new map with one rule.
    async fn map(&self) -> String {
        let new = json!({"name": "Mine", "plugin": PLUGIN, "rules": [rule("externalId", "id")]});
        let made = self.api("POST", "/transform-maps", &new).await;
        format!("/maps/{}", made["id"].as_str().unwrap())
    }

    /// A connector with a profile that uses a map, by whose rules a user and a group were brought.
    async fn connector(&self, map: &str) -> String {
        let new = json!({
            "name": "Contoso", "plugin": PLUGIN, "settings": {"tenantId": "contoso.example"},
            "secrets": {"clientSecret": {"value": "hunter2"}},
        });
        let made = self.api("POST", "/connectors", &new).await;
        let id = made["id"].as_str().unwrap().to_owned();
        let profile = json!({"name": "Daily", "map": map});
        self.api("POST", &format!("/connectors/{id}/profiles"), &profile)
            .await;
        bring(&self.host, &id).await;
        id
    }
}

async fn bring(host: &Host, connector: &str) {
    let user = brought::user_at("u1", "Grace Hopper", "grace@contoso.example");
    let changes = vec![brought::group("g1", "Finance"), user];
    let connector = connector.parse().unwrap();
    host.bring_by(Mode::Snapshot, connector, changes).await;
}

/// The form of the editor with two rules.
const TWO_RULES: [(&str, &str); 6] = [
    ("name", "Mine"),
    ("revision", "1"),
    ("version", "1"),
    ("rules[0].target", "externalId"),
    ("rules[0].sources[0]", "id"),
    ("rules[1].sources[0]", "mail"),
];

fn with<'a>(fields: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [fields, more].concat()
}

#[tokio::test]
async fn maps_are_listed_with_who_uses_them_and_found_by_name() {
    let desk = Desk::new().await;
    let map = desk.map().await;
    desk.connector(map.trim_start_matches("/maps/")).await;
    let page = desk.open("/maps").await;
    assert!(
        page.contains("With mail") && page.contains("Mine"),
        "{page}"
    );
    assert!(page.contains(">Contoso</a>") && page.contains("Daily"));
    assert!(page.contains("by ada"));
    let page = desk.open("/maps?name=mine&plugin=entra").await;
    assert!(!page.contains("With mail") && page.contains("1 transform map<"));
    let page = desk.open("/maps?name=nothing").await;
    assert!(page.contains("No transform map is like this"));
}

#[tokio::test]
async fn a_map_of_a_plugin_is_only_shown_and_can_be_cloned() {
    let desk = Desk::new().await;
    let page = desk.open("/maps/default.entra.with-mail").await;
    assert!(page.contains("Clone to change") && page.contains("userData.emailId"));
    assert!(!page.contains("rules[0].target"));
    let path = "/maps/default.entra.with-mail/clone";
    let form = desk.open(path).await;
    assert!(form.contains("Copy of With mail"));
    let taken = desk.send(path, &[("name", "")]).await;
    assert_eq!(taken.status, 422);
    assert!(taken.text().contains("id=\"name-error\""));
    let made = desk.send(path, &[("name", "Ours")]).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let page = desk.open(made.location()).await;
    assert!(page.contains("value=\"userData.emailId\""), "{page}");
    assert_eq!(
        desk.open_as(&desk.admin, "/maps/nonsense").await.status,
        404
    );
}

#[tokio::test]
async fn a_rule_is_added_moved_and_removed_by_buttons_of_the_form() {
    let desk = Desk::new().await;
    let map = desk.map().await;
    let fields = with(&TWO_RULES, &[("action", "up:1")]);
    let page = desk.send(&map, &fields).await.text();
    let (first, second) = (
        page.find("value=\"mail\"").unwrap(),
        page.find("value=\"externalId\"").unwrap(),
    );
    assert!(first < second);
    assert!(page.contains("Not saved yet"));
    let fields = with(&TWO_RULES, &[("action", "add")]);
    let page = desk.send(&map, &fields).await.text();
    assert!(page.contains("name=\"rules[2].target\""));
    let fields = with(&TWO_RULES, &[("action", "remove:0")]);
    let page = desk.send(&map, &fields).await.text();
    assert!(page.contains("value=\"mail\"") && !page.contains("name=\"rules[1].target\""));
    let kept = desk.open(&map).await;
    assert!(kept.contains("value=\"externalId\"") && !kept.contains("Not saved yet"));
}

#[tokio::test]
async fn what_is_wrong_is_told_under_the_rule_that_it_belongs_to() {
    let desk = Desk::new().await;
    let map = desk.map().await;
    let fields = with(
        &TWO_RULES,
        &[("rules[1].target", "nope"), ("action", "check")],
    );
    let checked = desk.send(&map, &fields).await;
    assert_eq!(checked.status, 200);
    let page = checked.text();
    let below = |page: &str, rule: usize| {
        let start = format!("id=\"rule-{rule}-errors\"");
        let rest = page.split(&start).nth(1).unwrap();
        rest.split("</div>").next().unwrap().to_owned()
    };
    assert!(!below(&page, 1).contains("field-error"));
    assert!(below(&page, 2).contains("It is wrong."), "{page}");
    assert!(page.contains("1 rule needs another look"));
    let fields = with(
        &TWO_RULES,
        &[("rules[1].target", "nope"), ("action", "save")],
    );
    let refused = desk.send(&map, &fields).await;
    assert_eq!(refused.status, 422);
    assert!(below(&refused.text(), 2).contains("It is wrong."));
    assert!(refused.text().contains("Nothing was saved"));
}

#[tokio::test]
async fn saving_makes_a_version_and_keeps_every_part_of_a_rule() {
    let desk = Desk::new().await;
    let map = desk.map().await;
    let fields = with(
        &TWO_RULES,
        &[
            ("rules[1].target", "userData.emailId"),
            ("rules[1].sources[1]", "id"),
            ("rules[1].functions[0]", "lower"),
            ("rules[1].defaultValue", "\"NA\""),
            ("rules[1].note", "mail or id"),
            ("rules[2].target", ""),
            ("comment", "with mail"),
            ("action", "save"),
        ],
    );
    let saved = desk.send(&map, &fields).await;
    assert_eq!(
        (saved.status.as_u16(), saved.location()),
        (303, map.as_str())
    );
    let path = map.replace("/maps/", "/api/v1/transform-maps/");
    let request = ask("GET", &path).session(&desk.admin);
    let kept = desk.host.call(request).await.json();
    assert_eq!(kept["version"], 2);
    assert_eq!(kept["rules"].as_array().unwrap().len(), 2);
    assert_eq!(
        kept["rules"][1],
        json!({
            "target": "userData.emailId", "sources": ["mail", "id"], "functions": ["lower"],
            "defaultValue": "\"NA\"", "note": "mail or id",
        })
    );
    let versions = desk.open(&format!("{map}/versions")).await;
    assert!(versions.contains("with mail") && versions.contains("Restore"));
}

#[tokio::test]
async fn who_comes_too_late_learns_of_it_and_can_save_over() {
    let desk = Desk::new().await;
    let map = desk.map().await;
    let fields = with(
        &TWO_RULES,
        &[("rules[1].target", "userData.emailId"), ("action", "save")],
    );
    assert_eq!(desk.send(&map, &fields).await.status, 303);
    let late = with(&TWO_RULES, &[("name", "Late"), ("action", "save")]);
    let refused = desk.send(&map, &late[1..]).await;
    assert_eq!(refused.status, 412);
    let page = refused.text();
    assert!(page.contains("Somebody else was faster") && page.contains("ada changed this map"));
    assert!(page.contains("/diff?from=1&amp;to=2") && page.contains("value=\"overwrite:2\""));
    let over = with(
        &TWO_RULES,
        &[
            ("rules[1].target", "userData.emailId"),
            ("rules[1].note", "mine"),
            ("action", "overwrite:2"),
        ],
    );
    assert_eq!(desk.send(&map, &over).await.status, 303);
}

#[tokio::test]
async fn rules_that_are_not_saved_are_tried_with_a_stored_user() {
    let desk = Desk::new().await;
    let map = desk.map().await;
    let connector = desk.connector(map.trim_start_matches("/maps/")).await;
    let tried = with(
        &TWO_RULES,
        &[
            ("rules[1].sources[0]", "id"),
            ("rules[1].target", "userData.emailId"),
            ("connector", connector.as_str()),
            ("of", "users"),
            ("text", "hopper"),
            ("action", "try"),
        ],
    );
    let fields: Vec<_> = tried
        .into_iter()
        .filter(|field| *field != ("rules[1].sources[0]", "mail"))
        .collect();
    let page = desk.send(&map, &fields).await.text();
    assert!(page.contains("is rebuilt from Grace Hopper"), "{page}");
    assert!(page.contains("Document of Grace Hopper: 1 added"), "{page}");
    assert!(page.contains("</span> added</span>"));
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| match name {
            "of" => ("of", "groups"),
            "text" => ("text", "fin"),
            _ => (name, value),
        })
        .collect();
    let page = desk.send(&map, &fields).await.text();
    assert!(page.contains("is rebuilt from Finance"), "{page}");
    let nobody = with(&fields, &[("text", "nobody")]);
    let page = desk.send(&map, &nobody).await.text();
    assert!(page.contains("have this in their names"));
}

#[tokio::test]
async fn rules_are_tried_with_a_typed_record() {
    let desk = Desk::new().await;
    let map = "/maps/default.entra.with-mail/preview";
    let typed = [("of", "sample"), ("sample", "{\"id\": \"7\"}")];
    let page = desk.send(map, &typed).await.text();
    assert!(page.contains("Document of the typed record"), "{page}");
    let wrong = [("of", "sample"), ("sample", "[1]")];
    let page = desk.send(map, &wrong).await.text();
    assert!(page.contains("What is typed is no JSON object"));
}

#[tokio::test]
async fn versions_are_compared_and_an_old_one_comes_back_as_a_new_one() {
    let desk = Desk::new().await;
    let map = desk.map().await;
    let fields = with(
        &TWO_RULES,
        &[("rules[1].target", "userData.emailId"), ("action", "save")],
    );
    desk.send(&map, &fields).await;
    let diff = desk.open(&format!("{map}/diff?from=1&to=2")).await;
    assert!(
        diff.contains("1 rule differs") && diff.contains("Added"),
        "{diff}"
    );
    let old = desk.open(&format!("{map}/versions/1")).await;
    assert!(old.contains("externalId") && !old.contains("userData.emailId"));
    let path = format!("{map}/versions/1/restore");
    let asked = desk.open(&path).await;
    assert!(asked.contains("become version 3") && asked.contains("Removed"));
    let stale = desk.send(&path, &[("revision", "1")]).await;
    assert_eq!(stale.status, 412);
    let restored = desk.send(&path, &[("revision", "2")]).await;
    assert_eq!(restored.location(), map);
    assert!(desk.open(&map).await.contains("Version 3"));
}

#[tokio::test]
async fn a_map_in_use_is_not_deleted_and_its_profiles_are_named() {
    let desk = Desk::new().await;
    let map = desk.map().await;
    let path = format!("{map}/delete");
    assert!(desk.open(&path).await.contains("Delete map"));
    desk.connector(map.trim_start_matches("/maps/")).await;
    let page = desk.open(&path).await;
    assert!(page.contains("profile Daily") && !page.contains("Delete map"));
    let refused = desk.send(&path, &[("revision", "1")]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("transform-map.in-use"));
    let other = desk
        .send("/maps/default.entra.default/clone", &[("name", "Other")])
        .await;
    let other = other.location().to_owned();
    let gone = desk
        .send(&format!("{other}/delete"), &[("revision", "1")])
        .await;
    assert_eq!(gone.location(), "/maps");
    let brought = desk
        .open_as(&desk.admin, "/maps/default.entra.default/delete")
        .await;
    assert_eq!(brought.status, 409);
}

#[tokio::test]
async fn a_viewer_sees_rules_without_controls_and_may_send_nothing() {
    let desk = Desk::new().await;
    let map = desk.map().await;
    let viewer = desk.host.session_of("vic", Role::Viewer).await;
    let page = desk.open_as(&viewer, &map).await.text();
    assert!(
        page.contains("externalId") && !page.contains("name=\"action\""),
        "{page}"
    );
    assert!(
        !desk
            .open_as(&viewer, "/maps")
            .await
            .text()
            .contains("/clone\"")
    );
    for path in ["clone", "delete", "versions/1/restore"] {
        let path = format!("{map}/{path}");
        assert_eq!(desk.open_as(&viewer, &path).await.status, 403, "{path}");
        let sent = desk.send_as(&viewer, &path, &[("revision", "1")]).await;
        assert_eq!(sent.status, 403, "{path}");
    }
    let saved = desk.send_as(&viewer, &map, &TWO_RULES).await;
    assert_eq!(saved.status, 403);
    let tried = desk.send_as(&viewer, &format!("{map}/preview"), &[]).await;
    assert_eq!(tried.status, 403);
}

#[tokio::test]
async fn an_operator_tries_saved_rules_and_changes_none() {
    let desk = Desk::new().await;
    let map = desk.map().await;
    let operator = desk.host.session_of("ole", Role::Operator).await;
    let page = desk.open_as(&operator, &map).await.text();
    assert!(page.contains("value=\"try\"") && !page.contains("value=\"save\""));
    let path = format!("{map}/preview");
    let tried = desk.send_as(&operator, &path, &[("of", "example")]).await;
    assert!(tried.text().contains("Document of the made-up record"));
    assert_eq!(desk.send_as(&operator, &map, &TWO_RULES).await.status, 403);
}

#[tokio::test]
async fn models_are_shown_field_by_field_with_the_rules_of_the_plugin() {
    let desk = Desk::new().await;
    let page = desk.open("/models").await;
    assert!(page.contains("/models/entra.source") && page.contains("Target model"));
    let page = desk.open("/models/entra.target").await;
    assert!(
        page.contains("With mail, rule 2") && page.contains("3 fields"),
        "{page}"
    );
    let page = desk.open("/models/entra.target?text=MAIL").await;
    assert!(page.contains("userData.emailId") && !page.contains("<code>externalId"));
    let page = desk.open("/models/entra.source?kind=boolean").await;
    assert!(page.contains("<code>enabled") && !page.contains("<code>mail<"));
    let missing = desk.open_as(&desk.admin, "/models/nope.source").await;
    assert_eq!(missing.status, 404);
}
