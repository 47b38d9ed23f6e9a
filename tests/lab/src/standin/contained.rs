//! A node of the container lab: a container with a Docker engine of its own.

use std::io::Write;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use serde_json::Value;
use serde_json::json;

use super::component::SIDEKICK;
use super::container::Container;
use super::machine::Health;
use super::machine::Machine;
use super::machine::Result;

/// The last line in the log of a program that found nothing wrong, see `component.sh`.
const SERVING: &str = " is serving";
const POLLS: u32 = 80;
const POLL: Duration = Duration::from_millis(250);

/// One container of the lab, by its name on this machine's Docker.
#[derive(Clone, Debug)]
pub struct Contained {
    name: String,
}

impl Contained {
    /// The node in that container, nothing when no Docker engine answers in it.
    pub fn find(name: String) -> Option<Self> {
        let node = Self { name };
        node.exec(&["docker", "info"], "").is_ok().then_some(node)
    }

    /// Runs a program in the node, a minute at most.
    fn exec(&self, command: &[&str], stdin: &str) -> Result<Output> {
        let output = self.run(command, stdin)?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            bail!("{}: {}: {}", self.name, command.join(" "), why.trim());
        }
        Ok(output)
    }

    fn run(&self, command: &[&str], stdin: &str) -> Result<Output> {
        let mut child = Command::new("docker")
            .args(["exec", "--interactive", &self.name, "timeout", "60"])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run docker")?;
        if let Some(mut input) = child.stdin.take() {
            // A program that ends early says why in its status.
            let _ = input.write_all(stdin.as_bytes());
        }
        Ok(child.wait_with_output()?)
    }

    /// Calls the API of the node's engine, which can do what the command line cannot: an entrypoint of
    /// many words. HTTP 1.0 keeps the answer in one piece.
    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Option<Value>> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let output = self.exec(&["docker", "system", "dial-stdio"], &request)?;
        answer(&String::from_utf8_lossy(&output.stdout))
            .with_context(|| format!("{}: {method} {path}", self.name))
    }

    fn last_line(&self, name: &str) -> Result<String> {
        let output = self.exec(&["docker", "logs", "--tail", "1", name], "")?;
        Ok(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

impl Machine for Contained {
    fn inspect(&self, name: &str) -> Result<Option<Value>> {
        self.call("GET", &format!("/containers/{name}/json"), None)
    }

    fn create(&self, container: &Container) -> Result<()> {
        let name = container.name;
        self.remove(name)?;
        self.call(
            "POST",
            &format!("/containers/create?name={name}"),
            Some(&request(container)),
        )?
        .with_context(|| format!("{}: the image of {name} is missing", self.name))?;
        if name != SIDEKICK {
            self.call("POST", &format!("/containers/{name}/start"), None)?;
        }
        Ok(())
    }

    fn restart(&self, name: &str) -> Result<()> {
        self.call("POST", &format!("/containers/{name}/restart?t=1"), None)?;
        Ok(())
    }

    fn health(&self, name: &str) -> Result<Health> {
        let mut crashes = 0;
        for _ in 0..POLLS {
            let document = self.inspect(name)?.unwrap_or_default();
            let is_running = document["State"]["Status"] == "running";
            // A program in the container could be asked, but an exec into one that ends just now
            // hangs in Docker 20.10.
            if is_running && self.last_line(name)?.ends_with(SERVING) {
                return Ok(Health::Healthy);
            }
            crashes += i32::from(document["State"]["Restarting"] == true);
            if crashes > 3 {
                break;
            }
            thread::sleep(POLL);
        }
        Ok(Health::Failing {
            last_line: self.last_line(name)?,
        })
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.call("DELETE", &format!("/containers/{name}?force=1"), None)?;
        Ok(())
    }

    fn write(&self, path: &str, content: &str, mode: u32) -> Result<()> {
        let program = r#"mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1""#;
        self.exec(
            &["sh", "-c", program, "sh", path, &format!("{mode:o}")],
            content,
        )?;
        Ok(())
    }
}

/// What is asked of the engine; a lab node cannot grant `CAP_SYS_RESOURCE`, so nothing is privileged.
fn request(container: &Container) -> Value {
    let is_sidekick = container.name == SIDEKICK;
    json!({
        "Image": container.image,
        "Entrypoint": list(&container.entrypoint),
        "Cmd": list(&container.cmd),
        "Env": container.env,
        "Labels": {"io.rancher.rke.container.name": container.name},
        "Volumes": if is_sidekick { json!({"/opt/rke-tools": {}}) } else { Value::Null },
        "HostConfig": {
            "Binds": container.binds,
            "NetworkMode": if is_sidekick { "none" } else { "host" },
            "RestartPolicy": {"Name": if is_sidekick { "" } else { "always" }},
            "VolumesFrom": if container.has_sidekick { json!([SIDEKICK]) } else { Value::Null },
            "PidMode": if container.privileged { "host" } else { "" },
            "CapDrop": ["SYS_RESOURCE"],
        },
    })
}

/// RKE sends no empty list, and so none is shown.
fn list(words: &[String]) -> Value {
    if words.is_empty() {
        Value::Null
    } else {
        json!(words)
    }
}

/// The JSON of an answer; nothing when there is no such container, or nothing to say.
fn answer(text: &str) -> Result<Option<Value>> {
    let (head, body) = text.split_once("\r\n\r\n").context("no answer")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    match status {
        "404" => Ok(None),
        _ if !status.starts_with('2') && status != "304" => {
            bail!("status {status}: {}", body.trim())
        }
        _ if body.trim().is_empty() => Ok(Some(Value::Null)),
        _ => Ok(Some(serde_json::from_str(body)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_document_nothing_or_an_error() {
        let found = answer("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{\"Id\":\"x\"}\n").unwrap();
        let missing =
            answer("HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"No such container\"}").unwrap();
        let refused = answer("HTTP/1.0 500 Oh\r\n\r\n{\"message\":\"no\"}");

        assert_eq!(found.unwrap()["Id"], "x");
        assert_eq!(missing, None);
        assert!(refused.is_err());
        assert_eq!(
            answer("HTTP/1.0 204 No Content\r\n\r\n").unwrap(),
            Some(Value::Null)
        );
    }
}
