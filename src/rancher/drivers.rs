//! Switching a node driver, the one thing that is ever changed on a server.

use crate::facts::Observed;
use crate::facts::rancher::Driver;
use crate::rancher::RancherError;
use crate::rancher::Server;
use crate::rancher::lists::DRIVERS;
use crate::rancher::lists::RawDriver;
use crate::rancher::server::observed;

impl Server {
    /// All node drivers, and nothing else.
    pub fn node_drivers(&self) -> Observed<Vec<Driver>> {
        observed(self.drivers().map(Some))
    }

    /// Makes a driver active or inactive, and reads back whether it is.
    ///
    /// # Errors
    ///
    /// It is not so, or nobody could tell. Where the server was asked and did not answer, what it
    /// says of the driver afterwards counts.
    pub fn switch_driver(&self, id: &str, active: bool) -> Result<(), RancherError> {
        if !is_plain(id) {
            return Err(RancherError::DriverId {
                server: self.url.clone(),
                id: id.to_owned(),
            });
        }
        let action = if active { "activate" } else { "deactivate" };
        let path = format!("{DRIVERS}/{id}");
        let told = self.act(&format!("{path}?action={action}"));
        match (told, self.read::<RawDriver>(&path)) {
            (_, Ok(driver)) if driver.active == active => Ok(()),
            (Err(why), _) | (Ok(()), Err(why)) => Err(why),
            (Ok(()), Ok(_)) => Err(RancherError::Unmoved {
                server: self.url.clone(),
                action,
            }),
        }
    }
}

/// An id is a part of a URL, and comes from a server or from a file.
fn is_plain(id: &str) -> bool {
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !id.is_empty() && id.bytes().all(is_harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_nowhere_else() {
        assert!(is_plain("amazonec2") && is_plain("nd-x7k2p"));
        for wrong in ["", "..", "a/b", "a?action=remove", "a%2f", "ä", "a b"] {
            assert!(!is_plain(wrong), "{wrong}");
        }
    }
}
