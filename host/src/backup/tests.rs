use std::sync::Arc;

use super::*;
use crate::clock::SystemClock;
use crate::control_plane::ControlPlane;
use crate::control_plane::testing::{config, plane};

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

/// A line in the audit log, by number.
async fn note(plane: &ControlPlane, n: usize) {
    let actor = crate::audit::Actor::system();
    let deed = crate::audit::Deed {
        at: now(),
        actor: &actor,
        address: None,
        action: &format!("test.{n}"),
        target: None,
        details: serde_json::json!({}),
    };
    let written: Result<(), sqlx::Error> = plane
        .database
        .write(async |connection| crate::audit::record(connection, &deed).await)
        .await;
    written.unwrap();
}

async fn notes(plane: &ControlPlane) -> usize {
    let filter = crate::audit::Filter::default();
    let lines = crate::audit::read(&plane.database, &filter, 500).await;
    lines.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_store_under_writes_is_backed_up_in_one_state_and_opens_elsewhere() {
    let (plane, folder) = plane().await;
    plane.registry.pretend("entra@1.0.0", &[]).await;
    let plugins = control_plane::plugins_folder(&plane.data_dir);
    fs::write(plugins.join("content/digest.wasm"), "a component").unwrap();
    fs::write(plugins.join("code/compiled"), "machine code").unwrap();
    plane.directory.connector("contoso").await.unwrap();
    let writes = tokio::spawn({
        let plane = Arc::clone(&plane);
        async move {
            for n in 0..200 {
                note(&plane, n).await;
                plane.directory.connector(&format!("c{n}")).await.unwrap();
            }
        }
    });
    while notes(&plane).await < 5 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let kept = folder.path().join("kept");
    let made = backup(&plane.data_dir, &plane.directory_database, &kept, now())
        .await
        .unwrap();
    let by_then = notes(&plane).await;
    writes.await.unwrap();
    assert!(made.has_directory);
    let names: Vec<&str> = made.files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            CONTROL,
            DIRECTORY,
            "plugins/content/digest.wasm",
            "plugins/registry.json"
        ]
    );

    let elsewhere = tempfile::tempdir().unwrap();
    let mut configured = config(elsewhere.path());
    let data = elsewhere.path().join("data");
    assert_eq!(restore(&kept, &data).await.unwrap(), made);
    configured.server.data_dir = Some(data);
    let restored = ControlPlane::open(configured, Arc::new(SystemClock))
        .await
        .unwrap();
    let found = notes(&restored).await;
    assert!((5..=by_then).contains(&found), "{found} of {by_then}");
    let list = restored.registry.list().await.unwrap();
    assert_eq!(list.len(), 1);
}

#[tokio::test]
async fn a_folder_that_holds_something_is_never_written_to() {
    let (plane, folder) = plane().await;
    let kept = folder.path().join("kept");
    let database = &plane.directory_database;
    backup(&plane.data_dir, database, &kept, now())
        .await
        .unwrap();
    let again = backup(&plane.data_dir, database, &kept, now()).await;
    assert!(matches!(again, Err(BackupError::NotEmpty(_))), "{again:?}");
    let over = restore(&kept, &plane.data_dir).await;
    assert!(matches!(over, Err(BackupError::NotEmpty(_))), "{over:?}");
}

#[tokio::test]
async fn a_backup_that_was_changed_or_cut_is_refused_and_leaves_nothing() {
    let (plane, folder) = plane().await;
    let kept = folder.path().join("kept");
    backup(&plane.data_dir, &plane.directory_database, &kept, now())
        .await
        .unwrap();
    let target = folder.path().join("new");
    let control = kept.join(CONTROL);
    let good = fs::read(&control).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    fs::write(&control, bad).unwrap();
    let error = restore(&kept, &target).await.unwrap_err().to_string();
    assert!(
        error.contains("control.sqlite in the backup is damaged"),
        "{error}"
    );
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    fs::write(&control, good).unwrap();
    let manifest = fs::read_to_string(kept.join(MANIFEST)).unwrap();
    for (change, expected) in [
        (
            manifest.replace("\"form\": 1", "\"form\": 2"),
            "restore it with that one",
        ),
        (manifest.replace(DIRECTORY, "../elsewhere"), "outside of it"),
    ] {
        fs::write(kept.join(MANIFEST), change).unwrap();
        let error = restore(&kept, &target).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    fs::remove_file(kept.join(MANIFEST)).unwrap();
    let unfinished = restore(&kept, &target).await;
    assert!(matches!(unfinished, Err(BackupError::NoBackup { .. })));
}

#[tokio::test]
async fn a_database_that_is_not_whole_is_found_although_its_digest_is_right() {
    let (plane, folder) = plane().await;
    let kept = folder.path().join("kept");
    let mut made = backup(&plane.data_dir, &plane.directory_database, &kept, now())
        .await
        .unwrap();
    let mut bytes = fs::read(kept.join(CONTROL)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xAB);
    fs::write(kept.join(CONTROL), &bytes).unwrap();
    let entry = digest(bytes.as_slice(), &mut io::sink()).unwrap();
    made.files.insert(CONTROL.into(), entry);
    write_manifest(&kept, &made).unwrap();
    let error = restore(&kept, &folder.path().join("new"))
        .await
        .unwrap_err();
    assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_directory_on_a_database_server_is_left_out_and_that_is_told() {
    let (plane, folder) = plane().await;
    let kept = folder.path().join("kept");
    let made = backup(&plane.data_dir, "postgres://host/db", &kept, now())
        .await
        .unwrap();
    assert!(!made.has_directory && !made.files.contains_key(DIRECTORY));
}

#[tokio::test]
async fn where_no_server_worked_there_is_nothing_to_back_up() {
    let folder = tempfile::tempdir().unwrap();
    let made = backup(folder.path(), "x", &folder.path().join("kept"), now()).await;
    assert!(matches!(made, Err(BackupError::NoData(_))), "{made:?}");
}
