//! Mails and old pages, which tables lay out.

use super::*;

fn titles(document: &Document) -> Vec<&str> {
    document.headings.iter().map(|heading| heading.title.as_str()).collect()
}

fn rows(document: &Document) -> usize {
    document.blocks.iter().filter(|block| block.kind == BlockKind::TableRow).count()
}

#[test]
fn an_order_is_read_as_its_blocks_with_its_items_as_a_table() {
    let page = r#"<html><body style="margin:0">
        <div style="display:none; max-height:0; overflow:hidden">Your order is on its way &zwnj;&nbsp;</div>
        <table role="presentation" width="100%"><tr><td align="center">
        <table role="presentation" width="600">
        <tr><td><img src="logo.png" alt="Acme"></td></tr>
        <tr><td><h1>Thanks for your order</h1><p>Hello Ann,<br> we have packed it.</p></td></tr>
        <tr><td style="padding:20px"><table>
            <thead><tr><th>Item</th><th>Qty</th><th>Price</th></tr></thead>
            <tbody><tr><td>Bolt<br>M8</td><td>2</td><td>$3.50</td></tr>
            <tr><td>Nut</td><td>10</td><td>$1.00</td></tr></tbody></table></td></tr>
        <tr><td>Totals</td></tr>
        <tr><td><table role="presentation"><tr><td>Subtotal</td><td>$4.50</td></tr>
            <tr><td><b>Total</b></td><td><b>$5.00</b></td></tr></table></td></tr>
        <tr><td><table role="presentation"><tr>
            <td valign="top"><b>Ship to</b><br>Ann Lee<br>1 Road<br>Town</td>
            <td valign="top"><b>Bill to</b><br>Bo Lee<br>2 Road<br>City</td></tr></table></td></tr>
        <tr><td><p>Questions?</p><ul><li>Write to us</li><li>Call us</li></ul></td></tr>
        <tr><td><img src="t.gif" width="1" height="1" alt="tracked"></td></tr>
        </table></td></tr></table></body></html>"#;
    let document = document(page);
    assert_eq!(
        document.text,
        "Acme\n\nThanks for your order\n\nHello Ann,\nwe have packed it.\n\n\
         | Item | Qty | Price |\n| Bolt M8 | 2 | $3.50 |\n| Nut | 10 | $1.00 |\n\n\
         Totals\n\n| Subtotal | $4.50 |\n| Total | $5.00 |\n\n\
         Ship to\nAnn Lee\n1 Road\nTown\n\nBill to\nBo Lee\n2 Road\nCity\n\n\
         Questions?\n\n- Write to us\n- Call us"
    );
    assert_eq!(titles(&document), ["Thanks for your order"]);
    assert_eq!((rows(&document), document.notes.len()), (5, 0));
    let item = document.blocks.iter().find(|block| block.kind == BlockKind::TableRow).unwrap();
    let chars: Vec<char> = document.text.chars().collect();
    let row: String = chars[item.start..item.end].iter().collect();
    assert_eq!(row, "| Item | Qty | Price |");
}

#[test]
fn an_item_and_its_price_stay_together() {
    let item = |name: &str, number: &str, price: &str| {
        format!(
            "<table role=none><tr><td><p>{name}</p><p>{number}</p></td><td>{price}</td></tr></table>"
        )
    };
    let mail = format!(
        "<table><tr><td>{}</td></tr><tr><td>and</td></tr><tr><td>{}</td></tr></table>",
        item("Lamp", "No. 7", "$20"),
        item("Stand", "oak", "by hand")
    );
    assert_eq!(document(&mail).text, "| Lamp No. 7 | $20 |\n\nand\n\nStand\n\noak\n\nby hand");
}

#[test]
fn the_columns_of_a_newsletter_are_read_one_after_the_other() {
    let page = "<table width=600><tr><td colspan=2><h1>Weekly</h1></td></tr>\
        <tr><td valign=top><h2>Left</h2><p>One.</p><p>Two.</p></td>\
        <td valign=top><h2>Right</h2><ol><li>a<li>b</ol></td></tr>\
        <tr><td>Imprint</td><td>&nbsp;</td></tr></table>";
    let columns = document(page);
    assert_eq!(columns.text, "Weekly\n\nLeft\n\nOne.\n\nTwo.\n\nRight\n\n1. a\n2. b\n\nImprint");
    assert_eq!(titles(&columns), ["Weekly", "Left", "Right"]);
    let long = "word ".repeat(60);
    let prose = document(&format!("<table><tr><td>{long}</td><td>Menu</td></tr></table>"));
    assert_eq!(prose.text, format!("{}\n\nMenu", long.trim()));
}

#[test]
fn a_page_in_a_frame_of_tables_keeps_its_structure() {
    let page = "<table><tr><td>Menu</td><td><h1>Head</h1><p>Words.</p>\
        <table border=1><tr><td>1<td>2<tr><td>3<td>4</table></td></tr></table>";
    let document = document(page);
    assert_eq!(document.text, "Menu\n\nHead\n\nWords.\n\n| 1 | 2 |\n| 3 | 4 |");
    assert_eq!((titles(&document), rows(&document)), (vec!["Head"], 2));
}

#[test]
fn a_table_with_data_stays_one() {
    let plain = "<table><tr><td>Name<td>Skills<td>Since<tr><td>Ann<td><ul><li>pumps<li>valves</ul><td>2019\
        <tr><td>Bo<td>welding<td>2021</table>";
    assert_eq!(
        document(plain).text,
        "| Name | Skills | Since |\n| Ann | pumps valves | 2019 |\n| Bo | welding | 2021 |"
    );
    let nested =
        "<table><tr><th>K<th>V<tr><td>size<td><table><tr><td>w<td>2<tr><td>h<td>3</table></table>";
    assert_eq!(document(nested).text, "| K | V |\n| size | w 2 h 3 |");
    let pairs = "<table><tr><td><p>Order</p></td><td><p>4711</p></td></tr>\
        <tr><td><p>Date</p></td><td><p>2 May</p></td></tr></table>";
    assert_eq!(document(pairs).text, "| Order | 4711 |\n| Date | 2 May |");
    let titled = document(
        "<table><tr><td colspan=2><h2>Prices</h2></td></tr><tr><th>a<th>b<tr><td>1<td>2</table>",
    );
    assert_eq!(titled.text, "Prices\n\n| a | b |\n| 1 | 2 |");
    assert_eq!(titles(&titled), ["Prices"]);
}
