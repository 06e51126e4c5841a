use llguidance::toktrie::ApproximateTokEnv;
use serde_json::json;

use super::*;

fn lark(text: &str) -> Rules {
    Rules::Lark(text.to_owned())
}

/// A vocabulary of single bytes, whose last token ends an answer.
fn bytes() -> ParserFactory {
    let slices = SlicedBiasComputer::general_slices();
    let env = ApproximateTokEnv::single_byte_env();
    let mut factory = ParserFactory::new(&env, InferenceCapabilities::default(), &slices).unwrap();
    factory.quiet().limits_mut().verbose_errors = false;
    factory
}

fn guide(rules: &Rules) -> Guide {
    Guide { matcher: compile(&bytes(), rules).unwrap() }
}

/// How many bytes of `text` may be written, and whether the answer may end there.
fn follow(rules: &Rules, text: &str) -> (usize, bool) {
    let mut guide = guide(rules);
    let mut written = 0;
    for byte in text.bytes() {
        let token = i32::from(byte);
        let allowed = guide.allows(token, false);
        if !guide.matcher.is_stopped() {
            assert_eq!(guide.mask().unwrap().get(usize::from(byte)), allowed, "{text} {written}");
        }
        if !allowed || guide.matcher.is_stopped() {
            break;
        }
        guide.accept(token).unwrap();
        written += 1;
    }
    let end = guide.matcher.is_stopped() || guide.allows(0, true);
    (written, end)
}

#[test]
fn a_schema_is_followed_to_its_end() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}},
        "required": ["a"], "additionalProperties": false});
    let rules = Rules::JsonSchema(schema);
    assert_eq!(follow(&rules, "{\"a\":12}"), (8, true));
    assert_eq!(follow(&rules, "{\"a\":1"), (6, false));
    assert_eq!(follow(&rules, "{\"b\""), (2, false));
    let mut guide = guide(&rules);
    for byte in "{\"a\":1".bytes() {
        assert!(!guide.accept(i32::from(byte)).unwrap());
    }
    assert!(guide.accept(i32::from(b'}')).unwrap(), "nothing can follow");
}

#[test]
fn a_choice_ends_only_when_whole() {
    let rules = lark("start: \"yes\" | \"yesterday\"\n");
    assert_eq!(follow(&rules, "yes"), (3, true));
    assert_eq!(follow(&rules, "yest"), (4, false));
    assert_eq!(follow(&rules, "no"), (0, false));
}

#[test]
fn rules_that_cannot_be_followed_say_why() {
    for rules in [
        Rules::JsonSchema(json!({"type": "object", "unevaluatedItems": {"type": "string"}})),
        Rules::JsonSchema(json!({"$ref": "http://example.com/schema"})),
        lark("start: unknown\n"),
        lark("start: /[/\n"),
        lark(""),
    ] {
        let reason = compile(&bytes(), &rules).err();
        let reason = reason.unwrap_or_else(|| panic!("{rules:?} was accepted"));
        assert!(!reason.is_empty() && reason.chars().count() <= REASON_MAX, "{reason}");
    }
}
