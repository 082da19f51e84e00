//! A copy of a store that goes on.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::causes::with_causes;

/// Writes a consistent copy to a file that there isn't yet. It appears there whole or not at all.
pub(super) async fn backup(view: &mut SqliteConnection, to: &Path) -> Result<(), String> {
    if to.try_exists().map_err(why)? {
        return Err("there is such a file already".into());
    }
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let copy = tempfile::Builder::new()
        .prefix(".directory-")
        .suffix(".backup")
        .tempfile_in(folder)
        .map_err(why)?;
    let name = copy.path().to_str().ok_or("its name is no text")?;
    sqlx::query("VACUUM INTO $1")
        .bind(name)
        .execute(view)
        .await
        .map_err(why)?;
    check(copy.path()).await?;
    copy.as_file().sync_all().map_err(why)?;
    // Refuses where there is a file by now.
    copy.persist_noclobber(to).map_err(why)?;
    Ok(())
}

/// Has SQLite look through a copy.
async fn check(copy: &Path) -> Result<(), String> {
    let mut connection = SqliteConnectOptions::new()
        .filename(copy)
        .read_only(true)
        .connect()
        .await
        .map_err(why)?;
    let verdict: Vec<String> = sqlx::query_scalar("PRAGMA quick_check")
        .fetch_all(&mut connection)
        .await
        .map_err(why)?;
    connection.close().await.map_err(why)?;
    match verdict.as_slice() {
        [fine] if fine == "ok" => Ok(()),
        _ => Err(format!("the copy is damaged: {}", verdict.join("; "))),
    }
}

fn why(error: impl std::error::Error) -> String {
    with_causes(&error)
}
