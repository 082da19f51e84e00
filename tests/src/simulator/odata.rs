//! OData query options: decoding, and what `$select` means for each kind of object.

use super::filter::Filter;
use super::refusal::Refusal;
use super::schema::{Kind, OUTSIDE_MAIN_STORE, Returned};

/// A decoded query string. Unknown options are ignored, as Graph may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(raw: &str) -> Self {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name).to_ascii_lowercase(), decode(value))
        });
        Self {
            pairs: pairs.collect(),
        }
    }

    /// The value of an option, by its lower-case name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// Everything but the page token, put in order: what a page token is bound to.
    pub(crate) fn canonical(&self) -> String {
        let mut pairs: Vec<String> = self
            .pairs
            .iter()
            .filter(|(name, _)| name != "$skiptoken")
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        pairs.sort_unstable();
        pairs.join("&")
    }
}

/// Percent- and plus-decodes.
pub(crate) fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let rest = bytes.clone();
                let digits: Vec<u8> = rest.take(2).collect();
                let value = std::str::from_utf8(&digits)
                    .ok()
                    .filter(|d| d.len() == 2)
                    .and_then(|d| u8::from_str_radix(d, 16).ok());
                if let Some(value) = value {
                    out.push(value);
                    bytes.nth(1);
                } else {
                    out.push(b'%');
                }
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The properties to return, for each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    masks: [u64; 5],
    /// `$select` was given.
    pub(crate) explicit: bool,
    /// Delta: memberships are wanted.
    pub(crate) members: bool,
}

/// Where a selection is used, which decides what may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Collection,
    Single,
    Delta,
}

impl Selection {
    pub(crate) fn mask(&self, kind: Kind) -> u64 {
        self.masks.get(kind as usize).copied().unwrap_or_default()
    }

    /// Reads `$select` for objects of `kinds`; a name that none of them has is an error.
    pub(crate) fn read(
        select: Option<&str>,
        kinds: &[Kind],
        scope: Scope,
    ) -> Result<Self, Refusal> {
        let Some(select) = select else {
            let mut masks = [0; 5];
            for (mask, kind) in masks.iter_mut().zip(Kind::ALL) {
                *mask = kind.default_mask();
            }
            return Ok(Self {
                masks,
                explicit: false,
                members: true,
            });
        };
        let mut selection = Self {
            explicit: true,
            ..Self::default()
        };
        for name in select.split(',').map(str::trim) {
            selection.add(name, kinds, scope)?;
        }
        Ok(selection)
    }

    fn add(&mut self, name: &str, kinds: &[Kind], scope: Scope) -> Result<(), Refusal> {
        let users = kinds == [Kind::User];
        if users
            && OUTSIDE_MAIN_STORE
                .iter()
                .any(|n| n.eq_ignore_ascii_case(name))
            && scope != Scope::Single
        {
            return Err(Refusal::new(
                501,
                "NotImplemented",
                format!("The property '{name}' cannot be returned in a collection."),
            ));
        }
        if name.eq_ignore_ascii_case("id")
            || OUTSIDE_MAIN_STORE
                .iter()
                .any(|n| users && n.eq_ignore_ascii_case(name))
        {
            return Ok(());
        }
        let relations: &[&str] = if users {
            &["manager"]
        } else {
            &["members", "owners"]
        };
        if scope == Scope::Delta
            && relations
                .iter()
                .any(|relation| relation.eq_ignore_ascii_case(name))
        {
            self.members |= name.eq_ignore_ascii_case("members");
            return Ok(());
        }
        let mut known = false;
        for kind in kinds {
            let Some(index) = kind.index_of(name) else {
                continue;
            };
            known = true;
            let returned = kind
                .properties()
                .get(index)
                .map(|property| property.returned);
            match returned {
                Some(Returned::Single) if scope != Scope::Single => {
                    return Err(Refusal::new(
                        501,
                        "NotImplemented",
                        format!("The property '{name}' is returned for a single object only."),
                    ));
                }
                Some(Returned::Never) | None => {}
                Some(_) => {
                    if let Some(mask) = self.masks.get_mut(*kind as usize) {
                        *mask |= 1 << index;
                    }
                }
            }
        }
        if known {
            return Ok(());
        }
        let kind = kinds
            .first()
            .filter(|_| kinds.len() == 1)
            .map_or("microsoft.graph.directoryObject", |kind| kind.type_name());
        let message = format!(
            "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type '{kind}'."
        );
        Err(Refusal::new(400, "BadRequest", message))
    }
}

/// The options of a listing, checked.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) selection: Selection,
    pub(crate) top: usize,
    pub(crate) filter: Option<Filter>,
    pub(crate) search: Option<(String, String)>,
    /// `$orderby=displayName`; `true` for descending.
    pub(crate) order: Option<bool>,
    pub(crate) expand_members: bool,
    pub(crate) count: bool,
    /// Header and `$count` were both there: the advanced query engine answers.
    pub(crate) advanced: bool,
}

impl Listing {
    /// Checks the options of a listing of `kinds`. `consistency` is whether `ConsistencyLevel: eventual` was sent.
    pub(crate) fn read(query: &Query, kinds: &[Kind], consistency: bool) -> Result<Self, Refusal> {
        if query.get("$skip").is_some() {
            return Err(Refusal::bad("'$skip' is not supported by the service."));
        }
        let top = match query.get("$top") {
            None => 100,
            Some(text) => text.parse().ok().filter(|top| (1..=999).contains(top)).ok_or_else(|| {
                Refusal::bad(format!("Invalid page size specified: '{text}'. Must be between 1 and 999 inclusive."))
            })?,
        };
        // Without the header `$count=true` is silently ignored.
        let count = query
            .get("$count")
            .is_some_and(|v| v.eq_ignore_ascii_case("true"))
            && consistency;
        let advanced = count;
        let filter = query
            .get("$filter")
            .map(|text| Filter::parse(text, kinds))
            .transpose()?;
        if let Some(filter) = &filter
            && filter.needs_advanced()
            && !advanced
        {
            return Err(Refusal::unsupported("Unsupported Query."));
        }
        let search = match query.get("$search") {
            None => None,
            Some(_) if !consistency => {
                return Err(Refusal::unsupported(
                    "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'",
                ));
            }
            Some(text) => Some(search_term(text)?),
        };
        let order = query.get("$orderby").map(order).transpose()?;
        if order.is_some() && (filter.is_some() || search.is_some()) && !advanced {
            return Err(Refusal::unsupported(
                "Sorting not supported for current query.",
            ));
        }
        let expand_members = match query.get("$expand") {
            None => false,
            Some("members") if kinds == [Kind::Group] => true,
            Some(other) => {
                return Err(Refusal::unsupported(format!(
                    "Expanding '{other}' is not supported."
                )));
            }
        };
        let selection = Selection::read(query.get("$select"), kinds, Scope::Collection)?;
        Ok(Self {
            selection,
            top,
            filter,
            search,
            order,
            expand_members,
            count,
            advanced,
        })
    }
}

fn search_term(text: &str) -> Result<(String, String), Refusal> {
    let inner = text.trim().trim_matches('"');
    let (property, term) = inner
        .split_once(':')
        .ok_or_else(|| Refusal::bad("Search clause must be of the form \"property:value\"."))?;
    if !["displayName", "description", "mail", "userPrincipalName"].contains(&property) {
        return Err(Refusal::bad(format!(
            "Property '{property}' is not searchable."
        )));
    }
    Ok((property.to_owned(), term.to_lowercase()))
}

fn order(text: &str) -> Result<bool, Refusal> {
    let mut words = text.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("displayName"), None | Some("asc"), None) => Ok(false),
        (Some("displayName"), Some("desc"), None) => Ok(true),
        _ => Err(Refusal::unsupported(
            "Sorting not supported for current query.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(query: &str, consistency: bool) -> Result<Listing, Refusal> {
        Listing::read(&Query::parse(query), &[Kind::Group], consistency)
    }

    #[test]
    fn pages_are_100_by_default_and_999_at_most() {
        assert_eq!(listing("", false).unwrap().top, 100);
        assert_eq!(listing("$top=999", false).unwrap().top, 999);
        for wrong in ["$top=0", "$top=1000", "$top=x"] {
            assert_eq!(listing(wrong, false).unwrap_err().status, 400, "{wrong}");
        }
        assert_eq!(
            listing("$skip=10", false).unwrap_err().code,
            "Request_BadRequest"
        );
    }

    #[test]
    fn an_encoded_query_is_decoded_and_unknown_options_are_ignored() {
        let query = Query::parse("%24filter=id+eq%20'a%27&$nonsense=1");
        assert_eq!(query.get("$filter"), Some("id eq 'a'"));
        assert!(listing("$nonsense=1", false).is_ok());
    }

    #[test]
    fn count_without_the_header_is_silently_ignored_and_search_is_refused() {
        assert!(!listing("$count=true", false).unwrap().count);
        assert!(listing("$count=true", true).unwrap().count);
        assert_eq!(
            listing("$search=%22displayName:a%22", false)
                .unwrap_err()
                .code,
            "Request_UnsupportedQuery"
        );
        assert!(listing("$search=%22displayName:a%22", true).is_ok());
    }

    #[test]
    fn a_property_that_no_object_has_is_refused_and_one_outside_the_store_is_not_implemented() {
        assert_eq!(
            listing("$select=id,nope", false).unwrap_err().code,
            "BadRequest"
        );
        let users = Listing::read(&Query::parse("$select=skills"), &[Kind::User], false);
        assert_eq!(users.unwrap_err().status, 501);
    }
}
