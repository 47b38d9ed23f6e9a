//! One server, and how it is asked.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use ureq::Agent;
use ureq::RequestBuilder;
use ureq::http::Response;
use ureq::http::header::RETRY_AFTER;
use ureq::tls::TlsConfig;

use crate::https::error::HttpsError;
use crate::https::trust::Identity;
use crate::https::trust::Trust;
use crate::https::trust::provider;
use crate::secret::Secret;

/// No answer of an API that is read in pages is longer.
const LONGEST: u64 = 32 << 20;

/// A server that throttles without saying for how long is asked again after this.
const PAUSE: Duration = Duration::from_secs(1);

/// A server, and everything that is needed to talk to it. All calls together end at one deadline.
pub struct Client {
    agent: Agent,
    base: String,
    token: Option<Secret>,
    deadline: Instant,
}

/// How long a client waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For one connection to come about.
    pub connect: Duration,
    /// For everything that is asked, from now on.
    pub all: Duration,
}

/// What a server said. Any status is an answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Client {
    /// A client for `base`, such as `https://10.0.0.1:6443`. Redirects are not followed: what they
    /// lead to was not verified by anybody.
    pub fn new(base: &str, trust: &Trust, identity: Option<&Identity>, patience: Patience) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(trust.roots())
            .client_cert(identity.and_then(Identity::client_certificate))
            .unversioned_rustls_crypto_provider(provider())
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(patience.connect))
            .user_agent(concat!("harden/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.new_agent(),
            base: base.trim_end_matches('/').to_owned(),
            token: None,
            deadline: Instant::now() + patience.all,
        }
    }

    /// The same client that shows this token with every request.
    #[must_use]
    pub fn with_token(mut self, token: Option<Secret>) -> Self {
        self.token = token;
        self
    }

    /// The server as messages name it.
    pub fn server(&self) -> &str {
        &self.base
    }

    /// Asks for `path`, and again when the server says that it has too much to do.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub fn get(&self, path: &str) -> Result<Answer, HttpsError> {
        self.ask(
            |agent, url, bearer, time| {
                let request = admitted(agent.get(url), bearer, time);
                request.header("Accept", "application/json").call()
            },
            path,
        )
    }

    /// Sends a JSON text to `path`.
    ///
    /// # Errors
    ///
    /// There is no answer; whether the text arrived is not known then.
    pub fn post(&self, path: &str, json: &[u8]) -> Result<Answer, HttpsError> {
        self.ask(
            |agent, url, bearer, time| {
                let request = admitted(agent.post(url), bearer, time);
                request
                    .header("Content-Type", "application/json")
                    .send(json)
            },
            path,
        )
    }

    /// Sends a JSON merge patch to `path` and asks for no more of the answer than `accept`.
    ///
    /// # Errors
    ///
    /// There is no answer; whether the patch arrived is not known then.
    pub fn patch(&self, path: &str, json: &[u8], accept: &str) -> Result<Answer, HttpsError> {
        self.ask(
            |agent, url, bearer, time| {
                let request = admitted(agent.patch(url), bearer, time);
                let request = request.header("Content-Type", "application/merge-patch+json");
                request.header("Accept", accept).send(json)
            },
            path,
        )
    }

    fn ask(
        &self,
        send: impl Fn(&Agent, &str, Option<&str>, Duration) -> Result<Response<ureq::Body>, ureq::Error>,
        path: &str,
    ) -> Result<Answer, HttpsError> {
        let url = format!("{}{path}", self.base);
        let bearer = self.bearer();
        let bearer = bearer.as_deref().map(String::as_str);
        loop {
            let time = self.time_left()?;
            let mut response =
                send(&self.agent, &url, bearer, time).map_err(|error| self.failed(error))?;
            let status = response.status().as_u16();
            let Some(pause) = pause(&response) else {
                let body = response.body_mut().with_config().limit(LONGEST);
                let body = body.read_to_vec().map_err(|error| self.failed(error))?;
                return Ok(Answer { status, body });
            };
            if pause >= self.time_left()? {
                let server = self.base.clone();
                return Err(HttpsError::Throttled { server });
            }
            thread::sleep(pause);
        }
    }

    /// Wiped when the request is made.
    fn bearer(&self) -> Option<zeroize::Zeroizing<String>> {
        let token = self.token.as_ref()?;
        let token = String::from_utf8_lossy(token.expose());
        Some(zeroize::Zeroizing::new(format!("Bearer {}", token.trim())))
    }

    fn time_left(&self) -> Result<Duration, HttpsError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let server = self.base.clone();
            return Err(HttpsError::TimedOut { server });
        }
        Ok(left)
    }

    fn failed(&self, error: ureq::Error) -> HttpsError {
        HttpsError::of(&self.base, LONGEST, error)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// With the token, where there is one, and no more than `time` for the whole answer.
fn admitted<B>(
    request: RequestBuilder<B>,
    bearer: Option<&str>,
    time: Duration,
) -> RequestBuilder<B> {
    let request = request.config().timeout_global(Some(time)).build();
    match bearer {
        Some(bearer) => request.header("Authorization", bearer),
        None => request,
    }
}

/// How long the server asks to be left alone; only a 429, and a 503 that names a time, do.
fn pause<B>(response: &Response<B>) -> Option<Duration> {
    let header = response.headers().get(RETRY_AFTER);
    let named = header.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    match (response.status().as_u16(), named) {
        (429 | 503, Some(seconds)) => Some(Duration::from_secs(seconds)),
        (429, None) => Some(PAUSE),
        _ => None,
    }
}
