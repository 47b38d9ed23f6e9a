//! Paths in the client's answers, which leaves their tokens as they were written.

use std::path::Path;
use std::path::PathBuf;

use crate::ssh::config::ConfigError;
use crate::ssh::config::client::Client;
use crate::ssh::config::client::Name;

/// What the tokens of `ssh_config(5)` stand for.
#[derive(Debug)]
pub(super) struct Tokens<'t> {
    pub(super) client: &'t Client,
    pub(super) name: &'t Name,
    pub(super) host: &'t str,
    pub(super) port: u16,
    pub(super) user: &'t str,
    pub(super) alias: Option<&'t str>,
}

impl Tokens<'_> {
    /// The path in `text`; nothing for `none` and where `~/` leads nowhere.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Token`] for a token that is not known here.
    pub(super) fn path(&self, text: &str) -> Result<Option<PathBuf>, ConfigError> {
        if text == "none" {
            return Ok(None);
        }
        let unknown = |token: String| ConfigError::Token {
            host: self.name.host.clone(),
            path: text.to_owned(),
            token,
        };
        if text.contains("${") {
            return Err(unknown("${".to_owned()));
        }
        let mut path = String::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                path.push(letter);
                continue;
            }
            let token = letters.next().unwrap_or(' ');
            let value = self.value(token);
            path.push_str(&value.ok_or_else(|| unknown(format!("%{token}")))?);
        }
        Ok(match path.strip_prefix("~/") {
            Some(rest) => self.client.home.as_deref().map(|home| home.join(rest)),
            None => Some(PathBuf::from(path)),
        })
    }

    fn value(&self, token: char) -> Option<String> {
        let home = || self.client.home.as_deref().and_then(Path::to_str);
        Some(match token {
            '%' => "%".to_owned(),
            'd' => home()?.to_owned(),
            'h' => self.host.to_owned(),
            'k' => self.alias.unwrap_or(self.host).to_owned(),
            'n' => self.name.host.clone(),
            'p' => self.port.to_string(),
            'r' => self.user.to_owned(),
            'u' => self.client.user.clone()?,
            _ => return None,
        })
    }
}
