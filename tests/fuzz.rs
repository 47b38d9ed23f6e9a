//! The fuzz targets for a few seconds each, without libFuzzer: seeds from the repository, mutations
//! from a fixed seed, so that a run can be repeated.
//!
//! `HARDEN_FUZZ_SECONDS` is the time for each target; `fuzz/` has the same targets for `cargo fuzz`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::fs;
use std::io::Write as _;
use std::panic;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a crate of its own for `cargo fuzz`")]
mod targets;

use targets::TARGETS;
use targets::Target;

/// For each target; together they are a small part of `make test`.
const SECONDS: u64 = 2;

/// No input may take longer on a processor; a hundred times what the slowest seed takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A mutated input is never longer.
const LONGEST: usize = 64 << 10;

/// Pieces that mean something to one of the readers.
const WORDS: [&[u8]; 40] = [
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\0",
    b"\x1b[2J",
    b"\xff",
    b": ",
    b"- ",
    b"? ",
    b"|\n  ",
    b">-\n ",
    b"&a ",
    b"*a",
    b"<<: *a\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"'",
    b"#",
    b"---\n",
    b"...\n",
    b"~",
    b"!!binary ",
    b"0x1f",
    b"1e999",
    b"-1",
    b"99999999999999999999",
    b"18446744073709551615",
    b"end\t0\n\n",
    b"files\t3\n",
    b"\nharden 1\n",
    b"=== edits\n",
    b"@revoked ",
    b"|1|",
    b"nodes:\n",
    b"\xe2\x80\xae",
    b"\xef\xbb\xbf",
];

#[test]
fn no_bytes_break_a_promise_of_any_reader() {
    let start = Instant::now();
    let counts: Vec<(&str, usize)> = TARGETS.iter().map(|it| (it.name, fuzz(it))).collect();
    // Past the capture of a passing test's output, because the number is the result.
    writeln!(
        std::io::stderr(),
        "fuzz: {} inputs in {:.1} s: {counts:?}",
        counts.iter().map(|(_, count)| count).sum::<usize>(),
        start.elapsed().as_secs_f64()
    )
    .unwrap();
}

/// Runs the seeds and then mutations of them; the number of inputs.
fn fuzz(target: &Target) -> usize {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    let mut random = Random::new(target.name);
    let mut count = 0;
    for seed in &seeds {
        attempt(target, seed, count);
        count += 1;
    }
    let end = Instant::now() + seconds();
    while Instant::now() < end {
        let input = mutated(&seeds, &mut random);
        attempt(target, &input, count);
        count += 1;
    }
    assert!(
        count > seeds.len(),
        "{}: only the seeds were run",
        target.name
    );
    count
}

fn seconds() -> Duration {
    let given = env::var("HARDEN_FUZZ_SECONDS").ok();
    Duration::from_secs(given.map_or(SECONDS, |text| text.parse().unwrap()))
}

/// Keeps the input when a promise is broken, as `target/fuzz-TARGET`.
fn attempt(target: &Target, input: &[u8], number: usize) {
    let start = processor_time();
    let outcome = panic::catch_unwind(|| (target.run)(input));
    let took = processor_time().saturating_sub(start);
    if outcome.is_err() || took > PATIENCE {
        let file = root().join("target").join(format!("fuzz-{}", target.name));
        fs::write(&file, input).unwrap();
        panic!(
            "{}: input {number} took {took:?} and is kept in {}",
            target.name,
            file.display()
        );
    }
}

/// Of this thread; the wall clock would measure what else the machine does.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split(' ').next().unwrap();
    Duration::from_nanos(nanoseconds.parse().unwrap())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files that `fuzz/seeds.list` has for the target, in a fixed order.
fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let list = fs::read_to_string(root().join("fuzz/seeds.list")).unwrap();
    let lines = list.lines().filter_map(|line| line.split_once(' '));
    let mut files: Vec<PathBuf> = Vec::new();
    for (_, seed) in lines.filter(|(name, _)| *name == target.name) {
        let path = root().join(seed);
        if path.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            files.extend(entries.map(|entry| entry.unwrap().path()));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files.retain(|file| file.is_file());
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// One of the seeds with up to eight changes.
fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(8) {
        change(&mut input, seeds, random);
        input.truncate(LONGEST);
    }
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let from = random.below(input.len() + 1);
    let to = (from + random.below(64)).min(input.len());
    match random.below(8) {
        0 if from < input.len() => input[from] ^= 1 << random.below(8),
        1 if from < input.len() => input[from] = random.byte(),
        2 => drop(input.drain(from..to)),
        3 => {
            let again = input[from..to].to_vec();
            input.splice(from..from, again);
        }
        4 => {
            // Deep nesting is made of one word, many times.
            let word = WORDS[random.below(WORDS.len())].repeat(1 << random.below(12));
            input.splice(from..from, word);
        }
        5 => {
            let other = &seeds[random.below(seeds.len())];
            let start = random.below(other.len() + 1);
            input.truncate(from);
            input.extend_from_slice(&other[start..]);
        }
        6 => input.truncate(from),
        _ => {
            let word = WORDS[random.below(WORDS.len())];
            input.splice(from..to, word.iter().copied());
        }
    }
}

/// Numbers that are the same in every run (xorshift64*).
struct Random(u64);

impl Random {
    fn new(name: &str) -> Self {
        let seed = |sum: u64, byte: u8| sum.wrapping_mul(31).wrapping_add(u64::from(byte));
        Self(name.bytes().fold(0x9e37_79b9_7f4a_7c15, seed) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number less than `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap();
        usize::try_from((self.next() >> 11) % end).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}
