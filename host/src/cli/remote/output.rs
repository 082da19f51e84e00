//! How answers are written: tables for people, JSON for programs.

use std::collections::HashMap;
use std::io::{self, BufRead, IsTerminal, Write};

use comfy_table::CellAlignment;
use connector_host::run::EXIT_PROCESSED;
use indicatif::HumanCount;
use serde_json::Value;

use super::client::{Client, Request};
use super::failure::Failure;
use super::pages::Pages;
use super::resolve;
use super::text::{clean, json_line, json_lines, plain, time};
use crate::cli::table::table;

/// Where a command reads and writes.
pub(super) struct Console {
    /// Standard output: what was asked for.
    pub(super) out: Box<dyn Write + Send>,
    /// Standard error: hints and progress.
    pub(super) notes: Box<dyn Write + Send>,
    /// Standard input: what is asked back.
    pub(super) input: Box<dyn BufRead + Send>,
    /// Whether somebody sits there to be asked.
    pub(super) interactive: bool,
    /// Whether progress can be drawn.
    pub(super) drawing: bool,
}

impl Console {
    /// That of the process.
    pub(super) fn of_process() -> Self {
        Self {
            out: Box::new(io::BufWriter::new(io::stdout())),
            notes: Box::new(io::stderr()),
            input: Box::new(io::BufReader::new(io::stdin())),
            interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
            drawing: io::stderr().is_terminal(),
        }
    }
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Table,
    /// For programs: one document for a thing, one a line for a list.
    Json,
}

/// Writes answers.
pub(super) struct Output {
    /// Where to.
    pub(super) console: Console,
    /// How.
    pub(super) form: Form,
    /// Most entries of a list; all of them where absent.
    pub(super) most: Option<usize>,
    /// Names to show in the place of identifiers.
    names: HashMap<String, String>,
}

/// A column of a list.
pub(super) struct Column {
    title: &'static str,
    cell: Cell,
}

enum Cell {
    Text(&'static str),
    Count(&'static str),
    Time(&'static str),
    Name(&'static str),
    Made(fn(&Value) -> String),
}

impl Column {
    /// The value at a JSON pointer.
    pub(super) const fn text(title: &'static str, pointer: &'static str) -> Self {
        let cell = Cell::Text(pointer);
        Self { title, cell }
    }

    /// A number.
    pub(super) const fn count(title: &'static str, pointer: &'static str) -> Self {
        let cell = Cell::Count(pointer);
        Self { title, cell }
    }

    /// An instant.
    pub(super) const fn time(title: &'static str, pointer: &'static str) -> Self {
        let cell = Cell::Time(pointer);
        Self { title, cell }
    }

    /// An identifier, told by its name where [`Output::learn`] has it.
    pub(super) const fn name(title: &'static str, pointer: &'static str) -> Self {
        let cell = Cell::Name(pointer);
        Self { title, cell }
    }

    /// Made of the whole entry. What comes from elsewhere must be [`clean`].
    pub(super) const fn made(title: &'static str, cell: fn(&Value) -> String) -> Self {
        let cell = Cell::Made(cell);
        Self { title, cell }
    }

    fn of(&self, entry: &Value, names: &HashMap<String, String>) -> String {
        let at = |pointer| entry.pointer(pointer).unwrap_or(&Value::Null);
        match self.cell {
            Cell::Text(pointer) => plain(at(pointer)),
            Cell::Count(pointer) => match at(pointer).as_u64() {
                Some(count) => HumanCount(count).to_string(),
                None => plain(at(pointer)),
            },
            Cell::Time(pointer) => at(pointer).as_str().map(time).unwrap_or_default(),
            Cell::Name(pointer) => {
                let id = at(pointer);
                let name = id.as_str().and_then(|id| names.get(id));
                name.map_or_else(|| plain(id), |name| clean(name))
            }
            Cell::Made(make) => make(entry),
        }
    }
}

impl Output {
    pub(super) fn new(console: Console, form: Form, most: Option<usize>) -> Self {
        Self {
            console,
            form,
            most,
            names: HashMap::new(),
        }
    }

    /// Learns the names of things, where people are to read them. Without them identifiers are shown.
    pub(super) async fn learn(&mut self, client: &Client, path: &[&str]) -> Result<(), Failure> {
        if self.form == Form::Table
            && let Ok(known) = resolve::listed(client.get(path)?).await
        {
            let pairs = known.into_iter().map(|one| (one.id, one.name));
            self.names.extend(pairs);
        }
        Ok(())
    }

    /// Writes a list, a page after the other.
    pub(super) async fn list(
        &mut self,
        request: Request,
        columns: &[Column],
    ) -> anyhow::Result<u8> {
        let mut pages = Pages::new(request, self.most);
        let mut entries = Vec::new();
        while let Some(mut items) = pages.next().await? {
            match self.form {
                Form::Table => entries.append(&mut items),
                Form::Json => self.lines(&items)?,
            }
        }
        if self.form == Form::Table {
            self.rows(&entries, columns)?;
        }
        if pages.has_more() {
            let of = match pages.total {
                Some(total) => format!(" of {}", HumanCount(total)),
                None => String::new(),
            };
            let given = HumanCount(u64::try_from(pages.given).unwrap_or(u64::MAX));
            self.note(&format!(
                "{given}{of} shown; --all for all, --limit for another number"
            ))?;
        }
        Ok(EXIT_PROCESSED)
    }

    /// Writes a list that is complete.
    pub(super) fn whole(&mut self, entries: &[Value], columns: &[Column]) -> io::Result<()> {
        match self.form {
            Form::Table => self.rows(entries, columns),
            Form::Json => self.lines(entries),
        }
    }

    fn lines(&mut self, entries: &[Value]) -> io::Result<()> {
        for entry in entries {
            writeln!(self.console.out, "{}", json_line(entry))?;
        }
        self.console.out.flush()
    }

    fn rows(&mut self, entries: &[Value], columns: &[Column]) -> io::Result<()> {
        if entries.is_empty() {
            return self.note("nothing found");
        }
        let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
        let mut table = table(&titles);
        for entry in entries {
            table.add_row(columns.iter().map(|column| column.of(entry, &self.names)));
        }
        for (column, shown) in columns.iter().zip(table.column_iter_mut()) {
            if matches!(column.cell, Cell::Count(_)) {
                shown.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(self.console.out, "{table}")?;
        self.console.out.flush()
    }

    /// Writes one thing with everything that is known of it.
    pub(super) fn thing(&mut self, thing: &Value) -> io::Result<()> {
        match self.form {
            Form::Json => writeln!(self.console.out, "{}", json_line(thing))?,
            Form::Table => {
                let mut table = table(&[]);
                let mut documents = Vec::new();
                fields("", thing, &mut |name, value| match value {
                    Shown::Line(text) => {
                        table.add_row([name, text]);
                    }
                    Shown::Document(text) => documents.push((name, text)),
                });
                writeln!(self.console.out, "{table}")?;
                for (name, text) in documents {
                    writeln!(self.console.out, "\n{name}\n{text}")?;
                }
            }
        }
        self.console.out.flush()
    }

    /// Tells that something was done: in a sentence, or by the document that the server answered.
    pub(super) fn done(&mut self, sentence: &str, answer: &Value) -> anyhow::Result<u8> {
        match self.form {
            Form::Table => writeln!(self.console.out, "{}", clean(sentence))?,
            Form::Json if answer.is_null() => {}
            Form::Json => writeln!(self.console.out, "{}", json_line(answer))?,
        }
        self.console.out.flush()?;
        Ok(EXIT_PROCESSED)
    }

    /// Writes a line for people.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.console.out, "{}", clean(text))?;
        self.console.out.flush()
    }

    /// Writes a line beside the answer.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.console.notes, "{}", clean(text))
    }

    /// Has a dangerous step confirmed by its object's name. `yes` stands for the answer.
    pub(super) fn confirm(&mut self, what: &str, name: &str, yes: bool) -> anyhow::Result<()> {
        if yes {
            return Ok(());
        }
        let remedy = "Add --yes where nobody can be asked.";
        if !self.console.interactive {
            return Err(Failure::input(format!("{what} must be confirmed"), remedy).into());
        }
        write!(
            self.console.notes,
            "{}\nType the name, {}, to go on: ",
            clean(what),
            clean(name)
        )?;
        self.console.notes.flush()?;
        let mut answer = String::new();
        self.console.input.read_line(&mut answer)?;
        if answer.trim() == name {
            return Ok(());
        }
        Err(Failure::input("that isn't the name; nothing was done", remedy).into())
    }
}

enum Shown {
    Line(String),
    Document(String),
}

/// What is freely formed, and better read as it is.
const DOCUMENTS: [&str; 4] = ["document", "targetDocument", "details", "rules"];

/// Every field of a thing with its path.
fn fields(path: &str, value: &Value, show: &mut impl FnMut(String, Shown)) {
    let Value::Object(members) = value else {
        return show(path.to_owned(), Shown::Line(one(value)));
    };
    for (name, value) in members {
        let path = match path {
            "" => clean(name),
            path => format!("{path}.{}", clean(name)),
        };
        let nested = value.is_object()
            || value
                .as_array()
                .is_some_and(|items| items.iter().any(Value::is_object));
        if nested && DOCUMENTS.contains(&name.as_str()) {
            show(path, Shown::Document(json_lines(value)));
        } else if value.as_object().is_some_and(|inner| !inner.is_empty()) {
            fields(&path, value, show);
        } else {
            show(path, Shown::Line(one(value)));
        }
    }
}

/// A value of a thing: list entries get a line each.
fn one(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(count) => HumanCount(count).to_string(),
            None => number.to_string(),
        },
        Value::String(text) => time(text),
        Value::Array(items) => {
            let lines: Vec<String> = items.iter().map(plain).collect();
            lines.join("\n")
        }
        Value::Object(_) => String::new(),
        value => plain(value),
    }
}
