//! Profiles and templates by name: those of this program, and a site's own over them.

use std::collections::BTreeMap;

/// A text and how to call it in messages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    pub file: String,
    pub text: String,
}

/// All profiles and templates that can be named.
#[derive(Clone, Debug)]
pub struct Library {
    profiles: BTreeMap<String, Source>,
    templates: BTreeMap<String, Source>,
}

/// The playbook that runs when none is named.
pub const DEFAULT_PLAYBOOK: (&str, &str) = (
    "playbooks/rancher-2.1.yml",
    include_str!("../../playbooks/rancher-2.1.yml"),
);

const PROFILES: [(&str, &str); 2] = [
    (
        "rancher-2.1",
        include_str!("../../playbooks/profiles/rancher-2.1.yml"),
    ),
    (
        "rancher-2.2",
        include_str!("../../playbooks/profiles/rancher-2.2.yml"),
    ),
];

const TEMPLATES: [(&str, &str); 8] = [
    (
        "addons.yaml",
        include_str!("../../templates/addons.yaml.hbs"),
    ),
    (
        "admission.yaml",
        include_str!("../../templates/admission.yaml.hbs"),
    ),
    (
        "admission-opt.yaml",
        include_str!("../../templates/admission-opt.yaml.hbs"),
    ),
    ("audit.yaml", include_str!("../../templates/audit.yaml.hbs")),
    (
        "encryption.yaml",
        include_str!("../../templates/encryption.yaml.hbs"),
    ),
    (
        "encryption-v1.yaml",
        include_str!("../../templates/encryption-v1.yaml.hbs"),
    ),
    ("event.yaml", include_str!("../../templates/event.yaml.hbs")),
    (
        "ingress-namespace.yaml",
        include_str!("../../templates/ingress-namespace.yaml.hbs"),
    ),
];

impl Library {
    /// What this program brings along.
    pub fn embedded() -> Self {
        let sources = |list: &[(&str, &str)], path: fn(&str) -> String| {
            list.iter()
                .map(|(name, text)| {
                    let source = Source {
                        file: path(name),
                        text: (*text).to_owned(),
                    };
                    ((*name).to_owned(), source)
                })
                .collect()
        };
        Self {
            profiles: sources(&PROFILES, |name| format!("playbooks/profiles/{name}.yml")),
            templates: sources(&TEMPLATES, |name| format!("templates/{name}.hbs")),
        }
    }

    /// Puts a site's own profile in front of the embedded one of that name.
    pub fn add_profile(&mut self, name: &str, source: Source) {
        self.profiles.insert(name.to_owned(), source);
    }

    /// Puts a site's own template in front of the embedded one of that name.
    pub fn add_template(&mut self, name: &str, source: Source) {
        self.templates.insert(name.to_owned(), source);
    }

    pub fn profile(&self, name: &str) -> Option<&Source> {
        self.profiles.get(name)
    }

    pub fn template(&self, name: &str) -> Option<&Source> {
        self.templates.get(name)
    }

    /// The names of all profiles, for messages.
    pub fn profile_names(&self) -> String {
        let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
        names.join(", ")
    }

    /// The names of all templates, for messages.
    pub fn template_names(&self) -> String {
        let names: Vec<&str> = self.templates.keys().map(String::as_str).collect();
        names.join(", ")
    }
}
