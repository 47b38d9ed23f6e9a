//! `harden controls [ID]`: what a profile holds, and one control explained.

use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use serde_json::json;

use crate::cli::Format;
use crate::cli::exit;
use crate::cli::nodes;
use crate::cli::site;
use crate::error::Failure;
use crate::profile::Control;
use crate::profile::Exception;
use crate::profile::Profile;
use crate::profile::Rule;
use crate::profile::Scope;
use crate::resource::Resource;
use crate::source::nearest;

#[derive(Args, Debug)]
pub(super) struct Controls {
    /// Explain this control; without it, all are listed
    id: Option<String>,

    /// The site's playbook; the default is the guide as it stands
    #[arg(long, value_name = "FILE")]
    playbook: Option<PathBuf>,

    /// The profile, instead of the one that the playbook names
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Only those of level 1, or of both levels
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    level: u8,

    /// The form of the list or the explanation
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

const HEADER: [&str; 6] = ["CONTROL", "LEVEL", "SCORED", "WHERE", "WORK OF", "TITLE"];

impl Controls {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let profile = site::site(
            self.playbook.as_deref(),
            self.profile.as_deref(),
            Path::new("."),
        )?
        .profile;
        let out = &mut io::stdout().lock();
        let written = match &self.id {
            Some(id) => {
                let control = find(&profile, id)?;
                match self.format {
                    Format::Table => explain(control, &profile, out),
                    Format::Json => print(&explained(control, &profile), out),
                }
            }
            None => self.list(&profile, out),
        };
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(exit::INTERNAL, error.to_string(), ""))
            }
            _ => Ok(exit::success()),
        }
    }

    fn list(&self, profile: &Profile, out: &mut impl Write) -> io::Result<()> {
        let controls = profile
            .controls
            .iter()
            .filter(|control| control.level <= self.level);
        match self.format {
            Format::Table => {
                let mut rows = vec![HEADER.map(str::to_owned)];
                rows.extend(controls.map(row));
                nodes::write(&rows, out)
            }
            Format::Json => {
                let controls: Vec<Value> = controls.map(listed).collect();
                print(
                    &json!({ "profile": profile.name, "controls": controls }),
                    out,
                )
            }
        }
    }
}

fn find<'a>(profile: &'a Profile, id: &str) -> Result<&'a Control, Failure> {
    let mut controls = profile.controls.iter();
    controls.find(|control| control.id.0 == id).ok_or_else(|| {
        let ids = || profile.controls.iter().map(|control| control.id.0.as_str());
        // Guide and benchmark share numbers (T-01).
        let same: Vec<&str> = ids()
            .filter(|known| {
                known
                    .split_once(':')
                    .is_some_and(|(_, number)| number == id)
            })
            .collect();
        let hint = match (same.as_slice(), nearest(id, ids())) {
            ([], Some(meant)) => format!("did you mean `{meant}`?"),
            ([], None) => "`harden controls` lists them all".to_owned(),
            (same, _) => format!("did you mean `{}`?", same.join("` or `")),
        };
        let message = format!("profile {} has no control `{id}`", profile.name);
        Failure::new(exit::USAGE, message, hint)
    })
}

fn row(control: &Control) -> [String; 6] {
    let scored = control
        .scored
        .map_or("-", |scored| if scored { "yes" } else { "no" });
    [
        control.id.to_string(),
        control.level.to_string(),
        scored.to_owned(),
        places(control).join(","),
        work_of(control),
        control.title.clone(),
    ]
}

fn places(control: &Control) -> Vec<String> {
    match &control.scope {
        Scope::Cluster => vec!["cluster".to_owned()],
        Scope::Nodes(roles) => roles.iter().map(ToString::to_string).collect(),
    }
}

/// Who makes the control pass.
fn work_of(control: &Control) -> String {
    match &control.rule {
        Rule::Manual(_) => "a person".to_owned(),
        Rule::NotApplicable(_) => "-".to_owned(),
        Rule::Audit(audit) if audit.is_mended() => "apply".to_owned(),
        Rule::Audit(audit) if audit.met_by.is_empty() => "nobody".to_owned(),
        Rule::Audit(audit) => audit.met_by.join(","),
    }
}

/// Controls of the profile that name this one, as what they support or as whose work they are.
fn referring(control: &Control, profile: &Profile) -> Vec<String> {
    let names = |other: &&Control| {
        let supports = control.id.0.split_once(':').is_some_and(|(space, number)| {
            let numbers = other.refs.get(space);
            numbers.is_some_and(|numbers| numbers.iter().any(|one| one == number))
        });
        let is_met = match &other.rule {
            Rule::Audit(audit) => audit.met_by.contains(&control.id.0),
            Rule::Manual(_) | Rule::NotApplicable(_) => false,
        };
        supports || is_met
    };
    let others = profile.controls.iter().filter(names);
    others.map(|other| other.id.to_string()).collect()
}

/// Controls that this one names.
fn referred(control: &Control) -> Vec<String> {
    let refs = control.refs.iter();
    refs.flat_map(|(space, numbers)| {
        numbers
            .iter()
            .map(move |number| format!("{space}:{number}"))
    })
    .collect()
}

fn listed(control: &Control) -> Value {
    let rule = match &control.rule {
        Rule::Audit(_) => "audit",
        Rule::Manual(_) => "manual",
        Rule::NotApplicable(_) => "not_applicable",
    };
    json!({
        "id": control.id.0,
        "title": control.title,
        "level": control.level,
        "scored": control.scored,
        "scored_by_guide": control.scored_by_guide,
        "scope": match control.scope {
            Scope::Cluster => "cluster",
            Scope::Nodes(_) => "nodes",
        },
        "roles": match control.scope {
            Scope::Cluster => Vec::new(),
            Scope::Nodes(_) => places(control),
        },
        "kubernetes": control.kubernetes.as_ref().map(ToString::to_string),
        "rule": rule,
        "work_of": work_of(control),
        "refs": referred(control),
    })
}

fn explained(control: &Control, profile: &Profile) -> Value {
    let mut value = listed(control);
    let (reads, changes) = resources(control);
    let said = match &control.rule {
        Rule::Manual(said) | Rule::NotApplicable(said) => Some(said.as_str()),
        Rule::Audit(audit) => audit.by_hand.as_deref(),
    };
    let (known_failure, documented) = match exception(control) {
        Some((Exception::KnownFailure(why), _)) => (Some(why), None),
        Some((Exception::Documented(why), _)) => (None, Some(why)),
        None => (None, None),
    };
    value["why"] = json!(control.why);
    value["said"] = json!(said);
    value["known_failure"] = json!(known_failure);
    value["documented"] = json!(documented);
    value["known_as"] = json!(exception(control).map(|(_, known_as)| known_as));
    value["reads"] = json!(reads);
    value["changes"] = json!(changes);
    value["side_effects"] = json!(control.side_effects);
    value["needs"] = json!(control.needs.iter().map(|id| &id.0).collect::<Vec<_>>());
    value["referred_by"] = json!(referring(control, profile));
    value
}

/// Why it need not pass, and what is found where that holds.
fn exception(control: &Control) -> Option<(&Exception, Vec<String>)> {
    match &control.rule {
        Rule::Audit(audit) => {
            let known_as = audit.known_as.iter().flat_map(Resource::reads);
            Some((audit.exception.as_ref()?, known_as.collect()))
        }
        Rule::Manual(_) | Rule::NotApplicable(_) => None,
    }
}

/// What is read, and what `apply` would change.
fn resources(control: &Control) -> (Vec<String>, Vec<String>) {
    let Rule::Audit(audit) = &control.rule else {
        return (Vec::new(), Vec::new());
    };
    let reads = audit.resources.iter().flat_map(Resource::reads).collect();
    let mut changes: Vec<String> = Vec::new();
    // On a Rancher server a playbook says what is mended, and not the profile.
    let is_changed = |one: &&Resource| audit.is_mended() || matches!(one, Resource::Rancher(_));
    let changing = audit.resources.iter().filter(is_changed);
    for change in changing.filter_map(Resource::changes) {
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    (reads, changes)
}

fn explain(control: &Control, profile: &Profile, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}: {}", control.id, control.title)?;
    let mut about = vec![format!("level {}", control.level)];
    if let Some(scored) = control.scored {
        about.push(if scored { "scored" } else { "not scored" }.to_owned());
    }
    if let Some(scored) = control.scored_by_guide {
        let said = if scored { "scored" } else { "not scored" };
        about.push(format!("{said} according to the guide"));
    }
    about.push(format!("on {}", places(control).join(", ")));
    if let Some(gate) = &control.kubernetes {
        about.push(format!("for Kubernetes {gate}"));
    }
    writeln!(out, "{}", about.join("; "))?;
    section("Why", std::slice::from_ref(&control.why), out)?;
    match (&control.rule, exception(control)) {
        (Rule::Manual(what), _) => section("For a person to do", std::slice::from_ref(what), out)?,
        (Rule::NotApplicable(why), _) => section("Does not apply", std::slice::from_ref(why), out)?,
        (Rule::Audit(_), Some((Exception::KnownFailure(why), known_as))) => {
            section("Known failure", std::slice::from_ref(why), out)?;
            section("Where it finds", &known_as, out)?;
        }
        (Rule::Audit(_), Some((Exception::Documented(why), known_as))) => {
            section("Left undone on purpose", std::slice::from_ref(why), out)?;
            section("Where it finds", &known_as, out)?;
        }
        (Rule::Audit(audit), None) => {
            let by_hand: Vec<String> = audit.by_hand.iter().cloned().collect();
            section("For a person, while no server is named", &by_hand, out)?;
        }
    }
    let (reads, changes) = resources(control);
    section("Looks at", &reads, out)?;
    section("Changes", &changes, out)?;
    section("Side effects", &control.side_effects, out)?;
    let needs: Vec<String> = control.needs.iter().map(ToString::to_string).collect();
    section("Needs", &joined(&needs), out)?;
    if let Rule::Audit(audit) = &control.rule {
        section("Is the work of", &joined(&audit.met_by), out)?;
    }
    section("Supports", &joined(&referred(control)), out)?;
    section("Named by", &joined(&referring(control, profile)), out)
}

fn joined(ids: &[String]) -> Vec<String> {
    if ids.is_empty() {
        Vec::new()
    } else {
        vec![ids.join(", ")]
    }
}

/// A heading and its lines; nothing when there is nothing to say.
fn section(heading: &str, lines: &[String], out: &mut impl Write) -> io::Result<()> {
    if lines.iter().all(String::is_empty) {
        return Ok(());
    }
    writeln!(out, "\n{heading}")?;
    for line in lines {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

fn print(value: &Value, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{value:#}")
}
