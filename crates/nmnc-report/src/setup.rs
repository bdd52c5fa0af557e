//! What all runs of a report share, in words: data, network, training, device.

use super::text::{count, grouped, list, shortened, spread};
use nmnc_core::records::{RunRecords, Summary};

/// Stages that are told one by one.
const MOST_STAGES: usize = 24;
/// Characters of a name that are told.
const LONGEST: usize = 200;

/// Name and text of each part of the setup on which all runs agree.
pub fn setup(runs: &[&RunRecords]) -> Vec<(&'static str, String)> {
    let configs: Vec<toml::Table> = runs.iter().filter_map(|r| r.config_text.parse().ok()).collect();
    let summaries: Vec<&Summary> = runs.iter().filter_map(|r| r.summary.as_ref()).collect();
    let parts = [
        ("Data set", common(&configs, data)),
        ("Task", common(&configs, task)),
        ("Network", common(&configs, network)),
        ("Network", common(&configs, recurrent)),
        ("Training", common(&configs, training)),
        ("Stages", common(&summaries, |s| Some(units(s)))),
        ("Device", common(&summaries, |s| Some(s.device.clone()))),
        ("Version", common(&summaries, |s| Some(format!("nmnc {}", s.version)))),
    ];
    parts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

/// Name of the data set, if all runs have the same.
pub fn data_set(runs: &[&RunRecords]) -> Option<String> {
    let configs: Vec<toml::Table> = runs.iter().filter_map(|r| r.config_text.parse().ok()).collect();
    common(&configs, |config| source(config.get("data")?.as_table()?))
}

/// What `describe` says of all items, if it says the same of each.
fn common<T>(items: &[T], describe: impl Fn(&T) -> Option<String>) -> Option<String> {
    let first = describe(items.first()?)?;
    items.iter().all(|item| describe(item).as_ref() == Some(&first)).then_some(first)
}

/// A known name, or the last part of a path.
fn source(data: &toml::Table) -> Option<String> {
    let source = data.get("source")?.as_str()?.trim_end_matches('/');
    Some(shortened(source.rsplit('/').next().unwrap_or(source), LONGEST))
}

fn data(config: &toml::Table) -> Option<String> {
    let data = config.get("data")?.as_table()?;
    let number = |key: &str| data.get(key).and_then(toml::Value::as_integer).filter(|&n| n > 0);
    let mut text = source(data)?;
    for (key, words) in [
        ("train_limit", "training images"),
        ("test_limit", "test images"),
        ("validation", "images held out for validation"),
    ] {
        if let Some(limit) = number(key) {
            text += &format!(", {} {words}", grouped(limit as u64));
        }
    }
    let augment = data.get("augment").and_then(toml::Value::as_table);
    let crop = augment.and_then(|a| a.get("crop")?.as_integer()).filter(|&c| c > 0);
    text += &crop.map_or(String::new(), |c| format!(", random crops ({c} pixels)"));
    if augment.and_then(|a| a.get("flip")?.as_bool()) == Some(true) {
        text += ", random flips";
    }
    Some(text)
}

fn task(config: &toml::Table) -> Option<String> {
    Some(shortened(config.get("task")?.get("name")?.as_str()?, LONGEST))
}

fn recurrent(config: &toml::Table) -> Option<String> {
    let recurrent = config.get("recurrent")?.as_table()?;
    let number = |key: &str| recurrent.get(key).and_then(toml::Value::as_float);
    let units = recurrent.get("units")?.as_integer()?;
    let mut text = match recurrent.get("activation").and_then(toml::Value::as_str) {
        Some(activation) => format!("{units} {activation} rate units"),
        None => format!("{units} gated units"),
    };
    text += &number("tau").map_or(String::new(), |tau| format!(", time constant {tau} ms"));
    text += &number("density").map_or(String::new(), |density| format!(", density {density}"));
    text +=
        &number("excitatory").map_or(String::new(), |fraction| format!(", {fraction} of them excitatory"));
    let noise = number("state_noise").filter(|noise| *noise > 0.0);
    text += &noise.map_or(String::new(), |noise| format!(", state noise {noise}"));
    Some(text + "; linear readout")
}

fn network(config: &toml::Table) -> Option<String> {
    let network = config.get("network")?;
    // A deep network stays a name and a scale when it is resolved.
    if let Some(preset) = network.get("preset").and_then(toml::Value::as_str) {
        let scale = network.get("scale").and_then(toml::Value::as_float).filter(|scale| *scale != 1.0);
        let scale = scale.map_or(String::new(), |scale| format!(", widths times {scale}"));
        return Some(shortened(preset, LONGEST) + &scale);
    }
    let stages = network.get("stages")?.as_array()?;
    let mut previous = String::new();
    let shown = spread(stages.len(), MOST_STAGES);
    let described: Vec<String> = shown
        .iter()
        .map(|&at| {
            let stage = &stages[at];
            let word = |key: &str| stage.get(key).and_then(toml::Value::as_str).unwrap_or("");
            let number = |key: &str| stage.get(key).and_then(toml::Value::as_integer).unwrap_or(0);
            let (width, mut details) = match word("kind") {
                "conv" => {
                    let kernel = number("kernel");
                    let mut details = vec![format!("{kernel}×{kernel}")];
                    details.extend((number("stride") > 1).then(|| format!("stride {}", number("stride"))));
                    (number("channels"), details)
                }
                _ => (number("units"), Vec::new()),
            };
            details.push(word("activation").to_owned());
            if matches!(word("pool"), "max" | "average") {
                details.push(format!("{} pooling {}", word("pool"), number("pool_size")));
            }
            // Stages mostly differ in width alone.
            let details = details.join(", ");
            let text = match details == previous {
                true => format!("{} {width}", word("kind")),
                false => format!("{} {width} ({details})", word("kind")),
            };
            previous = details;
            text
        })
        .collect();
    let some = if shown.len() < stages.len() {
        format!(" (some of {} stages)", stages.len())
    } else {
        String::new()
    };
    (!described.is_empty()).then(|| format!("{}{some}; linear readout", described.join(", ")))
}

fn training(config: &toml::Table) -> Option<String> {
    let train = config.get("train")?.as_table()?;
    let optimizer = train.get("optimizer")?.as_table()?;
    let mut text = format!(
        "{} epochs, batches of {}, {} at {}",
        train.get("epochs")?.as_integer()?,
        train.get("batch")?.as_integer()?,
        optimizer.get("name")?.as_str()?,
        optimizer.get("learning_rate")?.as_float()?
    );
    let number =
        |table: &toml::Table, key: &str| table.get(key).and_then(toml::Value::as_float).filter(|&n| n > 0.0);
    text += &number(optimizer, "momentum").map_or(String::new(), |m| format!(", momentum {m}"));
    let decay = optimizer.get("weight_decay").and_then(toml::Value::as_float).filter(|&d| d > 0.0);
    let spared = optimizer.get("decayed").and_then(toml::Value::as_str) == Some("weights");
    let spared = if spared { " of all but biases and normalisation" } else { "" };
    text += &decay.map_or(String::new(), |d| format!(", weight decay {d}{spared}"));
    let shape = train.get("schedule").and_then(|s| s.get("shape")?.as_str()).filter(|&s| s != "constant");
    text += &shape.map_or(String::new(), |s| format!(", {s} schedule"));
    let warmup = train.get("schedule").and_then(toml::Value::as_table).and_then(|s| number(s, "warmup"));
    text += &warmup.map_or(String::new(), |epochs| format!(", warm-up of {epochs} epochs"));
    text +=
        &number(train, "label_smoothing").map_or(String::new(), |part| format!(", label smoothing {part}"));
    Some(text)
}

fn units(summary: &Summary) -> String {
    let units = &summary.stage_units;
    let shown = spread(units.len(), MOST_STAGES);
    let mut sizes: Vec<String> = shown.iter().map(|&at| units[at].to_string()).collect();
    if shown.len() < units.len() {
        sizes.insert(shown.len() - 1, "…".to_owned());
    }
    format!("{} units; {} parameters", list(&sizes), count(summary.parameters as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
        [data]
        source = "../data/cifar10-jpeg"
        train_limit = 20000
        augment = { crop = 4, flip = true }
        [[network.stages]]
        kind = "conv"
        channels = 32
        kernel = 3
        activation = "relu"
        pool = "max"
        pool_size = 2
        [[network.stages]]
        kind = "conv"
        channels = 64
        kernel = 3
        activation = "relu"
        pool = "max"
        pool_size = 2
        [[network.stages]]
        kind = "dense"
        units = 10
        activation = "tanh"
        [train]
        epochs = 4
        batch = 128
        optimizer = { name = "sgd", learning_rate = 0.02, weight_decay = 0.005 }
    "#;

    #[test]
    fn a_configuration_is_told_in_words() {
        let config: toml::Table = CONFIG.parse().unwrap();
        let expected = "cifar10-jpeg, 20,000 training images, random crops (4 pixels), random flips";
        assert_eq!(data(&config).unwrap().replace('\u{202f}', ","), expected);
        assert_eq!(
            network(&config).unwrap(),
            "conv 32 (3×3, relu, max pooling 2), conv 64, dense 10 (tanh); linear readout"
        );
        assert_eq!(training(&config).unwrap(), "4 epochs, batches of 128, sgd at 0.02, weight decay 0.005");
    }

    #[test]
    fn a_recipe_is_told_with_all_that_makes_it() {
        let recipe: toml::Table = include_str!("../../../configs/imagenet.toml").parse().unwrap();
        assert_eq!(
            training(&recipe).unwrap(),
            "90 epochs, batches of 256, sgd at 0.1, momentum 0.9, weight decay 0.0001 of all but biases and normalisation, step \
             schedule, warm-up of 5 epochs, label smoothing 0.1"
        );
    }

    #[test]
    fn a_deep_network_is_told_by_its_name() {
        let told = |text: &str| network(&text.parse().unwrap()).unwrap();
        assert_eq!(told("network = { preset = 'resnet20', scale = 1.0 }"), "resnet20");
        assert_eq!(told("network = { preset = 'resnet20', scale = 0.25 }"), "resnet20, widths times 0.25");
    }

    #[test]
    fn what_differs_between_runs_is_left_out() {
        assert_eq!(common(&[1, 1], |n| Some(n.to_string())), Some("1".to_owned()));
        assert_eq!(common(&[1, 2], |n| Some(n.to_string())), None);
    }
}
