//! Checkpoints under valid checksums that hold tensors of other types, shapes and names: each is one error, and none a panic.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use nmnc_core::ErrorKind;
use nmnc_core::files::sha256;
use nmnc_train::{Config, Observer, RunOptions, Silent, checkpoint};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::common::StopAt;

const CONFIG: &str = r#"
[data]
train_limit = 60
test_limit = 20

[network]
preset = "conv3"
widths = [4, 4, 6]

[credit]
rule = "RULE"

[train]
epochs = 1
batch = 10
optimizer = { name = "adam", learning_rate = 0.003 }

[metrics]
interval = 6
dimension = 3
samples = 20

[checkpoint]
interval = 2
"#;

/// A tensor as it stands in a file.
#[derive(Clone)]
struct Stored {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Stored {
    fn of(dtype: Dtype, shape: &[usize], name: &str) -> Self {
        let bytes = vec![0; shape.iter().product::<usize>() * dtype.bitsize() / 8];
        Self { name: name.to_owned(), dtype, shape: shape.to_vec(), bytes }
    }
}

fn read(path: &Path) -> Vec<Stored> {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let stored = |(name, view): (&str, TensorView)| Stored {
        name: name.to_owned(),
        dtype: view.dtype(),
        shape: view.shape().to_vec(),
        bytes: view.data().to_vec(),
    };
    file.iter().map(stored).collect()
}

fn write(path: &Path, tensors: &[Stored]) {
    let views =
        tensors.iter().map(|t| (&t.name, TensorView::new(t.dtype, t.shape.clone(), &t.bytes).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
    let folder = path.parent().unwrap();
    let files = ["weights.safetensors", "state.safetensors", "state.json"];
    let sums = files.map(|file| format!("{}  {file}\n", sha256(&folder.join(file)).unwrap()));
    fs::write(folder.join("SHA256SUMS"), sums.concat()).unwrap();
}

/// What may stand in the place of a tensor; nothing where it stays what it is.
fn damages(of: &Stored) -> Vec<(&'static str, Option<Stored>)> {
    let Stored { name, dtype, shape, .. } = of;
    let count = shape.iter().product::<usize>();
    let other = if *dtype == Dtype::F64 { Dtype::F32 } else { Dtype::F64 };
    let reversed: Vec<usize> = shape.iter().rev().copied().collect();
    let mut longer = shape.clone();
    longer[0] += 1;
    let shapes = [
        ("flat", vec![count]),
        ("a row", vec![1, count]),
        ("a column", vec![count, 1]),
        ("of three dimensions", [&shape[..], &[1]].concat()),
        ("transposed", reversed),
        ("longer", longer),
        ("empty", vec![0; shape.len()]),
        ("a number", Vec::new()),
    ];
    let mut all = vec![
        ("of another type of floats", Some(Stored::of(other, shape, name))),
        ("of halves", Some(Stored::of(Dtype::F16, shape, name))),
        ("of integers", Some(Stored::of(Dtype::I64, shape, name))),
        ("renamed", Some(Stored { name: format!("x{name}"), ..of.clone() })),
        ("missing", None),
    ];
    let different = shapes.into_iter().filter(|(_, other)| other != shape);
    all.extend(different.map(|(what, shape)| (what, Some(Stored::of(*dtype, &shape, name)))));
    all
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn run(config: &Config, folder: &Path, observer: &mut dyn Observer) -> nmnc_core::Result<()> {
    let options = RunOptions { resume: true, command: "test".into(), ..RunOptions::default() };
    config.resolve()?.run(folder, &options, observer).map(|_| ())
}

#[test]
fn tensors_of_another_form_are_refused() {
    std::panic::set_hook(Box::new(|_| {}));
    let rules: [(&str, &[&str]); 4] = [
        ("bp", &[]),
        ("nmnc", &["credit.manifold={ method = 'incremental', refresh = 1 }"]),
        ("manifold-mirror", &[]),
        ("weight-mirror", &[]),
    ];
    let (mut tried, mut failed) = (0, Vec::new());
    for (rule, settings) in rules {
        let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
        let config = Config::parse(&CONFIG.replace("RULE", rule), "test", &settings).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| -> PathBuf { folder.path().join(name) };
        let stopped = catch_unwind(AssertUnwindSafe(|| run(&config, &at("whole"), &mut StopAt(3))));
        assert!(stopped.is_err(), "{rule} went past step 3");
        let found = checkpoint::list(&at("whole/checkpoints")).unwrap();
        let [kept] = &found[..] else { panic!("{rule}: {found:?}") };
        let step = kept.strip_prefix(at("whole")).unwrap().to_owned();
        copy(&at("whole"), &at("control"));
        run(&config, &at("control"), &mut Silent).unwrap();
        for file in ["weights.safetensors", "state.safetensors"] {
            let whole = read(&kept.join(file));
            for (index, tensor) in whole.iter().enumerate() {
                // Each tensor in another type, and all other damages in turn.
                let own = damages(tensor);
                let turn = 1 + index % (own.len() - 1);
                for (what, damaged) in [own[0].clone(), own[turn].clone()] {
                    let mut tensors = whole.clone();
                    tensors.remove(index);
                    tensors.extend(damaged);
                    let _ = fs::remove_dir_all(at("damaged"));
                    copy(&at("whole"), &at("damaged"));
                    write(&at("damaged").join(&step).join(file), &tensors);
                    let case = format!("{rule}: {file}: {} {what}", tensor.name);
                    tried += 1;
                    match catch_unwind(AssertUnwindSafe(|| run(&config, &at("damaged"), &mut Silent))) {
                        Ok(Err(error)) if error.kind() == ErrorKind::Checkpoint => {
                            assert!(!error.to_string().contains('\n'), "{case}: {error}");
                        }
                        Ok(Err(error)) => failed.push(format!("{case}: {error}")),
                        Ok(Ok(())) => failed.push(format!("{case}: taken")),
                        Err(_) => failed.push(format!("{case}: panicked")),
                    }
                }
            }
        }
    }
    let _ = std::panic::take_hook();
    eprintln!("{tried} checkpoints");
    assert!(failed.is_empty() && tried > 100, "{tried} tried:\n{}", failed.join("\n"));
}
