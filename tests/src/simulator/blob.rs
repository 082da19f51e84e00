//! The properties of one object, kept as the JSON that answers are made of.
//!
//! A page of 999 users is put together by copying these fragments; nothing is serialised while a request waits.

use serde_json::Value;

use super::schema::{Kind, Property, Shape};

/// A property value as the generator writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'a> {
    /// Never set: absent from delta answers, null in listings.
    Unset,
    Text(&'a str),
    Flag(bool),
    Texts(&'a [&'a str]),
    /// Once set and then cleared: an explicit null everywhere.
    Null,
}

/// All property values of one object. Value `i` is the fragment `,"name":value`, empty when it was never set.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    bytes: Box<[u8]>,
    ends: Box<[u16]>,
}

impl Blob {
    /// Renders the fields of an object; `fields` follows the order of the kind's properties.
    pub(crate) fn build(kind: Kind, fields: &[Field<'_>]) -> Self {
        let mut writer = Writer::new(kind);
        for (property, field) in kind.properties().iter().zip(
            fields
                .iter()
                .copied()
                .chain(std::iter::repeat(Field::Unset)),
        ) {
            writer.field(property, field);
        }
        writer.finish()
    }

    /// The fragment of a property, if it was ever set.
    pub(crate) fn fragment(&self, index: usize) -> Option<&[u8]> {
        let start = match index.checked_sub(1) {
            Some(previous) => usize::from(*self.ends.get(previous)?),
            None => 0,
        };
        let fragment = self.bytes.get(start..usize::from(*self.ends.get(index)?))?;
        (!fragment.is_empty()).then_some(fragment)
    }

    /// The value of a property, null when it is unset or cleared.
    pub(crate) fn value(&self, kind: Kind, index: usize) -> Value {
        let json = kind.properties().get(index).zip(self.fragment(index));
        json.and_then(|(property, fragment)| {
            serde_json::from_slice(fragment.get(property.label.len()..)?).ok()
        })
        .unwrap_or(Value::Null)
    }

    /// A copy with one property changed. Null clears it.
    pub(crate) fn with(&self, kind: Kind, index: usize, value: &Value) -> Self {
        let mut writer = Writer::new(kind);
        for (i, property) in kind.properties().iter().enumerate() {
            if i == index {
                let value = if value.is_null() && property.shape == Shape::Texts {
                    &Value::Array(Vec::new())
                } else {
                    value
                };
                writer.value(property, value);
            } else {
                writer.raw(self.fragment(i).unwrap_or_default());
            }
        }
        writer.finish()
    }
}

struct Writer {
    bytes: Vec<u8>,
    ends: Vec<u16>,
}

impl Writer {
    fn new(kind: Kind) -> Self {
        Self {
            bytes: Vec::with_capacity(1024),
            ends: Vec::with_capacity(kind.properties().len()),
        }
    }

    fn field(&mut self, property: &Property, field: Field<'_>) {
        match field {
            Field::Unset if property.shape == Shape::Texts => self.value(property, &[(); 0]),
            Field::Unset => self.raw(b""),
            Field::Null => self.raw(property.null.as_bytes()),
            Field::Text(text) => self.value(property, text),
            Field::Flag(flag) => self.value(property, &flag),
            Field::Texts(texts) => self.value(property, texts),
        }
    }

    fn value<T: serde::Serialize + ?Sized>(&mut self, property: &Property, value: &T) {
        self.bytes.extend_from_slice(property.label.as_bytes());
        if serde_json::to_writer(&mut self.bytes, value).is_err() {
            self.bytes.extend_from_slice(b"null");
        }
        self.end();
    }

    fn raw(&mut self, fragment: &[u8]) {
        self.bytes.extend_from_slice(fragment);
        self.end();
    }

    fn end(&mut self) {
        self.ends
            .push(u16::try_from(self.bytes.len()).unwrap_or(u16::MAX));
    }

    fn finish(self) -> Blob {
        Blob {
            bytes: self.bytes.into(),
            ends: self.ends.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unset_cleared_and_set_are_three_different_things() {
        let name = Kind::User.index_of("displayName").unwrap();
        let mail = Kind::User.index_of("mail").unwrap();
        let blob = Blob::build(
            Kind::User,
            &[Field::Texts(&["1"]), Field::Text("Zoë \"Z\"")],
        );
        assert_eq!(
            blob.fragment(name).unwrap(),
            ",\"displayName\":\"Zoë \\\"Z\\\"\"".as_bytes()
        );
        assert!(blob.fragment(mail).is_none());
        let cleared = blob.with(Kind::User, mail, &Value::Null);
        assert_eq!(cleared.fragment(mail).unwrap(), b",\"mail\":null");
        assert_eq!(cleared.value(Kind::User, name), "Zoë \"Z\"");
        assert_eq!(cleared.value(Kind::User, 0), serde_json::json!(["1"]));
    }
}
