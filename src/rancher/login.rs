//! The login that must not succeed.

use serde::Deserialize;

use crate::facts::rancher::Login;
use crate::https::Client;
use crate::rancher::RancherError;
use crate::rancher::Server;
use crate::secret::Secret;

const PATH: &str = "/v3-public/localProviders/local?action=login";

/// What Rancher is installed with. Should it be accepted, the token is short-lived all by itself:
/// a minute, in milliseconds.
const DEFAULT: &[u8] = br#"{"username":"admin","password":"admin","description":"harden: default password","ttl":60000}"#;

#[derive(Deserialize)]
struct Token {
    token: String,
}

impl Server {
    /// Only a 401 of the local provider is a refusal (T-42); a server that is down refuses nobody.
    pub(super) fn default_login(&self) -> Result<Option<Login>, RancherError> {
        let answer = self.nobody().post(PATH, DEFAULT)?;
        if answer.status == 401 {
            return Ok(Some(Login::Refused));
        }
        if !answer.is_success() {
            return Err(self.refused(PATH, answer.status));
        }
        let body = zeroize::Zeroizing::new(answer.body);
        let Ok(Token { token }) = serde_json::from_slice(&body) else {
            return Err(RancherError::Malformed {
                server: self.url.clone(),
                path: PATH.to_owned(),
            });
        };
        let left = self.revoke(Secret::from(token));
        Ok(Some(Login::Accepted { left }))
    }

    /// What could not be done about the token, in words.
    fn revoke(&self, token: Secret) -> Option<String> {
        let somebody = self.nobody().with_token(Some(token));
        let why = match somebody.post("/v3/tokens?action=logout", b"{}") {
            Ok(answer) if answer.is_success() => return None,
            Ok(answer) => format!("the server answered {}", answer.status),
            Err(error) => error.to_string(),
        };
        Some(format!(
            "the token of the attempt could not be revoked ({why}); it ends within a minute"
        ))
    }

    /// A client without the operator's token: the default password must stand for itself.
    fn nobody(&self) -> Client {
        Client::new(&self.url, &self.trust, None, self.patience)
    }
}
