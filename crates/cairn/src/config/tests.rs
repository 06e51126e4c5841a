//! Layers, refusals and what the values mean.

use std::path::Path;

use cairn_kernel::{Kind, Result};

use super::environment::{KEYS, variable};
use super::raw::{Flags, Raw, Source, file_to_read, parse};
use super::{Config, language_model};

const FILE: &str = "/etc/cairn.toml";

fn vars(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(file: &str, environment: &[(&str, &str)], flags: &Flags) -> Result<Config> {
    let raw = parse(Some((Path::new(FILE), file)), &vars(environment), flags)?;
    Config::check(raw, Some(Path::new("/home/someone")))
}

fn refusal(file: &str, environment: &[(&str, &str)]) -> String {
    let error = read(file, environment, &Flags::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");
    error.to_string()
}

#[test]
fn each_layer_wins_over_the_one_below() {
    let defaults = read("", &[], &Flags::default()).unwrap();
    assert_eq!(defaults.listen.to_string(), "127.0.0.1:8420");
    assert_eq!(defaults.models_dir, Path::new("/home/someone/.cache/cairn/models"));
    assert!(defaults.data.is_absolute() && defaults.data.ends_with("cairn-data"));

    let file =
        "listen = '127.0.0.1:1'\nllm_slots = 7\n[limits]\nupload_bytes = 5\nparse_seconds = 9\n";
    let config = read(file, &[], &Flags::default()).unwrap();
    assert_eq!((config.listen.port(), config.llm_slots), (1, 7));
    assert_eq!(config.limits.body_bytes, defaults.limits.body_bytes);

    let environment = [("CAIRN_LISTEN", "localhost:2"), ("CAIRN_LIMITS__UPLOAD_BYTES", "6")];
    let config = read(file, &environment, &Flags::default()).unwrap();
    assert_eq!((config.listen.port(), config.llm_slots), (2, 7));
    assert_eq!((config.limits.upload_bytes, config.limits.parse_seconds), (6, 9));

    let flags =
        Flags { listen: Some("[::1]:3".into()), data: Some("/d".into()), ..Flags::default() };
    let config = read(file, &environment, &flags).unwrap();
    assert_eq!((config.listen.port(), config.data.as_path()), (3, Path::new("/d")));
}

#[test]
fn every_key_has_its_variable() {
    let raw = serde_json::to_value(Raw::default()).unwrap();
    let mut keys = Vec::new();
    for (key, value) in raw.as_object().unwrap() {
        match value.as_object() {
            Some(section) => keys.extend(section.keys().map(|inner| format!("{key}.{inner}"))),
            None => keys.push(key.clone()),
        }
    }
    let mut known: Vec<String> = KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
    keys.sort();
    known.sort();
    assert_eq!(keys, known);
    assert_eq!(variable("limits.upload_bytes"), "CAIRN_LIMITS__UPLOAD_BYTES");
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    let text = refusal("listne = 'x'", &[]);
    assert!(text.contains("'listne'") && text.contains(FILE) && text.contains("listen"), "{text}");
    let text = refusal("[limits]\nupload_byte = 1", &[]);
    assert!(text.contains("upload_byte") && text.contains("upload_bytes"), "{text}");
    let text = refusal("llm_slots = 'four'", &[]);
    assert!(text.contains("llm_slots") && text.contains(FILE), "{text}");
}

#[test]
fn an_unknown_variable_is_refused_and_those_of_others_are_not() {
    let text = refusal("", &[("CAIRN_LISTNE", "x")]);
    assert!(text.contains("CAIRN_LISTNE") && text.contains("CAIRN_LISTEN,"), "{text}");
    let text = refusal("", &[("CAIRN_LLM_SLOTS", "four")]);
    assert!(text.contains("CAIRN_LLM_SLOTS") && text.contains("whole number"), "{text}");
    let others = [
        ("CAIRN_URL", "http://x"),
        ("CAIRN_BIN", "/bin/cairn"),
        ("CAIRN_PORT", "tcp://10.0.0.1:80"),
        ("CAIRN_PODS_SERVICE_HOST", "10.0.0.1"),
        ("CAIRN_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("CAIRN_LISTEN", ""),
    ];
    read("", &others, &Flags::default()).unwrap();
}

#[test]
fn a_key_of_digits_stays_a_text_and_out_of_sight() {
    let key = "12345678901234567890";
    let config = read("", &[("CAIRN_ADMIN_KEY", key)], &Flags::default()).unwrap();
    assert_eq!(config.admin_key.as_ref().unwrap().expose(), key);
    assert!(!config.shown().to_string().contains(key));
    assert!(!format!("{config:?}").contains(key));
}

#[test]
fn folders_of_sources_are_none_until_set_and_whole_paths() {
    assert!(read("", &[], &Flags::default()).unwrap().sources.folders.is_empty());
    let file = "[sources]\nfolders = ['/srv/a', '/srv/{tenant}']\n";
    let config = read(file, &[], &Flags::default()).unwrap();
    assert_eq!(config.sources.folders, [Path::new("/srv/a"), Path::new("/srv/{tenant}")]);
    assert!(!config.sources.private_networks);
    let environment =
        [("CAIRN_SOURCES__FOLDERS", "/x:/y"), ("CAIRN_SOURCES__PRIVATE_NETWORKS", "true")];
    let config = read(file, &environment, &Flags::default()).unwrap();
    assert_eq!(config.sources.folders, [Path::new("/x"), Path::new("/y")]);
    assert!(config.sources.private_networks);
    assert!(refusal("[sources]\nfolders = ['docs']", &[]).contains("sources.folders"));
    assert!(refusal("[sources]\nfolder = ['/a']", &[]).contains("folder"));
    let hosts = "[sources]\nallowed_hosts = ['minio.internal', '10.0.0.7', '::1']\n";
    let config = read(hosts, &[], &Flags::default()).unwrap();
    assert_eq!(config.sources.allowed_hosts, ["minio.internal", "10.0.0.7", "::1"]);
    let environment = [("CAIRN_SOURCES__ALLOWED_HOSTS", "a.example,b.example")];
    let config = read(hosts, &environment, &Flags::default()).unwrap();
    assert_eq!(config.sources.allowed_hosts, ["a.example", "b.example"]);
    for wrong in ["http://a.example", "a.example:9000", ""] {
        let file = format!("[sources]\nallowed_hosts = ['{wrong}']");
        assert!(refusal(&file, &[]).contains("sources.allowed_hosts"), "{wrong}");
    }
}

#[test]
fn a_provider_is_a_table_and_its_key_stays_out_of_sight() {
    let file = "[providers.claude]\nkind = 'anthropic'\napi_key = 'sk-ant-1'\nmax_concurrent = 4\n\
                [providers.next]\nkind = 'oip'\nbase_url = 'http://127.0.0.1:8000'\n";
    let config = read(file, &[], &Flags::default()).unwrap();
    assert_eq!(config.providers["claude"].max_concurrent, 4);
    assert_eq!(config.providers["next"].timeout_seconds, 300);
    let shown = config.shown().to_string();
    assert!(shown.contains("claude") && !shown.contains("sk-ant-1"), "{shown}");
    assert!(!format!("{config:?}").contains("sk-ant-1"));

    for (file, word) in [
        ("[providers.a]\nkind = 'anthropic'", "api_key"),
        ("[providers.a]\nkind = 'gpt'", "providers.a"),
        ("[providers.a]\nkind = 'oip'\nbase_urll = 'x'", "base_urll"),
        ("[providers.'a b']\nkind = 'oip'\nbase_url = 'http://x'", "letters"),
    ] {
        let text = refusal(file, &[]);
        assert!(text.contains(word), "{file}: {text}");
    }
}

#[test]
fn hosts_are_a_list_in_the_file_and_in_the_environment() {
    let file = "[guard]\nallowed_hosts = ['example.com']";
    let config = read(file, &[], &Flags::default()).unwrap();
    assert_eq!(config.allowed_hosts, ["example.com"]);
    let environment = [("CAIRN_GUARD__ALLOWED_HOSTS", "a.org, *.b.org,")];
    let config = read(file, &environment, &Flags::default()).unwrap();
    assert_eq!(config.allowed_hosts, ["a.org", "*.b.org"]);
}

#[test]
fn plain_http_beyond_this_machine_must_be_asked_for() {
    let open = Flags { listen: Some("0.0.0.0:80".into()), ..Flags::default() };
    let error = read("", &[], &open).unwrap().require_safe_listen().unwrap_err();
    assert!(error.message().contains("--allow-plain-http"), "{error}");
    let asked = Flags { allow_plain_http: true, ..open };
    read("", &[], &asked).unwrap().require_safe_listen().unwrap();
    read("", &[], &Flags::default()).unwrap().require_safe_listen().unwrap();
}

#[test]
fn the_ports_of_triton_are_off_until_set_and_as_safe_as_the_main_one() {
    let config = read("", &[], &Flags::default()).unwrap();
    assert_eq!(config.listens().map(|(key, _)| key).collect::<Vec<_>>(), ["listen"]);
    let file = "oip_listen = 'localhost:8000'\ngrpc_listen = '127.0.0.1:8001'";
    let environment = [("CAIRN_METRICS_LISTEN", "0.0.0.0:8002"), ("CAIRN_METRICS_COMPAT", "true")];
    let config = read(file, &environment, &Flags::default()).unwrap();
    let ports: Vec<u16> = config.listens().map(|(_, address)| address.port()).collect();
    assert_eq!((ports, config.metrics_compat), (vec![8420, 8000, 8001, 8002], true));
    let error = config.require_safe_listen().unwrap_err();
    assert!(error.message().starts_with("metrics_listen: 0.0.0.0:8002"), "{error}");
    let text = refusal("grpc_listen = '8001'", &[]);
    assert!(text.contains("grpc_listen is '8001'"), "{text}");
}

#[test]
fn values_without_a_meaning_are_refused() {
    for (file, word) in [
        ("listen = 'here'", "127.0.0.1:8420"),
        ("llm = 'gpt-9'", "smollm2-135m-instruct"),
        ("[log]\nformat = 'xml'", "text or json"),
        ("threads = 0", "at least 1"),
        ("llm_context_tokens = 8", "at least 512"),
        ("[guard]\nallowed_hosts = ['https://example.com']", "guard.allowed_hosts"),
    ] {
        let text = refusal(file, &[]);
        assert!(text.contains(word), "{file}: {text}");
    }
}

#[test]
fn a_model_is_found_in_any_case() {
    let found = language_model("SmolLM2-135M-Instruct", 2).unwrap();
    assert_eq!(found.as_deref(), Some("smollm2-135m-instruct"));
    assert_eq!(language_model("none", 2).unwrap(), None);
    assert_ne!(language_model("auto", 2).unwrap(), language_model("auto", 8).unwrap());
}

#[test]
fn the_file_is_the_named_one_or_lies_with_the_data() {
    let flags = Flags { data: Some("/d".into()), ..Flags::default() };
    assert_eq!(file_to_read(&flags, &[]), Source::IfPresent("/d/cairn.toml".into()));
    let named = vars(&[("CAIRN_CONFIG", "/c.toml"), ("CAIRN_DATA", "/e")]);
    assert_eq!(file_to_read(&flags, &named), Source::Named("/c.toml".into()));
    let other = vars(&[("CAIRN_DATA", "/e")]);
    let none = Flags::default();
    assert_eq!(file_to_read(&none, &other), Source::IfPresent("/e/cairn.toml".into()));
}
