//! Inserts of many rows.
//!
//! Small values go to SQLite as one JSON array. Where a row has several columns or long texts,
//! binding each costs less than having SQLite parse them, and, as such a statement calls no
//! function that could fail half-way, SQLite keeps no journal for it.

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection};

use super::fault::Result;

/// Rows in a statement: a third of the usual page of 999 objects. Each statement wakes SQLite's thread and waits for it.
const ROWS: usize = 333;

/// A statement whose values are bound one after another.
pub(super) type Statement = Query<'static, Sqlite, SqliteArguments>;

/// What came of an insert.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Inserted {
    /// How many rows were inserted or changed.
    pub(super) rows: i64,
    /// SQLite's key of the last one.
    pub(super) last: i64,
}

/// Executes a statement with `VALUES (?, …)` for all rows, many at a time.
pub(super) async fn insert<T>(
    connection: &mut SqliteConnection,
    sql: &'static str,
    rows: &[T],
    bind: impl Fn(Statement, &T) -> Statement,
) -> Result<Inserted> {
    let mut inserted = Inserted::default();
    for rows in rows.chunks(ROWS) {
        let done = statement(sql, rows, &bind)
            .execute(&mut *connection)
            .await?;
        inserted.rows += i64::try_from(done.rows_affected()).unwrap_or(i64::MAX);
        inserted.last = done.last_insert_rowid();
    }
    Ok(inserted)
}

/// The same for a statement with `RETURNING`; gives what it returns.
pub(super) async fn upsert<T>(
    connection: &mut SqliteConnection,
    sql: &'static str,
    rows: &[T],
    bind: impl Fn(Statement, &T) -> Statement,
) -> Result<Vec<i64>> {
    let mut returned = Vec::new();
    for rows in rows.chunks(ROWS) {
        let found = statement(sql, rows, &bind)
            .fetch_all(&mut *connection)
            .await?;
        for row in found {
            returned.push(row.try_get(0)?);
        }
    }
    Ok(returned)
}

fn statement<T>(
    sql: &'static str,
    rows: &[T],
    bind: &impl Fn(Statement, &T) -> Statement,
) -> Statement {
    let statement = sqlx::query(AssertSqlSafe(repeat(sql, rows.len())))
        // The last chunk is of any length: not worth keeping.
        .persistent(rows.len() == ROWS);
    rows.iter().fold(statement, bind)
}

/// The statement with its row of placeholders repeated.
fn repeat(sql: &str, count: usize) -> String {
    const VALUES: &str = "VALUES ";
    let start = sql.find(VALUES).map_or(0, |start| start + VALUES.len());
    let (head, rest) = sql.split_at(start);
    let end = rest.find(')').map_or(rest.len(), |end| end + 1);
    let (row, tail) = rest.split_at(end);
    [head, &vec![row; count].join(", "), tail].concat()
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_the_row_is_repeated() {
        assert_eq!(
            super::repeat("INSERT INTO t (a)\nVALUES (?, ?)\nON CONFLICT (a)", 2),
            "INSERT INTO t (a)\nVALUES (?, ?), (?, ?)\nON CONFLICT (a)"
        );
    }
}
