//! What becomes of connectors: their states, copies and ends.

use serde_json::json;
use uuid::Uuid;

use super::{last_deed, read};
use crate::catalog::testing::{Bench, PLUGIN, admin};
use crate::catalog::{CatalogError, CloneConnector, Data};
use crate::database::DatabaseError;
use crate::work::state::{self, Event, State, Step, Transition};

async fn make(bench: &Bench, connector: Uuid, event: Event) {
    let by = admin();
    let step = Step {
        connector,
        event,
        cause: "a test",
        actor: &by.actor,
        run: None,
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    bench
        .database
        .write(async |connection| state::step(connection, &step).await)
        .await
        .unwrap();
}

async fn transitions(bench: &Bench, connector: Uuid) -> Vec<Transition> {
    bench
        .database
        .read::<_, DatabaseError>(async |connection| {
            state::transitions(connection, connector, None, 100).await
        })
        .await
        .unwrap()
}

async fn daily(bench: &Bench, connector: Uuid) -> Uuid {
    let profile = read(json!({
        "name": "Daily",
        "schedule": {
            "zone": "UTC",
            "rhythm": {"kind": "every", "count": 1, "unit": "days", "start": "2027-01-01T02:00:00"},
        },
    }));
    let made = bench
        .catalog
        .create_profile(&admin(), connector, profile)
        .await;
    made.unwrap().id
}

#[tokio::test]
async fn a_connector_is_scheduled_for_as_long_as_a_schedule_will_run_it() {
    let bench = Bench::new().await;
    let (catalog, by) = (&bench.catalog, admin());
    let id = bench.connector().await.id;
    let state = async || catalog.connector(id).await.unwrap().state;
    let scheduled = async || catalog.scheduled().await.unwrap().len();

    let profile = daily(&bench, id).await;
    assert_eq!((state().await, scheduled().await), (State::Scheduled, 1));
    catalog.pause_connector(&by, id, true).await.unwrap();
    assert_eq!((state().await, scheduled().await), (State::Registered, 0));
    catalog.pause_connector(&by, id, false).await.unwrap();
    assert_eq!((state().await, scheduled().await), (State::Scheduled, 1));
    catalog.disable_connector(&by, id).await.unwrap();
    assert_eq!((state().await, scheduled().await), (State::Disabled, 0));
    catalog.enable_connector(&by, id).await.unwrap();
    assert_eq!((state().await, scheduled().await), (State::Scheduled, 1));
    let off = read(json!({"active": false}));
    catalog
        .change_profile(&by, id, profile, Some(1), off)
        .await
        .unwrap();
    assert_eq!((state().await, scheduled().await), (State::Registered, 0));
    let on = read(json!({"active": true}));
    catalog
        .change_profile(&by, id, profile, Some(2), on)
        .await
        .unwrap();
    assert_eq!(state().await, State::Scheduled);
    catalog
        .delete_profile(&by, id, profile, None)
        .await
        .unwrap();
    assert_eq!((state().await, scheduled().await), (State::Registered, 0));
    assert!(
        transitions(&bench, id)
            .await
            .iter()
            .all(|step| step.actor == by.actor)
    );
}

#[tokio::test]
async fn what_came_due_while_nothing_ran_by_itself_is_nobody_s() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    daily(&bench, id).await;
    let since = async || bench.catalog.scheduled().await.unwrap()[0].since;
    assert_eq!(since().await.to_string(), "2027-05-01T12:00:00Z");
    bench
        .catalog
        .pause_connector(&admin(), id, true)
        .await
        .unwrap();
    bench.clock.turn_to("2027-05-09T12:00:00Z".parse().unwrap());
    bench
        .catalog
        .pause_connector(&admin(), id, false)
        .await
        .unwrap();
    assert_eq!(since().await.to_string(), "2027-05-09T12:00:00Z");
}

#[tokio::test]
async fn to_do_again_what_is_done_changes_nothing() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    let catalog = &bench.catalog;
    catalog.enable_connector(&admin(), id).await.unwrap();
    let connector = catalog.pause_connector(&admin(), id, false).await.unwrap();
    assert_eq!(connector.revision, 1);
    catalog.disable_connector(&admin(), id).await.unwrap();
    let connector = catalog.disable_connector(&admin(), id).await.unwrap();
    assert_eq!(connector.revision, 2);
}

#[tokio::test]
async fn a_connector_keeps_plugin_and_life_while_a_run_goes_on() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    make(&bench, id, Event::RunBegan).await;
    let code = |error: CatalogError| match error {
        CatalogError::Conflict { code, .. } => code,
        error => panic!("{error:?}"),
    };
    let (catalog, by) = (&bench.catalog, admin());
    let deleted = catalog.delete_connector(&by, id, None, Data::Keep).await;
    assert_eq!(code(deleted.unwrap_err()), "connector.running");
    let other = read(json!({"plugin": "scim"}));
    let changed = catalog.change_connector(&by, id, None, other).await;
    assert_eq!(code(changed.unwrap_err()), "connector.running");
    let disabled = catalog.disable_connector(&by, id).await;
    assert_eq!(code(disabled.unwrap_err()), "connector.state");
    let renamed = read(json!({"name": "Renamed"}));
    catalog
        .change_connector(&by, id, None, renamed)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_connector_keeps_its_plugin_while_profiles_use_its_maps() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    let profile = daily(&bench, id).await;
    let other = || read(json!({"plugin": "scim"}));
    let error = bench
        .catalog
        .change_connector(&admin(), id, None, other())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("Daily"), "{error}");
    bench
        .catalog
        .delete_profile(&admin(), id, profile, None)
        .await
        .unwrap();
    let changed = bench
        .catalog
        .change_connector(&admin(), id, None, other())
        .await
        .unwrap();
    assert_eq!(changed.plugin, "scim");
}

#[tokio::test]
async fn a_copy_has_everything_but_a_will_to_run() {
    let bench = Bench::new().await;
    let id = bench.connector().await.id;
    daily(&bench, id).await;
    let group = "11111111-1111-1111-1111-111111111111".to_owned();
    bench
        .catalog
        .set_link(&admin(), id, "g1", &[group])
        .await
        .unwrap();
    for links in [false, true] {
        let wanted = CloneConnector {
            name: format!("Copy {links}"),
            links,
        };
        let copy = bench
            .catalog
            .clone_connector(&admin(), id, &wanted)
            .await
            .unwrap();
        assert_eq!(copy.state, State::Registered);
        assert_eq!(copy.plugin, PLUGIN);
        let (profiles, _) = bench.catalog.profiles(copy.id, None, 10).await.unwrap();
        assert_eq!(profiles.len(), 1);
        assert!(!profiles[0].active);
        let plan = bench.catalog.run_plan(profiles[0].id).await.unwrap();
        assert_eq!(plan.secrets.len(), 1, "the secret opens at its new place");
        assert_eq!(plan.links.len(), usize::from(links));
    }
}

#[tokio::test]
async fn a_deleted_connector_leaves_only_what_was_said() {
    let bench = Bench::new().await;
    let (kept, removed) = (
        bench.connector().await.id,
        bench.named("Other").await.unwrap().id,
    );
    daily(&bench, removed).await;
    let (catalog, by) = (&bench.catalog, admin());
    let stale = catalog.delete_connector(&by, removed, Some(9), Data::Remove);
    assert!(matches!(stale.await, Err(CatalogError::Stale { .. })));
    catalog
        .delete_connector(&by, removed, Some(1), Data::Remove)
        .await
        .unwrap();
    assert_eq!(last_deed(&bench).await.details, json!({"data": "remove"}));
    catalog
        .delete_connector(&by, kept, None, Data::Keep)
        .await
        .unwrap();
    assert_eq!(catalog.leftovers().await.unwrap(), [removed]);
    catalog.cleared(removed).await.unwrap();
    assert_eq!(catalog.leftovers().await.unwrap(), Vec::<Uuid>::new());
    assert!(transitions(&bench, removed).await.is_empty());
    assert!(catalog.scheduled().await.unwrap().is_empty());
    let secrets: i64 = bench
        .database
        .read::<_, DatabaseError>(async |connection| {
            Ok(sqlx::query_scalar("SELECT count(*) FROM secret")
                .fetch_one(connection)
                .await?)
        })
        .await
        .unwrap();
    assert_eq!(secrets, 0);
    bench.connector().await;
}
