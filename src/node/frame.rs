//! Records in and out: lengths, limits, and what a truncated stream means.

use std::borrow::Cow;

use crate::node::request::Request;
use crate::secret::Secret;

/// The line with which the program says that it runs; anything before it is a login shell's chatter.
const GREETING: &[u8] = b"\nharden 1\n";

/// One record of a node's answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    pub verb: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text; bytes that are no UTF-8 are shown as such.
    pub fn text(&self) -> Cow<'_, str> {
        match str::from_utf8(&self.body) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(&self.body),
        }
    }
}

/// Why a node's answer cannot be believed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FrameError {
    /// The program did not start: `sudo` refused, or there is no `sh`.
    #[error("the node did not run the program")]
    NotStarted,
    #[error("the answer ended early, after {records} records")]
    Truncated { records: usize },
    #[error("the answer is malformed after {records} records")]
    Malformed { records: usize },
}

/// All records of one program run, the closing one included.
///
/// The result is a secret as a whole, because a payload may be one.
pub fn encode(requests: &[Request]) -> Secret {
    let mut stream = Vec::new();
    for alike in requests.chunk_by(are_one_record) {
        let mut fields = alike.iter().map(Request::fields);
        let mut record = fields.next().unwrap_or_default();
        record.extend(fields.flat_map(|fields| fields.into_iter().skip(1)));
        push(&mut stream, &record.join("\t"));
    }
    push(&mut stream, "end");
    Secret::new(stream)
}

/// Kernel values that are set one after the other are read back together, files that are written one
/// after the other are proven together; they are answered one by one.
fn are_one_record(one: &Request, next: &Request) -> bool {
    match (one, next) {
        (Request::Assign { .. }, Request::Assign { .. }) => true,
        (Request::Put(one), Request::Put(next)) => one.attributes.path != next.attributes.path,
        _ => false,
    }
}

fn push(stream: &mut Vec<u8>, record: &str) {
    stream.extend_from_slice(format!("{}\t{record}\n", record.len()).as_bytes());
}

/// The records of a node's answer, the closing one checked and removed.
///
/// # Errors
///
/// A stream without greeting, without its last record, or with a length that does not hold.
pub fn decode(stdout: &[u8]) -> Result<Vec<Answer>, FrameError> {
    let start = stdout
        .windows(GREETING.len())
        .position(|window| window == GREETING)
        .ok_or(FrameError::NotStarted)?;
    let mut rest = &stdout[start + GREETING.len()..];
    let mut answers = Vec::new();
    while !rest.is_empty() {
        let records = answers.len();
        let (answer, after) = record(rest, records)?;
        match answer.verb.as_str() {
            "end" => return Ok(answers),
            "cut" => return Err(FrameError::Truncated { records }),
            _ => answers.push(answer),
        }
        rest = after;
    }
    Err(FrameError::Truncated {
        records: answers.len(),
    })
}

/// True when nothing more will follow, although the program may go on running.
pub fn is_whole(stdout: &[u8]) -> bool {
    stdout.ends_with(b"\nend\t0\n\n") && decode(stdout).is_ok()
}

fn record(bytes: &[u8], records: usize) -> Result<(Answer, &[u8]), FrameError> {
    let truncated = FrameError::Truncated { records };
    let malformed = FrameError::Malformed { records };
    let line_end = bytes
        .iter()
        .take(64)
        .position(|byte| *byte == b'\n')
        .ok_or_else(|| match bytes.len() {
            0..64 => truncated.clone(),
            _ => malformed.clone(),
        })?;
    let (verb, length) = std::str::from_utf8(&bytes[..line_end])
        .ok()
        .and_then(|line| line.split_once('\t'))
        .ok_or_else(|| malformed.clone())?;
    let length: usize = length.parse().map_err(|_| malformed.clone())?;
    let body = &bytes[line_end + 1..];
    match body.get(length) {
        Some(b'\n') => Ok((
            Answer {
                verb: verb.to_owned(),
                body: body[..length].to_vec(),
            },
            &body[length + 1..],
        )),
        Some(_) => Err(malformed),
        None => Err(truncated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chatter_before_the_greeting_is_passed_over() {
        let answers = decode(b"Welcome!\nharden 1\ntools\t3\nlsa\nend\t0\n\n").unwrap();

        assert_eq!(answers[0].text(), "lsa");
    }

    #[test]
    fn an_answer_without_its_last_record_is_truncated() {
        let whole: &[u8] = b"\nharden 1\ntools\t3\nlsa\nend\t0\n\n";
        for cut in 10..whole.len() - 1 {
            let error = decode(&whole[..cut]).unwrap_err();
            assert!(matches!(error, FrameError::Truncated { .. }), "{cut}");
            assert!(!is_whole(&whole[..cut]), "{cut}");
        }
    }

    #[test]
    fn a_body_that_looks_like_the_end_is_not_the_end() {
        let answer: &[u8] = b"\nharden 1\nlog\t11\nx\nend\t0\n\nyz\nend\t0\n\n";
        let looks_so = answer.len() - 10;

        assert!(answer[..looks_so].ends_with(b"\nend\t0\n\n"));
        assert!(!is_whole(&answer[..looks_so]));
        assert!(is_whole(answer));
    }

    #[test]
    fn a_length_that_lies_is_refused() {
        assert!(decode(b"\nharden 1\ntools\t2\nlsa\nend\t0\n\n").is_err());
        assert!(decode(b"\nharden 1\ntools\t99999999999999\nlsa\nend\t0\n\n").is_err());
        assert!(decode(b"\nharden 1\ntools\t-1\nlsa\nend\t0\n\n").is_err());
    }

    #[test]
    fn silence_is_not_an_empty_answer() {
        assert_eq!(decode(b""), Err(FrameError::NotStarted));
    }
}
