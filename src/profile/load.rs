//! YAML to [`Profile`]: everything that a profile must not say is refused here, with its place.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use crate::cluster_file::Document;
use crate::facts::object::Kind;
use crate::profile::Audit;
use crate::profile::Control;
use crate::profile::ControlId;
use crate::profile::Exception;
use crate::profile::Profile;
use crate::profile::Rule;
use crate::profile::Scope;
use crate::profile::library::Library;
use crate::profile::library::Source;
use crate::profile::playbook::Mend;
use crate::profile::playbook::Playbook;
use crate::profile::playbook::RancherServer;
use crate::profile::text::RawControl;
use crate::profile::text::RawScope;
use crate::profile::text::Text;
use crate::profile::text::Written;
use crate::profile::variables::Variables;
use crate::profile::version::Gate;
use crate::resource::Resource;
use crate::resource::addons::Addons;
use crate::resource::any_of::AnyOf;
use crate::resource::encryption::NO_KEY;
use crate::resource::expect::Expect;
use crate::resource::rancher::Rancher;
use crate::resource::service_of;
use crate::source::Place;
use crate::source::Remark;
use crate::source::nearest;
use crate::yaml;
use crate::yaml::Spanned;
use crate::yaml::Value;

/// Loads the profile that `playbook` names, with the playbook's values.
///
/// # Errors
///
/// The first mistake, in the playbook or in the profile, with its place.
pub fn load(
    playbook_source: &Source,
    playbook: &Playbook,
    library: &Library,
) -> Result<Profile, Remark> {
    let name = &playbook.profile;
    let Some(source) = library.profile(&name.value) else {
        let message = format!("there is no profile `{}`", name.value);
        let remark = Remark::at(
            &playbook_source.file,
            &playbook_source.text,
            yaml::place(name),
            message,
        );
        return Err(remark.hinted(format!("write one of: {}", library.profile_names())));
    };
    let text = Text::read(&name.value, source, library)?;
    let loader = Loader {
        source,
        library,
        variables: variables(playbook_source, playbook, text.variables)?,
        rancher: playbook.rancher.as_ref(),
    };
    let gate = loader.gate(&text.kubernetes)?;
    Ok(Profile {
        name: name.value.clone(),
        guide: text.guide,
        benchmark: text.benchmark,
        kubernetes: gate,
        gates: text.gates,
        controls: loader.controls(text.controls)?,
    })
}

/// A playbook's values over the defaults; a value must be of its default's kind.
fn variables(
    source: &Source,
    playbook: &Playbook,
    mut values: BTreeMap<String, Value>,
) -> Result<Variables, Remark> {
    for (name, given) in &playbook.variables {
        let at = yaml::place(given);
        let Some(default) = values.get(name) else {
            let remark = source.remark(at, format!("the profile has no variable `{name}`"));
            let known: Vec<&str> = values.keys().map(String::as_str).collect();
            return Err(remark.hinted(match nearest(name, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("write one of: {}", known.join(", ")),
            }));
        };
        if std::mem::discriminant(default) != std::mem::discriminant(&given.value) {
            let message = format!("`{name}` must be {}", kind(default));
            return Err(source.remark(at, message));
        }
        if matches!(given.value, Value::Int(number) if number <= 0) {
            return Err(source.remark(at, format!("`{name}` must be greater than 0")));
        }
        values.insert(name.clone(), given.value.clone());
    }
    Ok(Variables::new(values))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Int(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
    }
}

impl Source {
    pub(super) fn remark(&self, at: Place, message: impl Into<String>) -> Remark {
        Remark::at(&self.file, &self.text, at, message)
    }
}

struct Loader<'a> {
    source: &'a Source,
    library: &'a Library,
    variables: Variables,
    /// Of the playbook: what is allowed on the server that it names.
    rancher: Option<&'a RancherServer>,
}

impl<'a> Loader<'a> {
    fn controls(&self, written: Vec<Written<'a>>) -> Result<Vec<Control>, Remark> {
        Self::check_references(&written)?;
        let mut wants = BTreeMap::new();
        let mut controls = Vec::new();
        for Written { source, control } in written {
            let loader = self.of(source);
            let at = yaml::place(&control.id);
            let control = loader.control(control)?;
            loader.check_agreement(&control, at, &mut wants)?;
            controls.push(control);
        }
        Ok(controls)
    }

    /// The same for what stands in another file.
    fn of(&self, source: &'a Source) -> Self {
        Self {
            source,
            library: self.library,
            variables: self.variables.clone(),
            rancher: self.rancher,
        }
    }

    /// Ids have a namespace, and every control that is named exists.
    fn check_references(controls: &[Written<'a>]) -> Result<(), Remark> {
        let mut ids = BTreeSet::from(["rancher", "rke"]);
        for Written { source, control } in controls {
            let id = control.id.value.as_str();
            let parts = id.split_once(':');
            if !parts.is_some_and(|(space, number)| !space.is_empty() && !number.is_empty()) {
                let at = yaml::place(&control.id);
                let remark = source.remark(at, format!("`{id}` has no namespace"));
                return Err(remark.hinted("write `guide:1.1.1` or `cis:1.1.1`"));
            }
            ids.insert(id);
        }
        for Written { source, control } in controls {
            let mut named = control.met_by.iter().chain(&control.needs);
            if let Some(reference) = named.find(|one| !ids.contains(one.value.as_str())) {
                let message = format!("there is no control `{}`", reference.value);
                return Err(source.remark(yaml::place(reference), message));
            }
        }
        Ok(())
    }

    fn control(&self, raw: RawControl) -> Result<Control, Remark> {
        let at = yaml::place(&raw.id);
        let title = raw.title.value.trim();
        if title.is_empty() || title.ends_with('.') {
            let remark = self.source.remark(
                yaml::place(&raw.title),
                "a title is a sentence without a full stop",
            );
            return Err(remark.hinted("write what is true when the control passes"));
        }
        let scope = match (raw.scope, raw.roles) {
            (None, Some(roles)) if !roles.is_empty() => Scope::Nodes(roles),
            (Some(RawScope::Cluster), None) => Scope::Cluster,
            _ => {
                let remark = self
                    .source
                    .remark(at, "a control needs either `roles` or a `scope`");
                return Err(remark.hinted("write `roles: [worker]` or `scope: cluster`"));
            }
        };
        if !(1..=2).contains(&raw.level) {
            return Err(self
                .source
                .remark(at, format!("level {} does not exist", raw.level)));
        }
        let kubernetes = raw
            .kubernetes
            .as_ref()
            .map(|gate| self.gate(gate))
            .transpose()?;
        let exception = match (raw.known_failure, raw.documented) {
            (Some(why), None) => Some(Exception::KnownFailure(why)),
            (None, Some(why)) => Some(Exception::Documented(why)),
            (None, None) => None,
            (Some(_), Some(_)) => {
                let message = "a control is a known failure or documented, not both";
                return Err(self.source.remark(at, message));
            }
        };
        let is_plain = exception.is_none() && raw.known_as.is_empty();
        let rule = match (raw.audit, raw.manual, raw.not_applicable) {
            (Some(resources), by_hand, None) => {
                if exception.is_some() == raw.known_as.is_empty() {
                    let message = "`known_failure` and `documented` come with `known_as`, and it with one of them";
                    let remark = self.source.remark(at, message);
                    return Err(remark.hinted("write what is found where the exception holds"));
                }
                let mut audit = self.audit(at, resources, raw.met_by, exception, by_hand)?;
                audit.known_as = self.measured(raw.known_as)?;
                Rule::Audit(audit)
            }
            (None, Some(what), None) if is_plain => Rule::Manual(what),
            (None, None, Some(why)) if is_plain => Rule::NotApplicable(why),
            _ => {
                let message = "a control has exactly one of `audit`, `manual` and `not_applicable`, and `known_failure` or `documented` only beside `audit`";
                return Err(self.source.remark(at, message));
            }
        };
        if !raw.shows.is_empty() && !matches!(rule, Rule::Manual(_)) {
            let message = "`shows` stands beside `manual` and nowhere else";
            return Err(self.source.remark(at, message));
        }
        Ok(Control {
            id: ControlId(raw.id.value),
            title: title.to_owned(),
            level: raw.level,
            scored: raw.scored,
            scored_by_guide: raw.scored_by_guide,
            scope,
            refs: raw.refs,
            kubernetes,
            needs: raw
                .needs
                .into_iter()
                .map(|id| ControlId(id.value))
                .collect(),
            why: raw.why.trim().to_owned(),
            side_effects: raw.side_effects,
            rule,
            shows: raw.shows,
        })
    }

    fn audit(
        &self,
        at: Place,
        raw: Vec<Spanned<Resource>>,
        met_by: Vec<Spanned<String>>,
        exception: Option<Exception>,
        by_hand: Option<String>,
    ) -> Result<Audit, Remark> {
        let is_of_rancher = |one: &Spanned<Resource>| matches!(one.value, Resource::Rancher(_));
        if by_hand.is_some() != raw.iter().any(is_of_rancher) {
            let message =
                "`manual` stands beside `audit` where a Rancher server is asked, and only there";
            return Err(self.source.remark(at, message));
        }
        if raw.is_empty() {
            return Err(self.source.remark(at, "`audit` is empty"));
        }
        let mut audit = Audit {
            resources: Vec::new(),
            met_by: met_by.into_iter().map(|id| id.value).collect(),
            by_hand,
            exception,
            known_as: Vec::new(),
        };
        let mended = audit.is_mended();
        for resource in raw {
            let place = yaml::place(&resource);
            let resource = self.resource(place, resource.value, mended)?;
            audit.resources.push(resource);
        }
        Ok(audit)
    }

    /// Resources that are only looked at.
    fn measured(&self, raw: Vec<Spanned<Resource>>) -> Result<Vec<Resource>, Remark> {
        raw.into_iter()
            .map(|resource| self.resource(yaml::place(&resource), resource.value, false))
            .collect()
    }

    /// The resource with its variables replaced and its template rendered.
    fn resource(
        &self,
        at: Place,
        mut resource: Resource,
        mended: bool,
    ) -> Result<Resource, Remark> {
        if mended && !resource.can_be_mended() {
            let remark = self.source.remark(at, "this can only be measured");
            return Err(remark.hinted("say in `met_by` whose work it is"));
        }
        match &mut resource {
            Resource::Arg(arg) => {
                if let Expect::Equals(value) | Expect::AbsentOr(value) | Expect::LongerThan(value) =
                    &mut arg.expect
                {
                    *value = self.expand(at, value)?;
                }
                if let Some(value) = &mut arg.write {
                    *value = self.expand(at, value)?;
                    if !arg.expect.is_met_by(Some(value)) {
                        let message =
                            format!("`{value}` for --{} would not pass its own audit", arg.name);
                        return Err(self.source.remark(at, message));
                    }
                }
                let says_what = matches!(arg.expect, Expect::Equals(_) | Expect::Includes(_));
                if mended && !says_what && arg.write.is_none() {
                    let remark = self
                        .source
                        .remark(at, format!("nothing says what to write for --{}", arg.name));
                    return Err(
                        remark.hinted("add `write: VALUE`, or `met_by` if it is only measured")
                    );
                }
            }
            Resource::File(file) => {
                self.path(at, &file.path)?;
                file.content = self.render(at, &file.template, &self.variables)?;
            }
            Resource::Encryption(encryption) => {
                self.path(at, &encryption.path)?;
                let variables = self.variables.clone().with("encryption_key", NO_KEY);
                encryption.content = self.render(at, &encryption.template, &variables)?;
            }
            Resource::Addons(addons) => {
                addons.content = self.render(at, &addons.template, &self.variables)?;
                self.read_back(at, addons)?;
            }
            Resource::Path(path) => {
                self.path(at, &path.path)?;
                if service_of(&path.of).is_none() {
                    let message = format!("`{}` is no component of RKE", path.of);
                    return Err(self.source.remark(at, message));
                }
            }
            Resource::Rancher(Rancher::AdminsWithin(allowed)) => {
                *allowed = self.rancher.and_then(|rancher| rancher.admins.clone());
            }
            Resource::Rancher(Rancher::NodeDriversWithin(drivers)) => {
                if let Some(rancher) = self.rancher {
                    drivers.allowed.clone_from(&rancher.node_drivers);
                    drivers.is_mended = rancher.mend.contains(&Mend::NodeDrivers);
                }
            }
            Resource::Document(document) => self.path(at, &document.path)?,
            Resource::Provider(provider) => self.path(at, &provider.path)?,
            Resource::AnyOf(AnyOf(alternatives)) => {
                if alternatives.len() < 2 || alternatives.iter().any(Vec::is_empty) {
                    let message = "`any_of` needs two alternatives at least, and none is empty";
                    return Err(self.source.remark(at, message));
                }
                for resource in alternatives.iter_mut().flatten() {
                    *resource = self.resource(at, resource.clone(), false)?;
                }
            }
            Resource::Sysctl(_)
            | Resource::Bind(_)
            | Resource::Rke(_)
            | Resource::Kubernetes(_)
            | Resource::Rancher(_) => {}
        }
        Ok(resource)
    }

    /// Objects that nobody can look up would be applied and never proved.
    fn read_back(&self, at: Place, addons: &Addons) -> Result<(), Remark> {
        let remark = |why: String| {
            let message = format!("template `{}`: {why}", addons.template);
            self.source.remark(at, message)
        };
        for document in Document::all(&addons.content).map_err(remark)? {
            if Kind::named(&document.kind).is_none() {
                let why = format!("a {} cannot be read back", document.kind);
                return Err(remark(why).hinted("keep it in an `addons_include` of your own"));
            }
        }
        Ok(())
    }

    fn expand(&self, at: Place, value: &str) -> Result<String, Remark> {
        self.variables.expand(value).map_err(|why| {
            let known: Vec<&str> = self.variables.names().collect();
            self.source
                .remark(at, why)
                .hinted(format!("the variables are: {}", known.join(", ")))
        })
    }

    /// A control character would end a record to the node; a relative path would end anywhere.
    fn path(&self, at: Place, path: &str) -> Result<(), Remark> {
        if path.starts_with('/') && !path.chars().any(char::is_control) {
            return Ok(());
        }
        Err(self
            .source
            .remark(at, format!("`{}` is no absolute path", path.escape_debug())))
    }

    fn template(&self, at: Place, name: &str) -> Result<&Source, Remark> {
        self.library.template(name).ok_or_else(|| {
            let remark = self
                .source
                .remark(at, format!("there is no template `{name}`"));
            remark.hinted(format!("write one of: {}", self.library.template_names()))
        })
    }

    fn render(&self, at: Place, name: &str, variables: &Variables) -> Result<String, Remark> {
        let template = self.template(at, name)?;
        let of_template = |why: String| Remark::of_file(&template.file, why);
        let text = variables.render(&template.text).map_err(of_template)?;
        // What is pushed to a node is read by a component that exits when it cannot (T-21).
        let documents = yaml::documents(&template.file, &text)?;
        for document in &documents {
            for key in ["apiVersion", "kind"] {
                if document.at(&[key]).and_then(Value::text).is_none() {
                    return Err(of_template(format!("a document lacks `{key}`")));
                }
            }
        }
        if documents.is_empty() {
            return Err(of_template("it renders to nothing".to_owned()));
        }
        Ok(text)
    }

    /// Two controls that want different values of one thing are an error before anything runs.
    fn check_agreement(
        &self,
        control: &Control,
        at: Place,
        wants: &mut BTreeMap<String, (String, ControlId)>,
    ) -> Result<(), Remark> {
        let Rule::Audit(audit) = &control.rule else {
            return Ok(());
        };
        for (thing, value) in audit.resources.iter().filter_map(wish) {
            match wants.entry(thing) {
                Entry::Vacant(slot) => {
                    slot.insert((value, control.id.clone()));
                }
                Entry::Occupied(slot) if slot.get().0 != value => {
                    let message = format!(
                        "controls {} and {} want different values for {}",
                        slot.get().1,
                        control.id,
                        slot.key()
                    );
                    return Err(self.source.remark(at, message));
                }
                Entry::Occupied(_) => {}
            }
        }
        Ok(())
    }

    fn gate(&self, text: &Spanned<String>) -> Result<Gate, Remark> {
        Gate::parse(&text.value).ok_or_else(|| {
            let message = format!("`{}` is no condition on a version", text.value);
            let remark = self.source.remark(yaml::place(text), message);
            remark.hinted("write \"1.11\", \"<1.14\" or \">=1.9,<1.14\"")
        })
    }
}

/// The thing that a resource sets to one value, and the value.
fn wish(resource: &Resource) -> Option<(String, String)> {
    match resource {
        Resource::Sysctl(sysctl) => {
            Some((format!("sysctl {}", sysctl.key), sysctl.value.to_string()))
        }
        Resource::File(file) => Some((format!("file {}", file.path), file.content.clone())),
        Resource::Encryption(encryption) => Some((
            format!("file {}", encryption.path),
            encryption.content.clone(),
        )),
        Resource::Arg(arg) => match &arg.expect {
            Expect::Equals(value) => Some((format!("{} --{}", arg.of, arg.name), value.clone())),
            _ => None,
        },
        Resource::Rke(value) => Some((value.path.clone(), value.value.to_string())),
        Resource::Bind(_)
        | Resource::Addons(_)
        | Resource::Path(_)
        | Resource::Document(_)
        | Resource::Provider(_)
        | Resource::Kubernetes(_)
        | Resource::Rancher(_)
        | Resource::AnyOf(_) => None,
    }
}

#[cfg(test)]
mod tests;
