//! What is wished of `cluster.yml`.

/// One wish for a value in `cluster.yml`.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// The scalar at `path` is `value`; missing parents are made.
    Set { path: Vec<String>, value: Scalar },
    /// `item` is an element of the list at `path`; missing parents are made.
    Append { path: Vec<String>, item: String },
    /// These objects are among the documents of `addons`: an object of the same kind, namespace
    /// and name is replaced, foreign ones are kept (RKE addons, rke.md 2.2).
    Addons { documents: Vec<String> },
    /// A comment line in `addons` has this number, so that its text is another one than before and
    /// its objects are the same: RKE applies a text again only when it changed (rke.md 2.2).
    AddonsCount { number: u64 },
}

/// A scalar whose type matters: RKE takes `true` for a bool and `"true"` for an argument.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scalar {
    Bool(bool),
    Text(String),
}
