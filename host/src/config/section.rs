//! How a section of the configuration is declared: each field's name, meaning and default in one place, from
//! which come the type, the example file, the names in the environment and the help for whoever mistypes.

/// A field of a section, for people.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name as the type has it, such as `request_timeout`.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// A value to show, where the default is none.
    pub example: Option<&'static str>,
}

/// A section of the configuration, for people.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Its name in the file, such as `server.tls`.
    pub path: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
}

/// Declares the type of a section, and what is told of it, from one list.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $section:ident at $path:literal {
            $(
                $(#[doc = $doc:literal])+
                $(#[serde($($serde:tt)+)])?
                pub $name:ident: $type:ty = $default:expr $(, example $example:literal)?;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, rename_all = "camelCase", deny_unknown_fields)]
        pub struct $section {
            $(
                $(#[doc = $doc])+
                $(#[serde($($serde)+)])?
                pub $name: $type,
            )+
        }

        impl Default for $section {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl $section {
            /// What is told of this section.
            pub const SECTION: $crate::config::Section = $crate::config::Section {
                path: $path,
                about: concat!($($about, "\n",)+),
                fields: &[
                    $($crate::config::Field {
                        name: stringify!($name),
                        help: concat!($($doc, "\n",)+),
                        example: $crate::config::section::example!($($example)?),
                    },)+
                ],
            };
        }
    };
}

/// An example where there is one.
macro_rules! example {
    () => {
        None
    };
    ($example:literal) => {
        Some($example)
    };
}

pub(crate) use {example, section};

impl Field {
    /// Its name in the file, such as `requestTimeout`.
    #[must_use]
    pub fn key(&self) -> String {
        camel(self.name)
    }

    /// What it means, in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        in_one_line(self.help)
    }
}

impl Section {
    /// What it is about, in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        in_one_line(self.about)
    }
}

fn in_one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join(" ").trim().to_owned()
}

/// `request_timeout` as the file has it: `requestTimeout`.
pub(super) fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.extend(letters);
    }
    name
}

/// The variable for a field: `CONNECTOR_SERVER_REQUEST_TIMEOUT` for `server.requestTimeout`.
pub(super) fn variable(path: &str) -> String {
    let mut name = "CONNECTOR_".to_owned();
    for letter in path.chars() {
        match letter {
            '.' => name.push('_'),
            letter => {
                if letter.is_ascii_uppercase() {
                    name.push('_');
                }
                name.push(letter.to_ascii_uppercase());
            }
        }
    }
    name
}
