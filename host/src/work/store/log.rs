//! Logs of runs.

use jiff::Timestamp;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::row::{count, signed, word};
use crate::database::DatabaseError;
use crate::journal::{Level, Line, MOST_BYTES, MOST_LINES, News, Source};

/// Adds what is new to a run's log, and drops the oldest lines that are too many then.
pub(in crate::work) async fn add(
    connection: &mut SqliteConnection,
    run: Uuid,
    news: &News,
) -> Result<(), DatabaseError> {
    let run = run.to_string();
    for line in &news.lines {
        sqlx::query(
            "INSERT OR IGNORE INTO run_log (run, position, level, source, text) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&run)
        .bind(line.position)
        .bind(line.level.word())
        .bind(line.source.word())
        .bind(&line.text)
        .execute(&mut *connection)
        .await?;
    }
    let dropped = sqlx::query(include_str!("trim_log.sql"))
        .bind(&run)
        .bind(i64::try_from(MOST_LINES).unwrap_or(i64::MAX))
        .bind(i64::try_from(MOST_BYTES).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await?
        .rows_affected();
    let dropped = dropped + news.lost;
    if dropped > 0 {
        sqlx::query("UPDATE run SET log_dropped = log_dropped + $2 WHERE id = $1")
            .bind(&run)
            .bind(signed(dropped))
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// The log of a run, the oldest line first, and how many before these were dropped.
pub(in crate::work) async fn read(
    connection: &mut SqliteConnection,
    run: Uuid,
) -> Result<(Vec<Line>, u64), DatabaseError> {
    let dropped = sqlx::query("SELECT log_dropped FROM run WHERE id = $1")
        .bind(run.to_string())
        .fetch_optional(&mut *connection)
        .await?
        .as_ref()
        .map(|row| count(row, "log_dropped"))
        .transpose()?;
    let lines = sqlx::query(
        "SELECT position, level, source, text FROM run_log WHERE run = $1 ORDER BY position",
    )
    .bind(run.to_string())
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| {
        let position = row.try_get("position")?;
        let sources = [Source::Plugin, Source::Host];
        Ok(Line {
            position,
            at: Timestamp::from_microsecond(position)
                .map_err(|error| DatabaseError::Corrupt(error.to_string()))?,
            level: word(row.try_get("level")?, &Level::ALL, Level::word)?,
            source: word(row.try_get("source")?, &sources, Source::word)?,
            text: row.try_get("text")?,
        })
    })
    .collect::<Result<_, DatabaseError>>()?;
    Ok((lines, dropped.unwrap_or_default()))
}
