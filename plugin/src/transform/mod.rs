//! Transform maps: compiled once for a call, then applied to every record of a page.
//!
//! A document is written straight from the record, without a tree in between, and its members
//! stand in the order in which the map's rules name them: equal records give equal text.

mod functions;
pub(crate) mod maps;
pub(crate) mod preview;
mod problems;

pub(crate) use problems::problems;

use serde_json::Value;

use crate::contract::{Problem, TransformMap};
use crate::fields::{Field, GROUP_PREFIX, SOURCE_FIELDS, Side};
use crate::graph::walk::hash;
use crate::model::{Group, Text, User};

use functions::Function;

/// What does not depend on a record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Constants {
    pub(crate) event_type: Option<String>,
    pub(crate) notification: Option<Value>,
    pub(crate) default_country: Option<String>,
}

/// What is read of every group: what tells it from others, whether its members show, and its kind.
const GROUP_ALWAYS: [&str; 6] = [
    "id",
    "displayName",
    "visibility",
    "groupTypes",
    "securityEnabled",
    "mailEnabled",
];

/// Value of the source field `eventType`.
pub(crate) const EVENT_TYPE: &str = "SYNC";

/// A map, ready to be applied.
#[derive(Debug)]
pub(crate) struct Map {
    user: Vec<Node>,
    group: Vec<Node>,
    reads: Vec<Field>,
    fingerprint: u64,
}

/// A member of an object.
#[derive(Debug)]
struct Node {
    name: String,
    /// The name as JSON text, with its colon.
    written: Vec<u8>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Object(Vec<Node>),
    Leaf(Leaf),
}

#[derive(Debug)]
struct Leaf {
    sources: Vec<Source>,
    functions: Vec<Function>,
    default: Option<String>,
}

#[derive(Debug)]
enum Source {
    Field(Field),
    Text(String),
    Json(String),
}

/// A value that a record has.
enum Found<'a> {
    Text(&'a str),
    List(&'a [String]),
    /// JSON text.
    Json(&'a str),
}

impl Map {
    pub(crate) fn compile(map: &TransformMap, constants: &Constants) -> Result<Self, Vec<Problem>> {
        let problems = problems(map);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut compiled = Self {
            user: Vec::new(),
            group: Vec::new(),
            reads: Vec::new(),
            fingerprint: 0,
        };
        let mut described = String::new();
        for rule in &map.rules {
            let leaf = Leaf {
                sources: rule
                    .sources
                    .iter()
                    .filter_map(|path| source(path, constants))
                    .collect(),
                functions: rule
                    .functions
                    .iter()
                    .filter_map(|name| Function::named(name))
                    .collect(),
                default: rule.default_value.as_deref().and_then(canonical),
            };
            for path in &rule.sources {
                let field = SOURCE_FIELDS
                    .iter()
                    .find(|facts| facts.path == path)
                    .map(|facts| facts.field);
                compiled.reads.extend(field);
            }
            described.push_str(&format!(
                "{rule_text:?}\n",
                rule_text = (
                    &rule.target,
                    &rule.sources,
                    &rule.functions,
                    &rule.default_value,
                )
            ));
            match rule.target.strip_prefix(GROUP_PREFIX) {
                Some(target) => insert(&mut compiled.group, target, leaf),
                None => insert(&mut compiled.user, &rule.target, leaf),
            }
        }
        compiled.fingerprint = hash(&described);
        Ok(compiled)
    }

    /// Tells maps apart that make other documents.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Graph's properties of users that the map needs, with those that are always needed.
    pub(crate) fn user_fields(&self) -> Vec<&'static str> {
        self.fields(Side::User, &["id", "displayName", "userPrincipalName"])
    }

    /// The same for groups.
    pub(crate) fn group_fields(&self) -> Vec<&'static str> {
        self.fields(Side::Group, &GROUP_ALWAYS)
    }

    fn fields(&self, side: Side, always: &[&'static str]) -> Vec<&'static str> {
        let mut fields = always.to_vec();
        for facts in SOURCE_FIELDS
            .iter()
            .filter(|facts| facts.side == side && !facts.property.is_empty())
        {
            if self.reads.contains(&facts.field) && !fields.contains(&facts.property) {
                fields.push(facts.property);
            }
        }
        fields
    }

    /// The document of a user, without its groups.
    pub(crate) fn user_document(&self, user: &User<'_>) -> String {
        document(&self.user, &|field| user_value(user, field))
    }

    /// The document of a group: one element of the target's list of groups.
    pub(crate) fn group_document(&self, group: &Group<'_>, platform_groups: &[String]) -> String {
        document(&self.group, &|field| {
            group_value(group, platform_groups, field)
        })
    }
}

/// JSON text in one form, so that blanks in a default don't matter.
fn canonical(json: &str) -> Option<String> {
    serde_json::from_slice::<Value>(json.as_bytes())
        .ok()
        .map(|value| value.to_string())
}

fn source(path: &str, constants: &Constants) -> Option<Source> {
    if let Some(member) = path.strip_prefix("notification.") {
        let mut value = constants.notification.as_ref()?;
        if member != "*" {
            for name in member.split('.') {
                value = value.get(name)?;
            }
        }
        return match value {
            Value::Null => None,
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) => Some(Source::Text(text.clone())),
            other => Some(Source::Json(other.to_string())),
        };
    }
    match SOURCE_FIELDS.iter().find(|facts| facts.path == path)?.field {
        Field::EventType => constants.event_type.clone().map(Source::Text),
        Field::DefaultCountry => constants.default_country.clone().map(Source::Text),
        field => Some(Source::Field(field)),
    }
}

fn insert(nodes: &mut Vec<Node>, path: &str, leaf: Leaf) {
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    let content = match rest {
        None => Content::Leaf(leaf),
        Some(rest) => {
            let known = nodes.iter_mut().find(|node| node.name == name);
            if let Some(Node {
                content: Content::Object(inner),
                ..
            }) = known
            {
                insert(inner, rest, leaf);
                return;
            }
            let mut inner = Vec::new();
            insert(&mut inner, rest, leaf);
            Content::Object(inner)
        }
    };
    let mut written = text_as_json(name);
    written.push(b':');
    nodes.push(Node {
        name: name.to_owned(),
        written,
        content,
    });
}

fn text_as_json(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    push_text(&mut out, text);
    out
}

fn write_list(items: &[String], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_text(out, item);
    }
    out.push(b']');
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    // Writing a text into memory can't fail.
    let _ = serde_json::to_writer(out, text);
}

fn document<'r>(nodes: &[Node], value: &dyn Fn(Field) -> Option<Found<'r>>) -> String {
    let mut out = Vec::with_capacity(768);
    if !write_object(nodes, value, &mut out) {
        out.extend_from_slice(b"{}");
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Writes an object, unless it would be empty.
fn write_object<'r>(
    nodes: &[Node],
    value: &dyn Fn(Field) -> Option<Found<'r>>,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    out.push(b'{');
    let mut empty = true;
    for node in nodes {
        let before = out.len();
        if !empty {
            out.push(b',');
        }
        out.extend_from_slice(&node.written);
        let written = match &node.content {
            Content::Object(inner) => write_object(inner, value, out),
            Content::Leaf(leaf) => leaf.write(value, out),
        };
        if written {
            empty = false;
        } else {
            out.truncate(before);
        }
    }
    if empty {
        out.truncate(start);
        return false;
    }
    out.push(b'}');
    true
}

impl Leaf {
    /// Writes the value, unless there is none.
    fn write<'r>(&self, value: &dyn Fn(Field) -> Option<Found<'r>>, out: &mut Vec<u8>) -> bool {
        for source in &self.sources {
            let written = match source {
                Source::Json(json) => {
                    out.extend_from_slice(json.as_bytes());
                    true
                }
                Source::Text(text) => self.write_text(text, out),
                Source::Field(field) => match value(*field) {
                    Some(Found::Text(text)) => self.write_text(text, out),
                    Some(Found::List(items)) => {
                        write_list(items, out);
                        true
                    }
                    Some(Found::Json(json)) => {
                        out.extend_from_slice(json.as_bytes());
                        true
                    }
                    None => false,
                },
            };
            if written {
                return true;
            }
        }
        let Some(default) = &self.default else {
            return false;
        };
        out.extend_from_slice(default.as_bytes());
        true
    }

    /// A text that the functions leave nothing of is no value; the next source has its turn.
    fn write_text(&self, text: &str, out: &mut Vec<u8>) -> bool {
        if self.functions.is_empty() {
            push_text(out, text);
            return true;
        }
        let text = functions::apply(&self.functions, text);
        if text.trim().is_empty() {
            return false;
        }
        push_text(out, &text);
        true
    }
}

fn user_value<'r>(user: &'r User<'_>, field: Field) -> Option<Found<'r>> {
    let text = match field {
        Field::Id => &user.id,
        Field::DisplayName => &user.display_name,
        Field::GivenName => &user.given_name,
        Field::Surname => &user.surname,
        Field::Mail => &user.mail,
        Field::UserPrincipalName => &user.user_principal_name,
        Field::StreetAddress => &user.street_address,
        Field::Country => &user.country,
        Field::JobTitle => &user.job_title,
        Field::PreferredLanguage => &user.preferred_language,
        Field::FirstName => {
            return user
                .display_name
                .get()?
                .split_whitespace()
                .next()
                .map(Found::Text);
        }
        Field::LastName => {
            return user
                .display_name
                .get()?
                .split_whitespace()
                .next_back()
                .map(Found::Text);
        }
        _ => return None,
    };
    text.filled().map(Found::Text)
}

fn group_value<'r>(
    group: &'r Group<'_>,
    platform_groups: &'r [String],
    field: Field,
) -> Option<Found<'r>> {
    let text = match field {
        Field::GroupId => &group.id,
        Field::Classification => &group.classification,
        Field::GroupDisplayName => &group.display_name,
        Field::GroupUniqueName => &group.unique_name,
        Field::GroupDescription => &group.description,
        Field::GroupMail => &group.mail,
        Field::SecurityEnabled => return flag(&group.security_enabled),
        Field::MailEnabled => return flag(&group.mail_enabled),
        Field::GroupKind => return group.kind().map(|kind| Found::Text(kind.value())),
        Field::GroupTypes => return group.group_types.0.as_deref().map(Found::List),
        Field::PlatformGroups => {
            return (!platform_groups.is_empty()).then_some(Found::List(platform_groups));
        }
        _ => return None,
    };
    text.filled().map(Found::Text)
}

fn flag<'r>(property: &Text<'_>) -> Option<Found<'r>> {
    Some(Found::Json(match property.get()? {
        "true" => "true",
        "false" => "false",
        _ => return None,
    }))
}

#[cfg(test)]
mod tests;
