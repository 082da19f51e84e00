//! Where a page of a listing begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::DirectoryError;

/// Where a page begins: after the last record of the page before, wherever that record is by then. So
/// what is added or removed meanwhile neither repeats nor skips another record.
///
/// Opaque: it fits the listing that gave it and no other, and may be put into a URL as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct Position(String);

impl Position {
    /// The position after the record that `place` tells apart in the listing `listing`.
    pub(super) fn after(listing: Listing, place: &impl Serialize) -> Result<Self, DirectoryError> {
        let text = serde_json::to_string(&(listing, place))
            .map_err(|error| DirectoryError::Corrupt(error.to_string()))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(text)))
    }

    /// What [`Position::after`] was given.
    pub(super) fn place<T: DeserializeOwned>(&self, listing: Listing) -> Result<T, DirectoryError> {
        let decoded = URL_SAFE_NO_PAD.decode(&self.0).ok();
        let place = decoded.and_then(|text| serde_json::from_slice::<(Listing, T)>(&text).ok());
        match place {
            Some((of, place)) if of == listing => Ok(place),
            _ => Err(DirectoryError::Position),
        }
    }

    /// As text, to be given back as it is.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Position {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// The listings that have positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Listing {
    Search,
    Members,
    Groups,
    Changes,
    Runs,
    Unavailable,
    RemovedObjects,
    RemovedMemberships,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_fits_only_the_listing_that_gave_it() {
        let position = Position::after(Listing::Search, &("ada", 7)).unwrap();
        let place: (String, i64) = position.place(Listing::Search).unwrap();
        assert_eq!(place, ("ada".to_owned(), 7));
        let strange = [position, Position::from("!".to_owned())];
        for position in strange {
            assert!(matches!(
                position.place::<(String, i64)>(Listing::Members),
                Err(DirectoryError::Position)
            ));
        }
    }
}
