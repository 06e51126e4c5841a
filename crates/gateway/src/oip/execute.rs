//! One inference, after its wire format was taken off and before another is put on.

use std::time::Duration;

use cairn_kernel::{Error, Result, Scope};
use cairn_services::Services;
use cairn_services::models::{self, Picked};
use cairn_services::records::UsageEntry;
use cairn_services::tensor::Tensor;
use serde_json::{Map, Value};

use super::classify;

/// A model, and perhaps one of its versions by number or alias.
pub(crate) struct Target {
    pub(crate) model: String,
    pub(crate) version: Option<String>,
}

impl Target {
    /// `version` as it stands on the wire; an empty one is none.
    ///
    /// # Errors
    /// `Invalid` for a version that cannot be one.
    pub(crate) fn new(model: String, version: Option<&str>) -> Result<Self> {
        let version = version.filter(|text| !text.is_empty());
        // What holds a letter may be an alias; a number must be one that versions have.
        let usable = version.is_none_or(|text| {
            text.contains(|c: char| c.is_ascii_alphabetic())
                || text.parse().is_ok_and(|number: i64| number > 0)
        });
        if !usable {
            let text = version.unwrap_or_default();
            return Err(Error::invalid(format!(
                "'{text}' is no version; versions are whole numbers from 1, or aliases"
            )));
        }
        Ok(Self { model, version: version.map(str::to_owned) })
    }

    /// The same with what chooses among versions.
    pub(crate) fn asked(self, sticky: Option<String>, request_id: &str) -> models::Target {
        models::Target {
            name: self.model,
            selector: self.version,
            sticky,
            request_id: request_id.to_owned(),
        }
    }
}

/// What to infer.
pub(crate) struct Work {
    pub(crate) inputs: Vec<Tensor>,
    /// Empty for all outputs.
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) bounds: Bounds,
}

/// An output asked for.
pub(crate) struct Wanted {
    pub(crate) name: String,
    /// With `Some(k)`, the `k` likeliest classes in place of the tensor.
    pub(crate) classes: Option<usize>,
}

impl Wanted {
    /// An output with its parameters.
    ///
    /// # Errors
    /// `Invalid`, naming the output, for parameters that are not served.
    pub(crate) fn read(name: String, parameters: &Map<String, Value>) -> Result<Self> {
        refuse_shared_memory("output", &name, parameters)?;
        let classes = parameters.get("classification").map(|asked| {
            let count = asked.as_u64().and_then(|count| usize::try_from(count).ok());
            count.filter(|count| *count > 0).ok_or_else(|| {
                Error::invalid(format!(
                    "the parameter 'classification' of output '{name}' is {asked}; it must be a \
                     number of classes"
                ))
                .with_param(&name)
            })
        });
        Ok(Self { classes: classes.transpose()?, name })
    }
}

/// What a request's own parameters bound.
#[derive(Default)]
pub(crate) struct Bounds {
    timeout: Option<Duration>,
}

impl Bounds {
    /// Reads Triton's request parameters; those that no extension names are the
    /// client's own and change nothing.
    ///
    /// # Errors
    /// `Invalid` for sequences and priorities, which are not served.
    pub(crate) fn read(parameters: &Map<String, Value>) -> Result<Self> {
        let set = |name: &str| {
            let given = parameters.get(name)?;
            let off = given.is_null() || given == &Value::from(0) || given == &Value::from(false);
            (!off && given != &Value::from("")).then_some(given)
        };
        for name in ["sequence_id", "sequence_start", "sequence_end", "priority"] {
            if let Some(given) = set(name) {
                return Err(Error::invalid(format!(
                    "the parameter '{name}' is {given}: requests are taken one by one, in the \
                     order in which they come; leave it out"
                ))
                .with_param(name));
            }
        }
        let timeout = set("timeout").map(|given| {
            given.as_u64().map(Duration::from_micros).ok_or_else(|| {
                Error::invalid(format!(
                    "the parameter 'timeout' is {given}; it must be a number of microseconds"
                ))
                .with_param("timeout")
            })
        });
        Ok(Self { timeout: timeout.transpose()? })
    }
}

/// Refuses an input or output that lies in shared memory.
///
/// # Errors
/// `Invalid`, naming it.
pub(crate) fn refuse_shared_memory(
    what: &str,
    name: &str,
    parameters: &Map<String, Value>,
) -> Result<()> {
    if !parameters.contains_key("shared_memory_region") {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} '{name}' is in shared memory, which is not served; send it in the request"
    ))
    .with_param(name))
}

/// Runs the engine, and notes what was used.
///
/// # Errors
/// As [`cairn_services::TensorModel::infer`]; `Timeout` when the request's own runs out.
pub(crate) async fn run(
    services: &Services,
    scope: &Scope,
    request_id: String,
    picked: &Picked,
    work: Work,
) -> Result<Vec<Tensor>> {
    let Work { inputs, wanted, bounds } = work;
    let rows = inputs.first().and_then(|tensor| tensor.shape().first().copied()).unwrap_or(1);
    let names: Vec<String> = wanted.iter().map(|output| output.name.clone()).collect();
    let outputs = services.models.run(scope, picked, inputs, &names, bounds.timeout).await?;
    let usage = UsageEntry {
        operation: "infer",
        model: picked.version.name.clone(),
        input_tokens: i64::try_from(rows).unwrap_or(i64::MAX),
        output_tokens: 0,
        request_id,
    };
    services.usage.record(scope, usage).await;
    classify::apply(outputs, &wanted, &picked.version.metadata)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_version_is_a_whole_number_from_one_or_an_alias() {
        let version = |text| Target::new("m".into(), text).map(|target| target.version).ok();
        assert_eq!(version(None), Some(None));
        assert_eq!(version(Some("")), Some(None));
        assert_eq!(version(Some("3")), Some(Some("3".to_owned())));
        assert_eq!(version(Some("champion")), Some(Some("champion".to_owned())));
        for text in ["0", "-1", "1.0"] {
            assert_eq!(version(Some(text)), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_served_is_refused_and_what_is_off_is_not() {
        for bad in [
            json!({"sequence_id": 7}),
            json!({"sequence_start": true}),
            json!({"priority": 1}),
            json!({"timeout": "soon"}),
        ] {
            assert!(Bounds::read(&map(bad.clone())).is_err(), "{bad}");
        }
        let off = json!({"sequence_id": 0, "sequence_end": false, "priority": 0, "mine": 1});
        assert!(Bounds::read(&map(off)).is_ok_and(|bounds| bounds.timeout.is_none()));
        let bounds = Bounds::read(&map(json!({"timeout": 1500})));
        assert!(bounds.is_ok_and(|it| it.timeout == Some(Duration::from_micros(1500))));
        let wanted = |value| Wanted::read("y".into(), &map(value)).map(|it| it.classes).ok();
        assert_eq!(wanted(json!({"classification": 2})), Some(Some(2)));
        assert_eq!(wanted(json!({})), Some(None));
        assert_eq!(wanted(json!({"classification": 0})), None);
        assert_eq!(wanted(json!({"shared_memory_region": "r"})), None);
    }
}
