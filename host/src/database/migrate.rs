//! Bringing the tables of a file up to date, for the control plane's own file and for the directory's.

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection, SqlSafeStr, SqliteConnection};

use crate::causes::with_causes;

/// Makes the migrations that a file lacks, and then what `after` adds to them, all or nothing. `scripts` are names
/// and SQL texts, the oldest first; `table` notes which were made.
///
/// # Errors
/// In words: a file of a newer version of this program, or one whose tables are another program's, is refused.
pub(crate) async fn migrate(
    connection: &mut SqliteConnection,
    table: &'static str,
    scripts: &[(&'static str, &'static str)],
    after: impl AsyncFnOnce(&mut SqliteConnection) -> Result<(), MigrateError>,
) -> Result<(), String> {
    let migrations = (1..).zip(scripts).map(|(version, (name, sql))| {
        let sql = sql.into_sql_str();
        Migration::new(version, (*name).into(), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(table);
    let work = async {
        // Holds off another process that opens the file at the same time.
        let mut whole = connection.begin_with("BEGIN IMMEDIATE").await?;
        migrator.run_direct(None, &mut *whole, false).await?;
        after(&mut whole).await?;
        whole.commit().await?;
        Ok::<(), MigrateError>(())
    };
    work.await.map_err(|error| match error {
        MigrateError::VersionMissing(version) => format!(
            "it was written by a newer version of this program (tables of version {version})"
        ),
        MigrateError::VersionMismatch(version) => {
            format!("its tables of version {version} are not those of this program")
        }
        other => with_causes(&other),
    })
}
