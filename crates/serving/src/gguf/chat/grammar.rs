//! The rules an answer must follow so that its format and its calls are valid.

use serde_json::{Map, Value, json};

use super::calls::{CLOSE, CallForm, OPEN};
use crate::chat::{TextFormat, Tool, ToolChoice};
use crate::gguf::request::{Constraint, Rules};

/// Calls in one answer, at most: a small model does not always find an end.
const CALLS_MAX: usize = 16;
/// The control token that begins a call of Llama 3 in some of its versions.
pub(super) const PYTHON_TAG: &str = "<|python_tag|>";

/// How calls are written and asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calling<'a> {
    pub(super) form: CallForm,
    pub(super) tools: &'a [Tool],
    pub(super) choice: &'a ToolChoice,
    pub(super) parallel: bool,
    /// Whether the vocabulary has [`PYTHON_TAG`].
    pub(super) python_tag: bool,
}

/// The rules for `format` alone.
pub(super) fn of_format(format: &TextFormat) -> Option<Constraint> {
    let rules = match format {
        TextFormat::Text => return None,
        TextFormat::JsonObject => Rules::JsonSchema(written(&json!({"type": "object"}))),
        TextFormat::JsonSchema { schema, .. } => Rules::JsonSchema(written(schema)),
        TextFormat::Grammar(text) => Rules::Lark(text.clone()),
        TextFormat::Regex(_) | TextFormat::Choice(_) => {
            Rules::Lark(format!("start: {}\n", content(format)?))
        }
    };
    Some(Constraint { rules, field: field(format).to_owned() })
}

/// The field of a request that a format comes from.
fn field(format: &TextFormat) -> &'static str {
    match format {
        TextFormat::Text => "tools",
        TextFormat::JsonObject | TextFormat::JsonSchema { .. } => "response_format",
        TextFormat::Regex(_) | TextFormat::Choice(_) | TextFormat::Grammar(_) => {
            "structured_outputs"
        }
    }
}

/// A format as an expression of Lark, unless it is a grammar of its own or none.
fn content(format: &TextFormat) -> Option<String> {
    match format {
        TextFormat::Text | TextFormat::Grammar(_) => None,
        TextFormat::JsonObject => Some(json_rule(&json!({"type": "object"}))),
        TextFormat::JsonSchema { schema, .. } => Some(json_rule(schema)),
        TextFormat::Regex(regex) => Some(format!("/{}/", llguidance::regex_to_lark(regex, ""))),
        TextFormat::Choice(choices) => {
            let choices: Vec<String> = choices.iter().map(|choice| literal(choice)).collect();
            Some(choices.join(" | "))
        }
    }
}

/// The rules for calls, beside the answers that `format` allows; `None` where a format
/// cannot stand beside calls.
pub(super) fn of_calls(calling: &Calling<'_>, format: &TextFormat) -> Option<Constraint> {
    if matches!(format, TextFormat::Grammar(_)) {
        return None;
    }
    let mut lark = match calling.form {
        CallForm::Hermes => hermes(calling, content(format)),
        CallForm::Llama => llama(calling, content(format)),
    };
    let offered = offered(calling);
    let names: Vec<String> = (0..offered.len()).map(|n| format!("f{n}")).collect();
    let mut lines = vec![format!("function: {}", names.join(" | "))];
    for (n, tool) in offered.iter().enumerate() {
        let name = Value::from(tool.name.as_str());
        let literal_head = |key: &str| literal(&format!("{{\"name\": {name}, \"{key}\": "));
        let head = match (calling.form, format) {
            (CallForm::Hermes, _) => literal_head("arguments"),
            // Beside other JSON, a call must be JSON to llguidance, too: at a `{` it
            // decides between literals and JSON for good.
            (CallForm::Llama, TextFormat::JsonObject | TextFormat::JsonSchema { .. }) => {
                lines.push(format!("f{n}: {}", json_rule(&whole_call(tool))));
                continue;
            }
            (CallForm::Llama, _) => literal_head("parameters"),
        };
        lines.push(format!("f{n}: {head} a{n} \"}}\"\na{n}: {}", json_rule(&arguments(tool))));
    }
    lark.push_str(&lines.join("\n"));
    lark.push('\n');
    Some(Constraint { rules: Rules::Lark(lark), field: field(format).to_owned() })
}

/// The functions that may be called.
fn offered<'a>(calling: &Calling<'a>) -> Vec<&'a Tool> {
    let named = |tool: &&Tool| match calling.choice {
        ToolChoice::Function(name) => tool.name == *name,
        _ => true,
    };
    calling.tools.iter().filter(named).collect()
}

fn hermes(calling: &Calling<'_>, content: Option<String>) -> String {
    let (open, close) = (literal(&format!("{OPEN}\n")), literal(&format!("\n{CLOSE}")));
    let several = calling.parallel && !matches!(calling.choice, ToolChoice::Function(_));
    let more = match several {
        true => format!(" (\"\\n\" {open} function {close}){{0,{}}}", CALLS_MAX - 1),
        false => String::new(),
    };
    let calls = format!("{open} function {close}{more}");
    match (calling.choice, content) {
        (ToolChoice::Auto, Some(content)) => {
            format!("start: content | calls\ncontent: {content}\ncalls: {calls}\n")
        }
        // Free text until a tag; from there on only a call.
        (ToolChoice::Auto, None) => format!(
            "start: text | head \"\\n\" function {close}{more}\ntext: TEXT\nhead[lazy]: TEXT {}\n\
             TEXT: /(.|\\n)*/\n",
            literal(OPEN)
        ),
        _ => format!("start: {calls}\n"),
    }
}

fn llama(calling: &Calling<'_>, content: Option<String>) -> String {
    let call = match calling.python_tag {
        true => format!("call: {PYTHON_TAG} function | function\n"),
        false => "call: function\n".to_owned(),
    };
    let start = match (calling.choice, content) {
        (ToolChoice::Auto, Some(content)) => format!("start: content | call\ncontent: {content}\n"),
        (ToolChoice::Auto, None) => {
            "start: TEXT | call\nTEXT: /([^{ \\t\\r\\n](.|\\n)*)?/\n".to_owned()
        }
        _ => "start: call\n".to_owned(),
    };
    start + &call
}

/// A text as a literal of Lark, which are those of JSON.
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

fn json_rule(schema: &Value) -> String {
    format!("%json {}", written(schema))
}

/// `schema` with the notation that models are trained on: `{"a": 1, "b": 2}`, and no
/// white space that could go on for ever.
fn written(schema: &Value) -> Value {
    let style =
        json!({"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": false});
    let mut fields = match closed(schema) {
        Value::Object(fields) => fields,
        Value::Bool(false) => Map::from_iter([("not".to_owned(), json!({}))]),
        _ => Map::new(),
    };
    fields.insert("x-guidance".to_owned(), style);
    Value::Object(fields)
}

fn arguments(tool: &Tool) -> Value {
    let mut schema = tool.parameters.clone();
    if let Value::Object(fields) = &mut schema
        && !fields.contains_key("type")
        && !fields.contains_key("$ref")
    {
        fields.insert("type".to_owned(), "object".into());
    }
    schema
}

/// The schema of a whole call in Llama's form. What its parameters refer to moves to
/// the root, where references look for it.
fn whole_call(tool: &Tool) -> Value {
    let mut parameters = arguments(tool);
    let mut definitions = Map::new();
    if let Value::Object(fields) = &mut parameters {
        for name in ["$defs", "definitions"] {
            definitions.extend(fields.remove(name).map(|value| (name.to_owned(), value)));
        }
    }
    let mut call = json!({"type": "object",
        "properties": {"name": {"const": tool.name}, "parameters": parameters},
        "required": ["name", "parameters"], "additionalProperties": false});
    if let Value::Object(fields) = &mut call {
        fields.extend(definitions);
    }
    call
}

/// `schema` without the properties nobody named: what fits it fits `schema`, and a
/// model does not invent fields without end. Schemas that are put together from others
/// are left as they are, since closing a part would contradict the rest.
fn closed(schema: &Value) -> Value {
    const PUTS_TOGETHER: [&str; 8] = [
        "allOf",
        "not",
        "if",
        "dependentSchemas",
        "patternProperties",
        "unevaluatedProperties",
        "$ref",
        "propertyNames",
    ];
    fn any_named(value: &Value, names: &[&str]) -> bool {
        match value {
            Value::Object(fields) => fields
                .iter()
                .any(|(name, value)| names.contains(&name.as_str()) || any_named(value, names)),
            Value::Array(items) => items.iter().any(|item| any_named(item, names)),
            _ => false,
        }
    }
    let mut schema = schema.clone();
    if !any_named(&schema, &PUTS_TOGETHER) {
        close(&mut schema);
    }
    schema
}

fn close(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    let alternatives = fields.contains_key("anyOf") || fields.contains_key("oneOf");
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(close);
        let named = !properties.is_empty();
        if named && !alternatives && !fields.contains_key("additionalProperties") {
            fields.insert("additionalProperties".to_owned(), false.into());
        }
    } else {
        for name in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = fields.get_mut(name) {
                branches.iter_mut().for_each(close);
            }
        }
    }
    if let Some(items) = fields.get_mut("items") {
        close(items);
    }
}

#[cfg(test)]
mod tests;
