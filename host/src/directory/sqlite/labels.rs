//! Names as they are searched: without case, accents and superfluous white space.

use sqlx::SqliteConnection;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::bulk;
use super::fault::Result;
use super::links;

/// To be raised whenever [`fold`] makes anything else of any name: then all labels are made anew.
const VERSION: i64 = 1;
/// Behind every folded name, which never has it.
pub(super) const LAST: char = '\u{10FFFF}';

/// A name, or what is searched in names, in the form in which the two are compared.
pub(super) fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_ascii() {
            folded.push(letter.to_ascii_lowercase());
        } else {
            // Each by itself: what its neighbours decide, the order of marks, is dropped with these.
            let plain = std::iter::once(letter).nfkd().flat_map(char::to_lowercase);
            plain.for_each(|letter| fold_letter(letter, &mut folded));
        }
    }
    spaced(folded)
}

fn fold_letter(letter: char, folded: &mut String) {
    match letter {
        // Letters that no decomposition takes apart, as people type them where they have no key for them.
        'ß' => folded.push_str("ss"),
        'æ' => folded.push_str("ae"),
        'œ' => folded.push_str("oe"),
        'þ' => folded.push_str("th"),
        'ø' => folded.push('o'),
        'ł' => folded.push('l'),
        'đ' | 'ð' => folded.push('d'),
        'ħ' => folded.push('h'),
        'ı' => folded.push('i'),
        'ς' => folded.push('σ'),
        LAST => folded.push(char::REPLACEMENT_CHARACTER),
        mark if is_combining_mark(mark) => {}
        letter => folded.push(letter),
    }
}

/// The words with one space between them.
fn spaced(text: String) -> String {
    let is_spaced = text
        .split(' ')
        .all(|word| !word.is_empty() && !word.contains(char::is_whitespace));
    if is_spaced {
        return text;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// A row of `label`.
pub(super) struct Label {
    pub(super) object: i64,
    pub(super) connector: i64,
    pub(super) kind: i64,
    pub(super) folded: String,
    /// Of a group its kind, else empty.
    pub(super) group_kind: String,
    /// The run that writes it; 0 where none does.
    pub(super) run: i64,
}

/// Adds labels of objects that have none. Those of new objects come into their order with [`order`].
pub(super) async fn add(connection: &mut SqliteConnection, labels: &[Label]) -> Result<()> {
    if labels.is_empty() {
        return Ok(());
    }
    insert(connection, include_str!("add_labels.sql"), labels).await?;
    reorder(connection, &keys(labels)?).await
}

/// Adds or changes labels of objects that may have one.
pub(super) async fn put(connection: &mut SqliteConnection, labels: &[Label]) -> Result<()> {
    if labels.is_empty() {
        return Ok(());
    }
    let keys = keys(labels)?;
    sqlx::query(include_str!("unorder_labels.sql"))
        .bind(&keys)
        .execute(&mut *connection)
        .await?;
    insert(connection, include_str!("put_labels.sql"), labels).await?;
    reorder(connection, &keys).await
}

fn keys(labels: &[Label]) -> Result<String> {
    let keys: Vec<i64> = labels.iter().map(|label| label.object).collect();
    Ok(serde_json::to_string(&keys)?)
}

/// Puts labels in order, as far as that of the others goes.
async fn reorder(connection: &mut SqliteConnection, keys: &str) -> Result<()> {
    sqlx::query(include_str!("reorder_labels.sql"))
        .bind(keys)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that this run brought these objects into sight again.
pub(super) async fn since(
    connection: &mut SqliteConnection,
    objects: &[i64],
    run: i64,
) -> Result<()> {
    if objects.is_empty() {
        return Ok(());
    }
    sqlx::query("UPDATE label SET since = $2 WHERE object IN (SELECT value FROM json_each($1))")
        .bind(serde_json::to_string(objects)?)
        .bind(run)
        .execute(connection)
        .await?;
    Ok(())
}

/// Puts all labels that still lack it into the order of names.
pub(super) async fn order(connection: &mut SqliteConnection) -> Result<()> {
    sqlx::query(include_str!("order_labels.sql"))
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert(
    connection: &mut SqliteConnection,
    sql: &'static str,
    labels: &[Label],
) -> Result<()> {
    bulk::insert(connection, sql, labels, |statement, label| {
        statement
            .bind(label.object)
            .bind(label.connector)
            .bind(label.kind)
            .bind(label.folded.clone())
            .bind(label.group_kind.clone())
            .bind(label.run)
            .bind(label.run)
    })
    .await?;
    Ok(())
}

/// Makes the labels of all profiles where they are missing or of another version. Part of opening the store.
pub(super) async fn bring_up_to_date(connection: &mut SqliteConnection) -> Result<()> {
    let version: Option<i64> = sqlx::query_scalar("SELECT version FROM labelling")
        .fetch_optional(&mut *connection)
        .await?;
    if version == Some(VERSION) {
        return Ok(());
    }
    sqlx::query(include_str!("begin_labelling.sql"))
        .bind(VERSION)
        .execute(&mut *connection)
        .await?;
    let mut after = 0;
    loop {
        let profiles: Vec<(i64, i64, i64, String, String)> =
            sqlx::query_as(include_str!("fold_labels.sql"))
                .bind(after)
                .fetch_all(&mut *connection)
                .await?;
        let Some(last) = profiles.last() else { break };
        after = last.0;
        let labels: Vec<Label> = profiles
            .into_iter()
            .map(|(object, connector, kind, name, group_kind)| Label {
                object,
                connector,
                kind,
                folded: fold(&name),
                group_kind,
                run: 0,
            })
            .collect();
        let sql = include_str!("refold_labels.sql");
        insert(connection, sql, &labels).await?;
    }
    links::recount_all(connection).await?;
    order(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_people_type_them() {
        for (name, folded) in [
            ("  Ada\t LOVELACE ", "ada lovelace"),
            ("Zoë Müller-Lüdenscheidt", "zoe muller-ludenscheidt"),
            ("Straße", "strasse"),
            ("ÅNGSTRÖM", "angstrom"),
            ("Łukasz Søren Đorđe", "lukasz soren dorde"),
            ("İstanbul IĞDIR", "istanbul igdir"),
            ("ﬁnance ①", "finance 1"),
            ("Ὀδυσσεύς", "οδυσσευσ"),
            ("東京", "東京"),
            ("", ""),
        ] {
            assert_eq!(fold(name), folded, "{name}");
        }
    }

    #[test]
    fn folding_twice_is_folding_once() {
        for letter in ('\0'..=char::MAX).filter(|letter| *letter != ' ') {
            let once = fold(&letter.to_string());
            assert_eq!(fold(&once), once, "{letter:?}");
            assert!(!once.contains(LAST), "{letter:?}");
        }
    }
}
