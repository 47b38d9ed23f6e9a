//! From facts to findings. Pure: the same facts give the same findings.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::facts::Facts;
use crate::facts::layout::Layout;
use crate::facts::object::Kind;
use crate::facts::object::Objects;
use crate::facts::question::Question;
use crate::finding::Finding;
use crate::finding::Ruling;
use crate::finding::Verdict;
use crate::fleet::Fleet;
use crate::inventory::Inventory;
use crate::inventory::Node;
use crate::profile::Audit;
use crate::profile::Control;
use crate::profile::Exception;
use crate::profile::Profile;
use crate::profile::Rule;
use crate::profile::Scope;
use crate::resource::Evidence;
use crate::resource::Resource;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::resource::encryption::Encryption;
use crate::resource::encryption::KeyFile;
use crate::shared::Pool;
use crate::shared::Text;

/// What must be asked of `node` to judge every control of `profile` up to `level`.
pub fn questions(profile: &Profile, level: u8, node: &Node, layout: &Layout) -> BTreeSet<Question> {
    resources(profile, level, node)
        .flat_map(|resource| resource.questions(layout))
        .collect()
}

/// What its first answers show must be asked too: files that its components keep elsewhere than
/// RKE usually does. Almost always nothing.
pub fn questions_after(
    profile: &Profile,
    level: u8,
    node: &Node,
    facts: &Facts,
) -> BTreeSet<Question> {
    resources(profile, level, node)
        .flat_map(|resource| resource.questions_after(facts))
        .collect()
}

fn resources<'a>(
    profile: &'a Profile,
    level: u8,
    node: &'a Node,
) -> impl Iterator<Item = &'a Resource> {
    let controls = profile.controls.iter();
    controls
        .filter(move |control| control.level <= level && control.scope.covers(node))
        .filter_map(|control| match &control.rule {
            Rule::Audit(audit) => Some(audit.resources.iter().chain(&audit.known_as)),
            Rule::Manual(_) | Rule::NotApplicable(_) => None,
        })
        .flatten()
}

/// What the Kubernetes API must list to judge every control of `profile` up to `level`.
pub fn kinds(profile: &Profile, level: u8) -> BTreeSet<Kind> {
    let shown = profile.controls.iter().flat_map(|control| &control.shows);
    let shown = shown.flat_map(|list| list.kinds()).copied();
    all_resources(profile, level)
        .flat_map(Resource::kinds)
        .chain(shown)
        .collect()
}

/// What the first lists show must be listed too, for a plan that breaks nothing.
pub fn kinds_after(profile: &Profile, level: u8, objects: &Objects) -> BTreeSet<Kind> {
    all_resources(profile, level)
        .filter_map(|resource| resource.kinds_after(objects))
        .collect()
}

/// True when an object of the addons is not as it should be, and what RKE's job did last matters.
pub fn needs_addon_job(profile: &Profile, level: u8, objects: &Objects) -> bool {
    all_resources(profile, level).any(|resource| resource.needs_addon_job(objects))
}

/// What the API's lists show must be asked of some nodes, by name. Almost always nothing.
pub fn questions_by_node(
    profile: &Profile,
    level: u8,
    objects: &Objects,
    inventory: &Inventory,
) -> BTreeMap<String, BTreeSet<Question>> {
    let mut questions: BTreeMap<String, BTreeSet<Question>> = BTreeMap::new();
    for (node, question) in all_resources(profile, level)
        .flat_map(|resource| resource.questions_by_node(objects, inventory))
    {
        questions.entry(node).or_default().insert(question);
    }
    questions
}

fn all_resources(profile: &Profile, level: u8) -> impl Iterator<Item = &Resource> {
    let controls = profile.controls.iter();
    controls
        .filter(move |control| control.level <= level)
        .filter_map(|control| match &control.rule {
            Rule::Audit(audit) => Some(&audit.resources),
            Rule::Manual(_) | Rule::NotApplicable(_) => None,
        })
        .flatten()
}

/// One finding per control and node, and one per control of the cluster, in the profile's order.
pub fn judge(profile: &Profile, level: u8, fleet: &Fleet) -> Vec<Finding> {
    let nodes: Vec<(&Node, &Facts, Text)> = fleet
        .nodes()
        .map(|(node, facts)| (node, facts, Text::from(node.name.as_str())))
        .collect();
    let mut findings = Vec::new();
    for control in profile
        .controls
        .iter()
        .filter(|control| control.level <= level)
    {
        let common = Common::of(control, fleet);
        let mut rulings = Pool::default();
        match control.scope {
            Scope::Cluster => findings.push(Finding {
                node: None,
                ruling: ruling(control, &fleet.cluster_scene(), &common).into(),
            }),
            Scope::Nodes(_) => findings.extend(
                nodes
                    .iter()
                    .filter(|(node, ..)| control.scope.covers(node))
                    .map(|(_, facts, name)| Finding {
                        node: Some(name.clone()),
                        ruling: rulings.share(ruling(control, &fleet.scene(facts), &common)),
                    }),
            ),
        }
    }
    // There are as many as controls times nodes, and they stay for the whole run.
    findings.shrink_to_fit();
    findings
}

/// What a control learns from the whole fleet, once for all of its nodes.
struct Common {
    out_of_version: Option<String>,
    agreement: Option<Evidence>,
}

impl Common {
    fn of(control: &Control, fleet: &Fleet) -> Self {
        let resources = match &control.rule {
            Rule::Audit(audit) => audit.resources.as_slice(),
            Rule::Manual(_) | Rule::NotApplicable(_) => &[],
        };
        let encryption = resources.iter().find_map(|resource| match resource {
            Resource::Encryption(encryption) => Some(encryption),
            _ => None,
        });
        Self {
            out_of_version: out_of_version(control, fleet),
            agreement: encryption.and_then(|encryption| agreement(encryption, fleet)),
        }
    }
}

fn ruling(control: &Control, scene: &Scene<'_>, common: &Common) -> Ruling {
    let (verdict, evidence) = match (&control.rule, common.out_of_version.clone()) {
        (_, Some(why)) => (Verdict::NotApplicable { why }, Vec::new()),
        (Rule::NotApplicable(why), None) => {
            (Verdict::NotApplicable { why: why.clone() }, Vec::new())
        }
        (Rule::Manual(what), None) => {
            let shown = control.shows.iter().flat_map(|list| list.lines(scene));
            (by_hand(what), shown.collect())
        }
        (Rule::Audit(audit), None) => measured(audit, scene, common),
    };
    Ruling {
        control: control.id.clone(),
        title: control.title.clone(),
        verdict,
        evidence,
    }
}

/// Why the control does not apply to the Kubernetes version that runs; an unknown version is no reason.
fn out_of_version(control: &Control, fleet: &Fleet) -> Option<String> {
    let gate = control.kubernetes.as_ref()?;
    let version = fleet.kubernetes()?;
    (!gate.admits(version)).then(|| format!("it is for Kubernetes {gate}, and {version} runs"))
}

fn measured(audit: &Audit, scene: &Scene<'_>, common: &Common) -> (Verdict, Vec<Evidence>) {
    if let Some(why) = &scene.facts.silent
        && scene.facts.is_empty()
    {
        return (Verdict::Unknown { why: why.clone() }, Vec::new());
    }
    let mut evidence: Vec<Evidence> = audit
        .resources
        .iter()
        .flat_map(|resource| {
            let mut evidence = resource.compare(scene);
            if let Resource::Encryption(_) = resource {
                evidence.extend(common.agreement.clone());
            }
            evidence
        })
        .collect();
    if evidence.is_empty()
        && let Some(what) = &audit.by_hand
    {
        return (by_hand(what), Vec::new());
    }
    let verdict = if evidence.iter().any(Evidence::is_unmet) {
        excepted(audit, scene, &mut evidence)
    } else if let Some(why) = first_unread(&evidence) {
        Verdict::Unknown { why }
    } else {
        Verdict::Pass
    };
    (verdict, evidence)
}

/// What a control is that is not met: what is known of it counts only where it is found so, and
/// whatever speaks against that becomes evidence.
fn excepted(audit: &Audit, scene: &Scene<'_>, evidence: &mut Vec<Evidence>) -> Verdict {
    let Some(exception) = &audit.exception else {
        return Verdict::Fail;
    };
    let known = audit.known_as.iter();
    let otherwise: Vec<Evidence> = known
        .flat_map(|resource| resource.compare(scene))
        .filter(|one| !matches!(one.seen, Seen::Met(_)))
        .collect();
    let verdict = if otherwise.iter().any(Evidence::is_unmet) {
        Verdict::Fail
    } else if let Some(why) = first_unread(&otherwise) {
        Verdict::Unknown { why }
    } else {
        match exception {
            Exception::KnownFailure(why) => Verdict::KnownFailure { why: why.clone() },
            Exception::Documented(why) => Verdict::Documented { why: why.clone() },
        }
    };
    for one in otherwise {
        let is_told = |told: &Evidence| (&told.subject, &told.seen) == (&one.subject, &one.seen);
        if !evidence.iter().any(is_told) {
            evidence.push(one);
        }
    }
    verdict
}

/// For a person; whether somebody has looked is for the playbook to say.
fn by_hand(what: &str) -> Verdict {
    Verdict::Manual {
        what: what.to_owned(),
        attested: None,
    }
}

/// Whether all control-plane nodes that hold a key hold the same: no node alone can tell (T-10).
fn agreement(encryption: &Encryption, fleet: &Fleet) -> Option<Evidence> {
    let mut holders: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for node in fleet.control_plane() {
        let Some(facts) = fleet.facts.get(&node.name) else {
            continue;
        };
        if let KeyFile::Valid { identity, .. } = encryption.key_file(&fleet.scene(facts)) {
            holders.entry(identity).or_default().push(&node.name);
        }
    }
    let groups: Vec<String> = holders.values().map(|nodes| nodes.join(", ")).collect();
    let seen = match groups.as_slice() {
        [] => return None,
        [_] => Seen::Met("one".to_owned()),
        _ => Seen::Unmet(format!("different ones on {}", groups.join(" and on "))),
    };
    let wanted = "one for all control-plane nodes";
    Some(Evidence::new("key of the cluster", wanted, seen))
}

fn first_unread(evidence: &[Evidence]) -> Option<String> {
    evidence.iter().find_map(|one| match &one.seen {
        Seen::Unread(why) => Some(format!("{}: {why}", one.subject)),
        Seen::Met(_) | Seen::Unmet(_) => None,
    })
}
