//! Names in place of tables: `optimizer = "sgd"` for `optimizer = { name = "sgd" }`.

use toml::{Table, Value};

/// A table that its name alone may stand for.
struct Named {
    path: &'static [&'static str],
    /// The setting in it that holds the name.
    tag: &'static str,
    /// The name where the table has none.
    default: Option<&'static str>,
}

const NAMED: [Named; 6] = [
    Named { path: &["task"], tag: "name", default: None },
    Named { path: &["network"], tag: "preset", default: None },
    Named { path: &["credit"], tag: "rule", default: None },
    Named { path: &["data"], tag: "source", default: None },
    Named { path: &["train", "optimizer"], tag: "name", default: Some("adam") },
    Named { path: &["train", "schedule"], tag: "shape", default: None },
];

/// The setting that holds the name of the table at `path`, if its name alone may stand for it.
pub(super) fn tag<S: AsRef<str>>(path: &[S]) -> Option<&'static str> {
    let same = |named: &&Named| named.path.iter().copied().eq(path.iter().map(AsRef::as_ref));
    NAMED.iter().find(same).map(|named| named.tag)
}

/// Makes tables of the names, and names the tables that may go without.
pub(super) fn spell_out(table: &mut Table) {
    for named in NAMED {
        let [above @ .., last] = named.path else { continue };
        let inner = above.iter().try_fold(&mut *table, |table, key| table.get_mut(*key)?.as_table_mut());
        let Some(value) = inner.and_then(|inner| inner.get_mut(*last)) else { continue };
        table_of(value, named.tag);
        if let (Some(inner), Some(default)) = (value.as_table_mut(), named.default) {
            inner.entry(named.tag).or_insert_with(|| default.into());
        }
    }
}

/// Makes a table of a name.
pub(super) fn table_of(value: &mut Value, tag: &str) {
    if value.is_str() {
        let name = std::mem::replace(value, Value::Table(Table::new()));
        if let Some(table) = value.as_table_mut() {
            table.insert(tag.to_owned(), name);
        }
    }
}
