//! Writes answers as bytes.

use super::directory::{Directory, Slot};
use super::odata::Selection;
use super::schema::Kind;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes an id in its usual form.
pub(crate) fn guid(out: &mut Vec<u8>, id: u128) {
    let mut text = [b'-'; 36];
    let mut places = text
        .iter_mut()
        .enumerate()
        .filter(|(at, _)| !matches!(at, 8 | 13 | 18 | 23))
        .map(|(_, place)| place);
    for byte in id.to_be_bytes() {
        for nibble in [byte >> 4, byte & 0xf] {
            if let Some((place, digit)) = places.next().zip(HEX.get(usize::from(nibble))) {
                *place = *digit;
            }
        }
    }
    out.extend_from_slice(&text);
}

/// An id in its usual form.
pub(crate) fn guid_text(id: u128) -> String {
    let mut out = Vec::with_capacity(36);
    guid(&mut out, id);
    String::from_utf8(out).unwrap_or_default()
}

/// Reads an id in its usual form, with dashes in their places.
pub(crate) fn parse_guid(text: &str) -> Option<u128> {
    let shaped = text.len() == 36
        && [8, 13, 18, 23]
            .iter()
            .all(|at| text.as_bytes().get(*at) == Some(&b'-'));
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    (shaped && digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| u128::from_str_radix(&digits, 16).ok())
        .flatten()
}

/// Writes text as a JSON string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.extend_from_slice(b"\"\"");
    }
}

/// How unset properties are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unset {
    /// Listings: as null.
    Null,
    /// Delta: not at all.
    Absent,
}

/// Writes `{"id":…` and the properties of a mask, without the closing brace.
pub(crate) fn open_object(
    out: &mut Vec<u8>,
    directory: &Directory,
    slot: Slot,
    mask: u64,
    unset: Unset,
    typed: bool,
) {
    let Some((head, blob)) = directory.head(slot).zip(directory.blob(slot)) else {
        return;
    };
    open(out, head.kind, head.id, typed);
    let mut left = mask;
    while left != 0 {
        let index = left.trailing_zeros() as usize;
        left &= left - 1;
        match blob.fragment(index) {
            Some(fragment) => out.extend_from_slice(fragment),
            None if unset == Unset::Null => null(out, head.kind, index),
            None => {}
        }
    }
}

/// Writes a member that the app may see but not read: its type and id, and null for everything else.
pub(crate) fn limited(out: &mut Vec<u8>, directory: &Directory, slot: Slot, mask: u64) {
    let Some(head) = directory.head(slot) else {
        return;
    };
    open(out, head.kind, head.id, true);
    for index in 0..head.kind.properties().len() {
        if mask >> index & 1 == 1 {
            null(out, head.kind, index);
        }
    }
    out.push(b'}');
}

/// Writes an object whole.
pub(crate) fn object(out: &mut Vec<u8>, directory: &Directory, slot: Slot, mask: u64, typed: bool) {
    open_object(out, directory, slot, mask, Unset::Null, typed);
    out.push(b'}');
}

fn open(out: &mut Vec<u8>, kind: Kind, id: u128, typed: bool) {
    if typed {
        out.extend_from_slice(b"{\"@odata.type\":\"");
        out.extend_from_slice(kind.odata_type().as_bytes());
        out.extend_from_slice(b"\",\"id\":\"");
    } else {
        out.extend_from_slice(b"{\"id\":\"");
    }
    guid(out, id);
    out.push(b'"');
}

fn null(out: &mut Vec<u8>, kind: Kind, index: usize) {
    if let Some(property) = kind.properties().get(index) {
        out.extend_from_slice(property.null.as_bytes());
    }
}

/// Head of a collection: context, count and link, up to the opening bracket of `value`.
pub(crate) fn open_page(
    out: &mut Vec<u8>,
    context: &str,
    count: Option<usize>,
    link: Option<(&str, &str)>,
) {
    out.extend_from_slice(b"{\"@odata.context\":");
    string(out, context);
    if let Some(count) = count {
        out.extend_from_slice(format!(",\"@odata.count\":{count}").as_bytes());
    }
    if let Some((name, url)) = link {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        string(out, url);
    }
    out.extend_from_slice(b",\"value\":[");
}

/// Writes objects separated by commas, each as `one` writes it.
pub(crate) fn sequence<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut one: impl FnMut(&mut Vec<u8>, T),
) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        one(out, item);
    }
}

/// Bytes to reserve for one object with these properties.
pub(crate) fn estimate(selection: &Selection, kind: Kind) -> usize {
    96 + 32 * selection.mask(kind).count_ones() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_and_read_in_their_usual_form() {
        let id = 0x8f2c_1d34_5b7a_4c0e_9d61_3a7b_e0c4_f512;
        assert_eq!(guid_text(id), "8f2c1d34-5b7a-4c0e-9d61-3a7be0c4f512");
        assert_eq!(parse_guid(&guid_text(id)), Some(id));
        assert_eq!(parse_guid("8F2C1D34-5B7A-4C0E-9D61-3A7BE0C4F512"), Some(id));
        assert_eq!(parse_guid("8f2c1d345b7a4c0e9d613a7be0c4f512"), None);
    }
}
