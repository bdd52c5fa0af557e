//! The data in a pickle, without running what it says: a small machine that knows how PyTorch writes tensors and refuses all else.
//!
//! A pickle is a program for a stack machine that may name any function of Python. Here functions are only names: those that put a tensor
//! together are understood, the others are an error. Nothing is nested in memory (values refer to each other by number), so that
//! neither depth nor repetition costs more than the file's own length.

use nmnc_core::error::{Error, Result};

/// A value, by its number in [`Pickle::values`].
pub(super) type Id = usize;

/// What PyTorch's pickles are made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Something that is of no account: none, a number with a fraction, an object's attributes.
    Other,
    Integer(i64),
    Text(String),
    /// A tuple or list.
    Items(Vec<Id>),
    /// A dictionary, entries in order.
    Entries(Vec<(Id, Id)>),
    /// A function or class by module and name.
    Name(String, String),
    Storage(Storage),
    Tensor(View),
}

/// Numbers of one type, a file of the archive.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    /// Name of PyTorch's class, such as `FloatStorage`.
    pub class: String,
    /// Name of the file.
    pub key: String,
    /// How many numbers it holds.
    pub length: u64,
}

/// How a tensor lies in a storage: in numbers, not bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    pub storage: Storage,
    pub offset: u64,
    pub shape: Vec<u64>,
    pub strides: Vec<u64>,
}

/// All values, and which is the whole.
#[derive(Debug)]
pub(super) struct Pickle {
    values: Vec<Value>,
    root: Id,
}

impl Pickle {
    /// Reads `bytes`; `place` is named in errors.
    ///
    /// # Errors
    /// A pickle that is damaged, or asks for anything but tensors and what holds them.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self> {
        let mut machine = Machine {
            bytes,
            at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
        };
        let root = machine.run().map_err(|problem| {
            Error::data(place, problem)
                .mend("save a state dictionary of tensors: torch.save(model.state_dict(), path)")
        })?;
        Ok(Self { values: machine.values, root })
    }

    /// The whole.
    pub fn root(&self) -> &Value {
        &self.values[self.root]
    }

    /// A value by its number.
    pub fn value(&self, id: Id) -> &Value {
        &self.values[id]
    }
}

/// Letters of a name and axes of a tensor: both are copied wherever they are referred to, which must not cost more than the file is long.
const NAME: usize = 256;
const AXES: usize = 32;

type Step<T> = std::result::Result<T, String>;

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Lengths of the stack where marks were set.
    marks: Vec<usize>,
    memo: Vec<Option<Id>>,
}

impl Machine<'_> {
    fn run(&mut self) -> Step<Id> {
        loop {
            let code = self.byte()?;
            match code {
                // Protocol and frames say nothing that matters here.
                0x80 => drop(self.take(1)?),
                0x95 => drop(self.take(8)?),
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'N' | 0x88 | 0x89 => self.push(Value::Other),
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Other);
                }
                b'J' => {
                    let number = self.number::<4>()?;
                    self.push(Value::Integer(i64::from(number as u32 as i32)));
                }
                b'K' => self.integer::<1>()?,
                b'M' => self.integer::<2>()?,
                0x8a => self.long()?,
                b'X' => self.text::<4>()?,
                0x8c => self.text::<1>()?,
                0x8d => self.text::<8>()?,
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push(Value::Name(module, name));
                }
                0x93 => {
                    let (name, module) = (self.pop_text()?, self.pop_text()?);
                    self.push(Value::Name(module, name));
                }
                b')' | b']' => self.push(Value::Items(Vec::new())),
                b'}' => self.push(Value::Entries(Vec::new())),
                b't' | b'l' => {
                    let items = self.since_mark()?;
                    self.push(Value::Items(items));
                }
                b'd' => {
                    let entries = pairs(self.since_mark()?)?;
                    self.push(Value::Entries(entries));
                }
                0x85..=0x87 => {
                    let start = self.below(usize::from(code - 0x84))?;
                    let items = self.stack.split_off(start);
                    self.push(Value::Items(items));
                }
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                b'e' => {
                    let items = self.since_mark()?;
                    self.extend(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.insert(vec![(key, value)])?;
                }
                b'u' => {
                    let entries = pairs(self.since_mark()?)?;
                    self.insert(entries)?;
                }
                b'q' => {
                    let place = self.number::<1>()?;
                    self.remember(place)?;
                }
                b'r' => {
                    let place = self.number::<4>()?;
                    self.remember(place)?;
                }
                0x94 => self.remember(self.memo.len() as u64)?,
                b'h' => self.recall::<1>()?,
                b'j' => self.recall::<4>()?,
                b'Q' => self.persistent()?,
                b'R' => self.call()?,
                b'b' => {
                    // Attributes of an object that is a dictionary in the first place: versions of modules, and no weights.
                    self.pop()?;
                    self.top()?;
                }
                code => return Err(format!("has the instruction {code:#04x}, which no tensor needs")),
            }
        }
    }

    fn take(&mut self, count: usize) -> Step<&[u8]> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or("ends too early")?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Step<u8> {
        Ok(self.take(1)?[0])
    }

    /// A little-endian number without sign.
    fn number<const BYTES: usize>(&mut self) -> Step<u64> {
        Ok(self.take(BYTES)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn integer<const BYTES: usize>(&mut self) -> Step<()> {
        let number = self.number::<BYTES>()?;
        self.push(Value::Integer(number as i64));
        Ok(())
    }

    /// An integer of any length, of which those that fit 64 bits are sizes.
    fn long(&mut self) -> Step<()> {
        let count = usize::from(self.byte()?);
        let bytes = self.take(count)?;
        let value = match bytes {
            [] => Value::Integer(0),
            bytes if bytes.len() <= 8 => {
                let sign = if bytes[bytes.len() - 1] >= 0x80 { 0xff } else { 0 };
                let mut whole = [sign; 8];
                whole[..bytes.len()].copy_from_slice(bytes);
                Value::Integer(i64::from_le_bytes(whole))
            }
            _ => Value::Other,
        };
        self.push(value);
        Ok(())
    }

    fn text<const BYTES: usize>(&mut self) -> Step<()> {
        let length = usize::try_from(self.number::<BYTES>()?).map_err(|_| "ends too early")?;
        let text =
            std::str::from_utf8(self.take(length)?).map_err(|_| "has a name that is no text")?.to_owned();
        self.push(Value::Text(text));
        Ok(())
    }

    fn line(&mut self) -> Step<String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or("ends too early")?;
        let line = std::str::from_utf8(&rest[..length]).map_err(|_| "has a name that is no text")?.to_owned();
        self.at += length + 1;
        Ok(line)
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn pop(&mut self) -> Step<Id> {
        self.below(1)?;
        Ok(self.stack.pop().expect("there is one"))
    }

    fn top(&self) -> Step<Id> {
        self.below(1).map(|place| self.stack[place])
    }

    /// Where the last `count` values of the stack begin, none of which may be from before the last mark.
    fn below(&self, count: usize) -> Step<usize> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let start = self.stack.len().checked_sub(count).filter(|&start| start >= floor);
        start.ok_or_else(|| "takes a value that was never given".to_owned())
    }

    fn since_mark(&mut self) -> Step<Vec<Id>> {
        let start = self.marks.pop().ok_or("ends a list that was never begun")?;
        Ok(self.stack.split_off(start))
    }

    fn pop_text(&mut self) -> Step<String> {
        let id = self.pop()?;
        match &self.values[id] {
            Value::Text(text) if text.len() <= NAME => Ok(text.clone()),
            _ => Err("names something by what is no text".into()),
        }
    }

    fn extend(&mut self, items: Vec<Id>) -> Step<()> {
        let list = self.top()?;
        match &mut self.values[list] {
            Value::Items(known) => known.extend(items),
            _ => return Err("adds to what is no list".into()),
        }
        Ok(())
    }

    fn insert(&mut self, entries: Vec<(Id, Id)>) -> Step<()> {
        let dictionary = self.top()?;
        match &mut self.values[dictionary] {
            Value::Entries(known) => known.extend(entries),
            _ => return Err("adds an entry to what is no dictionary".into()),
        }
        Ok(())
    }

    fn remember(&mut self, place: u64) -> Step<()> {
        let id = self.top()?;
        // Places are given one after the other; a larger one than there are values is no writer's.
        let place = usize::try_from(place).ok().filter(|&place| place <= self.bytes.len());
        let place = place.ok_or("remembers a value at an impossible place")?;
        if place >= self.memo.len() {
            self.memo.resize(place + 1, None);
        }
        self.memo[place] = Some(id);
        Ok(())
    }

    fn recall<const BYTES: usize>(&mut self) -> Step<()> {
        let place = self.number::<BYTES>()? as usize;
        let id = self.memo.get(place).copied().flatten().ok_or("recalls what was never remembered")?;
        self.stack.push(id);
        Ok(())
    }

    fn items(&self, id: Id) -> Step<&[Id]> {
        match &self.values[id] {
            Value::Items(items) => Ok(items),
            _ => Err("has a value of another kind than a tensor needs".into()),
        }
    }

    fn size(&self, id: Id) -> Step<u64> {
        match self.values[id] {
            Value::Integer(number) if number >= 0 => Ok(number as u64),
            _ => Err("has a size that is no number".into()),
        }
    }

    /// `("storage", class, key, device, length)`: numbers that are a file of their own.
    fn persistent(&mut self) -> Step<()> {
        let id = self.pop()?;
        let &[kind, class, key, _, length] = self.items(id)? else {
            return Err("refers to something that is no storage".into());
        };
        let value = |id: Id| &self.values[id];
        let storage = match (value(kind), value(class), value(key)) {
            (Value::Text(kind), Value::Name(module, class), Value::Text(key))
                if kind == "storage"
                    && (module == "torch" || module == "torch.storage")
                    && class.len().max(key.len()) <= NAME =>
            {
                Storage { class: class.clone(), key: key.clone(), length: self.size(length)? }
            }
            _ => return Err("refers to something that is no storage".into()),
        };
        self.push(Value::Storage(storage));
        Ok(())
    }

    /// What a function would give, for the few that put tensors together.
    fn call(&mut self) -> Step<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Value::Name(module, name) = &self.values[function] else {
            return Err("calls what is no function".into());
        };
        let given = self.items(arguments)?;
        let value = match (module.as_str(), name.as_str(), given) {
            ("collections", "OrderedDict", []) => Value::Entries(Vec::new()),
            ("torch._utils", "_rebuild_tensor_v2", &[storage, offset, shape, strides, ..]) => {
                let Value::Storage(storage) = &self.values[storage] else {
                    return Err("has a tensor without numbers".into());
                };
                let sizes = |id: Id| match self.items(id)? {
                    items if items.len() > AXES => Err(format!("has a tensor of {} axes", items.len())),
                    items => items.iter().map(|&size| self.size(size)).collect::<Step<Vec<u64>>>(),
                };
                Value::Tensor(View {
                    storage: storage.clone(),
                    offset: self.size(offset)?,
                    shape: sizes(shape)?,
                    strides: sizes(strides)?,
                })
            }
            ("torch._utils", "_rebuild_parameter", &[tensor, ..])
                if matches!(self.values[tensor], Value::Tensor(_)) =>
            {
                self.values[tensor].clone()
            }
            _ => return Err(format!("asks for `{module}.{name}`, and nothing in a file is ever run")),
        };
        self.push(value);
        Ok(())
    }
}

fn pairs(items: Vec<Id>) -> Step<Vec<(Id, Id)>> {
    if !items.len().is_multiple_of(2) {
        return Err("has an entry without a value".into());
    }
    Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}
