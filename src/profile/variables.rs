//! What a site may choose: named values with the guide's value as default.

use std::collections::BTreeMap;

use handlebars::Handlebars;
use handlebars::no_escape;

use crate::yaml::Value;

/// The values of all variables of a profile, a playbook's over the defaults.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, Value>);

impl Variables {
    pub fn new(values: BTreeMap<String, Value>) -> Self {
        Self(values)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The same variables and one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0
            .insert(name.to_owned(), Value::Text(value.to_owned()));
        self
    }

    /// Replaces every `${name}` in a value that was already parsed.
    ///
    /// # Errors
    ///
    /// The name that no variable has, or that ends nowhere.
    pub fn expand(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let after = &rest[start + 2..];
            let end = after
                .find('}')
                .ok_or_else(|| format!("`{text}` lacks a closing brace"))?;
            let name = &after[..end];
            let value = self.0.get(name).and_then(scalar);
            let value = value.ok_or_else(|| format!("no variable `{name}` is given"))?;
            out.push_str(&rest[..start]);
            out.push_str(&value);
            rest = &after[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Renders a template; a name that no variable has is an error.
    ///
    /// # Errors
    ///
    /// What is wrong with the template, in words.
    pub fn render(&self, template: &str) -> Result<String, String> {
        let mut engine = Handlebars::new();
        engine.set_strict_mode(true);
        // The library escapes for HTML unless told not to; these are YAML files.
        engine.register_escape_fn(no_escape);
        let values: BTreeMap<&str, String> = self
            .0
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), scalar(value)?)))
            .collect();
        engine
            .render_template(template, &values)
            .map_err(|error| error.to_string())
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_an_error_in_values_and_templates() {
        let variables = Variables::default().with("qps", "500");

        assert_eq!(variables.expand("x${qps}y").unwrap(), "x500y");
        assert_eq!(
            variables.expand("${burst}").unwrap_err(),
            "no variable `burst` is given"
        );
        assert_eq!(variables.render("qps: {{qps}}").unwrap(), "qps: 500");
        assert!(variables.render("burst: {{burst}}").is_err());
        assert_eq!(
            variables.clone().with("a", "<&>").render("{{a}}").unwrap(),
            "<&>"
        );
    }
}
