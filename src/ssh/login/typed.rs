//! A login with the password that a person typed.

use russh::client::KeyboardInteractiveAuthResponse;

use crate::ssh::SshError;
use crate::ssh::login::Login;
use crate::ssh::password::Password;
use crate::ssh::password::Turn;

impl Login<'_> {
    /// The password, in whichever way the server asks for it.
    pub(super) async fn password(&mut self, password: &Password) -> Result<bool, SshError> {
        let accepts = |method| self.accepts.iter().any(|accepted| accepted == method);
        let (plain, asked) = (accepts("password"), accepts("keyboard-interactive"));
        if !plain && !asked {
            return Ok(false);
        }
        let turn = password.turn().await;
        if let Turn::Spent(by) = turn {
            self.tried.push(format!(
                "no password, because {by} refused the one that was given"
            ));
            return Ok(false);
        }
        self.tried.push("the password".to_owned());
        let secret = String::from_utf8_lossy(password.secret().expose()).into_owned();
        let mut welcome = plain && self.plain(&secret).await?;
        if !welcome && !plain {
            welcome = self.interactive(&secret).await?;
        }
        if let Turn::First(trial) = turn {
            if welcome {
                trial.passed();
            } else {
                trial.failed(&self.at.node);
            }
        }
        Ok(welcome)
    }

    async fn plain(&mut self, secret: &str) -> Result<bool, SshError> {
        let user = &self.at.user;
        match self.handle.authenticate_password(user, secret).await {
            Ok(answer) => self.weigh(&answer).await,
            Err(error) => Err(self.lost(&error).await),
        }
    }

    /// Gives the password to each hidden prompt once; PAM may ask for nothing at all after it.
    async fn interactive(&mut self, secret: &str) -> Result<bool, SshError> {
        const ROUNDS: usize = 5;
        let user = self.at.user.clone();
        let start = self
            .handle
            .authenticate_keyboard_interactive_start(user, None);
        let mut answer = start.await;
        for _ in 0..ROUNDS {
            let prompts = match answer {
                Ok(KeyboardInteractiveAuthResponse::Success) => return Ok(true),
                Ok(KeyboardInteractiveAuthResponse::Failure { .. }) => return Ok(false),
                Ok(KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. }) => prompts,
                Err(error) => return Err(self.lost(&error).await),
            };
            let hidden = prompts.iter().map(|prompt| {
                if prompt.echo {
                    String::new()
                } else {
                    secret.to_owned()
                }
            });
            let respond = self
                .handle
                .authenticate_keyboard_interactive_respond(hidden.collect());
            answer = respond.await;
        }
        Ok(false)
    }
}
