//! A Rancher server in the cluster: hardened, as it is installed, or not to be asked.

use harden::facts::Observed;
use harden::facts::rancher::Answers;
use harden::facts::rancher::Driver;
use harden::facts::rancher::Grant;
use harden::facts::rancher::Login;
use harden::facts::rancher::Provider;
use harden::facts::rancher::Right;
use harden::facts::rancher::Subject;
use harden::yaml;
use harden::yaml::Value;

/// What the playbook of these tests says of the server.
pub(crate) const PLAYBOOK: &str =
    "rancher: {url: 'https://rancher.example.com', admins: [ann], node_drivers: [vmwarevsphere]}\n";

pub(crate) fn hardened() -> Answers {
    Answers {
        local_cluster: Observed::Absent,
        default_login: Observed::Present(Login::Refused),
        providers: Observed::Present(vec![provider("local", true), provider("github", true)]),
        grants: Observed::Present(vec![admin("ann")]),
        drivers: Observed::Present(vec![driver("vmwarevsphere", true), driver("azure", false)]),
    }
}

/// As the chart installs it.
pub(crate) fn default() -> Answers {
    Answers {
        local_cluster: Observed::Present(()),
        default_login: Observed::Present(Login::Accepted { left: None }),
        providers: Observed::Present(vec![provider("local", true), provider("github", false)]),
        grants: Observed::Present(vec![admin("admin")]),
        drivers: Observed::Present(vec![driver("digitalocean", true)]),
    }
}

/// Everybody of a group is an administrator, and no user is.
pub(crate) fn with_group() -> Answers {
    let principal = "github_team://1".to_owned();
    let grant = Grant {
        subject: Subject::Group { principal },
        ..admin("ann")
    };
    Answers {
        grants: Observed::Present(vec![grant]),
        ..hardened()
    }
}

/// The Deployment with this value of `--add-local` and this level of the audit log.
pub(crate) fn deployment(add_local: &str, level: &str) -> Value {
    let text = format!(
        "kind: Deployment\nmetadata: {{namespace: cattle-system, name: rancher}}\nspec: {{template: {{spec: {{containers: [\
         {{name: rancher, args: [--http-listen-port=80, --add-local={add_local}], env: [{{name: AUDIT_LEVEL, value: '{level}'}}]}}, \
         {{name: rancher-audit-log}}]}}}}}}\n"
    );
    yaml::documents("deployment", &text).unwrap().remove(0)
}

fn admin(name: &str) -> Grant {
    Grant {
        subject: Subject::User {
            name: name.to_owned(),
            id: format!("user-{name}"),
        },
        role: "Admin".to_owned(),
        right: Right::Everything,
    }
}

fn provider(name: &str, is_enabled: bool) -> Provider {
    Provider {
        name: name.to_owned(),
        is_enabled,
    }
}

fn driver(name: &str, is_active: bool) -> Driver {
    Driver {
        id: name.to_owned(),
        name: name.to_owned(),
        is_active,
    }
}
