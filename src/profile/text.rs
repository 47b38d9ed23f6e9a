//! A profile as it is written, together with the one that it extends.
//!
//! What a later guide changed is a file with `extends:` and nothing but the differences. Every
//! control remembers the file in which it stands, so that a mistake is named where it was made.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;

use crate::inventory::Role;
use crate::profile::Platform;
use crate::profile::gates::Gates;
use crate::profile::library::Library;
use crate::profile::library::Source;
use crate::resource::Resource;
use crate::resource::listing::Listing;
use crate::source::Remark;
use crate::source::nearest;
use crate::yaml;
use crate::yaml::Spanned;
use crate::yaml::Value;

/// A profile with everything that it inherits.
pub(super) struct Text<'a> {
    pub(super) guide: String,
    pub(super) benchmark: String,
    pub(super) kubernetes: Spanned<String>,
    pub(super) variables: BTreeMap<String, Value>,
    pub(super) gates: Gates,
    pub(super) controls: Vec<Written<'a>>,
}

/// A control, and the file in which it stands.
pub(super) struct Written<'a> {
    pub(super) source: &'a Source,
    pub(super) control: RawControl,
}

impl<'a> Text<'a> {
    /// Reads the profile `name` and all that it extends.
    ///
    /// # Errors
    ///
    /// The first mistake, in the file where it stands.
    pub(super) fn read(
        name: &str,
        source: &'a Source,
        library: &'a Library,
    ) -> Result<Self, Remark> {
        Self::read_below(name, source, library, &mut BTreeSet::new())
    }

    /// `above` are the names of the profiles that extend this one.
    fn read_below(
        name: &str,
        source: &'a Source,
        library: &'a Library,
        above: &mut BTreeSet<String>,
    ) -> Result<Self, Remark> {
        let raw: RawProfile = yaml::read(&source.file, &source.text)?;
        if raw.profile.value != name {
            let message = format!("this is profile `{}`, not `{name}`", raw.profile.value);
            return Err(source.remark(yaml::place(&raw.profile), message));
        }
        check_unique(source, &raw.controls)?;
        above.insert(name.to_owned());
        let base = match &raw.extends {
            Some(base) => Some(base_of(base, source, library, above)?),
            None => None,
        };
        Self::laid_over(base, raw, source)
    }

    /// What `raw` says goes before what `base` says.
    fn laid_over(base: Option<Self>, raw: RawProfile, source: &'a Source) -> Result<Self, Remark> {
        let (mut variables, gates, mut controls) = match base {
            Some(base) => (base.variables, base.gates, base.controls),
            None => (BTreeMap::new(), Gates::default(), Vec::new()),
        };
        variables.extend(raw.variables);
        for dropped in &raw.drop {
            drop_control(dropped, source, &raw.controls, &mut controls)?;
        }
        for control in raw.controls {
            lay(Written { source, control }, &mut controls);
        }
        Ok(Self {
            guide: raw.guide,
            benchmark: raw.benchmark,
            kubernetes: raw.kubernetes,
            variables,
            gates: raw.gates.over(gates),
            controls,
        })
    }
}

fn base_of<'a>(
    name: &Spanned<String>,
    source: &Source,
    library: &'a Library,
    above: &mut BTreeSet<String>,
) -> Result<Text<'a>, Remark> {
    let at = yaml::place(name);
    let name = name.value.as_str();
    if above.contains(name) {
        return Err(source.remark(at, format!("`{name}` extends itself in the end")));
    }
    let Some(base) = library.profile(name) else {
        let remark = source.remark(at, format!("there is no profile `{name}`"));
        return Err(remark.hinted(format!("write one of: {}", library.profile_names())));
    };
    Text::read_below(name, base, library, above)
}

fn check_unique(source: &Source, controls: &[RawControl]) -> Result<(), Remark> {
    let mut ids = BTreeSet::new();
    let mut controls = controls.iter().map(|control| &control.id);
    match controls.find(|id| !ids.insert(id.value.as_str())) {
        None => Ok(()),
        Some(id) => {
            let message = format!("`{}` is there twice", id.value);
            Err(source.remark(yaml::place(id), message))
        }
    }
}

/// A dropped control must be inherited, and nothing may take its id: that would replace it.
fn drop_control(
    dropped: &Dropped,
    source: &Source,
    own: &[RawControl],
    inherited: &mut Vec<Written<'_>>,
) -> Result<(), Remark> {
    let id = dropped.control.value.as_str();
    let at = yaml::place(&dropped.control);
    if dropped.because.trim().is_empty() {
        return Err(source.remark(at, "a control is dropped without a reason"));
    }
    if own.iter().any(|control| control.id.value == id) {
        let remark = source.remark(at, format!("`{id}` is dropped and written"));
        return Err(remark.hinted("a control below `controls` replaces the inherited one"));
    }
    let Some(place) = inherited.iter().position(|one| one.control.id.value == id) else {
        let remark = source.remark(at, format!("no control `{id}` is inherited"));
        let ids = inherited.iter().map(|one| one.control.id.value.as_str());
        return Err(match nearest(id, ids) {
            Some(meant) => remark.hinted(format!("did you mean `{meant}`?")),
            None => remark,
        });
    };
    inherited.remove(place);
    Ok(())
}

/// In the place of the control with its id; a new one behind the others of its section.
fn lay<'a>(new: Written<'a>, controls: &mut Vec<Written<'a>>) {
    let id = |written: &Written<'_>| written.control.id.value.clone();
    let section = |written: &Written<'_>| section(&written.control.id.value).to_owned();
    if let Some(known) = controls.iter_mut().find(|known| id(known) == id(&new)) {
        *known = new;
        return;
    }
    let last = controls
        .iter()
        .rposition(|one| section(one) == section(&new));
    let place = last.map_or(controls.len(), |last| last + 1);
    controls.insert(place, new);
}

/// `cis:1.4` of `cis:1.4.19`.
fn section(id: &str) -> &str {
    id.rsplit_once('.').map_or(id, |(section, _)| section)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    profile: Spanned<String>,
    /// The profile of which this one tells the differences.
    extends: Option<Spanned<String>>,
    guide: String,
    benchmark: String,
    #[serde(rename = "platform")]
    _platform: Platform,
    kubernetes: Spanned<String>,
    #[serde(default)]
    variables: BTreeMap<String, Value>,
    #[serde(default)]
    gates: Gates,
    #[serde(default)]
    drop: Vec<Dropped>,
    controls: Vec<RawControl>,
}

/// An inherited control that is no longer there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dropped {
    control: Spanned<String>,
    because: String,
}

/// A control before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawControl {
    pub(super) id: Spanned<String>,
    pub(super) title: Spanned<String>,
    #[serde(default = "level_one")]
    pub(super) level: u8,
    pub(super) scored: Option<bool>,
    pub(super) scored_by_guide: Option<bool>,
    pub(super) roles: Option<BTreeSet<Role>>,
    pub(super) scope: Option<RawScope>,
    #[serde(default)]
    pub(super) refs: BTreeMap<String, Vec<String>>,
    pub(super) kubernetes: Option<Spanned<String>>,
    pub(super) audit: Option<Vec<Spanned<Resource>>>,
    pub(super) manual: Option<String>,
    pub(super) not_applicable: Option<String>,
    #[serde(default)]
    pub(super) shows: Vec<Listing>,
    pub(super) known_failure: Option<String>,
    pub(super) documented: Option<String>,
    #[serde(default)]
    pub(super) known_as: Vec<Spanned<Resource>>,
    #[serde(default)]
    pub(super) met_by: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) needs: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) why: String,
    #[serde(default)]
    pub(super) side_effects: Vec<String>,
}

/// What a control is about when it is about no single node.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawScope {
    Cluster,
}

fn level_one() -> u8 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;
    use crate::profile::load::load;
    use crate::profile::playbook;
    use crate::source::Place;

    const HEAD: &str = "guide: g\nbenchmark: b\nplatform: rke1\nkubernetes: \"1.11\"\n";
    const BASE: &str = "variables: {days: 5, nights: 6}\ncontrols:\n- {id: cis:1.1, title: One, roles: [etcd], manual: look}\n- {id: cis:1.2, title: Two, roles: [etcd], manual: look}\n- {id: cis:2.1, title: Three, roles: [etcd], manual: look}\n";

    /// Loads profile `child`, of which `text` follows five lines of head.
    fn loaded(text: &str) -> Result<Profile, Remark> {
        let mut library = Library::embedded();
        let mut add = |name: &str, text: String| {
            let file = format!("{name}.yml");
            library.add_profile(name, Source { file, text });
        };
        add("base", format!("profile: base\n{HEAD}{BASE}"));
        add("child", format!("profile: child\n{HEAD}{text}"));
        let source = Source {
            file: "p.yml".to_owned(),
            text: "playbook: p\nprofile: child\n".to_owned(),
        };
        let playbook = playbook::read(&source.file, &source.text)?;
        load(&source, &playbook, &library)
    }

    #[track_caller]
    fn assert_refused(text: &str, line: usize, message: &str) {
        let remark = loaded(text).unwrap_err();
        assert!(remark.message.contains(message), "{remark}");
        assert_eq!(remark.file, "child.yml");
        assert_eq!(remark.place.map(|at: Place| at.line), Some(line));
    }

    #[test]
    fn controls_are_replaced_in_place_added_to_their_section_and_dropped() {
        let profile = loaded(
            "extends: base\ndrop:\n- {control: cis:1.1, because: gone}\ncontrols:\n- {id: cis:1.2, title: Other, roles: [etcd], manual: look}\n- {id: cis:1.3, title: New, roles: [etcd], manual: look}\n",
        );

        let profile = profile.unwrap();
        let told = profile.controls.iter();
        let told: Vec<_> = told
            .map(|one| (one.id.0.as_str(), one.title.as_str()))
            .collect();
        let wanted = [
            ("cis:1.2", "Other"),
            ("cis:1.3", "New"),
            ("cis:2.1", "Three"),
        ];
        assert_eq!(told, wanted);
    }

    #[test]
    fn a_value_of_the_base_may_be_another_one_here() {
        let arg = "arg: {of: etcd, name: x, equals: \"${days}${nights}\"}";
        let profile = loaded(&format!(
            "extends: base\nvariables: {{days: 7}}\ncontrols:\n- {{id: cis:1.1, title: One, roles: [etcd], audit: [{arg}]}}\n"
        ));

        let controls = format!("{:?}", profile.unwrap().controls);
        assert!(controls.contains("Equals(\"76\")"), "{controls}");
    }

    #[test]
    fn a_mistake_is_named_in_the_file_where_it_stands() {
        assert_refused("extends: bsae\ncontrols: []\n", 6, "no profile `bsae`");
        assert_refused("extends: child\ncontrols: []\n", 6, "extends itself");
        let drop = |what: &str| format!("extends: base\ndrop:\n- {what}\ncontrols: []\n");
        assert_refused(
            &drop("{control: cis:1.9, because: gone}"),
            8,
            "no control `cis:1.9` is inherited",
        );
        assert_refused(
            &drop("{control: cis:1.1, because: ''}"),
            8,
            "without a reason",
        );
        // The control that names it stands in the base, and the mistake is made there.
        let one = "- {id: cis:1.1, title: One, roles: [etcd], manual: look, met_by: [cis:9]}\n";
        assert_refused(&format!("extends: base\ncontrols:\n{one}"), 8, "cis:9");
        assert_refused(
            &format!(
                "extends: base\ndrop:\n- {{control: cis:1.1, because: gone}}\ncontrols:\n{one}"
            ),
            8,
            "dropped and written",
        );
    }
}
