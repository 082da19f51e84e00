//! Profiles of connectors.

use serde_json::json;
use uuid::Uuid;

use super::wizard::{Bench, PROFILE, with};
use crate::access::Role;
use crate::api::testing::ask;

/// The path of a new profile, and its connector.
async fn profile(bench: &Bench) -> (Uuid, String) {
    let connector = bench.connector().await.id;
    let made = bench
        .post(&format!("/connectors/{connector}/profiles/new"), &PROFILE)
        .await;
    assert_eq!(made.location(), format!("/connectors/{connector}"));
    let catalog = &bench.host.stage.plane.catalog;
    let (profiles, _) = catalog.profiles(connector, None, 1).await.unwrap();
    let path = format!("/connectors/{connector}/profiles/{}", profiles[0].id);
    (connector, path)
}

async fn active(bench: &Bench, connector: Uuid) -> bool {
    let catalog = &bench.host.stage.plane.catalog;
    let (profiles, _) = catalog.profiles(connector, None, 1).await.unwrap();
    profiles[0].active
}

#[tokio::test]
async fn a_profile_is_made_with_what_was_filled_in() {
    let bench = Bench::new().await;
    let connector = bench.connector().await.id;
    let path = format!("/connectors/{connector}/profiles/new");
    let form = bench.get(&path).await.text();
    assert!(form.contains("data-zone") && form.contains("default.entra.default"));
    let wrong = with(&PROFILE, "schedule.rhythm.start", "soon");
    let wrong = bench.post(&path, &wrong).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("id=\"schedule.rhythm.start-error\""));
    let preview = with(&PROFILE, "action", "preview");
    let preview = bench.post(&path, &preview).await;
    assert!(preview.text().contains("class=\"time-line\""));
    assert_eq!(bench.post(&path, &PROFILE).await.status, 303);
    let twice = bench.post(&path, &PROFILE).await;
    assert!(twice.text().contains("id=\"name-error\""));
}

#[tokio::test]
async fn a_profile_is_changed_unless_somebody_was_faster() {
    let bench = Bench::new().await;
    let (_, path) = profile(&bench).await;
    let form = bench.get(&path).await.text();
    assert!(form.contains("value=\"2026-01-01T02:00\""), "{form}");
    let change = with(&PROFILE, "revision", "1");
    let change = with(&change, "schedule.rhythm.unit", "weeks");
    assert_eq!(bench.post(&path, &change).await.status, 303);
    let late = bench.post(&path, &with(&change, "name", "Weekly")).await;
    assert_eq!(late.status, 412);
    assert!(late.text().contains("Load what is saved now"));
    assert!(late.text().contains("value=\"Weekly\""));
}

#[tokio::test]
async fn a_profile_is_switched_off_and_on() {
    let bench = Bench::new().await;
    let (connector, path) = profile(&bench).await;
    let off = bench
        .post(&format!("{path}/deactivate"), &[("back", "list")])
        .await;
    assert_eq!(off.location(), "/profiles");
    assert!(!active(&bench, connector).await);
    let on = bench
        .post(&format!("{path}/activate"), &[("back", "profile")])
        .await;
    assert_eq!(on.location(), path);
    assert!(active(&bench, connector).await);
}

#[tokio::test]
async fn deleting_a_profile_is_asked_and_says_what_stays() {
    let bench = Bench::new().await;
    let (connector, path) = profile(&bench).await;
    let asked = bench.get(&format!("{path}/delete")).await.text();
    assert!(asked.contains("memberships, and the history of its runs stay"));
    assert!(asked.contains("No other profile is left then"));
    let deleted = bench.post(&format!("{path}/delete"), &[]).await;
    assert_eq!(deleted.location(), format!("/connectors/{connector}"));
    assert_eq!(bench.get(&path).await.status, 404);
}

#[tokio::test]
async fn who_may_only_look_sees_a_profile_without_controls() {
    let bench = Bench::new().await;
    let (connector, path) = profile(&bench).await;
    let viewer = bench.host.session_of("vic", Role::Viewer).await;
    let page = bench.get_as(&viewer, &path).await;
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(text.contains("every day at 02:00, UTC") && text.contains("time-line"));
    assert!(!text.contains("Save changes") && !text.contains("/delete"));
    for action in ["", "/activate", "/deactivate", "/delete"] {
        let sent = bench
            .post_as(&viewer, &format!("{path}{action}"), &PROFILE)
            .await;
        assert_eq!(sent.status, 403, "{action}");
    }
    let new = format!("/connectors/{connector}/profiles/new");
    assert_eq!(bench.get_as(&viewer, &new).await.status, 403);
    assert_eq!(
        bench
            .get_as(&viewer, &format!("{path}/delete"))
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn all_profiles_are_listed_with_their_connectors_and_next_runs() {
    let bench = Bench::new().await;
    let empty = bench.get("/profiles").await.text();
    assert!(empty.contains("There are no profiles yet"));
    let (connector, path) = profile(&bench).await;
    let list = bench.get("/profiles?text=contoso").await.text();
    for shown in [
        "Nightly",
        "Contoso",
        "every day at 02:00, UTC",
        "Default",
        path.as_str(),
    ] {
        assert!(list.contains(shown), "{shown} in {list}");
    }
    assert!(list.contains("1 profile<"), "{list}");
    let none = bench.get("/profiles?text=fabrikam").await.text();
    assert!(none.contains("No profile matches"));
    let none = bench.get("/profiles?active=no").await.text();
    assert!(none.contains("No profile matches"));
    let api = ask("GET", "/api/v1/profiles?active=true").session(&bench.admin);
    let listed = bench.host.call(api).await.json();
    assert_eq!(listed["total"], 1);
    assert_eq!(listed["items"][0]["connectorName"], "Contoso");
    assert_eq!(listed["items"][0]["connector"], json!(connector));
    assert_eq!(listed["items"][0]["map"]["name"], "Default");
    assert!(listed["items"][0]["next"].is_string(), "{listed}");
    let catalog = &bench.host.stage.plane.catalog;
    let by = crate::catalog::testing::admin();
    catalog.pause_connector(&by, connector, true).await.unwrap();
    let list = bench.get("/profiles").await.text();
    assert!(list.contains("Connector paused or disabled"), "{list}");
}
