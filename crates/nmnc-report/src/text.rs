//! Numbers and names as a reader wants them, and their escaping for HTML.

use std::cmp::Ordering;

use nmnc_core::statistics::{Interval, MeanSem, pairs_to_show};

/// Numbers from this on are written with powers of ten: their digits would fill a line and say nothing.
const LARGE: f64 = 1e15;

/// What stands for a value that was not measured or is not finite.
pub const NONE: &str = "–";

/// Escapes text for HTML content and for quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters are not allowed in HTML; a command line may still hold one.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            // What turns the reading order around would do so for what follows the text, too.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// At most `most` characters of `text`, the last of them an ellipsis if there are more.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// Places of at most `most` of `number` things: the first, the last, and between them as evenly as can be.
pub fn spread(number: usize, most: usize) -> Vec<usize> {
    let shown = number.min(most);
    (0..shown).map(|i| if shown < 2 { i } else { i * (number - 1) / (shown - 1) }).collect()
}

/// The rule's name as literature writes it: the acronyms in capitals, anything else as it is.
pub fn rule_name(rule: &str) -> String {
    const ACRONYMS: [&str; 11] = ["bp", "bptt", "fa", "dfa", "nc", "vnc", "nmnc", "np", "rflo", "wp", "anp"];
    // Uniform, batchwise random and fixed random sign-concordant feedback.
    const MIXED: [(&str, &str); 3] = [("usf", "uSF"), ("brsf", "brSF"), ("frsf", "frSF")];
    let word = |w: &str| match MIXED.iter().find(|(name, _)| *name == w) {
        Some((_, written)) => (*written).to_owned(),
        None if ACRONYMS.contains(&w) => w.to_uppercase(),
        None => w.to_owned(),
    };
    rule.split('-').map(word).collect::<Vec<_>>().join("-")
}

/// `value` with a fixed number of decimals and a true minus sign, never "-0"; from 10^15 on a power of ten.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    if value.abs() >= LARGE {
        return significant(value, 3);
    }
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|c| c == '0' || c == '.') => digits.to_owned(),
        Some(digits) => format!("−{digits}"),
        None => text,
    }
}

/// `value` with `digits` significant digits (at least one); powers of ten below 10^-4 and from 10^15 on.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    // Formatting first settles the exponent of numbers that round up to the next power of ten.
    let digits = digits.max(1);
    let scientific = format!("{:.*e}", digits - 1, value);
    let (mantissa, exponent) = scientific.split_once('e').expect("{:e} writes an exponent");
    let exponent: i32 = exponent.parse().expect("an integer");
    if exponent < -4 || value.abs() >= LARGE {
        let exponent = superscript(exponent);
        let mantissa = mantissa.replace('-', "−");
        return if mantissa == "1" { format!("10{exponent}") } else { format!("{mantissa} × 10{exponent}") };
    }
    fixed(value, (digits as i32 - 1 - exponent).max(0) as usize)
}

fn superscript(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let of = |c: char| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize]);
    exponent.to_string().chars().map(of).collect()
}

/// A count with three significant digits and the prefix k, M, G or T from ten thousand on.
pub fn count(value: f64) -> String {
    let size = value.abs();
    if size < 9_999.5 {
        return if value.fract() == 0.0 || size >= 100.0 { fixed(value, 0) } else { significant(value, 3) };
    }
    for (unit, prefix) in [(1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")] {
        if size < unit * 999.5 {
            return format!("{} {prefix}", significant(value / unit, 3));
        }
    }
    significant(value, 3)
}

/// A whole number in groups of three digits.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let lead = digits.len() % 3;
    let mut groups: Vec<&str> = if lead > 0 { vec![&digits[..lead]] } else { Vec::new() };
    groups.extend((lead..digits.len()).step_by(3).map(|i| &digits[i..i + 3]));
    groups.join("\u{202f}")
}

/// A tick of an axis that counts: [`count`] without needless decimals.
pub fn count_tick(value: f64) -> String {
    let text = count(value);
    let (number, prefix) = text.split_once(' ').map_or((text.as_str(), ""), |(n, p)| (n, p));
    let short =
        if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    if prefix.is_empty() { short.to_owned() } else { format!("{short} {prefix}") }
}

/// A duration in the two largest fitting units.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return NONE.to_owned();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..=99 => format!("{} s", significant(seconds, 2)),
        100..=5_999 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `mean ± s.e.m.` to `decimals`, or to as many more as show the first digit of the s.e.m. (at most two more).
pub fn plus_minus(value: &MeanSem, decimals: usize) -> String {
    let Some(sem) = value.sem.filter(|s| s.is_finite()) else {
        return fixed(value.mean, decimals);
    };
    let shows = |d: &usize| sem >= 0.5 * 10f64.powi(-(*d as i32));
    let decimals =
        if sem > 0.0 { (decimals..decimals + 2).find(shows).unwrap_or(decimals + 2) } else { decimals };
    format!("{} ± {}", fixed(value.mean, decimals), fixed(sem, decimals))
}

/// `value` in at most four significant digits, without needless zeros.
pub fn brief(value: f64) -> String {
    let text = significant(value, 4);
    match text.contains('.') && !text.contains('×') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// How many seeds would show a difference of the size found, in words.
pub fn seeds_needed(found: &Interval) -> String {
    match pairs_to_show(found) {
        Some(pairs) => format!("about {pairs} seeds would show one of this size"),
        None => "a thousand seeds would not show one of this size".to_owned(),
    }
}

/// The order in which people count: `run2` before `run10`.
pub fn natural(a: &str, b: &str) -> Ordering {
    // Texts and numbers in turn; of a number the digits that it has room for.
    let parts = |text: &str| -> Vec<(String, u128)> {
        let mut out = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take(38).take_while(u8::is_ascii_digit).count();
            let plain = rest.bytes().take_while(|byte| !byte.is_ascii_digit()).count();
            let (part, others) = rest.split_at(digits.max(plain));
            out.push(match digits {
                0 => (part.to_owned(), 0),
                // At most 38 digits: a number.
                _ => (String::new(), part.parse().unwrap_or(u128::MAX)),
            });
            rest = others;
        }
        out
    };
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}

/// "a, b and c".
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// "1 run", "2 runs".
pub fn plural(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `mean ± s.e.m.` with fixed decimals; a dash where nothing was measured.
pub fn with_sem(value: Option<Interval>, decimals: usize) -> String {
    value.map_or_else(|| NONE.to_owned(), |v| either_way(v.mean, v.sem, decimals))
}

/// `mean ± half of the interval`; a dash where nothing was measured.
pub fn with_half(value: Option<Interval>, decimals: usize) -> String {
    value.map_or_else(|| NONE.to_owned(), |v| either_way(v.mean, v.half, decimals))
}

fn either_way(mean: f64, error: Option<f64>, decimals: usize) -> String {
    let mean = fixed(mean, decimals);
    error.map_or_else(|| mean.clone(), |error| format!("{mean} ± {}", fixed(error, decimals)))
}

/// `mean [low, high]`, with the ends of the interval.
pub fn with_range(value: &Interval, decimals: usize) -> String {
    let mean = fixed(value.mean, decimals);
    let end = |value| fixed(value, decimals);
    value.half.map_or_else(
        || mean.clone(),
        |half| format!("{mean} [{}, {}]", end(value.mean - half), end(value.mean + half)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_escapes_all_that_html_reads() {
        assert_eq!(escape("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
    }

    #[test]
    fn report_numbers_have_sensible_digits() {
        assert_eq!(count(2_712.0), "2712");
        assert_eq!(count(2_712_345.0), "2.71 M");
        assert_eq!(count(999_999.0), "1.00 M");
        assert_eq!(count(54.25), "54.2");
        assert_eq!(grouped(1_016_000), "1\u{202f}016\u{202f}000");
        assert_eq!(grouped(160), "160");
        assert_eq!(count_tick(20_000.0), "20 k");
        assert_eq!(count_tick(2_500_000.0), "2.5 M");
        assert_eq!(significant(0.000012, 2), "1.2 × 10⁻⁵");
        assert_eq!(significant(0.00999, 2), "0.010");
        assert_eq!(fixed(-0.0001, 2), "0.00");
        assert_eq!(
            [40.0, 78.4312, 0.5, 1200.0, 1e-7].map(brief),
            ["40", "78.43", "0.5", "1200", "1.000 × 10⁻⁷"]
        );
        assert_eq!(fixed(f64::NAN, 2), NONE);
        assert_eq!(duration(4.21), "4.2 s");
        assert_eq!(duration(754.0), "12 min 34 s");
        assert_eq!(plus_minus(&MeanSem { mean: 53.214, sem: Some(0.12), n: 3 }, 1), "53.2 ± 0.1");
        assert_eq!(plus_minus(&MeanSem { mean: 53.214, sem: Some(0.04), n: 3 }, 1), "53.21 ± 0.04");
        assert_eq!(plus_minus(&MeanSem { mean: 53.214, sem: None, n: 1 }, 1), "53.2");
    }

    #[test]
    fn names_are_counted_as_people_count() {
        let mut names = ["d128", "d16", "d4-lr0.5", "d4", "e", "d4-lr0.05", "seed10", "seed9", "2", "10", ""];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(
            names,
            ["", "2", "10", "d4", "d4-lr0.05", "d4-lr0.5", "d16", "d128", "e", "seed9", "seed10"]
        );
        let long = "9".repeat(500);
        assert_eq!(natural(&long, &long), Ordering::Equal);
    }

    #[test]
    fn report_names_rules_as_literature_does() {
        assert_eq!(rule_name("nmnc"), "NMNC");
        assert_eq!(rule_name("dfa-fixed"), "DFA-fixed");
        assert_eq!(rule_name("brsf"), "brSF");
    }
}
