//! Lists, followed from page to page.

use serde_json::Value;

use super::client::Request;
use super::failure::Failure;

/// Most entries that the API gives at a time.
const MOST_OF_A_PAGE: usize = 500;

/// The pages of a list, up to so many entries.
pub(super) struct Pages {
    request: Request,
    cursor: Option<String>,
    left: Option<usize>,
    ended: bool,
    /// How many entries the whole list has, where the server knows.
    pub(super) total: Option<u64>,
    /// How many were given so far.
    pub(super) given: usize,
}

impl Pages {
    /// The entries of a list; at most so many where a number is given.
    pub(super) fn new(request: Request, most: Option<usize>) -> Self {
        Self {
            request,
            cursor: None,
            left: most,
            ended: most == Some(0),
            total: None,
            given: 0,
        }
    }

    /// The next page; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Value>>, Failure> {
        if self.ended {
            return Ok(None);
        }
        let size = self.left.unwrap_or(MOST_OF_A_PAGE).min(MOST_OF_A_PAGE);
        let request = self.request.clone().query("limit", size);
        let request = request.maybe("cursor", self.cursor.take());
        let (mut items, next) = match request.send().await?.body {
            Value::Object(mut page) => {
                self.total = page.get("total").and_then(Value::as_u64).or(self.total);
                let next = page.get("next").and_then(Value::as_str).map(str::to_owned);
                match page.remove("items") {
                    Some(Value::Array(items)) => (items, next),
                    _ => return Err(no_list()),
                }
            }
            Value::Array(items) => (items, None),
            _ => return Err(no_list()),
        };
        if let Some(left) = self.left {
            items.truncate(left);
            self.left = Some(left.saturating_sub(items.len()));
        }
        self.given = self.given.saturating_add(items.len());
        self.ended = next.is_none() || self.left == Some(0);
        self.cursor = next;
        Ok(Some(items))
    }

    /// Whether the list goes on after what was given.
    pub(super) fn has_more(&self) -> bool {
        self.cursor.is_some()
    }

    /// All entries in one piece.
    pub(super) async fn collect(mut self) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        while let Some(mut items) = self.next().await? {
            all.append(&mut items);
        }
        Ok(all)
    }
}

fn no_list() -> Failure {
    Failure::connection(
        "the server answered something that is no list",
        "See whether it is newer than this program; the API's document is at /api/v1/openapi.json.",
    )
}
