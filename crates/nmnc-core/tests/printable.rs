//! Text from outside, as it is shown.

use nmnc_core::Error;
use nmnc_core::printable::{json, line, lines};

/// Clears the screen; sets the window's title; is an 8-bit escape; turns the reading order around; hides a letter.
const HOSTILE: &str = "a\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}1m\u{202e}txt\u{200b}\u{7f}\r\nb";

#[test]
fn nothing_that_a_terminal_obeys_is_left() {
    let shown = r"a\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}1m\u{202e}txt\u{200b}\u{7f}\r\nb";
    assert_eq!(line(HOSTILE, 100), shown);
    assert_eq!(lines(HOSTILE), shown.replace(r"\n", "\n"));
    let value = serde_json::json!({ HOSTILE: [HOSTILE, "\u{e0041}"] });
    let text = json(&value.to_string());
    assert!(text.is_ascii(), "{text}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json(&pretty)).unwrap(), value);
}

#[test]
fn letters_of_all_scripts_stay() {
    for name in ["Größe", "données", "数据", "بيانات", "می\u{200c}خواهم", "👩\u{200d}🔬", "a\\n"]
    {
        assert_eq!((line(name, 100), lines(name), json(name)), (name.into(), name.into(), name.into()));
    }
}

#[test]
fn long_text_is_cut_and_says_so() {
    assert_eq!(line("äbc", 3), "äbc");
    assert_eq!(line("äbcd", 3), "äbc... (4 characters)");
    assert_eq!(line(&"x".repeat(70_000), 2), "xx... (70000 characters)");
}

#[test]
fn an_error_is_harmless_and_short_whatever_it_repeats() {
    let long = "x".repeat(3_000_000);
    let error =
        Error::config(format!("a\u{1b}[31m{long}"), format!("no `{long}`")).suggest(&long, ["epochs"]);
    let shown = error.to_string();
    assert!(
        shown.starts_with("a\\u{1b}[31mxxx") && shown.ends_with("x... (3000005 characters); known: epochs")
    );
    assert!(shown.contains("x... (3000006 characters): no `xxx") && shown.len() < 2_200, "{}", shown.len());
    assert_eq!(Error::data("a\tb", "c\n d\u{85}e").to_string(), "a b: c d e");
}
