use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::ApproximateTokEnv;
use llguidance::{Matcher, ParserFactory};

use super::*;

#[test]
fn objects_are_closed_where_that_contradicts_nothing() {
    let open = json!({"type": "object", "properties": {"a": {"type": "array", "items":
        {"type": "object", "properties": {"b": {}}}}}});
    let closed = closed(&open);
    assert_eq!(closed["additionalProperties"], false);
    assert_eq!(closed["properties"]["a"]["items"]["additionalProperties"], false);
    let parts = json!({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]});
    assert_eq!(super::closed(&parts), parts);
    let either = json!({"properties": {"k": {}}, "anyOf": [{"properties": {"b": {}}}]});
    assert_eq!(super::closed(&either), either);
    let allowed = json!({"properties": {"k": {}}, "additionalProperties": true});
    assert_eq!(super::closed(&allowed), allowed);
}

#[test]
fn a_format_names_the_field_it_comes_from() {
    let of = |format| of_format(&format).map(|constraint| constraint.field);
    assert_eq!(of(TextFormat::JsonObject).as_deref(), Some("response_format"));
    assert_eq!(of(TextFormat::Regex("a".into())).as_deref(), Some("structured_outputs"));
    assert_eq!(of(TextFormat::Text), None);
}

/// How many bytes of `text` the constraint lets through, and whether it may end there.
fn follow(constraint: &Constraint, text: &str) -> (usize, bool) {
    let factory = ParserFactory::new_simple(&ApproximateTokEnv::single_byte_env()).unwrap();
    let grammar = match &constraint.rules {
        Rules::JsonSchema(schema) => TopLevelGrammar::from_json_schema(schema.clone()),
        Rules::Lark(lark) => TopLevelGrammar::from_lark(lark.clone()),
    };
    let mut matcher = Matcher::new(factory.create_parser(grammar));
    assert_eq!(matcher.get_error(), None, "{constraint:?}");
    let mut passed = 0;
    for byte in text.bytes() {
        if matcher.is_stopped() || matcher.validate_tokens(&[byte.into()]).unwrap() == 0 {
            break;
        }
        matcher.consume_token(byte.into()).unwrap();
        passed += 1;
    }
    (passed, matcher.is_stopped() || matcher.is_accepting().unwrap())
}

/// Whether the whole of `text` is an answer.
fn fits(constraint: &Constraint, text: &str) -> bool {
    follow(constraint, text) == (text.len(), true)
}

fn tools() -> Vec<Tool> {
    let tool = |name: &str, parameters| Tool {
        name: name.to_owned(),
        description: None,
        parameters,
        strict: false,
    };
    let city = json!({"type": "object", "properties": {"city": {"type": "string"}},
        "required": ["city"]});
    vec![tool("weather", city), tool("now", json!({"type": "object", "properties": {}}))]
}

fn asked(form: CallForm, choice: &ToolChoice, parallel: bool, format: &TextFormat) -> Constraint {
    let tools = tools();
    let calling = Calling { form, tools: &tools, choice, parallel, python_tag: false };
    of_calls(&calling, format).unwrap()
}

const WEATHER: &str =
    "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>";
const NOW: &str = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";

#[test]
fn free_text_is_free_until_a_call_begins() {
    let auto = asked(CallForm::Hermes, &ToolChoice::Auto, true, &TextFormat::Text);
    for text in ["", "Hello.", "1 < 2 <tool> <tool_cal", WEATHER, NOW] {
        assert!(fits(&auto, text), "{text}");
    }
    assert!(fits(&auto, &format!("I look it up.\n{WEATHER}\n{NOW}")));
    let begun = "So: <tool_call>";
    assert_eq!(follow(&auto, begun), (begun.len(), false), "a call begun must be finished");
    assert_eq!(follow(&auto, "So: <tool_call> never mind"), (begun.len(), false));
    let unknown = "<tool_call>\n{\"name\": \"w";
    assert_eq!(follow(&auto, "<tool_call>\n{\"name\": \"wrong\"").0, unknown.len());
    assert!(!fits(&auto, &WEATHER.replace("Oslo\"", "Oslo\", \"x\": 1")));
    assert!(!fits(&auto, &WEATHER.replace("\"city\": \"Oslo\"", "")));
}

#[test]
fn a_required_call_is_all_there_is() {
    let required = asked(CallForm::Hermes, &ToolChoice::Required, true, &TextFormat::Text);
    assert!(fits(&required, WEATHER) && fits(&required, &format!("{NOW}\n{WEATHER}")));
    assert_eq!(follow(&required, "Hello"), (0, false));
    let single = asked(CallForm::Hermes, &ToolChoice::Required, false, &TextFormat::Text);
    assert!(fits(&single, WEATHER));
    assert_eq!(follow(&single, &format!("{NOW}\n{WEATHER}")), (NOW.len(), true));
    let named = ToolChoice::Function("now".to_owned());
    let named = asked(CallForm::Hermes, &named, true, &TextFormat::Text);
    assert!(fits(&named, NOW) && !fits(&named, WEATHER));
}

#[test]
fn an_answer_beside_calls_keeps_its_format() {
    let format = TextFormat::Choice(vec!["yes".to_owned(), "no \"\\".to_owned()]);
    let auto = asked(CallForm::Hermes, &ToolChoice::Auto, true, &format);
    assert!(fits(&auto, "yes") && fits(&auto, "no \"\\") && fits(&auto, WEATHER));
    assert!(!fits(&auto, "maybe"));
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]});
    let json = TextFormat::JsonSchema { name: "n".to_owned(), schema };
    let auto = asked(CallForm::Llama, &ToolChoice::Auto, true, &json);
    assert!(fits(&auto, "{\"a\": 5}") && !fits(&auto, "text"));
    assert!(fits(&auto, "{\"name\": \"now\", \"parameters\": {}}"));
}

#[test]
fn llama_calls_with_one_bare_object() {
    let auto = asked(CallForm::Llama, &ToolChoice::Auto, true, &TextFormat::Text);
    assert!(fits(&auto, "Hello {you}.") && fits(&auto, ""));
    assert!(fits(&auto, "{\"name\": \"weather\", \"parameters\": {\"city\": \"Oslo\"}}"));
    assert!(!fits(&auto, "{\"answer\": 4}"));
}

#[test]
fn formats_alone_are_kept_to_the_letter() {
    let of = |format| of_format(&format).unwrap();
    let regex = of(TextFormat::Regex("[a-c]+/\\d{2}".to_owned()));
    assert!(fits(&regex, "abc/07") && !fits(&regex, "abd/07"));
    let object = of(TextFormat::JsonObject);
    assert!(fits(&object, "{\"a\": [1, {\"b\": null}]}") && !fits(&object, "[1]"));
    let grammar = of(TextFormat::Grammar("start: \"a\"+ \"b\"\n".to_owned()));
    assert!(fits(&grammar, "aab") && !fits(&grammar, "b"));
    let either = of(TextFormat::Choice(vec!["left".to_owned(), "right".to_owned()]));
    assert!(fits(&either, "left") && !fits(&either, "lef"));
    assert_eq!(follow(&either, "leftx"), (4, true));
}
