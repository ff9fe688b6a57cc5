//! Rows of history as CSV (RFC 4180), made of the same rows as JSON, so that both say the same.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Appends the line with the names of the columns.
pub fn write_header(out: &mut Vec<u8>, columns: &[&str]) {
    write_line(out, columns.iter().map(|column| (*column).as_bytes()));
}

/// Appends a row, a flat JSON object, as a line: texts and numbers as they are, `true` and lists as
/// JSON has them, nothing for what is absent or `null`. What is in no column is left out.
pub fn write_row(out: &mut Vec<u8>, columns: &[&str], row: &[u8]) {
    let fields: BTreeMap<&str, &RawValue> = serde_json::from_slice(row).unwrap_or_default();
    let fields: Vec<String> =
        columns.iter().map(|column| fields.get(column).map_or_else(String::new, plain)).collect();
    write_line(out, fields.iter().map(String::as_bytes));
}

fn plain(value: &&RawValue) -> String {
    match value.get() {
        "null" => String::new(),
        text if text.starts_with('"') => serde_json::from_str(text).unwrap_or_default(),
        other => other.to_owned(),
    }
}

fn write_line<'a>(out: &mut Vec<u8>, fields: impl Iterator<Item = &'a [u8]>) {
    for (index, field) in fields.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if field.iter().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n')) {
            out.push(b'"');
            for byte in field {
                out.extend_from_slice(if *byte == b'"' {
                    b"\"\""
                } else {
                    std::slice::from_ref(byte)
                });
            }
            out.push(b'"');
        } else {
            out.extend_from_slice(field);
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line_of_its_columns() {
        let columns = ["symbol", "seq", "price", "conditions", "late", "id"];
        let mut row = br#"{"symbol":"a:B","seq":7,"price":"1.50","x":1,"#.to_vec();
        row.extend(br#""conditions":["@","\"I"],"late":true,"id":"a,\"b\"\n\u00e9"}"#);
        let mut out = Vec::new();
        write_header(&mut out, &columns);
        write_row(&mut out, &columns, &row);
        write_row(&mut out, &columns, br#"{"seq":8,"price":null,"id":""}"#);
        let expected = "symbol,seq,price,conditions,late,id\r\n\
            a:B,7,1.50,\"[\"\"@\"\",\"\"\\\"\"I\"\"]\",true,\"a,\"\"b\"\"\n\u{e9}\"\r\n\
            ,8,,,,\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
