//! What the vault promises.

use super::*;
use crate::database::testing;

async fn set(vault: &Vault, database: &Database, owner: Uuid, name: &str, secret: &str) {
    let actor = Actor::system();
    let secret = SecretString::from(secret);
    let new = NewSecret {
        owner,
        name,
        secret: &secret,
        expires_on: Some(jiff::civil::date(2027, 5, 31)),
        actor: &actor,
        at: Timestamp::UNIX_EPOCH,
    };
    database
        .write(async |connection| vault.set(connection, &new).await)
        .await
        .unwrap();
}

async fn reveal(vault: &Vault, database: &Database, owner: Uuid) -> Result<Secrets, VaultError> {
    database
        .read(async |connection| vault.reveal(connection, owner).await)
        .await
}

#[tokio::test]
async fn a_secret_opens_again_and_only_notes_of_it_are_told() {
    let (database, _folder) = testing::empty().await;
    let (vault, owner) = (Vault::new(Key::generate()), Uuid::now_v7());
    set(&vault, &database, owner, "clientSecret", "hush hush").await;
    let secrets = reveal(&vault, &database, owner).await.unwrap();
    assert_eq!(secrets["clientSecret"].expose_secret(), "hush hush");
    let notes = database
        .read(async |connection| vault.notes(connection, owner).await)
        .await
        .unwrap();
    assert_eq!(notes[0].set_by, "system");
    assert_eq!(notes[0].expires_on.unwrap().to_string(), "2027-05-31");
}

#[tokio::test]
async fn the_data_folder_holds_no_secret_in_clear() {
    let (database, folder) = testing::empty().await;
    let vault = Vault::new(Key::generate());
    set(
        &vault,
        &database,
        Uuid::now_v7(),
        "clientSecret",
        "hush hush hush",
    )
    .await;
    database.close().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(14).any(|part| part == b"hush hush hush"));
    }
}

#[tokio::test]
async fn another_key_opens_nothing_and_is_told_by_name() {
    let (database, _folder) = testing::empty().await;
    let owner = Uuid::now_v7();
    let (ours, theirs) = (Vault::new(Key::generate()), Vault::new(Key::generate()));
    set(&ours, &database, owner, "clientSecret", "hush").await;
    let error = reveal(&theirs, &database, owner).await.unwrap_err();
    assert!(matches!(error, VaultError::OtherKey { .. }), "{error}");
    assert!(theirs.verify(&database).await.is_err());
    ours.verify(&database).await.unwrap();
}

#[tokio::test]
async fn a_secret_moved_to_another_owner_does_not_open() {
    let (database, _folder) = testing::empty().await;
    let (vault, owner, thief) = (Vault::new(Key::generate()), Uuid::now_v7(), Uuid::now_v7());
    set(&vault, &database, owner, "clientSecret", "hush").await;
    let moved: Result<_, sqlx::Error> = database
        .write(async |connection| {
            sqlx::query("UPDATE secret SET owner = $1")
                .bind(thief.to_string())
                .execute(connection)
                .await
        })
        .await;
    moved.unwrap();
    let error = reveal(&vault, &database, thief).await.unwrap_err();
    assert!(matches!(error, VaultError::Broken { .. }), "{error}");
}

#[tokio::test]
async fn a_copy_opens_for_its_new_owner() {
    let (database, _folder) = testing::empty().await;
    let (vault, owner, heir) = (Vault::new(Key::generate()), Uuid::now_v7(), Uuid::now_v7());
    set(&vault, &database, owner, "clientSecret", "hush").await;
    database
        .write(async |connection| vault.copy(connection, owner, heir).await)
        .await
        .unwrap();
    let secrets = reveal(&vault, &database, heir).await.unwrap();
    assert_eq!(secrets["clientSecret"].expose_secret(), "hush");
}

#[tokio::test]
async fn after_a_rotation_only_the_new_key_opens_and_a_broken_secret_stops_it_whole() {
    let (database, _folder) = testing::empty().await;
    let (owner, new) = (Uuid::now_v7(), Key::generate());
    let (before, after) = (Vault::new(Key::generate()), Vault::new(new.clone()));
    set(&before, &database, owner, "clientSecret", "hush").await;
    set(&before, &database, owner, "certificate", "PEM").await;
    assert_eq!(before.rotate(&database, &new).await.unwrap(), 2);
    assert!(reveal(&before, &database, owner).await.is_err());
    let secrets = reveal(&after, &database, owner).await.unwrap();
    assert_eq!(secrets["certificate"].expose_secret(), "PEM");
    assert_eq!(
        before.rotate(&database, &new).await.unwrap(),
        0,
        "done already"
    );

    let stranger = Vault::new(Key::generate());
    assert!(stranger.rotate(&database, &Key::generate()).await.is_err());
    after.verify(&database).await.unwrap();
}
