//! Text from outside (names of files and rules, keys of configurations, messages of other libraries) made fit to be shown.
//!
//! A terminal obeys control characters, marks of direction reorder what stands beside them, and invisible characters let one name look
//! like another. They are shown as Rust writes them, `\n` or `\u{1b}`.

/// Characters that an error shows of a place, a problem or a mend.
pub const LONGEST: usize = 1_000;

/// `text` on one line. Of more than `most` characters the first are shown, and how many there are.
pub fn line(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    let mut rest = text.chars();
    for c in rest.by_ref().take(most) {
        show(&mut out, c);
    }
    match rest.count() {
        0 => out,
        more => format!("{out}... ({} characters)", most + more),
    }
}

/// `text` as it is but for what no text for people has; line breaks and tabs stay.
pub fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\n' | '\t') { out.push(c) } else { show(&mut out, c) }
    }
    out
}

/// The same JSON value in characters that no terminal obeys.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // Outside strings JSON has line breaks for layout, and no other such character at all.
        if hidden(c) && c != '\n' {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

fn show(out: &mut String, c: char) {
    match c {
        '\n' | '\r' | '\t' => out.extend(c.escape_default()),
        c if hidden(c) => out.extend(c.escape_unicode()),
        c => out.push(c),
    }
}

/// Control characters, marks of direction, line separators, and characters without width but those that join letters.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
