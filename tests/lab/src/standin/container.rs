//! One container as RKE wants it, and whether a running one still is that (section 3.4).

use std::collections::BTreeSet;

use serde_json::Value;

/// The `PATH` that every image of this release brings along.
pub const IMAGE_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What RKE asks of Docker for one container.
#[derive(Clone, Debug)]
pub struct Container {
    pub name: &'static str,
    pub image: &'static str,
    /// Empty where RKE leaves it to the image.
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    /// Without what the image brings along.
    pub env: Vec<String>,
    pub binds: Vec<String>,
    /// Privileged and in the host's process namespace, as kubelet and kube-proxy are.
    pub privileged: bool,
    /// Does it use the volume of `service-sidekick`?
    pub has_sidekick: bool,
}

impl Container {
    /// The program and its arguments, as in `.Path` and `.Args` (section 4).
    pub fn command(&self) -> (String, Vec<String>) {
        let mut words = self.entrypoint.iter().chain(&self.cmd).cloned();
        (words.next().unwrap_or_default(), words.collect())
    }

    /// The environment with what the image adds.
    pub fn full_env(&self) -> Vec<String> {
        let image = std::iter::once(IMAGE_PATH.to_owned());
        self.env.iter().cloned().chain(image).collect()
    }

    /// Must RKE replace the container that `docker inspect` describes? Order never matters.
    pub fn differs_from(&self, inspected: &Value) -> bool {
        let differs = |pointer, wanted: &[String]| {
            set(inspected.pointer(pointer)) != wanted.iter().map(String::as_str).collect()
        };
        inspected.pointer("/Config/Image").and_then(Value::as_str) != Some(self.image)
            || differs("/Config/Entrypoint", &self.entrypoint)
            || differs("/Config/Cmd", &self.cmd)
            || differs("/Config/Env", &self.full_env())
            || differs("/HostConfig/Binds", &self.binds)
    }
}

fn set(list: Option<&Value>) -> BTreeSet<&str> {
    list.and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn container() -> Container {
        let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect();
        Container {
            name: "kubelet",
            image: "image:1",
            entrypoint: words(&["wrapper", "kubelet", "--a=1", "--b=2"]),
            cmd: Vec::new(),
            env: Vec::new(),
            binds: words(&["/etc:/etc:z"]),
            privileged: false,
            has_sidekick: true,
        }
    }

    fn inspected() -> Value {
        json!({
            "Config": {
                "Image": "image:1",
                "Entrypoint": ["wrapper", "kubelet", "--b=2", "--a=1"],
                "Cmd": null,
                "Env": [IMAGE_PATH],
            },
            "HostConfig": {"Binds": ["/etc:/etc:z"]},
        })
    }

    #[test]
    fn another_order_is_no_difference() {
        assert!(!container().differs_from(&inspected()));
    }

    #[test]
    fn an_argument_more_and_a_bind_less_are_differences() {
        let mut argument = container();
        argument.entrypoint.push("--c=3".to_owned());
        let mut bind = container();
        bind.binds.clear();

        assert!(argument.differs_from(&inspected()));
        assert!(bind.differs_from(&inspected()));
    }
}
