//! Lists, a page at a time.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;

/// Entries of a page where nothing is said.
const DEFAULT: u32 = 50;
/// Most entries of a page.
pub const MOST: u32 = 500;

/// Which page.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Most entries of the page, from 1 to 500; 50 where absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// `next` of the page before; absent for the first.
    pub cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Pass it as `cursor` for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many entries the whole list has, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

impl Paging {
    /// How many entries to give.
    ///
    /// # Errors
    /// Where it is none of the possible numbers.
    pub fn limit(&self) -> Result<u32, Problem> {
        match self.limit {
            None => Ok(DEFAULT),
            Some(limit) if (1..=MOST).contains(&limit) => Ok(limit),
            Some(_) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "request.limit",
                format!("`limit` is not between 1 and {MOST}."),
            )),
        }
    }

    /// The position behind which the page begins.
    ///
    /// # Errors
    /// Where the cursor isn't one of this list.
    pub fn position<P: DeserializeOwned>(&self) -> Result<Option<P>, Problem> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        URL_SAFE_NO_PAD
            .decode(cursor)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .map(Some)
            .ok_or_else(|| {
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "request.cursor",
                    "`cursor` is not one that this list gave.",
                )
                .remedy("Begin again without a cursor.")
            })
    }
}

impl<T> Page<T> {
    /// A page out of up to `limit + 1` entries: one more than wanted tells that there is a next page.
    pub fn of<P: Serialize>(mut items: Vec<T>, limit: u32, position: impl Fn(&T) -> P) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items
            .last()
            .filter(|_| more)
            .map(|last| cursor(&position(last)));
        Self {
            items,
            next,
            total: None,
        }
    }

    /// The same with the length of the whole list.
    #[must_use]
    pub fn total(mut self, total: u64) -> Self {
        self.total = Some(total);
        self
    }
}

/// A position as a client sees it.
pub fn cursor<P: Serialize>(position: &P) -> String {
    // Positions are plain data, which serde_json always takes.
    let json = serde_json::to_vec(position).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        let page = Page::of(vec![3, 2, 1], 2, |n| *n);
        assert_eq!(page.items, [3, 2]);
        let paging = Paging {
            limit: None,
            cursor: page.next,
        };
        assert_eq!(paging.position::<i32>().unwrap(), Some(2));
    }

    #[test]
    fn the_last_page_has_no_next() {
        assert!(Page::of(vec![3, 2], 2, |n| *n).next.is_none());
    }

    #[test]
    fn a_made_up_cursor_is_refused() {
        let paging = Paging {
            limit: Some(501),
            cursor: Some("nonsense".into()),
        };
        assert_eq!(paging.position::<i32>().unwrap_err().status, 400);
        assert_eq!(paging.limit().unwrap_err().code, "request.limit");
    }
}
