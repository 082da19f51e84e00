//! Everything that a connector brought, and the members of one group, as streams for other programs.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::super::Plane;
use super::super::extract::{Path, Query, Viewer};
use super::super::problem::Problem;
use super::key_of;
use crate::directory::{
    ConnectorKey, Directory, DirectoryError, Export, MemberRecord, PageRequest, Position,
};

pub(super) const NDJSON: &str = "application/x-ndjson";
pub(super) const CSV: &str = "text/csv; charset=utf-8";

pub(super) fn routes() -> OpenApiRouter<Plane> {
    OpenApiRouter::new()
        .routes(routes!(everything))
        .routes(routes!(members))
}

/// What to stream.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum What {
    /// Users with their documents.
    Users,
    /// Groups with their documents.
    Groups,
    /// Memberships.
    Memberships,
    /// The full target document of each user.
    Documents,
}

/// What to stream.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// What.
    #[param(inline)]
    what: What,
    /// Whether nested groups count; they don't where absent.
    #[serde(default)]
    effective: bool,
}

/// Stream all users, groups, memberships or documents of a connector.
///
/// One JSON document a line, all from one state of the directory.
#[utoipa::path(
    get, path = "/connectors/{connector}/export", tag = "directory",
    params(("connector" = Uuid, Path, description = "The connector"), Wanted),
    responses((status = 200, description = "Records", content_type = "application/x-ndjson", body = String)),
    security(("token" = ["viewer"]))
)]
async fn everything(
    _: Viewer,
    State(plane): State<Plane>,
    Path(connector): Path<Uuid>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let effective = wanted.effective;
    let what = match wanted.what {
        What::Users => Export::Users,
        What::Groups => Export::Groups,
        What::Memberships => Export::Memberships { effective },
        What::Documents => Export::Documents { effective },
    };
    let name = match wanted.what {
        What::Users => "users.ndjson",
        What::Groups => "groups.ndjson",
        What::Memberships => "memberships.ndjson",
        What::Documents => "documents.ndjson",
    };
    let Some(key) = key_of(&plane, connector).await? else {
        return Ok(download(NDJSON, name, Body::empty()));
    };
    let lines = plane.directory.export(key, what).map_ok(|mut line| {
        line.push('\n');
        line
    });
    // Whoever compresses it asks for more after its end, which not every stream bears.
    let lines = lines.fuse();
    Ok(download(NDJSON, name, Body::from_stream(lines)))
}

/// How to write members.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// A table with a line of titles.
    #[default]
    Csv,
    /// One JSON document a line.
    Ndjson,
}

/// How to write members.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Written {
    /// How; as CSV where absent.
    #[serde(default)]
    #[param(inline)]
    format: Format,
    /// Whether nested groups count; they don't where absent.
    #[serde(default)]
    effective: bool,
}

/// Stream a group's members as CSV or NDJSON.
#[utoipa::path(
    get, path = "/connectors/{connector}/groups/{group}/export", tag = "directory",
    params(
        ("connector" = Uuid, Path, description = "The connector"),
        ("group" = String, Path, description = "Identifier of the group at the source"),
        Written,
    ),
    responses((status = 200, description = "Members", content(
        (String = "text/csv"), (String = "application/x-ndjson")
    ))),
    security(("token" = ["viewer"]))
)]
async fn members(
    _: Viewer,
    State(plane): State<Plane>,
    Path((connector, group)): Path<(Uuid, String)>,
    Query(written): Query<Written>,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("group");
    let key = key_of(&plane, connector).await?.ok_or_else(missing)?;
    let directory = Arc::clone(&plane.directory);
    let record = directory.object(key, &group).await?.ok_or_else(missing)?;
    let name: String = record.name.chars().take(100).collect();
    let of = match (written.effective, name.as_str()) {
        (false, "") => "members".to_owned(),
        (true, "") => "effective members".to_owned(),
        (false, name) => format!("{name} - members"),
        (true, name) => format!("{name} - effective members"),
    };
    let pages = pages(directory, key, group, written.effective);
    Ok(match written.format {
        Format::Ndjson => {
            let lines = pages.map_ok(|page| page.iter().map(json_line).collect::<String>());
            download(NDJSON, &format!("{of}.ndjson"), Body::from_stream(lines))
        }
        Format::Csv => {
            let titles = csv_line(["id", "name", "kind", "path"].map(String::from));
            let lines = pages.map_ok(|page| page.iter().map(csv_member).collect::<String>());
            let lines = stream::once(async { Ok(titles) }).chain(lines);
            download(CSV, &format!("{of}.csv"), Body::from_stream(lines))
        }
    })
}

/// A group's members, a page at a time.
fn pages(
    directory: Arc<dyn Directory>,
    key: ConnectorKey,
    group: String,
    effective: bool,
) -> impl Stream<Item = Result<Vec<MemberRecord>, DirectoryError>> + Send {
    let first: Option<Option<Position>> = Some(None);
    stream::try_unfold(first, move |after| {
        let (directory, group) = (Arc::clone(&directory), group.clone());
        async move {
            let Some(after) = after else {
                return Ok(None);
            };
            let request = PageRequest {
                after,
                limit: PageRequest::MOST,
            };
            let page = directory
                .members(key, &group, effective, None, &request)
                .await?;
            Ok(Some((page.items, page.next.map(Some))))
        }
    })
}

fn json_line(member: &MemberRecord) -> String {
    // Plain data, which serde_json always takes.
    let mut line = serde_json::to_string(member).unwrap_or_default();
    line.push('\n');
    line
}

fn csv_member(member: &MemberRecord) -> String {
    let kind = serde_json::to_value(member.kind).unwrap_or_default();
    let path: Vec<&str> = member
        .path
        .0
        .iter()
        .map(|group| group.name.as_str())
        .collect();
    csv_line([
        member.id.clone(),
        member.name.clone(),
        kind.as_str().unwrap_or_default().to_owned(),
        path.join(" > "),
    ])
}

/// A line of a table. What a spreadsheet would take for a formula is made text: names come from the tenant.
pub(super) fn csv_line<const N: usize>(cells: [String; N]) -> String {
    let cells = cells.map(|cell| {
        if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            format!("'{cell}")
        } else {
            cell
        }
    });
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    // Writing into memory never fails.
    let _ = writer.write_record(&cells);
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

pub(super) fn download(kind: &'static str, name: &str, body: Body) -> Response {
    let disposition = disposition(name);
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, body).into_response()
}

/// Offers a file of this name. Names come from the tenant: what a header or a file system wouldn't take is
/// replaced, and the whole of it stands beside it in the form for other letters (RFC 6266).
fn disposition(name: &str) -> String {
    let is_bad = |letter: char| letter.is_control() || "/\\:*?\"<>|%".contains(letter);
    let name = name.replace(is_bad, "_");
    let plain = name.replace(|letter: char| !letter.is_ascii(), "_");
    if plain == name {
        return format!("attachment; filename=\"{plain}\"");
    }
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                encoded.push(char::from(byte));
            }
            // Writing into a string can't fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_offered_by_names_that_headers_and_file_systems_take() {
        assert_eq!(disposition("a b.csv"), "attachment; filename=\"a b.csv\"");
        assert_eq!(
            disposition("\"Büro\"/x.csv"),
            "attachment; filename=\"_B_ro__x.csv\"; filename*=UTF-8''_B%C3%BCro__x.csv"
        );
    }

    #[test]
    fn a_name_that_looks_like_a_formula_is_text_in_a_table() {
        let line = csv_line(["=1+1", "a, b", "user", "x"].map(String::from));
        assert_eq!(line, "'=1+1,\"a, b\",user,x\r\n");
    }
}
