//! What rules make of a record, value by value.

use serde_json::Value;
use uuid::Uuid;

use super::Problem;
use crate::api::Plane;
use crate::api::transform_maps::trial::stored_document;
use crate::catalog::{
    Compared, ConnectorFilter, MapName, MapRecord, Preview, PreviewOf, Record, SampleOrigin,
    compared,
};
use crate::directory::{Kind, Match, PageRequest, Search};

/// Connectors to choose from.
const MOST_CONNECTORS: u32 = 200;
/// Records to choose from.
const MOST_RECORDS: usize = 20;

/// What rules are to be tried with.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish {
    /// Whose records.
    pub(super) connector: String,
    /// `users`, `groups`, `sample` for one that is typed, `example` for one that is made up.
    pub(super) of: String,
    /// What to look for in names.
    pub(super) text: String,
    /// Identifier of the chosen one.
    pub(super) record: String,
    /// One that was typed, as JSON.
    pub(super) sample: String,
}

impl Wish {
    /// Takes a field of the form.
    pub(super) fn fill(&mut self, name: &str, value: String) {
        match name {
            "connector" => self.connector = value,
            "of" => self.of = value,
            "text" => self.text = value,
            "record" => self.record = value,
            "sample" => self.sample = value,
            _ => {}
        }
    }

    /// The kind of stored records that is wanted.
    fn kind(&self) -> Option<Kind> {
        match self.of.as_str() {
            "users" => Some(Kind::Users),
            "groups" => Some(Kind::Groups),
            _ => None,
        }
    }
}

/// The part of a page that tries rules.
#[derive(Debug)]
pub(super) struct Trial {
    /// What is tried with, where nothing was said the first there is.
    pub(super) wish: Wish,
    /// Connectors of the map's plugin, by identifier and name.
    pub(super) connectors: Vec<(String, String)>,
    /// Records that were found, by identifier and name.
    pub(super) records: Vec<(String, String)>,
    /// What came out.
    pub(super) outcome: Outcome,
}

/// What came out of trying rules.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Nothing, for this reason.
    Nothing(String),
    /// It was refused.
    Refused(Problem),
    /// A document.
    Made(Made),
}

/// A document, beside the one under rules that are saved.
#[derive(Debug)]
pub(super) struct Made {
    /// The record's name.
    pub(super) name: String,
    /// Where the record came from.
    pub(super) origin: SampleOrigin,
    /// Values of the source record.
    pub(super) sample: Vec<Line>,
    /// The map that is compared with.
    pub(super) before: Option<MapName>,
    /// Values of the documents, those that differ first.
    pub(super) lines: Vec<Line>,
}

/// A value of a document.
#[derive(Debug)]
pub(super) struct Line {
    /// Where it stands.
    pub(super) path: String,
    /// What it was, as JSON.
    pub(super) before: Option<String>,
    /// What it is, as JSON.
    pub(super) after: Option<String>,
    /// What became of it: `added`, `changed`, `removed` or `same`.
    pub(super) became: &'static str,
}

impl Line {
    fn new(value: &Compared) -> Self {
        let became = match (&value.before, &value.after) {
            (None, _) => "added",
            (_, None) => "removed",
            _ if value.differs() => "changed",
            _ => "same",
        };
        Self {
            path: value.path.clone(),
            before: value.before.as_ref().map(Value::to_string),
            after: value.after.as_ref().map(Value::to_string),
            became,
        }
    }

    /// What became of it, as a sign.
    pub(super) fn sign(&self) -> &'static str {
        match self.became {
            "added" => "+",
            "removed" => "−",
            "changed" => "±",
            _ => "",
        }
    }
}

impl Made {
    fn new(name: String, preview: Preview) -> Self {
        let document = preview.document.unwrap_or_default();
        let lines = |before: &Value, after: &Value| {
            let values = compared(before, after);
            values.iter().map(Line::new).collect::<Vec<_>>()
        };
        let (before, lines_of_document) = match preview.before {
            Some(before) => (Some(before.map), lines(&before.document, &document)),
            None => (None, lines(&document, &document)),
        };
        let (mut differing, same): (Vec<_>, Vec<_>) = lines_of_document
            .into_iter()
            .partition(|line| line.became != "same");
        differing.extend(same);
        Self {
            name,
            origin: preview.origin,
            sample: lines(&Value::Null, &preview.sample),
            before,
            lines: differing,
        }
    }

    /// How many values became this.
    fn count(&self, became: &str) -> usize {
        let lines = self.lines.iter();
        lines.filter(|line| line.became == became).count()
    }

    /// What differs, in words.
    pub(super) fn differences(&self) -> String {
        let told = ["added", "changed", "removed"].into_iter();
        let told = told.map(|became| (became, self.count(became)));
        let told = told.filter(|(_, count)| *count > 0);
        let told: Vec<String> = told
            .map(|(became, count)| format!("{count} {became}"))
            .collect();
        match told.is_empty() {
            true => "no value differs".to_owned(),
            false => told.join(", "),
        }
    }
}

impl Trial {
    /// Tries rules with what is wished, or with the first there is.
    pub(super) async fn of(
        plane: &Plane,
        map: &MapRecord,
        of: PreviewOf,
        wish: Wish,
    ) -> Result<Self, Problem> {
        let filter = ConnectorFilter {
            plugin: Some(map.plugin.clone()),
            ..ConnectorFilter::default()
        };
        let connectors = plane
            .catalog
            .connectors(&filter, None, MOST_CONNECTORS)
            .await?;
        let mut trial = Self {
            wish,
            connectors: connectors
                .0
                .into_iter()
                .map(|connector| (connector.id.to_string(), connector.name))
                .collect(),
            records: Vec::new(),
            outcome: Outcome::Nothing(String::new()),
        };
        trial.complete();
        trial.outcome = match trial.tried(plane, of).await {
            Ok(outcome) => outcome,
            Err(problem) if problem.status >= 500 => return Err(problem),
            Err(problem) if problem.errors.iter().any(|e| e.path.starts_with("rules")) => {
                Outcome::Nothing("It is shown once the rules are in order.".to_owned())
            }
            Err(problem) => Outcome::Refused(problem),
        };
        Ok(trial)
    }

    /// Takes the first there is where nothing was said.
    fn complete(&mut self) {
        let known = |id: &str| self.connectors.iter().any(|(own, _)| own == id);
        if !known(&self.wish.connector) {
            let first = self.connectors.first();
            self.wish.connector = first.map(|(id, _)| id.clone()).unwrap_or_default();
        }
        if !["users", "groups", "sample", "example"].contains(&self.wish.of.as_str()) {
            let of = match self.connectors.is_empty() {
                true => "example",
                false => "users",
            };
            self.wish.of = of.to_owned();
        }
    }

    async fn tried(&mut self, plane: &Plane, of: PreviewOf) -> Result<Outcome, Problem> {
        let (name, record) = match (self.wish.kind(), self.wish.of.as_str()) {
            (Some(kind), _) => {
                self.find(plane, kind).await?;
                let (Ok(connector), Some((id, name))) =
                    (Uuid::parse_str(&self.wish.connector), self.chosen())
                else {
                    return Ok(Outcome::Nothing(self.nobody()));
                };
                match stored_document(plane, connector, kind, &id).await? {
                    Some(stored) => (name, stored.record(connector, kind)),
                    None => {
                        let reason = format!("Nothing is stored of {name} any more.");
                        return Ok(Outcome::Nothing(reason));
                    }
                }
            }
            (None, "sample") => match self.wish.sample.trim() {
                "" => {
                    let reason = "Type a record of the source model as a JSON object.";
                    return Ok(Outcome::Nothing(reason.to_owned()));
                }
                text => match serde_json::from_str(text) {
                    Ok(members) => ("the typed record".to_owned(), Record::Given(members)),
                    Err(error) => {
                        let reason = format!("What is typed is no JSON object: {error}.");
                        return Ok(Outcome::Nothing(reason));
                    }
                },
            },
            (None, _) => ("the made-up record".to_owned(), Record::MadeUp),
        };
        let preview = plane.catalog.preview(of, record).await?;
        Ok(Outcome::Made(Made::new(name, preview)))
    }

    /// Looks for records by name.
    async fn find(&mut self, plane: &Plane, kind: Kind) -> Result<(), Problem> {
        let Some(key) = plane.directory.find(&self.wish.connector).await? else {
            return Ok(());
        };
        let text = self.wish.text.trim();
        let search = Search {
            text: Some(text.to_owned()).filter(|text| !text.is_empty()),
            how: Match::Substring,
            ..Search::default()
        };
        let first = PageRequest::first(MOST_RECORDS);
        let found = plane
            .directory
            .search(&[key], kind, &search, &first)
            .await?;
        let found = found.items.into_iter();
        self.records = found.map(|entry| (entry.id, entry.name)).collect();
        Ok(())
    }

    /// The chosen record, else the first.
    fn chosen(&mut self) -> Option<(String, String)> {
        let mut records = self.records.iter();
        let chosen = records.find(|(id, _)| *id == self.wish.record);
        let chosen = chosen.or(self.records.first())?.clone();
        self.wish.record.clone_from(&chosen.0);
        Some(chosen)
    }

    fn nobody(&self) -> String {
        let what = &self.wish.of;
        if self.connectors.is_empty() {
            format!("No connector of this plugin has brought {what} yet.")
        } else if self.wish.text.trim().is_empty() {
            format!("This connector has brought no {what} yet.")
        } else {
            format!("No {what} of this connector have this in their names.")
        }
    }
}
