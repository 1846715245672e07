//! Canonical JSON (RFC 8785) and SHA-256 content hashes.
//!
//! Two documents with the same meaning have the same bytes here, whatever their key order, white
//! space or spelling of numbers.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The one spelling of a JSON value.
///
/// # Panics
///
/// When a number is an integer beyond 2^53: documents are checked before they are hashed.
pub fn jcs(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// SHA-256 as 64 hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => {
            let real = number.as_f64().expect("every JSON number has a double");
            assert!(
                real.fract() != 0.0 || real.abs() <= 9_007_199_254_740_992.0 || number.is_f64(),
                "an integer beyond 2^53 has no canonical form"
            );
            out.push_str(&ecmascript(real));
        }
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write(&fields[key], out);
            }
            out.push('}');
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// A double as ECMAScript prints it: the shortest digits that read back to the same value.
fn ecmascript(real: f64) -> String {
    if real == 0.0 {
        return "0".to_owned();
    }
    let scientific = shortest(real.abs());
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` prints an exponent");
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let exponent: i32 = exponent.parse().expect("`{:e}` prints an integer exponent");
    let count = digits.len() as i32;
    let point = exponent + 1; // position of the decimal point, counted from the first digit
    let body = if count <= point && point <= 21 {
        format!("{digits}{}", "0".repeat((point - count) as usize))
    } else if 0 < point && point <= 21 {
        format!("{}.{}", &digits[..point as usize], &digits[point as usize..])
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", "0".repeat(-point as usize))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let tail = if count > 1 { format!(".{}", &digits[1..]) } else { String::new() };
        format!("{}{tail}e{sign}{}", &digits[..1], exponent.abs())
    };
    if real < 0.0 { format!("-{body}") } else { body }
}

/// The fewest digits that read back to `real`; of two equally near, those that end evenly.
fn shortest(real: f64) -> String {
    const DIGITS_UNLIKE: usize = 15; // that many digits, or fewer, never name one double twice
    let scientific = format!("{real:e}");
    let digits = scientific.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit);
    let count = digits.count();
    if count <= DIGITS_UNLIKE {
        return scientific;
    }
    // `{:e}` takes the larger of the two, a given number of digits the even one.
    let nearest = format!("{real:.*e}", count - 1);
    if nearest.parse() == Ok(real) { nearest } else { scientific }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    #[test]
    #[allow(clippy::excessive_precision)] // as printed in the standard
    fn numbers_are_printed_as_ecmascript_prints_them() {
        for (real, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (333333333.33333329, "333333333.3333333"),
            (5e-324, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (9007199254740992.0, "9007199254740992"),
        ] {
            assert_eq!(ecmascript(real), text);
        }
    }

    #[test]
    fn numbers_of_the_standard_have_the_spelling_that_it_gives() {
        // RFC 8785, appendix B: the bits of a double, and its text.
        for (bits, text) in [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            assert_eq!(ecmascript(f64::from_bits(bits)), text, "{bits:016x}");
        }
    }

    #[test]
    fn the_worked_example_of_the_standard_holds() {
        let text = r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
            "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
        let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,\
            0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(jcs(&value), expected);
    }

    #[test]
    fn keys_are_sorted_by_utf16_code_units() {
        let value: Value = serde_json::from_str(r#"{"\ufb33":1,"\ud83d\ude00":2,"a":3}"#).unwrap();
        assert_eq!(jcs(&value), "{\"a\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}");
        // RFC 8785, 3.2.3.
        let keys = ["\u{20ac}", "\r", "\u{fb33}", "1", "\u{1f600}", "\u{80}", "\u{f6}"];
        let value: Map<String, Value> = keys.iter().map(|key| ((*key).into(), 0.into())).collect();
        let expected = "{\"\\r\":0,\"1\":0,\"\u{80}\":0,\"\u{f6}\":0,\"\u{20ac}\":0,\
            \"\u{1f600}\":0,\"\u{fb33}\":0}";
        assert_eq!(jcs(&Value::Object(value)), expected);
    }
}
