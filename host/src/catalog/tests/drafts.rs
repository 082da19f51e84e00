//! Connectors that somebody is about to make.

use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::{last_deed, read};
use crate::catalog::testing::{Bench, PLUGIN, admin, paths};
use crate::catalog::{Answers, CatalogError, LastTest, SecretChanges};
use crate::clock::Clock;

const ADA: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);

fn answers(name: &str) -> Answers {
    read(json!({
        "name": name, "plugin": PLUGIN, "settings": {"tenantId": "contoso.example"},
        "profile": {"name": "Nightly", "schedule": {
            "zone": "UTC",
            "rhythm": {"kind": "every", "count": 1, "unit": "days", "start": "2027-05-01T02:00:00"}
        }},
    }))
}

fn secret() -> SecretChanges {
    SecretChanges::default().set("clientSecret", "hunter2", Some("2028-01-01"))
}

async fn begun(bench: &Bench, name: &str) -> Uuid {
    let by = admin();
    let id = bench.catalog.begin_draft(ADA, &answers(name)).await;
    let id = id.unwrap();
    let kept = bench.catalog.change_draft(&by, (ADA, id), secret(), |_| ());
    kept.await.unwrap();
    id
}

async fn secrets_of(bench: &Bench, id: Uuid) -> i64 {
    bench
        .database
        .read::<_, sqlx::Error>(async |connection| {
            sqlx::query_scalar("SELECT count(*) FROM secret WHERE owner = $1")
                .bind(id.to_string())
                .fetch_one(connection)
                .await
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_draft_is_its_owner_s_alone() {
    let by = admin();
    let bench = Bench::new().await;
    let id = begun(&bench, "Contoso").await;
    let found = bench.catalog.draft(ADA, id).await.unwrap();
    assert_eq!(found.answers, answers("Contoso"));
    assert_eq!(bench.catalog.drafts(BOB).await.unwrap(), []);
    let missing = |error| matches!(error, CatalogError::NotFound("draft"));
    assert!(missing(bench.catalog.draft(BOB, id).await.unwrap_err()));
    let change = bench.catalog.change_draft(&by, (BOB, id), secret(), |_| ());
    assert!(missing(change.await.unwrap_err()));
    assert!(missing(
        bench.catalog.discard_draft(BOB, id).await.unwrap_err()
    ));
    let created = bench.catalog.create_from_draft(&admin(), BOB, id).await;
    assert!(missing(created.unwrap_err()));
}

#[tokio::test]
async fn secrets_of_a_draft_are_sealed_and_only_noted() {
    let bench = Bench::new().await;
    let id = begun(&bench, "Contoso").await;
    let draft = bench.catalog.draft(ADA, id).await.unwrap();
    assert_eq!(draft.secrets[0].name, "clientSecret");
    assert!(!format!("{draft:?}").contains("hunter2"));
    let kept: String = bench
        .database
        .read::<_, sqlx::Error>(async |connection| {
            sqlx::query_scalar("SELECT answers FROM draft")
                .fetch_one(connection)
                .await
        })
        .await
        .unwrap();
    assert!(!kept.contains("hunter2"));
}

#[tokio::test]
async fn a_discarded_draft_takes_its_secrets_along() {
    let bench = Bench::new().await;
    let id = begun(&bench, "Contoso").await;
    bench.catalog.discard_draft(ADA, id).await.unwrap();
    assert_eq!(bench.catalog.drafts(ADA).await.unwrap(), []);
    assert_eq!(secrets_of(&bench, id).await, 0);
}

#[tokio::test]
async fn a_draft_that_nobody_changes_for_a_month_is_forgotten() {
    let bench = Bench::new().await;
    let old = begun(&bench, "Old").await;
    bench
        .clock
        .turn_to(bench.clock.now() + SignedDuration::from_hours(29 * 24));
    let young = begun(&bench, "Young").await;
    assert_eq!(bench.catalog.drafts(ADA).await.unwrap().len(), 2);
    bench
        .clock
        .turn_to(bench.clock.now() + SignedDuration::from_hours(2 * 24));
    let left = bench.catalog.drafts(BOB).await.unwrap();
    assert_eq!(left, [], "whoever looks, it is done");
    let left: Vec<Uuid> = (bench.catalog.drafts(ADA).await.unwrap())
        .into_iter()
        .map(|draft| draft.id)
        .collect();
    assert_eq!(left, [young]);
    assert_eq!(secrets_of(&bench, old).await, 0);
}

#[tokio::test]
async fn a_draft_becomes_a_connector_with_its_profile_and_secrets() {
    let bench = Bench::new().await;
    let id = begun(&bench, "Contoso").await;
    let made = bench.catalog.create_from_draft(&admin(), ADA, id).await;
    let made = made.unwrap();
    assert_eq!((made.id, made.name.as_str()), (id, "Contoso"));
    let (profiles, _) = bench.catalog.profiles(id, None, 10).await.unwrap();
    assert_eq!(profiles[0].name, "Nightly");
    assert_eq!(profiles[0].map.id, "default.entra.default");
    let parts = bench.catalog.run_plan(profiles[0].id).await.unwrap();
    assert_eq!(parts.secrets["clientSecret"].expose_secret(), "hunter2");
    assert_eq!(bench.catalog.drafts(ADA).await.unwrap(), []);
    assert_eq!(last_deed(&bench).await.action, "profile.create");
    let again = bench.catalog.create_from_draft(&admin(), ADA, id).await;
    assert!(matches!(again, Err(CatalogError::NotFound("draft"))));
}

#[tokio::test]
async fn where_the_profile_can_t_be_there_is_no_connector_either() {
    let by = admin();
    let bench = Bench::new().await;
    let id = begun(&bench, "Contoso").await;
    let change = bench
        .catalog
        .change_draft(&by, (ADA, id), SecretChanges::default(), |answers| {
            answers.map = Some("default.scim.default".into());
        });
    let draft = change.await.unwrap();
    let made = bench.catalog.create_from_draft(&admin(), ADA, id).await;
    assert_eq!(paths(made.unwrap_err()), ["profile.map"]);
    let told = bench.catalog.review_draft(&admin(), &draft).await;
    assert_eq!(told.unwrap().problems[0].path, "profile.map");
    assert!(bench.catalog.connector(id).await.is_err());
    assert!(
        bench.catalog.draft(ADA, id).await.is_ok(),
        "nothing is lost"
    );
}

#[tokio::test]
async fn a_name_that_is_taken_is_told_at_once_and_once_more_at_the_end() {
    let bench = Bench::new().await;
    bench.connector().await;
    let told = bench.catalog.check_basics(&answers("CONTOSO")).await;
    assert_eq!(paths(told.unwrap_err()), ["name"]);
    let id = begun(&bench, "Contoso").await;
    let made = bench.catalog.create_from_draft(&admin(), ADA, id).await;
    assert_eq!(paths(made.unwrap_err()), ["name"]);
}

#[tokio::test]
async fn a_draft_is_tested_with_its_own_secret_and_the_test_grows_stale() {
    let by = admin();
    let bench = Bench::new().await;
    let id = begun(&bench, "Contoso").await;
    let draft = bench.catalog.draft(ADA, id).await.unwrap();
    let found = bench.catalog.test_draft(&draft).await.unwrap();
    assert!(found.passed);
    let asked = bench.types.asked.lock().unwrap().pop().unwrap();
    let given = asked.settings.secrets["clientSecret"].expose_secret();
    assert_eq!(given, "hunter2");
    let none = SecretChanges::default;
    let noted = LastTest {
        at: draft.changed,
        stale: false,
        found,
    };
    let change = bench
        .catalog
        .change_draft(&by, (ADA, id), none(), |answers| {
            answers.tested = Some(noted);
        });
    assert!(!change.await.unwrap().answers.tested.unwrap().stale);
    let change = bench
        .catalog
        .change_draft(&by, (ADA, id), none(), |answers| {
            let mut settings = answers.settings.clone();
            settings.insert("cloud".into(), "china".into());
            answers.set_settings(settings);
        });
    assert!(change.await.unwrap().answers.tested.unwrap().stale);
}
