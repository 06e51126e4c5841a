use prost::Message as _;

use super::*;

fn small() -> ModelProto {
    let graph = GraphProto {
        name: Some("g".to_owned()),
        node: vec![
            node("LabelEncoder", &["x"], &["code"])
                .in_domain(ML_DOMAIN)
                .with(attr_strings("keys_strings", &["a", "b"]))
                .with(attr_ints("values_int64s", &[0, 1]))
                .with(attr_int("default_int64", -1)),
            node("Gather", &["table", "code"], &["y"]).with(attr_int("axis", 0)),
        ],
        initializer: vec![
            tensor_f32("table", &[2], &[0.5, -1.5]),
            tensor_i64("ids", &[1, 2], &[7, -7]),
            tensor_string("names", &[2], &["é", ""]),
            tensor_bool("flags", &[], &[true]),
        ],
        input: vec![input("x", DataType::String, &[Dim::Named("N"), Dim::Fixed(1)])],
        output: vec![input("y", DataType::Float, &[Dim::Named("N"), Dim::Fixed(1)])],
        ..GraphProto::default()
    };
    model(graph, vec![opset("", 17), opset(ML_DOMAIN, 3)], vec![metadata("task", "demo")])
}

#[test]
fn what_is_encoded_comes_back_the_same() {
    let before = small();
    let after = decode(&encode(&before)).unwrap();
    assert_eq!(before, after);
    let graph = after.graph.as_ref().unwrap();
    assert_eq!(graph.initializer[0].f32s().unwrap(), [0.5, -1.5]);
    assert_eq!(graph.initializer[1].i64s().unwrap(), [7, -7]);
    assert_eq!(graph.initializer[2].strings().unwrap(), ["é", ""]);
    assert!(graph.initializer[0].i64s().is_err());
    assert_eq!(graph.input[0].shape().unwrap(), [-1, 1]);
    assert_eq!(graph.input[0].data_type(), Some(DataType::String));
    assert_eq!(graph.node[1].attr("axis").unwrap().i, Some(0));
    assert_eq!(after.metadata()["task"], "demo");
}

/// The bytes of a file written by the reference implementation's rules:
/// explicit zero values are kept, lists of attributes are not packed.
#[test]
fn field_numbers_are_those_of_the_format() {
    let attribute = attr_ints("k", &[1, 2]).encode_to_vec();
    assert_eq!(attribute, [0x0a, 1, b'k', 0x40, 1, 0x40, 2, 0xa0, 0x01, 7]);
    let zero = attr_int("k", 0).encode_to_vec();
    assert_eq!(zero, [0x0a, 1, b'k', 0x18, 0, 0xa0, 0x01, 2]);
    let tensor = tensor_bool("t", &[1], &[true]).encode_to_vec();
    assert_eq!(tensor, [0x08, 1, 0x10, 9, 0x42, 1, b't', 0x4a, 1, 1]);
    let packed = AttributeProto::decode(&[0x42_u8, 2, 1, 2][..]).unwrap();
    assert_eq!(packed.ints, [1, 2]);
}

#[test]
fn what_is_not_interpreted_is_carried_through() {
    let mut model = small();
    model.functions = vec![vec![1, 2, 3]];
    let graph = model.graph.as_mut().unwrap();
    graph.sparse_initializer = vec![vec![9]];
    graph.input[0].r#type =
        Some(TypeProto { value: Some(TypeValue::Sequence(vec![4, 5])), denotation: None });
    assert_eq!(decode(&encode(&model)).unwrap(), model);
}

fn refused(change: impl FnOnce(&mut GraphProto)) -> String {
    let mut model = small();
    change(model.graph.as_mut().unwrap());
    decode(&encode(&model)).unwrap_err().to_string()
}

#[test]
fn tensors_that_lie_about_their_shape_are_refused() {
    assert!(refused(|g| g.initializer[0].dims = vec![3]).contains("'table'"));
    assert!(refused(|g| g.initializer[0].dims = vec![-2]).contains("limit"));
    assert!(refused(|g| g.initializer[0].dims = vec![1 << 40, 1 << 40]).contains("limit"));
    assert!(refused(|g| g.initializer[2].string_data.truncate(1)).contains("'names'"));
    let nested = |g: &mut GraphProto| {
        let inner = GraphProto {
            initializer: vec![tensor_f32("inner", &[5], &[1.0])],
            ..GraphProto::default()
        };
        g.node.push(node("If", &["c"], &["d"]).with(attr_graph("then_branch", inner)));
    };
    assert!(refused(nested).contains("'inner'"));
}

#[test]
fn external_data_must_stay_in_the_folder() {
    let at = |path: &str| {
        let path = path.to_owned();
        move |g: &mut GraphProto| {
            g.initializer[0].raw_data = None;
            g.initializer[0].data_location = Some(DataLocation::External as i32);
            g.initializer[0].external_data = vec![metadata("location", &path)];
        }
    };
    for path in ["/etc/passwd", "../weights", "a/../../b", "", "C:\\x", "./../x"] {
        assert!(refused(at(path)).contains("folder"), "{path}");
    }
    let mut model = small();
    at("weights.bin")(model.graph.as_mut().unwrap());
    assert!(decode(&encode(&model)).is_ok());
}

#[test]
fn damaged_and_inflated_files_are_refused() {
    let bytes = encode(&small());
    for cut in 1..bytes.len() {
        // A cut may fall between two fields; then a part of the model is missing.
        let _ = decode(&bytes[..cut]);
    }
    assert!(decode(&bytes[..bytes.len() / 2]).is_err());
    assert!(decode(b"hello, this is not a model").is_err());
    assert!(decode(&[]).is_err());

    // Two million empty nodes in four megabytes.
    let empty_nodes = [0x0a_u8, 0].repeat(2_000_000);
    let mut file = vec![0x3a];
    prost::encoding::encode_varint(empty_nodes.len() as u64, &mut file);
    file.extend(empty_nodes);
    assert!(matches!(decode(&file), Err(OnnxError::Limit(_))));

    // Graphs inside attributes inside nodes, without end.
    let mut graph = GraphProto::default();
    for _ in 0..30 {
        let outer = node("If", &[], &[]).with(attr_graph("g", graph));
        graph = GraphProto { node: vec![outer], ..GraphProto::default() };
    }
    let deep = model(graph, vec![opset("", 17)], Vec::new());
    assert!(matches!(decode(&encode(&deep)), Err(OnnxError::Limit(_))));
}
