//! The documents of `addons`: told apart, identified, merged line by line.

use std::ops::Range;

use crate::yaml;
use crate::yaml::Value;

/// One Kubernetes object of `addons`.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub kind: String,
    /// `None` where the text gives none; a namespaced object then lands in `kube-system`
    /// (rke.md 2.2).
    pub namespace: Option<String>,
    pub name: String,
    pub api_version: String,
    pub value: Value,
}

impl Document {
    fn of(value: Value) -> Option<Self> {
        let text = |path: &[&str]| value.at(path).and_then(Value::text).map(str::to_owned);
        Some(Self {
            kind: text(&["kind"])?,
            namespace: text(&["metadata", "namespace"]),
            name: text(&["metadata", "name"]).unwrap_or_default(),
            api_version: text(&["apiVersion"]).unwrap_or_default(),
            value,
        })
    }

    /// The objects of a text of manifests, in order.
    ///
    /// # Errors
    ///
    /// Which document is wrong, and why.
    pub fn all(text: &str) -> Result<Vec<Self>, String> {
        documents(text).map_err(|mistake| format!("document {}: {}", mistake.number, mistake.what))
    }

    /// How a person calls the object: `Role ingress-nginx/default-psp-role`.
    pub fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }

    /// True when `kubectl apply` takes both for the same object.
    pub fn is(&self, other: &Self) -> bool {
        fn place(document: &Document) -> &str {
            document.namespace.as_deref().unwrap_or("kube-system")
        }
        self.kind == other.kind && self.name == other.name && place(self) == place(other)
    }
}

/// What is wrong with a text of manifests.
#[derive(Debug)]
pub(super) struct Mistake {
    /// Which document, from 1.
    pub(super) number: usize,
    /// Which line of the text, from 0.
    pub(super) line: usize,
    pub(super) what: String,
}

/// A line of a merged text: one of the old lines, or a new one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Line {
    Kept { number: usize, text: String },
    New(String),
}

impl Line {
    fn text(&self) -> &str {
        match self {
            Self::Kept { text, .. } | Self::New(text) => text,
        }
    }
}

/// The lines of `addons` with the wanted documents among them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Merge {
    pub(super) lines: Vec<Line>,
}

impl Merge {
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(line.text());
            text.push('\n');
        }
        text
    }
}

/// The objects of a text, members of a `List` one by one.
pub(super) fn documents(text: &str) -> Result<Vec<Document>, Mistake> {
    let lines: Vec<&str> = text.lines().collect();
    let mut documents = Vec::new();
    for part in parts(&lines)? {
        flatten(part.document, &mut documents);
    }
    Ok(documents)
}

fn flatten(document: Document, into: &mut Vec<Document>) {
    match document.value.at(&["items"]) {
        Some(Value::List(items)) if document.kind.ends_with("List") => {
            into.extend(items.iter().cloned().filter_map(Document::of));
        }
        _ => into.push(document),
    }
}

/// `old` with every document of `wanted`; `None` when they are all there already.
///
/// An object that is there with another content is replaced where it stands, others are appended.
pub(super) fn merged(old: &str, wanted: &[String]) -> Result<Option<Merge>, Mistake> {
    let lines: Vec<&str> = old.lines().collect();
    let present = documents(old)?;
    let old_parts = parts(&lines)?;
    let mut replaced: Vec<(Range<usize>, Vec<String>)> = Vec::new();
    let mut appended = Vec::new();
    for text in wanted {
        let new_lines: Vec<&str> = text.lines().collect();
        for new in parts(&new_lines)? {
            // The last of two equal objects is the one that stays in the cluster.
            let last = present.iter().rfind(|old| old.is(&new.document));
            if last.is_some_and(|old| old.value == new.document.value) {
                continue;
            }
            match old_parts.iter().rfind(|old| old.document.is(&new.document)) {
                Some(old) => {
                    replaced.push((
                        old.object(&lines),
                        texts(&new_lines[new.object(&new_lines)]),
                    ));
                }
                None => appended.push(texts(&new_lines[new.body(&new_lines)])),
            }
        }
    }
    if replaced.is_empty() && appended.is_empty() {
        return Ok(None);
    }
    let mut merge = Merge::of(old);
    replaced.sort_by_key(|(range, _)| range.start);
    for (range, new) in replaced.into_iter().rev() {
        merge.lines.splice(range, new.into_iter().map(Line::New));
    }
    merge.append(appended);
    Ok(Some(merge))
}

/// How the line that counts begins; its number follows.
const COUNT: &str = "# harden has these objects applied again, number ";

/// The number in the line that counts; 0 where there is none.
pub(super) fn count(text: &str) -> u64 {
    text.lines().find_map(counted).unwrap_or(0)
}

fn counted(line: &str) -> Option<u64> {
    line.strip_prefix(COUNT)?.trim().parse().ok()
}

impl Merge {
    /// The lines of a text as they are.
    pub(super) fn of(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        Self {
            lines: kept(&lines, 0..lines.len()),
        }
    }

    /// Gives the line that counts this number; it stands first where there was none.
    pub(super) fn count(&mut self, number: u64) {
        let known = self
            .lines
            .iter()
            .position(|line| counted(line.text()).is_some());
        let place = known.map_or(0..0, |index| index..index + 1);
        let line = Line::New(format!("{COUNT}{number}"));
        self.lines.splice(place, [line]);
    }

    /// Adds documents behind the last line that is not blank.
    fn append(&mut self, documents: Vec<Vec<String>>) {
        let filled = |line: &Line| !line.text().trim().is_empty();
        let end = self.lines.iter().rposition(filled).map_or(0, |at| at + 1);
        let mut new = Vec::new();
        let mut separated = end == 0 || is_marker(self.lines[end - 1].text());
        for document in documents {
            if !separated {
                new.push(Line::New("---".to_owned()));
            }
            separated = false;
            new.extend(document.into_iter().map(Line::New));
        }
        self.lines.splice(end..end, new);
    }
}

fn kept(lines: &[&str], range: Range<usize>) -> Vec<Line> {
    range
        .map(|number| Line::Kept {
            number,
            text: lines[number].to_owned(),
        })
        .collect()
}

fn texts(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// One object and the lines it stands on, its `---` not among them.
struct Part {
    document: Document,
    lines: Range<usize>,
}

impl Part {
    /// The lines without blank ones around them.
    fn body(&self, lines: &[&str]) -> Range<usize> {
        trimmed(lines, self.lines.clone(), |line| line.trim().is_empty())
    }

    /// The lines without the comments and blank lines around the object.
    fn object(&self, lines: &[&str]) -> Range<usize> {
        trimmed(lines, self.lines.clone(), |line| {
            line.trim().is_empty() || line.starts_with('#')
        })
    }
}

fn trimmed(lines: &[&str], range: Range<usize>, is_edge: impl Fn(&str) -> bool) -> Range<usize> {
    let inner = &lines[range.clone()];
    let from = inner.iter().take_while(|line| is_edge(line)).count();
    let behind = inner[from..].iter().rev().take_while(|line| is_edge(line));
    let to = inner.len() - behind.count();
    range.start + from..range.start + to
}

fn is_marker(line: &str) -> bool {
    ["---", "..."].iter().any(|marker| {
        line.strip_prefix(marker)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    })
}

/// Every object of a text. At the start of a line `---` ends a document wherever it stands, even
/// in a block scalar, so lines are all there is to look at.
fn parts(lines: &[&str]) -> Result<Vec<Part>, Mistake> {
    let mut parts = Vec::new();
    let mut start = 0;
    let markers = (0..lines.len()).filter(|&line| is_marker(lines[line]));
    for end in markers.chain([lines.len()]) {
        parts.extend(part(lines, start..end, parts.len() + 1)?);
        start = end + 1;
    }
    Ok(parts)
}

fn part(lines: &[&str], range: Range<usize>, number: usize) -> Result<Option<Part>, Mistake> {
    let mistake = |line: usize, what: String| Mistake { number, line, what };
    if let Some(line) = range
        .start
        .checked_sub(1)
        .filter(|_| !is_bare(lines, range.start))
    {
        let what = "content on the line of its `---`".to_owned();
        return Err(mistake(line, what));
    }
    let text = lines[range.clone()].join("\n");
    let values = yaml::documents("addons", &text).map_err(|remark| {
        let line = remark.place.map_or(0, |place| place.line.saturating_sub(1));
        mistake(range.start + line, remark.message)
    })?;
    let Some(value) = values.into_iter().find(|value| *value != Value::Null) else {
        return Ok(None);
    };
    match Document::of(value) {
        Some(document) => Ok(Some(Part {
            document,
            lines: range,
        })),
        None => Err(mistake(range.start, "not a Kubernetes object".to_owned())),
    }
}

/// True when the marker above line `start` has nothing but a comment beside it.
fn is_bare(lines: &[&str], start: usize) -> bool {
    let rest = lines[start - 1][3..].trim_start();
    rest.is_empty() || rest.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n";
    const B: &str = "# ours\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: b\n";

    fn merge(old: &str, wanted: &[&str]) -> Option<String> {
        let wanted: Vec<String> = wanted.iter().map(|text| (*text).to_owned()).collect();
        merged(old, &wanted).unwrap().map(|merge| merge.text())
    }

    #[test]
    fn documents_are_appended_behind_a_separator() {
        assert_eq!(merge("", &[A, B]), Some(format!("{A}---\n{B}")));
        assert_eq!(merge(A, &[B]), Some(format!("{A}---\n{B}")));
        assert_eq!(
            merge(&format!("{A}---\n"), &[B]),
            Some(format!("{A}---\n{B}"))
        );
    }

    #[test]
    fn documents_that_are_there_change_nothing() {
        assert_eq!(merge(&format!("---\n{B}...\n---\n\n{A}\n"), &[A, B]), None);
        assert_eq!(merge("", &[]), None);
    }

    #[test]
    fn an_object_with_another_content_is_replaced_and_comments_around_it_are_kept() {
        let old =
            "# first\nkind: Namespace\nmetadata: {name: a}\n# end of a\n---\nkind: Foreign # x\n";

        assert_eq!(
            merge(old, &[A]),
            Some(format!("# first\n{A}# end of a\n---\nkind: Foreign # x\n")),
        );
    }

    #[test]
    fn no_namespace_and_kube_system_are_the_same_place() {
        let old = "kind: Role\nmetadata: {name: r}\n";
        let new = "kind: Role\nmetadata: {name: r, namespace: kube-system}\n";

        assert_eq!(merge(old, &[new]), Some(new.to_owned()));
        assert_eq!(
            merge(old, &["kind: Role\nmetadata: {name: r, namespace: web}\n"])
                .map(|text| text.matches("kind: Role").count()),
            Some(2),
        );
    }

    #[test]
    fn a_separator_in_a_block_scalar_is_text_unless_it_starts_the_line() {
        let old = "kind: ConfigMap\nmetadata: {name: c}\ndata:\n  x: |\n    ---\n    y\n";

        assert_eq!(documents(old).unwrap().len(), 1);
    }

    #[test]
    fn members_of_a_list_are_objects() {
        let list = "kind: List\nitems:\n- {kind: Role, metadata: {name: r}}\n- {kind: Role, metadata: {name: s}}\n";

        assert_eq!(documents(list).unwrap().len(), 2);
        assert_eq!(merge(list, &["kind: Role\nmetadata:\n  name: s\n"]), None);
    }

    #[test]
    fn a_mistake_tells_its_document_and_line() {
        let mistake = documents("kind: A\n---\nkind: B\nkind: [\n").unwrap_err();

        assert_eq!(mistake.number, 2);
        assert!(mistake.line >= 3, "{mistake:?}");
        assert!(documents("- just\n- a list\n").is_err());
    }
}
