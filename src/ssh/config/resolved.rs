//! The answer of `ssh -G` for one host, as far as it matters here.

use std::path::PathBuf;
use std::time::Duration;

use crate::inventory::Identities;
use crate::ssh::config::ConfigError;
use crate::ssh::config::client::Client;
use crate::ssh::config::client::Name;
use crate::ssh::config::tokens::Tokens;

/// What OpenSSH's client would do for one host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Resolved {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) identities: Identities,
    pub(super) known_hosts: Vec<PathBuf>,
    pub(super) alias: Option<String>,
    pub(super) connect: Option<Duration>,
    pub(super) proxy: Proxy,
}

/// The way that the client would take.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Proxy {
    /// `ProxyJump`, nearest first; none for a direct way.
    Jumps(Vec<Name>),
    /// `ProxyCommand`: some program.
    Command,
}

impl Resolved {
    /// Reads the answer of `client` about `name`.
    ///
    /// # Errors
    ///
    /// What is missing in the answer, or cannot be followed.
    pub(super) fn read(text: &str, name: &Name, client: &Client) -> Result<Self, ConfigError> {
        let answer = Answer(text);
        let odd = |what| ConfigError::Odd {
            host: name.host.clone(),
            what,
        };
        if answer.one("revokedhostkeys").is_some() {
            // To leave out whom not to trust would be to trust them.
            return Err(ConfigError::Unfollowed {
                host: name.host.clone(),
                option: "RevokedHostKeys",
            });
        }
        let host = answer.one("hostname").ok_or_else(|| odd("host name"))?;
        let port = answer.one("port").and_then(|port| port.parse().ok());
        let tokens = Tokens {
            client,
            name,
            host: host.trim_matches(['[', ']']),
            port: port.ok_or_else(|| odd("port"))?,
            user: answer.one("user").ok_or_else(|| odd("user"))?,
            alias: answer.one("hostkeyalias"),
        };
        Ok(Self {
            host: tokens.host.to_owned(),
            port: tokens.port,
            user: tokens.user.to_owned(),
            identities: answer.identities(&tokens)?,
            known_hosts: answer.known_hosts(&tokens)?,
            alias: tokens.alias.map(str::to_owned),
            connect: answer.one("connecttimeout").and_then(seconds),
            proxy: answer.proxy(),
        })
    }

    /// The jump hosts that it names.
    pub(super) fn jumps(&self) -> &[Name] {
        match &self.proxy {
            Proxy::Jumps(jumps) => jumps,
            Proxy::Command => &[],
        }
    }
}

/// Lines of a key in small letters and a value.
struct Answer<'t>(&'t str);

impl<'t> Answer<'t> {
    fn all(&self, key: &str) -> impl Iterator<Item = &'t str> {
        let pairs = self.0.lines().filter_map(|line| line.split_once(' '));
        pairs.filter_map(move |(name, value)| (name == key).then_some(value.trim()))
    }

    /// The only value; `none` is as good as no line at all.
    fn one(&self, key: &str) -> Option<&'t str> {
        self.all(key).find(|value| *value != "none")
    }

    fn identities(&self, tokens: &Tokens) -> Result<Identities, ConfigError> {
        Ok(Identities {
            files: paths(tokens, self.all("identityfile"))?,
            certificates: paths(tokens, self.all("certificatefile"))?,
            only: self.one("identitiesonly") == Some("yes"),
            agent: match self.all("identityagent").next() {
                None | Some("SSH_AUTH_SOCK") => tokens.client.agent.clone(),
                Some(socket) => tokens.path(socket)?,
            },
        })
    }

    fn known_hosts(&self, tokens: &Tokens) -> Result<Vec<PathBuf>, ConfigError> {
        let lists = ["userknownhostsfile", "globalknownhostsfile"];
        let lists = lists.into_iter().filter_map(|key| self.one(key));
        paths(tokens, lists.flat_map(str::split_whitespace))
    }

    fn proxy(&self) -> Proxy {
        match (self.one("proxycommand"), self.one("proxyjump")) {
            (Some(_), _) => Proxy::Command,
            (None, Some(jumps)) => Proxy::Jumps(jumps.split(',').map(jump).collect()),
            (None, None) => Proxy::Jumps(Vec::new()),
        }
    }
}

fn paths<'t>(
    tokens: &Tokens,
    texts: impl Iterator<Item = &'t str>,
) -> Result<Vec<PathBuf>, ConfigError> {
    let found = texts.map(|text| tokens.path(text));
    let found: Result<Vec<_>, _> = found.collect();
    Ok(found?.into_iter().flatten().collect())
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs)
}

/// `[USER@]HOST[:PORT]`, or the same as `ssh://` address.
fn jump(text: &str) -> Name {
    let text = text.trim();
    let text = text.strip_prefix("ssh://").unwrap_or(text);
    let (user, rest) = match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, text),
    };
    let is_bare_ipv6 = rest.matches(':').count() > 1 && !rest.starts_with('[');
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !is_bare_ipv6 && !port.ends_with(']') => (host, port.parse().ok()),
        _ => (rest, None),
    };
    Name {
        host: host.trim_matches(['[', ']']).to_owned(),
        user,
        port,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn name(host: &str, user: Option<&str>, port: Option<u16>) -> Name {
        Name {
            host: host.to_owned(),
            user: user.map(str::to_owned),
            port,
        }
    }

    fn read(more: &str) -> Result<Resolved, ConfigError> {
        let text = format!("host cp\nhostname 10.0.0.1\nuser op\nport 2200\n{more}");
        let client = Client {
            home: Some("/home/me".into()),
            user: Some("me".to_owned()),
            agent: Some("/run/agent".into()),
            ..Client::default()
        };
        Resolved::read(&text, &name("cp", None, None), &client)
    }

    #[test]
    fn paths_have_their_tokens_replaced() {
        let text = "identityfile ~/.ssh/id\nidentityfile %d/%u+%r@%n-%h-%p%%\n\
                    identityfile none\nuserknownhostsfile ~/.ssh/known_hosts /k\n\
                    globalknownhostsfile none\n";

        let resolved = read(text).unwrap();

        let files = ["/home/me/.ssh/id", "/home/me/me+op@cp-10.0.0.1-2200%"];
        assert_eq!(resolved.identities.files, files.map(PathBuf::from));
        let known = ["/home/me/.ssh/known_hosts", "/k"].map(PathBuf::from);
        assert_eq!(resolved.known_hosts, known);
    }

    #[test]
    fn a_token_that_is_not_known_is_named_and_not_passed_over() {
        let error = read("identityfile ~/%Z/id\n").unwrap_err();

        assert_eq!(
            error.to_string(),
            "harden does not know `%Z` in `~/%Z/id`, which the configuration of ssh has for cp"
        );
    }

    #[test]
    fn the_agent_is_the_one_of_the_configuration_or_the_usual_one() {
        let agent = |more| read(more).unwrap().identities.agent;

        assert_eq!(agent("").as_deref(), Some(Path::new("/run/agent")));
        assert_eq!(agent("identityagent none\n"), None);
        assert_eq!(
            agent("identityagent ~/a.sock\n").as_deref(),
            Some(Path::new("/home/me/a.sock"))
        );
    }

    #[test]
    fn none_is_nothing_and_no_limit_is_no_limit() {
        let resolved = read("proxyjump none\nconnecttimeout none\nhostkeyalias none\n").unwrap();

        assert_eq!(resolved.jumps(), []);
        assert_eq!((resolved.connect, resolved.alias), (None, None));
        assert_eq!(
            read("connecttimeout 7\n").unwrap().connect,
            Some(Duration::from_secs(7))
        );
    }

    #[test]
    fn jump_hosts_are_read_in_every_spelling() {
        let resolved = read("proxyjump a@b:22,ssh://c:2222,[fe80::1]:7,d@fe80::2,e\n").unwrap();

        assert_eq!(
            resolved.jumps(),
            [
                name("b", Some("a"), Some(22)),
                name("c", None, Some(2222)),
                name("fe80::1", None, Some(7)),
                name("fe80::2", Some("d"), None),
                name("e", None, None),
            ]
        );
    }

    #[test]
    fn a_file_of_revoked_keys_is_not_passed_over_in_silence() {
        let error = read("revokedhostkeys /etc/ssh/revoked\n").unwrap_err();

        assert_eq!(
            error.to_string(),
            "harden does not follow `RevokedHostKeys`, which the configuration of ssh has for cp"
        );
    }
}
