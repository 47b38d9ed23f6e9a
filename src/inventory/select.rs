//! `--on`: which nodes a run touches.

use globset::GlobBuilder;
use globset::GlobMatcher;

use crate::inventory::Inventory;
use crate::inventory::Node;
use crate::inventory::Role;
use crate::inventory::shard::Shard;
use crate::source::nearest;

/// How many names a message lists before it only counts.
const SHOWN: usize = 8;

/// Which nodes are meant; without any term, all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    include: Vec<Term>,
    exclude: Vec<Term>,
    /// Narrows what the terms select.
    shard: Option<Shard>,
}

/// Why an expression selects nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SelectError {
    #[error("`{expression}` has an empty term")]
    Empty { expression: String },
    #[error("`@{name}` is not a role")]
    UnknownRole { name: String },
    #[error("`{term}` is not a valid pattern: {why}")]
    Pattern { term: String, why: String },
    /// `existing` is already shortened for people.
    #[error("`{term}` matches no node of {file}, which has {existing}")]
    NoMatch {
        term: String,
        file: String,
        existing: String,
        nearest: Option<String>,
    },
    #[error("`{term}` is not a shard")]
    Shard { term: String },
    #[error("no node that is selected is in shard {shard}")]
    EmptyShard { shard: String },
    #[error("the selection excludes every node it includes")]
    NothingLeft,
}

impl SelectError {
    /// The next thing to type.
    pub fn hint(&self) -> String {
        match self {
            Self::Empty { .. } => {
                "separate terms by one comma, as in `--on 'cp-*,@worker'`".to_owned()
            }
            Self::UnknownRole { name } => match nearest(name, Role::ALL.map(Role::name)) {
                Some(meant) => format!("did you mean `@{meant}`?"),
                None => "write `@controlplane`, `@etcd` or `@worker`".to_owned(),
            },
            Self::Pattern { .. } => {
                "use `*`, `?`, `[ab]` and `{a,b}`, and quote the expression for the shell"
                    .to_owned()
            }
            Self::NoMatch {
                nearest: Some(meant),
                ..
            } => format!("did you mean `{meant}`?"),
            Self::NoMatch { file, .. } => format!("`harden nodes {file}` lists all nodes"),
            Self::Shard { .. } => {
                "write one of `@shard=1/4` to `@shard=4/4`, once and without `!`".to_owned()
            }
            Self::EmptyShard { .. } => "use fewer shards, or leave this one out".to_owned(),
            Self::NothingLeft => "drop one of the terms that begin with `!`".to_owned(),
        }
    }
}

impl Selection {
    /// Every node.
    pub fn all() -> Self {
        Self::default()
    }

    /// Reads terms separated by commas: names and addresses, globs of both, `@role`; a leading
    /// `!` excludes. Only exclusions select all the others. `@shard=3/16` keeps one part of them.
    ///
    /// # Errors
    ///
    /// A term that is empty, no valid pattern, or names no role or shard.
    pub fn parse(expression: &str) -> Result<Self, SelectError> {
        let mut selection = Self::default();
        for word in words(expression) {
            if let Some(part) = word.trim_start_matches('!').strip_prefix("@shard=") {
                selection.narrow(word, part)?;
                continue;
            }
            let (terms, word) = match word.strip_prefix('!') {
                Some(rest) => (&mut selection.exclude, rest.trim()),
                None => (&mut selection.include, word),
            };
            if word.is_empty() {
                let expression = expression.to_owned();
                return Err(SelectError::Empty { expression });
            }
            terms.push(Term::parse(word)?);
        }
        Ok(selection)
    }

    /// The nodes meant, in the inventory's order.
    ///
    /// # Errors
    ///
    /// A term that matches no node, or no node left.
    pub fn of<'a>(&self, inventory: &'a Inventory) -> Result<Vec<&'a Node>, SelectError> {
        for term in self.include.iter().chain(&self.exclude) {
            if !inventory.nodes.iter().any(|node| term.matches(node)) {
                return Err(no_match(term, inventory));
            }
        }
        let mut nodes: Vec<_> = inventory.nodes.iter().filter(|n| self.has(n)).collect();
        if nodes.is_empty() {
            return Err(SelectError::NothingLeft);
        }
        if let Some(shard) = self.shard {
            nodes.retain(|node| shard.has(&node.name));
            if nodes.is_empty() {
                let shard = shard.to_string();
                return Err(SelectError::EmptyShard { shard });
            }
        }
        Ok(nodes)
    }

    fn narrow(&mut self, word: &str, part: &str) -> Result<(), SelectError> {
        let shard = Shard::parse(part).filter(|_| self.shard.is_none() && !word.starts_with('!'));
        let no_shard = || SelectError::Shard {
            term: word.to_owned(),
        };
        self.shard = Some(shard.ok_or_else(no_shard)?);
        Ok(())
    }

    fn has(&self, node: &Node) -> bool {
        let included = self.include.is_empty() || self.include.iter().any(|t| t.matches(node));
        included && !self.exclude.iter().any(|term| term.matches(node))
    }
}

/// One term, without its `!`.
#[derive(Clone, Debug)]
struct Term {
    text: String,
    meaning: Meaning,
}

#[derive(Clone, Debug)]
enum Meaning {
    Role(Role),
    Glob(GlobMatcher),
}

impl Term {
    fn parse(word: &str) -> Result<Self, SelectError> {
        let meaning = match word.strip_prefix('@') {
            Some(name) => Meaning::Role(Role::named(name).ok_or_else(|| {
                let name = name.to_owned();
                SelectError::UnknownRole { name }
            })?),
            None => Meaning::Glob(glob(word)?),
        };
        let text = word.to_owned();
        Ok(Self { text, meaning })
    }

    fn matches(&self, node: &Node) -> bool {
        match &self.meaning {
            Meaning::Role(role) => node.roles.contains(role),
            Meaning::Glob(glob) => [&node.name, &node.address, &node.internal_address]
                .into_iter()
                .any(|name| name.eq_ignore_ascii_case(&self.text) || glob.is_match(name)),
        }
    }
}

fn glob(word: &str) -> Result<GlobMatcher, SelectError> {
    GlobBuilder::new(word)
        .case_insensitive(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| SelectError::Pattern {
            term: word.to_owned(),
            why: error.kind().to_string(),
        })
}

/// The parts of an expression; a comma inside braces belongs to the pattern.
fn words(expression: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    expression
        .split(move |c| {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
        .map(str::trim)
}

fn no_match(term: &Term, inventory: &Inventory) -> SelectError {
    let names = || inventory.nodes.iter().map(|node| node.name.as_str());
    let meant = match term.meaning {
        Meaning::Role(_) => None,
        Meaning::Glob(_) => nearest(&term.text, names()),
    };
    SelectError::NoMatch {
        term: match term.meaning {
            Meaning::Role(role) => format!("@{role}"),
            Meaning::Glob(_) => term.text.clone(),
        },
        file: inventory.file.clone(),
        existing: listed(names()),
        nearest: meant.map(str::to_owned),
    }
}

/// Names as a sentence lists them: `a`, `b`, and 5 others.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut quoted: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    let hidden = quoted.len().saturating_sub(SHOWN);
    if hidden > 1 {
        quoted.truncate(SHOWN);
        quoted.push(format!("{hidden} others"));
    }
    match quoted.as_slice() {
        [] => "no nodes".to_owned(),
        [one] => one.clone(),
        [first, last] => format!("{first} and {last}"),
        [before @ .., last] => format!("{}, and {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::rke;

    fn fleet() -> Inventory {
        let text = "\
nodes:
- {address: 10.0.0.1, internal_address: 172.16.0.1, user: u, role: [controlplane, etcd], hostname_override: cp-1}
- {address: 10.0.0.2, user: u, role: [controlplane], hostname_override: cp-2}
- {address: w.example.org, user: u, role: [worker]}
- {address: 'fd00::7', user: u, role: [worker], hostname_override: w-2}
ssh_key_path: /k
";
        rke::read("fleet.yml", text, None, false).unwrap()
    }

    fn names(expression: &str) -> Vec<String> {
        let fleet = fleet();
        let nodes = Selection::parse(expression).unwrap().of(&fleet).unwrap();
        nodes.into_iter().map(|node| node.name.clone()).collect()
    }

    fn mistake(expression: &str) -> (String, String) {
        let error = match Selection::parse(expression) {
            Ok(selection) => selection.of(&fleet()).unwrap_err(),
            Err(error) => error,
        };
        (error.to_string(), error.hint())
    }

    #[test]
    fn all_selects_every_node_in_the_order_of_the_file() {
        let fleet = fleet();

        let nodes = Selection::all().of(&fleet).unwrap();

        let names: Vec<_> = nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["cp-1", "cp-2", "w.example.org", "w-2"]);
    }

    #[test]
    fn names_addresses_globs_and_roles_select() {
        assert_eq!(names("cp-2"), ["cp-2"]);
        assert_eq!(names("CP-2"), ["cp-2"]);
        assert_eq!(names("10.0.0.1"), ["cp-1"]);
        assert_eq!(names("172.16.0.1"), ["cp-1"]);
        assert_eq!(names("fd00::7"), ["w-2"]);
        assert_eq!(names("cp-*"), ["cp-1", "cp-2"]);
        assert_eq!(names("*.example.org"), ["w.example.org"]);
        assert_eq!(names("cp-{1,2}"), ["cp-1", "cp-2"]);
        assert_eq!(names("@etcd"), ["cp-1"]);
    }

    #[test]
    fn several_terms_keep_the_order_of_the_file_and_name_nobody_twice() {
        assert_eq!(
            names("@worker, cp-1, w-*"),
            ["cp-1", "w.example.org", "w-2"]
        );
    }

    #[test]
    fn an_exclamation_mark_excludes() {
        assert_eq!(names("@controlplane,!cp-1"), ["cp-2"]);
        assert_eq!(names("!@worker"), ["cp-1", "cp-2"]);
    }

    #[test]
    fn a_term_that_matches_nothing_names_what_exists_and_what_was_meant() {
        let (message, hint) = mistake("cp-1,cp-3");
        assert_eq!(
            message,
            "`cp-3` matches no node of fleet.yml, which has `cp-1`, `cp-2`, `w.example.org`, and `w-2`"
        );
        assert_eq!(hint, "did you mean `cp-1`?");

        let (_, hint) = mistake("!database-*");
        assert_eq!(hint, "`harden nodes fleet.yml` lists all nodes");
    }

    #[test]
    fn a_long_list_is_shortened_and_counted() {
        let names: Vec<_> = (1..=10).map(|n| format!("n{n}")).collect();

        let list = listed(names.iter().map(String::as_str));

        assert_eq!(
            list,
            "`n1`, `n2`, `n3`, `n4`, `n5`, `n6`, `n7`, `n8`, and 2 others"
        );
    }

    #[test]
    fn shards_share_what_the_other_terms_select() {
        let parts: Vec<Vec<String>> = (1..=2)
            .map(|part| {
                let expression = format!("cp-*,@worker,!w-2,@shard={part}/2");
                let nodes = Selection::parse(&expression).unwrap();
                let nodes = nodes
                    .of(&fleet())
                    .map(|nodes| nodes.into_iter().map(|node| node.name.clone()).collect());
                nodes.unwrap_or_default()
            })
            .collect();
        let mut all = parts.concat();
        all.sort();
        assert_eq!(all, ["cp-1", "cp-2", "w.example.org"]);
    }

    #[test]
    fn a_shard_that_is_none_and_one_without_nodes_are_refused() {
        assert_eq!(mistake("@shard=5/4").0, "`@shard=5/4` is not a shard");
        assert_eq!(mistake("!@shard=1/4").0, "`!@shard=1/4` is not a shard");
        assert_eq!(
            mistake("@shard=1/4,@shard=2/4").0,
            "`@shard=2/4` is not a shard"
        );
        let empty = (1..=99).map(|part| mistake_or_not(&format!("@shard={part}/99")));
        let empty: Vec<String> = empty.flatten().collect();
        assert!(empty[0].starts_with("no node that is selected is in shard "));
    }

    fn mistake_or_not(expression: &str) -> Option<String> {
        let selection = Selection::parse(expression).unwrap();
        selection.of(&fleet()).err().map(|error| error.to_string())
    }

    #[test]
    fn what_cannot_be_a_selection_is_refused() {
        assert_eq!(mistake("@workers").1, "did you mean `@worker`?");
        assert_eq!(mistake("cp-1,,cp-2").0, "`cp-1,,cp-2` has an empty term");
        assert_eq!(mistake("").0, "`` has an empty term");
        assert_eq!(mistake("!").0, "`!` has an empty term");
        assert!(
            mistake("cp-[1")
                .0
                .starts_with("`cp-[1` is not a valid pattern: ")
        );
        assert_eq!(
            mistake("cp-1,!@etcd").0,
            "the selection excludes every node it includes"
        );
    }
}
