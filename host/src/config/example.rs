//! The example file, from what is told of the sections.

use super::effective::{at, document};
use super::section::variable;
use super::{Config, SECTIONS};

/// An example of the file: every field with its meaning and its default, all commented out.
#[must_use]
pub fn example() -> String {
    let defaults = document(&Config::default());
    let mut text = String::from(
        "# Configuration of connector-host. Every value below is the default: remove the # of what you change.\n\
         # The environment wins over this file, and the command line over both: `listen` of [server] is\n\
         # CONNECTOR_SERVER_LISTEN, or `--set server.listen=…`. Relative paths are relative to the folder that the\n\
         # program is started in.\n",
    );
    for section in SECTIONS {
        text.push('\n');
        comment(&mut text, section.about);
        text.push_str(&format!("[{}]\n", section.path));
        for field in section.fields {
            let path = format!("{}.{}", section.path, field.key());
            if SECTIONS.iter().any(|other| other.path == path) {
                continue;
            }
            comment(&mut text, field.help);
            let value = at(&defaults, &path);
            if value.is_null() {
                let example = field.example.unwrap_or("…");
                comment(
                    &mut text,
                    &format!(
                        "Not set by default. For example: {} = {example}",
                        field.key()
                    ),
                );
            } else {
                // Texts, numbers and lists of them are written in JSON as in TOML.
                text.push_str(&format!("#{} = {value}\n", field.key()));
            }
        }
    }
    text.push_str(
        "\n# Limits for one plugin or one connector win over those for all:\n\
         # [limits.plugins.entra-directory-sync]\n\
         # cpuMs = 5000\n\
         # [limits.connectors.contoso]\n\
         # requests = 200000\n",
    );
    debug_assert_eq!(variable("server.listen"), "CONNECTOR_SERVER_LISTEN");
    text
}

fn comment(text: &mut String, about: &str) {
    for line in about.lines() {
        text.push_str(&format!("# {}\n", line.trim()));
    }
}
