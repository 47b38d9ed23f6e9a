//! Which lines of a text must not be seen.

/// Keys whose value is never printed, by the end of their name.
const SECRET_KEYS: [&str; 7] = [
    "secret",
    "password",
    "token",
    "ssh_key",
    "secret_key",
    "secretkey",
    "private_key",
];

const REDACTED: &str = "[redacted]";

/// The lines of `text` without their endings: the values of secret keys, the deeper lines below
/// them and private keys in PEM are replaced.
pub(super) fn lines(text: &str) -> Vec<String> {
    let mut hidden_below = None;
    let mut in_pem = false;
    text.lines()
        .map(|line| {
            let depth = line.len() - line.trim_start_matches(' ').len();
            let blank = line.trim().is_empty();
            if !blank && hidden_below.is_some_and(|column| depth <= column) {
                hidden_below = None;
            }
            let pem = in_pem || line.contains("-----BEGIN") && line.contains("PRIVATE KEY");
            in_pem = pem && !line.contains("-----END");
            if (hidden_below.is_some() || pem) && !blank {
                return format!("{}{REDACTED}", " ".repeat(depth));
            }
            match secret_value(line) {
                Some((column, value)) => {
                    hidden_below = Some(column);
                    shown(line, value)
                }
                None => line.to_owned(),
            }
        })
        .collect()
}

fn shown(line: &str, value: usize) -> String {
    if line[value..].trim().is_empty() {
        return line.to_owned();
    }
    format!("{} {REDACTED}", line[..value].trim_end())
}

/// The column of the first secret key of a line, and where its value begins.
fn secret_value(line: &str) -> Option<(usize, usize)> {
    line.match_indices(':').find_map(|(colon, _)| {
        let key = line[..colon].trim_end().trim_end_matches(['"', '\'']);
        let start = key
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
            .map_or(0, |at| {
                at + key[at..].chars().next().map_or(1, char::len_utf8)
            });
        let name = key[start..].to_lowercase();
        SECRET_KEYS
            .iter()
            .any(|secret| name.ends_with(secret))
            .then_some((start, colon + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str) -> String {
        lines(text).join("\n")
    }

    #[test]
    fn values_of_secret_keys_are_hidden_however_they_are_written() {
        assert_eq!(redacted("secret: abc"), "secret: [redacted]");
        assert_eq!(
            redacted("- { url: r.example, \"password\": hunter2 }"),
            "- { url: r.example, \"password\": [redacted]",
        );
        assert_eq!(
            redacted("ssh_key: |-\n  line one\n\n  line two\nuser: rke"),
            "ssh_key: |-\n  [redacted]\n\n  [redacted]\nuser: rke".replace("|-", "[redacted]"),
        );
    }

    #[test]
    fn a_private_key_is_hidden_under_any_name() {
        let text = "key: |\n  -----BEGIN RSA PRIVATE KEY-----\n  MII\n  -----END RSA PRIVATE KEY-----\nport: 22";

        assert_eq!(
            redacted(text),
            "key: |\n  [redacted]\n  [redacted]\n  [redacted]\nport: 22",
        );
    }

    #[test]
    fn names_that_only_look_secret_are_shown() {
        for line in [
            "  - secrets",
            "resources: [secrets]",
            "token-auth-file: /x",
            "ssh_key_path: ~/.ssh/id",
        ] {
            assert_eq!(redacted(line), line);
        }
    }
}
