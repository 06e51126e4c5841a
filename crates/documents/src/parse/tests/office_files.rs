//! Slides, sheets and Outlook messages, built part by part.

use super::*;

const SPACES: &str = r#"xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships""#;
pub(super) const KIND: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A relationships part: id, kind and target of each.
pub(super) fn relations(listed: &[(&str, &str, &str)]) -> String {
    let listed: String = listed
        .iter()
        .map(|(id, kind, target)| {
            format!(r#"<Relationship Id="{id}" Type="{KIND}/{kind}" Target="{target}"/>"#)
        })
        .collect();
    format!(
        r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{listed}</Relationships>"#
    )
}

/// A package of these parts with their content types after `application/vnd.openxmlformats-officedocument.`.
pub(super) fn package(main: &str, parts: &[(&str, &str, String)]) -> Vec<u8> {
    let types: String = parts
        .iter()
        .filter(|(_, kind, _)| !kind.is_empty())
        .map(|(path, kind, _)| {
            format!(r#"<Override PartName="/{path}" ContentType="application/vnd.openxmlformats-officedocument.{kind}+xml"/>"#)
        })
        .collect();
    let types = format!(
        r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>{types}</Types>"#
    );
    let root = relations(&[("rId1", "officeDocument", main)]);
    let mut members: Vec<(&str, &[u8])> =
        vec![("[Content_Types].xml", types.as_bytes()), ("_rels/.rels", root.as_bytes())];
    members.extend(parts.iter().map(|(path, _, content)| (*path, content.as_bytes())));
    zipped(&members)
}

fn slide(title: &str, shapes: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><p:sld {SPACES}><p:cSld><p:spTree><p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>
        <p:sp><p:nvSpPr><p:cNvPr id="2" name="Title"/><p:cNvSpPr/><p:nvPr><p:ph type="title"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p><a:r><a:t>{title}</a:t></a:r></a:p></p:txBody></p:sp>{shapes}</p:spTree></p:cSld></p:sld>"#
    )
}

#[test]
fn slides_are_pages_with_titles_and_tables() {
    let cell = |text: &str| {
        format!(
            "<a:tc><a:txBody><a:bodyPr/><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody><a:tcPr/></a:tc>"
        )
    };
    let row = |a: &str, b: &str| format!(r#"<a:tr h="1">{}{}</a:tr>"#, cell(a), cell(b));
    let table = format!(
        r#"<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="3" name="T"/><p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr><p:xfrm/><a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/table"><a:tbl><a:tblPr/><a:tblGrid><a:gridCol w="1"/><a:gridCol w="1"/></a:tblGrid>{}{}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"#,
        row("Part", "Price"),
        row("Bolt", "3.50")
    );
    let list = format!(
        r#"<?xml version="1.0"?><p:presentation {SPACES}><p:sldIdLst><p:sldId id="256" r:id="rId1"/><p:sldId id="257" r:id="rId2"/></p:sldIdLst></p:presentation>"#
    );
    let slides = relations(&[
        ("rId1", "slide", "slides/slide1.xml"),
        ("rId2", "slide", "slides/slide2.xml"),
    ]);
    let file = package(
        "ppt/presentation.xml",
        &[
            ("ppt/presentation.xml", "presentationml.presentation.main", list),
            ("ppt/_rels/presentation.xml.rels", "", slides),
            ("ppt/slides/slide1.xml", "presentationml.slide", slide("Welcome", "")),
            ("ppt/slides/slide2.xml", "presentationml.slide", slide("Prices", &table)),
        ],
    );
    let document = parse("talk.pptx", &file).unwrap();
    assert_eq!(document.text, "Welcome\n\nPrices\n\n| Part | Price |\n| Bolt | 3.50 |");
    assert_eq!((document.headings.len(), document.pages.len()), (2, 2));
    assert_eq!(document.page_at(document.text.find("Bolt").unwrap()), Some(2));
}

#[test]
fn sheets_are_sections_of_rows() {
    let cell =
        |at: &str, text: &str| format!(r#"<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#);
    let sheet = |rows: String| {
        format!(
            r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
        )
    };
    let first = format!(
        r#"<row r="1">{}{}</row><row r="2">{}<c r="B2"><v>3.5</v></c></row>"#,
        cell("A1", "Part"),
        cell("B1", "Price"),
        cell("A2", "Bolt &amp; nut")
    );
    let second = format!(r#"<row r="1">{}{}</row>"#, cell("A1", "x"), cell("C1", "z"));
    let book = format!(
        r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{KIND}"><sheets><sheet name="Prices" sheetId="1" r:id="rId1"/><sheet name="Rest" sheetId="2" r:id="rId2"/></sheets></workbook>"#
    );
    let sheets = relations(&[
        ("rId1", "worksheet", "worksheets/sheet1.xml"),
        ("rId2", "worksheet", "worksheets/sheet2.xml"),
    ]);
    let file = package(
        "xl/workbook.xml",
        &[
            ("xl/workbook.xml", "spreadsheetml.sheet.main", book),
            ("xl/_rels/workbook.xml.rels", "", sheets),
            ("xl/worksheets/sheet1.xml", "spreadsheetml.worksheet", sheet(first)),
            ("xl/worksheets/sheet2.xml", "spreadsheetml.worksheet", sheet(second)),
        ],
    );
    let document = parse("prices.xlsx", &file).unwrap();
    assert!(
        document.text.starts_with("Prices\n\n| Part | Price |\n| Bolt & nut | 3.5 |\n\nRest\n\n"),
        "{}",
        document.text
    );
    let path = document.heading_path(document.text.find("Bolt").unwrap());
    assert_eq!(path, ["Prices"]);
    let at = |words: &str| document.page_at(document.text.find(words).unwrap());
    assert_eq!((at("Bolt"), at("Rest"), document.pages.len()), (Some(1), Some(2), 2));
    assert!(document.blocks.iter().filter(|b| b.kind == BlockKind::TableRow).count() >= 3);
}

#[test]
fn every_row_of_a_long_sheet_is_read() {
    let row = |at: usize| {
        format!(
            r#"<row r="{at}"><c r="A{at}"><v>{at}</v></c><c r="B{at}" t="str"><v>part</v></c></row>"#
        )
    };
    let rows: String = (1..=10_050).map(row).collect();
    let sheet = format!(
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#
    );
    let book = format!(
        r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{KIND}"><sheets><sheet name="All" sheetId="1" r:id="rId1"/></sheets></workbook>"#
    );
    let file = package(
        "xl/workbook.xml",
        &[
            ("xl/workbook.xml", "spreadsheetml.sheet.main", book),
            (
                "xl/_rels/workbook.xml.rels",
                "",
                relations(&[("rId1", "worksheet", "worksheets/sheet1.xml")]),
            ),
            ("xl/worksheets/sheet1.xml", "spreadsheetml.worksheet", sheet),
        ],
    );
    let document = parse("all.xlsx", &file).unwrap();
    assert!(document.text.starts_with("All\n\n| 1 | part |\n| 2 | part |\n"));
    assert!(document.text.ends_with("\n| 10050 | part |"));
    assert_eq!(document.blocks.iter().filter(|b| b.kind == BlockKind::TableRow).count(), 10_050);
    assert!(document.notes.is_empty(), "{:?}", document.notes);
}

/// A compound file: each entry is a path and its bytes; `None` makes a storage.
pub(super) fn compound(entries: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
    const SECTOR: usize = 512;
    const END: u32 = 0xffff_fffe;
    const NONE: u32 = 0xffff_ffff;
    let directory_sectors = (entries.len() + 1).div_ceil(4);
    let mut fat = vec![0xffff_fffd_u32];
    fat.extend((1..=directory_sectors).map(|at| at as u32 + 1));
    *fat.last_mut().unwrap() = END;
    let mut streams = Vec::new();
    let mut starts = Vec::new();
    for (_, bytes) in entries {
        let bytes = bytes.unwrap_or_default();
        starts.push(if bytes.is_empty() { END } else { fat.len() as u32 });
        let sectors = bytes.len().div_ceil(SECTOR);
        fat.extend((0..sectors).map(|_| 0));
        let first = fat.len() - sectors;
        for at in first..fat.len() {
            fat[at] = if at + 1 == fat.len() { END } else { at as u32 + 1 };
        }
        streams.extend_from_slice(bytes);
        streams.resize(streams.len().next_multiple_of(SECTOR), 0);
    }
    fat.resize(SECTOR / 4, NONE);
    let parent = |path: &str| path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
    let children =
        |of: &str| entries.iter().position(|(path, _)| !path.is_empty() && parent(path) == of);
    let mut directory = Vec::new();
    let mut entry = |name: &str, kind: u8, right: u32, child: u32, start: u32, size: usize| {
        let mut bytes = [0_u8; 128];
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        bytes[..units.len()].copy_from_slice(&units);
        bytes[0x40] = units.len() as u8 + 2;
        bytes[0x42] = kind;
        bytes[0x44..0x48].copy_from_slice(&NONE.to_le_bytes());
        bytes[0x48..0x4c].copy_from_slice(&right.to_le_bytes());
        bytes[0x4c..0x50].copy_from_slice(&child.to_le_bytes());
        bytes[0x74..0x78].copy_from_slice(&start.to_le_bytes());
        bytes[0x78..0x7c].copy_from_slice(&(size as u32).to_le_bytes());
        directory.extend_from_slice(&bytes);
    };
    let number = |at: Option<usize>| at.map_or(NONE, |at| at as u32 + 1);
    entry("Root Entry", 5, NONE, number(children("")), END, 0);
    for (at, (path, bytes)) in entries.iter().enumerate() {
        let sibling = entries
            .iter()
            .enumerate()
            .skip(at + 1)
            .find(|(_, (other, _))| parent(other) == parent(path))
            .map(|(other, _)| other);
        let name = path.rsplit('/').next().unwrap();
        let (kind, size) = bytes.map_or((1, 0), |bytes| (2, bytes.len()));
        entry(name, kind, number(sibling), number(children(path)), starts[at], size);
    }
    directory.resize(directory_sectors * SECTOR, 0);
    let mut file = vec![0_u8; SECTOR];
    file[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x1a, &3_u16.to_le_bytes());
    put(0x1c, &0xfffe_u16.to_le_bytes());
    put(0x1e, &9_u16.to_le_bytes());
    put(0x20, &6_u16.to_le_bytes());
    put(0x2c, &1_u32.to_le_bytes());
    put(0x30, &1_u32.to_le_bytes());
    put(0x38, &4096_u32.to_le_bytes());
    put(0x3c, &END.to_le_bytes());
    put(0x44, &END.to_le_bytes());
    put(0x4c, &0_u32.to_le_bytes());
    for at in 1..109 {
        put(0x4c + at * 4, &NONE.to_le_bytes());
    }
    file.extend(fat.iter().flat_map(|entry| entry.to_le_bytes()));
    file.extend(directory);
    file.extend(streams);
    file
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub(super) fn outlook() -> Vec<u8> {
    let attachment = "__attach_version1.0_#00000000";
    let stream = |id: &str| format!("{attachment}/__substg1.0_{id}");
    compound(&[
        ("__properties_version1.0", Some(&[0; 32])),
        ("__substg1.0_0037001F", Some(&wide("Grüße"))),
        ("__substg1.0_0C1A001F", Some(&wide("Ann"))),
        ("__substg1.0_0C1F001F", Some(&wide("ann@example.org"))),
        ("__substg1.0_0E04001F", Some(&wide("Bob"))),
        ("__substg1.0_1000001E", Some(b"First line.\r\n\r\nSecond.")),
        (attachment, None),
        (&stream("3707001F"), Some(&wide("prices.csv"))),
        (&stream("37010102"), Some(b"bolt,3.50\n")),
    ])
}

#[test]
fn an_outlook_message_gives_its_heads_its_text_and_its_attachments() {
    let document = parse("letter.msg", &outlook()).unwrap();
    assert_eq!(
        document.text,
        "Grüße\n\nFrom: Ann <ann@example.org>\nTo: Bob\n\nFirst line.\n\nSecond.\n\nprices.csv\n\n| bolt | 3.50 |"
    );
    assert_eq!(document.media_type, "application/vnd.ms-outlook");
    let error = parse("locked.xlsx", &compound(&[("EncryptedPackage", Some(b"x"))])).unwrap_err();
    assert!(error.message().contains("protected by a password"), "{error}");
    let mut cut = outlook();
    cut.truncate(900);
    let error = parse("cut.msg", &cut).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported, "{error}");
}
